"""Edits that a person makes to a topology, as replacements of text."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.golden import PROJECT
from topology.plan.types import ImageRef, Variant
from topology.sides.compare import Choices, ImagesOf
from topology.sides.images import SideImages, images_of_today
from topology.sides.read import Side, text_side

__all__ = ["EDITS", "Edit", "sides", "today", "with_edited_dns"]

_ECHO = "      - {name: no-echo, deny: echo, from: any, to: any, log: true}\n"
_WEB_IN = "      - {name: web-in, permit: http, from: outside, to: web}\n"
_DNS_IN = "      - {name: dns-in, permit: dns, from: outside, to: dns}\n"
_BLOCK = "      - {name: block, deny: any, from: 192.0.2.128/25, to: any}\n"
_WEB = """  web:
    kind: web
    interfaces: {servers: [203.0.113.80, 2001:db8:3::80]}
    routes: {default: router}
    content: content/web
"""
_DNS = """  dns:
    kind: dns
    interfaces: {servers: [203.0.113.53, 2001:db8:3::53]}
    routes: {default: router}
    records: # A, AAAA and PTR follow from the nodes' addresses
      poc.example: {www: web, ns1: dns}
"""


_SPARE = """  spare:
    kind: router
    interfaces: {transit: [198.51.100.3, 2001:db8:2::3], servers: [203.0.113.2, 2001:db8:3::2]}
    routes: {default: firewall}
"""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a change does to a file; `before` is what makes the old side of it."""

    name: str
    changes: tuple[tuple[str, str], ...]
    before: tuple[tuple[str, str], ...] = ()
    file: str = "poc.yaml"

    def texts(self) -> tuple[str, str]:
        old = _edited((PROJECT / self.file).read_text(), self.before)
        return old, _edited(old, self.changes)


def _edited(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def sides(edit: Edit) -> tuple[Side, Side]:
    old, new = edit.texts()
    base = (PROJECT / edit.file).parent
    return text_side(old, f"main:{edit.file}", base), text_side(new, edit.file, base)


def today(old: Side, new: Side, variant: Variant, choices: Choices) -> SideImages:
    """The same images on both sides, whatever the working tree has."""
    return images_of_today(variant, ("dns", "firewall", "firmware", "router", "web"))


def with_edited_dns(old: Side, new: Side, variant: Variant, choices: Choices) -> SideImages:
    same = today(old, new, variant, choices)
    image = same.new["dns"]
    other = ImageRef("dns", variant, "d" * 64, 0, image.path)
    return SideImages(same.old, {**same.new, "dns": other}, {"dns": "services/dns/src/server.rs"})


def with_edited_firmware(old: Side, new: Side, variant: Variant, choices: Choices) -> SideImages:
    same = today(old, new, variant, choices)
    other = ImageRef("firmware", variant, "f" * 64, 0, same.new["firmware"].path)
    return SideImages(same.old, {**same.new, "firmware": other})


IMAGES: dict[str, ImagesOf] = {
    "code-edited": with_edited_dns,
    "firmware-edited": with_edited_firmware,
}

EDITS = (
    Edit("address-changed", (("203.0.113.80", "203.0.113.81"),)),
    Edit("code-edited", ()),
    Edit("firmware-edited", ()),
    Edit(
        "comment-and-order",
        (("# The proof of concept", "# Our network"), (_WEB + _DNS, _DNS + _WEB)),
    ),
    Edit("content-changed", (("content: content/web", "content: examples/open"),)),
    Edit(
        "dataplane-shared", (("    kind: router\n", "    kind: router\n    dataplane: shared\n"),)
    ),
    Edit("default-permits", (("default: deny", "default: permit"),)),
    Edit("dns-over-udp-only", (("dns: [udp/53, tcp/53]", "dns: [udp/53]"),)),
    Edit(
        "dns-removed",
        (
            (_DNS, ""),
            (_DNS_IN, ""),
            ("  names-resolve: {reach: dns, from: outside, to: dns}\n", ""),
            ("[page-is-public, names-resolve]", "[page-is-public]"),
            ("  dns: [udp/53, tcp/53]\n", ""),
        ),
    ),
    Edit("echo-permitted", (("no-echo, deny: echo", "echo, permit: echo"),)),
    Edit("https-opened", (("permit: http, from", "permit: [http, tcp/443], from"),)),
    Edit("invalid-address", (("203.0.113.80", "198.51.100.80"), ("to: web}", "to: [web, dns]}"))),
    Edit(
        "invalid-key", (("    content: content/web", "    contents: content/web"), ("53]}", "54]}"))
    ),
    Edit("log-off", ((", log: true", ""),)),
    Edit(
        "memory-raised", (("  web:\n    kind: web\n", "  web:\n    kind: web\n    memory: 24\n"),)
    ),
    Edit("mtu-lowered", (("{zone: dmz, prefixes", "{zone: dmz, mtu: 1400, prefixes"),)),
    Edit(
        "node-moved",
        (
            (
                "{servers: [203.0.113.53, 2001:db8:3::53]}\n    routes: {default: router}",
                "{transit: [198.51.100.53, 2001:db8:2::53]}\n    routes: {default: firewall}",
            ),
        ),
    ),
    Edit(
        "node-renamed",
        (("  web:\n", "  shop:\n"), ("to: web", "to: shop"), ("www: web", "www: shop")),
    ),
    Edit("policy-renamed", (("policy: edge", "policy: gate"), ("  edge:\n", "  gate:\n"))),
    Edit("prefix-narrowed", (("permit: http, from: outside", "permit: http, from: 192.0.2.0/25"),)),
    Edit("prefix-shortened", (("198.51.100.0/24", "198.51.100.0/25"),)),
    Edit("record-added", (("{www: web, ns1: dns}", "{www: web, ns1: dns, shop: web}"),)),
    Edit(
        "record-hostile",
        (
            (
                "{www: web, ns1: dns}",
                '{www: web, ns1: dns, note: {txt: "<b>|`x`** [a](http://b) @all \\e[31m"}}',
            ),
        ),
    ),
    Edit("record-retargeted", (("www: web", "www: dns"),)),
    Edit(
        "rule-moved-in-effect",
        ((_BLOCK + _WEB_IN, _WEB_IN + _BLOCK),),
        ((_WEB_IN, _BLOCK + _WEB_IN),),
    ),
    Edit("rule-moved-without-effect", ((_ECHO + _WEB_IN, _WEB_IN + _ECHO),)),
    Edit("rule-removed", ((_DNS_IN, ""),)),
    Edit("rule-renamed", (("name: web-in", "name: pages-in"),)),
    Edit(
        "second-router",
        (
            ("    routes: {servers: router}", "    routes: {servers: spare}"),
            (
                "  web:\n",
                _SPARE + "  web:\n",
            ),
        ),
    ),
    Edit(
        "second-web-server",
        (
            (
                _WEB,
                _WEB
                + _WEB.replace("  web:", "  web2:").replace("80]", "81]").replace("80,", "81,"),
            ),
            ("{www: web, ns1: dns}", "{www: web, www2: web2, ns1: dns}"),
            (
                _WEB_IN,
                _WEB_IN + _WEB_IN.replace("web-in", "web2-in").replace("to: web", "to: web2"),
            ),
            (
                "  names-resolve:",
                "  second-page: {reach: http, from: outside, to: web2}\n  names-resolve:",
            ),
            ("[page-is-public, names", "[page-is-public, second-page, names"),
        ),
    ),
    Edit(
        "segment-added",
        (
            (
                "\nnodes:",
                "  vault: {zone: inner, prefixes: [10.9.0.0/24]}\n\nnodes:",
            ),
            (
                "      servers: [203.0.113.1, 2001:db8:3::1]\n",
                "      servers: [203.0.113.1, 2001:db8:3::1]\n      vault: [10.9.0.1]\n",
            ),
            ("  web:\n", "  safe: {kind: web, interfaces: vault}\n  web:\n"),
        ),
    ),
    Edit(
        "segment-renamed",
        (("  servers:", "  back:"), ("{servers:", "{back:")),
    ),
    Edit("segment-renumbered", (("203.0.113.", "10.9.0."),)),
    Edit("stateless", (("stateful: true", "stateful: false"),)),
    Edit(
        "statement-dropped",
        (("  no-ping: {isolate: echo, from: any, to: any, across: firewall}\n", ""),),
    ),
    Edit("topology-renamed", (("name: poc\n", "name: lab\n"),)),
    Edit(
        "walls-removed",
        (
            ("      - {name: apart, deny: any, from: [shop, docs], to: any, log: true}\n", ""),
            ("default: deny", "default: permit"),
        ),
        file="examples/two-dmz.yaml",
    ),
    Edit(
        "zone-renamed",
        (
            ("zone: dmz", "zone: inner"),
            ("[dmz, transit", "[inner, transit"),
            ("from: dmz", "from: inner"),
            ("to: dmz", "to: inner"),
        ),
    ),
)
