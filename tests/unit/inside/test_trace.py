"""What the model says of a drop, and which drops are asked about."""

from __future__ import annotations

import json

import pytest

from tests.support.golden import PROJECT
from topology.diff.view import View
from topology.inside.lines import Line, parsed
from topology.inside.rules import Rules
from topology.inside.trace import Wanted, model_of, prefixes_of
from topology.resolve import Names
from topology.sides.read import read_side

FILE = PROJECT / "poc.yaml"


@pytest.fixture(scope="module")
def rules() -> Rules:
    view = read_side(str(FILE), default=FILE, root=PROJECT).view
    assert isinstance(view, View)
    return Rules(view, "poc.yaml")


def drop(protocol: str, source: str, destination: str, port: int | None, rule: str) -> Line:
    told = {"event": "drop", "node": "firewall", "rule": rule, "interface": "external"}
    told |= {"protocol": protocol, "source": source, "destination": destination}
    return parsed("firewall", json.dumps(told if port is None else {**told, "port": port}))


def text_at(place: str) -> str:
    return FILE.read_text().splitlines()[int(place.rpartition(":")[2]) - 1]


def test_a_rule_is_found_on_its_line(rules: Rules) -> None:
    for rule, said in (("no-echo", "name: no-echo"), ("dns-in", "name: dns-in")):
        assert said in text_at(rules.place("firewall", rule))
    assert "default: deny" in text_at(rules.place("firewall", "default"))
    assert "stateful" in text_at(rules.place("firewall", "invalid"))
    assert "firewall:" in text_at(rules.place("firewall", "reverse_path"))
    assert rules.place("firewall", "nothing") == rules.place("router", "no-echo") == ""


@pytest.mark.parametrize(
    ("line", "agrees", "said"),
    [
        (drop("icmp", "192.0.2.100", "203.0.113.80", 8, "no-echo"), True, "rule no-echo denies"),
        (drop("tcp", "192.0.2.9", "203.0.113.80", 22, "default"), True, "the default denies"),
        (drop("udp", "2001:db8:1::100", "2001:db8:3::80", 9, "default"), True, "default denies"),
        (drop("tcp", "192.0.2.100", "203.0.113.80", 80, "default"), False, "rule web-in permits"),
        (
            drop("udp", "203.0.113.80", "203.0.113.53", 53, "reverse_path"),
            True,
            "route 203.0.113.0/24 leads back to 203.0.113.80 by transit, not by external",
        ),
        (drop("udp", "198.18.0.1", "203.0.113.53", 53, "reverse_path"), True, "no route back"),
        (drop("udp", "192.0.2.9", "203.0.113.53", 53, "reverse_path"), False, "dns-in permits"),
        (drop("ip-47", "192.0.2.100", "203.0.113.80", None, "default"), None, "ip-47"),
    ],
)
def test_the_model_agrees_or_says_what_it_would_do(
    rules: Rules, line: Line, agrees: bool | None, said: str
) -> None:
    model = model_of(line, rules)
    assert model.agrees is agrees
    assert said in model.text
    assert (model.place != "") is (agrees is not None)


def test_only_what_is_asked_about_is_told(rules: Rules) -> None:
    assert rules.resolved is not None
    names = Names(rules.view.declared)
    echo = drop("icmp", "192.0.2.100", "203.0.113.80", 8, "no-echo")
    web = prefixes_of(names, rules.resolved, "web")
    assert web == {"203.0.113.80", "2001:db8:3::80"}
    assert Wanted(destination=web).fits(echo)
    assert Wanted(source=prefixes_of(names, rules.resolved, "outside")).fits(echo)
    assert Wanted(source=prefixes_of(names, rules.resolved, "192.0.2.0/24")).fits(echo)
    assert not Wanted(source=prefixes_of(names, rules.resolved, "dmz")).fits(echo)
    assert not Wanted(protocols=frozenset({"tcp"})).fits(echo)
    assert not Wanted(port=80).fits(echo)
    assert prefixes_of(names, rules.resolved, "nobody") == frozenset()
