"""`topology prove`, `explain` and `reach` as a user starts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.golden import PROJECT, TESTS
from topology.cli.main import run

POC = str(PROJECT / "poc.yaml")
TWO = str(PROJECT / "examples" / "two-dmz.yaml")
BROKEN = str(TESTS / "errors" / "proofs" / "second-path.yaml")
ONE_WAY = str(TESTS / "errors" / "proofs" / "stateless.yaml")
INVALID = str(TESTS / "errors" / "unknown-key.yaml")
TCP = ["--from", "outside", "--to", "web", "--tcp"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["prove", POC], 0),
        (["prove", POC, "--json"], 0),
        (["prove", BROKEN], 1),
        (["prove", BROKEN, "--json"], 1),
        (["prove", INVALID], 2),
        (["prove", "--file"], 64),
        (["explain", POC, *TCP, "80"], 0),
        (["explain", POC, *TCP, "81"], 0),
        (["explain", POC, *TCP, "70000"], 64),
        (["explain", POC, *TCP, "80", "--udp", "53"], 64),
        (["explain", POC, "--from", "nobody", "--to", "web", "--tcp", "80"], 64),
        (["explain", POC, "--from", "outside", "--to", "192.0.2.77", "--udp", "53"], 0),
        (["explain", POC, "--from", "outside", "--to", "web", "--icmp", "pong"], 64),
        (["explain", INVALID, *TCP, "80"], 2),
        (["reach", POC], 0),
        (["reach", TWO, "--by", "zone", "--format", "mermaid"], 0),
        (["reach", POC, "--from", "nobody"], 64),
        (["reach", INVALID], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


def test_a_proof_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", BROKEN, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is False
    verdicts = {each["name"]: each for each in document["statements"]}
    assert verdicts["page-is-public"]["holds"] is True
    around = verdicts["through-firewall"]
    assert (around["break"], around["from"], around["to"]) == ("arrives around", "client", "dns")
    way = around["counterexample"]
    assert [hop["node"] for hop in way["hops"]] == ["client", "shortcut", "dns"]
    assert way["end"] == "delivered"
    assert way["packet"]["destination"] == "203.0.113.53"
    handed = way["steps"][0]
    assert handed["file"] == BROKEN
    line = Path(BROKEN).read_text().splitlines()[handed["line"] - 1]
    assert line.strip().startswith("interfaces: {external: [192.0.2.7,")


def test_an_explained_flow_names_its_rules_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", POC, *TCP, "80", "--json"]) == 0
    flows = json.loads(capsys.readouterr().out)["flows"]
    assert [flow["opens"] for flow in flows] == [True, True]
    for flow in flows:
        firewall = next(hop for hop in flow["there"]["hops"] if hop["node"] == "firewall")
        assert (firewall["rule"], firewall["permitted"]) == ("web-in", True)
        back = next(hop for hop in flow["back"]["hops"] if hop["node"] == "firewall")
        assert back["decided"] == "established"
    steps = [step for step in flows[0]["there"]["steps"] if "rule" in step["text"]]
    line = Path(POC).read_text().splitlines()[steps[0]["line"] - 1]
    assert "name: web-in" in line


@pytest.mark.parametrize(
    ("file", "arguments", "expected"),
    [
        (POC, ["--from", "client", "--to", "dns", "--tcp", "80"], "the default denies it"),
        (POC, ["--from", "client", "--to", "web", "--icmp", "echo-request"], "no-echo denies it"),
        (POC, ["--from", "client", "--to", "203.0.113.99", "--tcp", "80"], "the default denies it"),
        (POC, ["--from", "web", "--to", "203.0.113.99", "--tcp", "80"], "nobody on servers has"),
        (ONE_WAY, [*TCP, "80"], "its answer does not come back"),
        (TWO, ["--from", "client", "--to", "store", "--icmp", "8"], "gets through to store"),
    ],
)
def test_dropped_flows_say_where_and_why(
    file: str, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", file, *arguments]) == 0
    assert expected in capsys.readouterr().out


def test_the_matrix_holds_every_pair(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reach", POC, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    flows = {(each["from"], each["to"]): each["ipv4"] for each in document["flows"]}
    assert flows["client", "web"] == ["tcp/80"]
    assert flows["client", "dns"] == ["tcp/53", "udp/53"]
    assert ("web", "client") not in flows
    assert ("client", "firewall") not in flows
    assert flows["web", "dns"] == ["any"]
