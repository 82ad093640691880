"""Whatever a file holds, reading and proving it ends soon, in diagnostics and never a traceback."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.golden import PROJECT
from topology.diagnostics import Code
from topology.load import load_file, load_text
from topology.pipeline import resolve_topology
from topology.reach.network import Network
from topology.reach.statements import prove

POC = (PROJECT / "poc.yaml").read_text().replace("    content: content/web\n", "")
LINES = POC.splitlines()
WORDS = sorted(
    {word for line in LINES for word in line.replace("{", " ").replace(",", " ").split()}
)


def swallow(text: str) -> None:
    """Reads, checks, resolves and proves a text as far as it goes."""
    loaded = load_text(text, "fuzz.yaml")
    if loaded.topology is None:
        assert loaded.diagnostics
        return
    resolved, diagnostics = resolve_topology(loaded.topology)
    for diagnostic in loaded.locate(diagnostics):
        assert str(diagnostic)
        assert diagnostic.subject.position is not None
    if resolved is not None:
        prove(Network(resolved))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(LINES) - 1), st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_words_exchanged_in_a_good_file(line: int, old: str, new: str) -> None:
    changed = [*LINES]
    changed[line] = changed[line].replace(old, new)
    swallow("\n".join(changed))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_lines_lost_doubled_and_moved(source: random.Random) -> None:
    changed = [*LINES]
    for _ in range(source.randint(1, 4)):
        at, to = source.randrange(len(changed)), source.randrange(len(changed))
        what = source.randrange(4)
        if what == 0:
            del changed[at]
        elif what == 1:
            changed.insert(to, changed[at])
        elif what == 2:
            changed[at], changed[to] = changed[to], changed[at]
        else:
            start = source.randrange(len(changed[at]) + 1)
            changed[at] = (
                changed[at][:start]
                + source.choice("{}[]:,&*!|>'\"#%@`\t\0 9")
                + (changed[at][start:])
            )
    swallow("\n".join(changed))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    swallow(text)


@pytest.mark.parametrize(
    "statement",
    [
        "{reach: any, from: any, to: any}",
        "{isolate: [any, any], from: [any, web], to: any, across: firewall}",
        "{only: [x], from: web, to: web}",
        "{waypoint: firewall, from: firewall, to: firewall}",
        "{never: [loops, loops], from: any, to: any}",
        "{resolve: poc.example, from: any, to: any}",
        "{reach: icmpv6, from: web, to: dns}",
        "{isolate: tcp/1-65535, from: web, to: web}",
    ],
)
def test_odd_statements(statement: str) -> None:
    swallow(POC + f"  x: {statement}\n")


def test_a_hundred_megabytes_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as handle:
        handle.truncate(100 << 20)
    start = time.monotonic()
    (only,) = load_file(file).diagnostics
    assert only.code is Code.TOO_LARGE
    assert time.monotonic() - start < 5


def test_ten_thousand_mistakes_are_told() -> None:
    rules = "".join(
        f"      - {{name: r{n}, permit: nothing{n}, from: nobody{n}, to: nowhere{n}}}\n"
        for n in range(10_000)
    )
    loaded = load_text(POC.replace("    rules: # first match decides\n", f"    rules:\n{rules}"))
    assert loaded.topology is not None, list(loaded.diagnostics)[:3]
    start = time.monotonic()
    _, diagnostics = resolve_topology(loaded.topology)
    assert len(diagnostics) >= 30_000
    # Hints compare names: bounded, however many there are.
    assert time.monotonic() - start < 60


def test_as_many_mistakes_as_names() -> None:
    """A wrong name in each of a few thousand nodes of a network that has as many."""
    nodes = "".join(
        f"  web-{n}: {{kind: web, interfaces: {{lan: []}}, routes: {{default: gat-{n}}}}}\n"
        for n in range(3_000)
    )
    loaded = load_text(
        "version: 1\nname: wide\nsegments: {lan: {prefixes: [10.0.0.0/16]}}\n"
        f"nodes:\n{nodes}  gate: {{kind: router, interfaces: [lan]}}\n"
    )
    assert loaded.topology is not None
    start = time.monotonic()
    _, diagnostics = resolve_topology(loaded.topology)
    assert sum(d.code is Code.UNKNOWN_NAME for d in diagnostics) == 3_000
    assert time.monotonic() - start < 60
