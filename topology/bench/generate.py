"""Generated networks to measure the engine with: many DMZs, or one firewall with many rules.

    client --- uplink --- edge --- inner --- core --- backbone-k --- fw-i --- dmz-i: nine servers

Each DMZ is a firewall with a policy of its own, eight web servers and a DNS server, and has the
statements that its team would write. The text is what a person would write, names and all.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["dmz_network", "one_firewall", "ten_edits"]

_EACH = 10
"""Nodes of a DMZ: its firewall, eight web servers, a DNS server."""

_BACKBONE = 50
"""DMZs on one backbone segment."""

_EDITS = (
    (
        "{{name: no-telnet, deny: tcp/23, from: any, to: dmz-{i}}}\n",
        (
            "{{name: no-telnet, deny: tcp/23, from: any, to: dmz-{i}}}\n"
            "      - {{name: ssh-in, permit: tcp/22, from: outside, to: web-{i}-3}}\n"
        ),
    ),
    ("      - {{name: tls-in, permit: https, from: outside, to: [web-{i}-0, web-{i}-1]}}\n", ""),
    ("http, from: outside, to: [web-{i}-0, ", "http, from: outside, to: ["),
    ("dmz-{i}: [{net}.17, ", "dmz-{i}: [{net}.30, "),
    (
        "  dns-{i}:\n",
        (
            "  web-{i}-8: {{kind: web, interfaces: {{dmz-{i}: [{net}.40, {net6}::40]}}, "
            "routes: {{default: fw-{i}}}}}\n  dns-{i}:\n"
        ),
    ),
    ("{{www: web-{i}-0, ", "{{www: web-{i}-1, "),
    ("[{net}.0/26, {net6}::/64]}}", "[{net}.0/26, {net6}::/64], mtu: 1400}}"),
    (
        "permit: dns, from: outside, to: dns-{i}}}",
        "permit: [dns, http], from: outside, to: dns-{i}}}",
    ),
    (
        (
            "deny: echo, from: any, to: any}}\n      - {{name: web-in, "
            "permit: http, from: outside, to: [web-{i}-"
        ),
        (
            "deny: [echo, tcp/21], from: any, to: any}}\n      - {{name: web-in, "
            "permit: http, from: outside, to: [web-{i}-"
        ),
    ),
    ("stays-in-{i}: {{isolate: any, ", "stays-in-{i}: {{isolate: tcp, "),
)
"""What ten edits change, and into what; with names and addresses of a DMZ to be filled in."""

_HEAD = """\
version: 1
name: generated
services:
  http: [tcp/80]
  https: [tcp/443]
  dns: [udp/53, tcp/53]
  echo: [icmp/echo-request, icmp/echo-reply, icmpv6/echo-request, icmpv6/echo-reply]
"""


def dmz_network(nodes: int) -> str:
    """The topology of about that many nodes, as YAML; at least 13."""
    count = max(1, (nodes - 3) // _EACH)
    lines = [*_segments(count), *_nodes(count), *_policies(count), *_statements(count)]
    return _HEAD + "\n".join(lines) + "\n"


def ten_edits(text: str, nodes: int) -> str:
    """A `dmz_network` of that many nodes after ten edits, each in a DMZ of its own while they last.

    Rules come, go, and name more or less; a server comes, one has another address; a record, a
    segment and a statement change. Raises `ValueError` where the text has no such place.
    """
    count = max(1, (nodes - 3) // _EACH)
    for number, edit in enumerate(_EDITS):
        i = number % count
        old, new = (part.format(i=i, net=_net(i), net6=_net6(i)) for part in edit)
        if old not in text:
            raise ValueError(f"a generated network has no {old!r}")
        text = text.replace(old, new, 1)
    return text


def one_firewall(rules: int) -> str:
    """Two hundred servers behind one firewall with that many rules for them, as YAML.

    Nine of ten rules permit a port of one server, from anywhere or from one of 250 partners'
    prefixes; the others deny a prefix, as rules that grew over years do.
    """
    lines = [
        "segments:",
        "  uplink: {zone: outside, prefixes: [192.0.2.0/24]}",
        "  servers: {zone: dmz, prefixes: [203.0.113.0/24]}",
        "nodes:",
        "  client: {kind: external, interfaces: {uplink: 192.0.2.100}, routes: {default: gate}}",
        "  gate:",
        "    kind: firewall",
        "    interfaces: {uplink: 192.0.2.1, servers: 203.0.113.1}",
        "    routes: {}",
        "    policy: gate",
        *(
            f"  web-{n}: {{kind: web, interfaces: {{servers: 203.0.113.{n + 10}}}, "
            "routes: {default: gate}}"
            for n in range(200)
        ),
        "policies:",
        "  gate:",
        "    default: deny",
        "    rules:",
        "      - {name: no-echo, deny: echo, from: any, to: any}",
        *(_rule(number, rules) for number in range(max(0, rules - 2))),
        "      - {name: web-in, permit: http, from: outside, to: dmz}",
        "statements:",
        "  pages-are-public: {reach: http, from: outside, to: dmz}",
        "  no-ping: {isolate: echo, from: any, to: any, across: gate}",
        "  no-telnet: {isolate: tcp/23, from: outside, to: dmz}",
        "  stays-in: {isolate: any, from: dmz, to: outside}",
        "  through-gate: {waypoint: gate, from: outside, to: dmz}",
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _rule(number: int, rules: int) -> str:
    server, partner = number % 200, number * 7 % 250
    port = 1024 + number // 200 * 3 % 60000
    source = "any" if number % 3 == 0 else f"10.{partner}.{number % 16 * 16}.0/20"
    if number % 10 == 9:
        target = f"203.0.113.{number // 10 % 32 * 8}/29"
        return f"      - {{name: r{number}, deny: tcp/{port}, from: {source}, to: {target}}}"
    return f"      - {{name: r{number}, permit: tcp/{port}, from: {source}, to: web-{server}}}"


def _segments(count: int) -> Iterator[str]:
    yield "segments:"
    yield "  uplink: {zone: outside, prefixes: [192.0.2.0/24, 2001:db8:ff:1::/64]}"
    yield "  inner: {zone: inside, prefixes: [198.51.100.0/24, 2001:db8:ff:2::/64]}"
    for k in range(_backbones(count)):
        yield (
            f"  backbone-{k}: {{zone: backbone, "
            f"prefixes: [172.16.{k}.0/24, 2001:db8:fe:{k:x}::/64]}}"
        )
    for i in range(count):
        yield f"  dmz-{i}: {{prefixes: [{_net(i)}.0/26, {_net6(i)}::/64]}}"


def _nodes(count: int) -> Iterator[str]:
    yield "nodes:"
    yield "  client:"
    yield "    kind: external"
    yield "    interfaces: {uplink: [192.0.2.100, 2001:db8:ff:1::100]}"
    yield "    routes: {default: edge}"
    yield "  edge:"
    yield "    kind: firewall"
    yield "    interfaces:"
    yield "      uplink: [192.0.2.1, 2001:db8:ff:1::1]"
    yield "      inner: [198.51.100.1, 2001:db8:ff:2::1]"
    yield '    routes: {10.0.0.0/8: core, "2001:db8:8000::/33": core, backbone: core}'
    yield "    policy: edge"
    yield "  core:"
    yield "    kind: router"
    yield "    interfaces:"
    yield "      inner: [198.51.100.2, 2001:db8:ff:2::2]"
    for k in range(_backbones(count)):
        yield f"      backbone-{k}: [172.16.{k}.1, 2001:db8:fe:{k:x}::1]"
    yield "    routes:"
    yield "      default: edge"
    for i in range(count):
        yield f"      dmz-{i}: fw-{i}"
    for i in range(count):
        k, host = i // _BACKBONE, i % _BACKBONE + 10
        yield f"  fw-{i}:"
        yield "    kind: firewall"
        yield "    interfaces:"
        yield f"      backbone-{k}: [172.16.{k}.{host}, 2001:db8:fe:{k:x}::{host:x}]"
        yield f"      dmz-{i}: [{_net(i)}.1, {_net6(i)}::1]"
        yield "    routes: {default: core}"
        yield f"    policy: fw-{i}"
        for n in range(8):
            yield (
                f"  web-{i}-{n}: {{kind: web, interfaces: "
                f"{{dmz-{i}: [{_net(i)}.{n + 10}, {_net6(i)}::{n + 16:x}]}}, "
                f"routes: {{default: fw-{i}}}}}"
            )
        yield f"  dns-{i}:"
        yield "    kind: dns"
        yield f"    interfaces: {{dmz-{i}: [{_net(i)}.53, {_net6(i)}::53]}}"
        yield f"    routes: {{default: fw-{i}}}"
        yield f"    records: {{d{i}.example: {{www: web-{i}-0, ns1: dns-{i}}}}}"


def _policies(count: int) -> Iterator[str]:
    yield "policies:"
    yield "  edge:"
    yield "    rules:"
    yield "      - {name: no-echo, deny: echo, from: any, to: any, log: true}"
    yield "      - {name: web-in, permit: [http, https], from: outside, to: 10.0.0.0/8}"
    yield '      - {name: web6-in, permit: [http, https], from: outside, to: "2001:db8:8000::/33"}'
    yield "      - {name: dns-in, permit: dns, from: outside, to: 10.0.0.0/8}"
    yield '      - {name: dns6-in, permit: dns, from: outside, to: "2001:db8:8000::/33"}'
    for i in range(count):
        webs = ", ".join(f"web-{i}-{n}" for n in range(8))
        yield f"  fw-{i}:"
        yield "    rules:"
        yield "      - {name: no-echo, deny: echo, from: any, to: any}"
        yield f"      - {{name: web-in, permit: http, from: outside, to: [{webs}]}}"
        yield f"      - {{name: tls-in, permit: https, from: outside, to: [web-{i}-0, web-{i}-1]}}"
        yield f"      - {{name: dns-in, permit: dns, from: outside, to: dns-{i}}}"
        yield f"      - {{name: no-telnet, deny: tcp/23, from: any, to: dmz-{i}}}"


def _statements(count: int) -> Iterator[str]:
    yield "statements:"
    listed: list[str] = []
    for i in range(count):
        webs = ", ".join(f"web-{i}-{n}" for n in range(8))
        yield f"  pages-{i}: {{reach: http, from: outside, to: [{webs}]}}"
        yield f"  tls-{i}: {{reach: https, from: outside, to: [web-{i}-0, web-{i}-1]}}"
        yield f"  names-{i}: {{reach: dns, from: outside, to: dns-{i}}}"
        yield f"  no-ping-{i}: {{isolate: echo, from: any, to: any, across: fw-{i}}}"
        yield f"  stays-in-{i}: {{isolate: any, from: dmz-{i}, to: outside}}"
        yield f"  through-{i}: {{waypoint: fw-{i}, from: outside, to: dmz-{i}}}"
        if count > 1:
            yield f"  apart-{i}: {{isolate: any, from: dmz-{i}, to: dmz-{(i + 1) % count}}}"
        listed += [f"pages-{i}", f"tls-{i}", f"names-{i}"]
    zones = ", ".join(["inside", "backbone", *(f"dmz-{i}" for i in range(count))])
    yield f"  nothing-else: {{only: [{', '.join(listed)}], from: outside, to: [{zones}]}}"
    yield f"  sound: {{never: [loops, black-holes], from: outside, to: [{zones}]}}"


def _backbones(count: int) -> int:
    return (count - 1) // _BACKBONE + 1


def _net(i: int) -> str:
    return f"10.{i >> 8}.{i & 255}"


def _net6(i: int) -> str:
    return f"2001:db8:{0x8000 + i:x}"
