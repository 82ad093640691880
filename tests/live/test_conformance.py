"""Web, DNS and metrics as clients and attackers meet them: right, and the same in both variants.

Each variant serves `examples/managed.yaml`; real tools and raw sockets ask both, and what is asked
once is compared with what it should be and with what the other variant says.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.clients import ATTACKS
from tests.support.deployed import Stack, copy_of_the_project, run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.probe.outputs import OutsideOutput
from topology.probe.places import Place, outside_place

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
WEB, DNS = "203.0.113.80", "203.0.113.53"
BIG = "x" * 250


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack, and who asks it: from outside, from the management segment, from beside it."""

    stack: Stack
    client: Place
    station: Place
    guest: Place

    def ask(self, place: Place, *arguments: object) -> Any:
        """What the program of raw clients prints there."""
        program = str(PROJECT / "tests/support/clients.py")
        done = place.run([sys.executable, "-P", program, *map(str, arguments)], timeout=90)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Deployed]]:
    with started_lab() as lab:
        stacks = []
        for variant in VARIANTS:
            copy = copy_of_the_project(tmp_path_factory.mktemp(variant))
            stack = Stack(f"conform-{variant}", variant, copy, lab)
            big = f"        big: {{txt: [{', '.join(f'{n}{BIG}' for n in range(6))}]}}\n"
            stack.edit("examples/managed.yaml", r"(?<=        ns1: dns\n)", big)
            stack.init(file="examples/managed.yaml")
            stack.up()
            stacks.append(stack)
        yield {stack.variant: _asked(stack) for stack in stacks}
        for stack in stacks:
            stack.destroy()


def _asked(stack: Stack) -> Deployed:
    outputs, surroundings = stack.outputs(), stack.lab.surroundings
    outside = [OutsideOutput.model_validate(one) for one in outputs["outside"]]
    places = {one.node: outside_place(stack.name, one, surroundings) for one in outside}
    bridge = outputs["segments"]["servers"]["bridge"]
    guest = Place(f"{stack.name}-guest", bridge, ("203.0.113.200/24",), surroundings=surroundings)
    for place in (*places.values(), guest):
        place.attach()
    return Deployed(stack, places["client"], places["station"], guest)


def alike(answers: Mapping[str, Any]) -> Any:
    """What both variants answer, where they answer the same."""
    unikernel, containers = (answers[variant] for variant in VARIANTS)
    assert unikernel == containers
    return unikernel


@pytest.mark.parametrize("variant", VARIANTS)
def test_statements_hold_on_the_wire(deployed: Mapping[str, Deployed], variant: str) -> None:
    stack = deployed[variant].stack
    command = ["topology", "probe", "--stack", stack.name, "--json"]
    report = json.loads(run(command, stack.lab.environment, cwd=stack.project).stdout)
    assert report["counts"] == {"broken": 0, "error": 0, "seen": len(report["probes"])}


def test_requests_that_attack_are_answered_as_they_should(
    deployed: Mapping[str, Deployed],
) -> None:
    told = {variant: one.ask(one.client, "http", WEB) for variant, one in deployed.items()}
    for answers in told.values():
        for name, (_, statuses, ends) in ATTACKS.items():
            assert answers.pop(name) == [statuses, ends], name
        assert answers.pop("half closed") == [[200, 200, 200], True]
        assert answers.pop("in single bytes") == [[200], False]
        for name in ("head without end", "nothing"):
            size, ended, seconds = answers.pop(name)
            assert (size, ended, seconds >= 9) == (0, True, True), (name, seconds)
        assert not answers


def test_pages_are_a_resource(deployed: Mapping[str, Deployed]) -> None:
    def curl(one: Deployed, *arguments: str) -> str:
        done = one.client.run(["curl", "-sS", "-m", "5", *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def walk(one: Deployed) -> list[str]:
        root = f"http://{WEB}"
        said = [curl(one, f"{root}/api/pages")]
        (page,) = json.loads(said[0])["pages"]
        item = f"{root}{page['links']['self']}"
        said.append(curl(one, item))
        content = curl(one, root + page["links"]["content"])
        assert len(content) == page["size"]
        tag = ("-H", f"If-None-Match: {page['etag']}")
        other = ("-H", 'If-Match: "other"')
        asked = (
            ("-I", item),
            ("-i", *tag, root + "/"),
            ("-i", *other, root + "/"),
            ("-i", "-X", "OPTIONS", item),
            ("-i", "-X", "DELETE", item),
            ("-i", f"{item}x"),
            ("-i", "-d", "a=b", root + "/"),
        )
        return said + [curl(one, *arguments) for arguments in asked]

    told = alike({variant: walk(one) for variant, one in deployed.items()})
    head, unchanged, unmet, options, deleted, absent, posted = told[2:]
    for text, status in (
        (head, "200 OK"),
        (unchanged, "304 Not Modified"),
        (unmet, "412 Precondition Failed"),
        (options, "204 No Content"),
        (deleted, "405 Method Not Allowed"),
        (absent, "404 Not Found"),
        (posted, "405 Method Not Allowed"),
    ):
        assert text.startswith(f"HTTP/1.1 {status}\r\n")
    for text in (options, deleted, posted):
        assert "\r\nAllow: GET, HEAD, OPTIONS\r\n" in text
    for text in (unmet, deleted, absent, posted):
        assert "\r\nContent-Type: application/problem+json\r\n" in text


QUESTIONS = {
    # arguments of dig, and what its answer must have
    "alias": ("www.managed.example A", ["NOERROR", "aa", WEB, "CNAME\tmanaged.example."]),
    "case": ("wWw.MaNaGeD.eXaMpLe A", ["wWw.MaNaGeD.eXaMpLe.", WEB]),
    "both families": ("managed.example AAAA", ["NOERROR", "2001:db8:e::80"]),
    "wildcard": ("any.managed.example A", ["any.managed.example.", WEB]),
    "wildcard, deep": ("a.b.c.managed.example TXT", ["a.b.c.managed.example.", "Whoever"]),
    "wildcard, no data": ("any.managed.example MX", ["NOERROR", "ANSWER: 0", "SOA"]),
    "below a name": ("x.ns1.managed.example A", ["NXDOMAIN", "managed.example.\t300\tIN\tSOA"]),
    "any": ("managed.example ANY", ["NOERROR", "ANSWER: 1"]),
    "reverse": ("-x 203.0.113.80", ["NOERROR", "PTR\tmanaged.example."]),
    "elsewhere": ("www.example.org A", ["REFUSED", "ANSWER: 0"]),
    "transfer": ("managed.example AXFR", ["Transfer failed"]),
    "another class": ("version.bind TXT CH", ["REFUSED"]),
    "another operation": ("managed.example A +opcode=status", ["NOTIMP"]),
    "EDNS 1": ("managed.example A +edns=1 +noednsnegotiation", ["BADVERS", "EDNS: version: 0"]),
    "EDNS options": ("managed.example A +nsid +ednsopt=65001:00", ["NOERROR", WEB]),
    "cut short": ("big.managed.example TXT +ignore", [" tc", "ANSWER: 0"]),
    "cut short without EDNS": ("big.managed.example TXT +noedns +ignore", [" tc", "ANSWER: 0"]),
    "again over TCP": ("big.managed.example TXT", ["NOERROR", "ANSWER: 6", BIG]),
    "over TCP": ("managed.example A +tcp", ["NOERROR", WEB]),
}


def test_questions_are_answered_as_they_should(deployed: Mapping[str, Deployed]) -> None:
    for name, (question, expected) in QUESTIONS.items():
        told = {}
        for variant, one in deployed.items():
            options = ["+norec", "+nocookie", "+tries=2", "+time=2", "+nostats", "+nocmd"]
            done = one.client.run(["dig", f"@{DNS}", *question.split(), *options])
            # What differs from one query to the next is none of the server's.
            told[variant] = re.sub(r"(, id: \d+|; .*DiG.*|\(\d+ server found\))", "", done.stdout)
        answer = alike(told)
        assert not [text for text in expected if text not in answer], f"{name}: {answer}"


def test_queries_that_no_tool_sends(deployed: Mapping[str, Deployed]) -> None:
    told = {variant: one.ask(one.client, "dns", DNS) for variant, one in deployed.items()}
    for answers in told.values():
        size, ended, patience = answers.pop("idle")
        assert (size, ended, patience >= 4) == (0, True, True), patience
        size, ended, seconds = answers.pop("too long")
        assert (size, ended, seconds < patience) == (0, True, True), seconds
    noerror, nxdomain, formerr, notimp = 0, 3, 1, 4
    assert alike(told) == {
        "pipelined": [[noerror, True, 1, 2, 0, 0], [nxdomain, True, 1, 0, 1, 0]],
        "in single bytes": [[noerror, True, 1, 2, 0, 0]],
        "two questions": [formerr, False, 0, 0, 0, 0],
        "a response": None,
        "short": None,
        "half a question": [formerr, False, 0, 0, 0, 0],
        "an update": [notimp, False, 0, 0, 0, 0],
    }


def test_metrics_are_for_the_management_segment(deployed: Mapping[str, Deployed]) -> None:
    def families(one: Deployed, address: str) -> dict[str, float]:
        asked = ["curl", "-sSi", "-m", "5", f"http://{address}:9100/metrics"]
        head, _, text = one.station.run(asked).stdout.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name.partition("{")[0]: float(value) for name, _, value in lines}

    names = {}
    for variant, one in deployed.items():
        before = families(one, WEB)
        one.client.run(["curl", "-sS", "-m", "5", f"http://{WEB}/", f"http://{WEB}/none"])
        after = families(one, WEB)
        rose = {name for name in after if after[name] > before[name]}
        assert {f"topology_http_{what}_total" for what in ("requests", "2xx", "4xx")} <= rose
        queries = families(one, DNS)
        assert queries["topology_dns_queries_total"] > 0
        names[variant] = (set(after), set(queries))
        for address in (WEB, DNS):
            # The firewall keeps the outside away, the nodes themselves who is beside them.
            assert one.ask(one.client, "knock", address, 9100) == "silence"
            assert one.ask(one.guest, "knock", address, 9100) == "closed"
            assert one.ask(one.station, "knock", address, 9100) == "answered"
        assert one.ask(one.station, "knock", WEB, 80) == "silence"
    alike(names)


@pytest.mark.parametrize("variant", VARIANTS)
def test_ten_thousand_idle_clients_do_not_keep_one_out(
    deployed: Mapping[str, Deployed], variant: str
) -> None:
    one = deployed[variant]
    told = one.ask(one.guest, "crowd", WEB, 10_000)
    # Ten thousand knock again and again; 30 s and more is never.
    assert told["meanwhile"] < 30, told
    assert told["after"] < 30, told
    assert one.stack.domain("web") in one.stack.running()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_client_over_its_rate_is_sent_to_tcp(
    deployed: Mapping[str, Deployed], variant: str
) -> None:
    one, count, rate = deployed[variant], 2000, 200
    time.sleep(1.0)  # earlier questions are forgotten after a second
    told = one.ask(one.client, "flood", DNS, count)
    most = rate * (told["seconds"] + 1.5)
    assert rate <= told["whole"] <= most, told
    assert 0.4 * (count - most) <= told["truncated"] <= 0.5 * (count - rate) + 1, told
    assert told["by stream"] == told["later"] == [0, True, 1, 2, 0, 0]
