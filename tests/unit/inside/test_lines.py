"""Console lines: parsed, timed from the last one, merged."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from topology.inside.lines import Line, merged, parsed, timed
from topology.inside.words import Teller, clock


def line(event: str, uptime: int | None = None, node: str = "web") -> Line:
    fields = {"event": event, "node": node}
    return parsed(node, json.dumps(fields if uptime is None else {**fields, "uptime_us": uptime}))


def test_times_follow_from_when_the_last_line_was_written() -> None:
    console = [line("boot", 100_000), line("ready", 200_000), line("counters", 5_200_000)]
    assert [one.time for one in timed(console, 1005.2)] == [1000.1, 1000.2, 1005.2]


def test_an_earlier_run_of_the_node_has_no_times() -> None:
    console = [line("boot", 1), line("counters", 9_000_000), line("boot", 1), line("ready", 2)]
    assert [one.time is None for one in timed(console, 50.0)] == [True, True, False, False]


def test_before_an_end_whose_moment_is_all_that_is_known_there_are_no_times() -> None:
    console = [line("boot", 1), line("ready", 2), line("fatal")]
    assert [one.time for one in timed(console, 50.0)] == [None, None, 50.0]
    assert timed([], 50.0) == []


def test_what_is_none_of_the_format_is_kept_as_text() -> None:
    for text in ("SeaBIOS (version 1)", '{"event":"counters","node":"we', "[1]", '{"event":1}'):
        one = parsed("web", text)
        assert (one.event, one.text, one.uptime) == ("", text, None)
        assert Teller(None).tell(one) == text


@given(st.lists(st.lists(st.floats(0, 1e9) | st.none(), max_size=6), max_size=4))
def test_merging_keeps_every_line_and_each_consoles_order(times: list[list[float | None]]) -> None:
    consoles = [
        [Line(str(n), "drop", {}, str(i), time) for i, time in enumerate(console)]
        for n, console in enumerate(times)
    ]
    found = list(merged(consoles))
    assert sorted(found, key=id) == sorted([one for c in consoles for one in c], key=id)
    for n in range(len(times)):
        timely = [int(one.text) for one in found if one.node == str(n) and one.time is not None]
        assert timely == sorted(timely)
    if all(one.time is not None for one in found):
        for console in consoles:
            console.sort(key=lambda one: one.time or 0.0)
        order = [one.time or 0.0 for one in merged(consoles)]
        assert order == sorted(order)


def test_counters_are_told_by_what_rose_since_the_line_before() -> None:
    teller = Teller(None)
    lines = [
        parsed("r", json.dumps({"event": "counters", "counters": counters}))
        for counters in ({"forwarded": 3, "dropped": 0}, {"forwarded": 10, "dropped": 0})
    ]
    assert [teller.tell(one) for one in lines] == ["forwarded +3", "forwarded +7"]
    assert teller.tell(lines[1]) == "unchanged"
    teller.tell(parsed("r", '{"event":"boot","kind":"router","topology":"poc"}'))
    assert teller.tell(lines[0]) == "forwarded +3"


def test_a_time_that_nobody_knows_is_dashes() -> None:
    assert clock(None) == "--:--:--.---"
