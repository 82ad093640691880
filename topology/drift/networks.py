"""Networks, bridges, their ports and the insides of containers that are not what was applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from topology.drift.applied import Applied, AppliedDomain, AppliedNetwork
from topology.drift.found import Found, FoundContainer, FoundDomain, FoundLink
from topology.drift.mend import Mend
from topology.drift.types import Code, Drift, Thing
from topology.drift.xml import interfaces
from topology.probe.places import beside_name, outside_name, port_name
from topology.resolve.types import Dataplane, ResolvedNode

__all__ = ["bridge_drifts", "container_drifts", "forwards_itself", "network_drifts"]


def network_drifts(applied: Applied, found: Found, mend: Mend) -> Iterator[Drift]:
    """libvirt's networks that are gone, inactive or others."""
    for one in applied.networks:
        if one.name is None:
            continue
        there = found.networks.get(one.name)
        anew = _anew(applied, found, one, mend)
        if there is None:
            yield _segment(Code.NETWORK_MISSING, one, f"network {one.name}", "undefined", anew)
            continue
        if not there.active:
            yield _segment(Code.NETWORK_STOPPED, one, "active", "inactive", anew)
            continue
        bridge = there.xml.find("bridge")
        name = "" if bridge is None else bridge.get("name", "")
        stp = "" if bridge is None else bridge.get("stp", "")
        mtu = there.xml.find("mtu")
        size = "1500" if mtu is None else mtu.get("size", "1500")
        ip = [e.get("address", "") for e in there.xml.iterfind("ip")]
        forward = there.xml.find("forward")
        pairs = (
            ("identity", one.uuid, there.uuid),
            ("bridge", one.bridge, name),
            ("spanning tree", "off", stp),
            ("MTU", str(one.mtu), size),
            ("host address", "none", ", ".join(ip) or "none"),
            ("forwarding", "none", "none" if forward is None else forward.get("mode", "nat")),
        )
        differing = [(what, given, got) for what, given, got in pairs if given != got]
        if differing:
            given_words = "; ".join(f"{what} {given}" for what, given, _ in differing)
            got_words = "; ".join(f"{what} {got}" for what, _, got in differing)
            yield _segment(Code.NETWORK_CHANGED, one, given_words, got_words, anew)


def bridge_drifts(
    applied: Applied, found: Found, links: Mapping[str, FoundLink], mend: Mend
) -> Iterator[Drift]:
    """Bridges that are gone or others; ports that are not on them, and that should not be."""
    gone = set()
    for one in applied.networks:
        network = found.networks.get(one.name or "")
        if one.name is not None and (network is None or not network.active):
            gone.add(one.bridge)
            continue
        bridge = links.get(one.bridge)
        if bridge is None:
            gone.add(one.bridge)
            if one.name is None:
                raised = mend.host("ip", "link", "add", one.bridge, "up", "type", "bridge")
            else:
                raised = _anew(applied, found, one, mend)
            yield _segment(
                Code.BRIDGE_MISSING, one, f"bridge {one.bridge}", "no such interface", raised
            )
        elif one.name is not None:
            yield from _bridge(one, bridge, mend)
            yield from _strangers(applied, one, found, links, mend)
    for domain in applied.domains:
        there = found.domains.get(domain.name)
        if there is not None and there.live is not None:
            yield from _ports(applied, domain, there, links, gone, mend)


def _anew(applied: Applied, found: Found, one: AppliedNetwork, mend: Mend) -> str:
    """The command that makes a network anew."""
    assert one.name is not None
    network = found.networks.get(one.name)
    attached = [
        (domain.name, there.live is not None)
        for domain in applied.domains
        if (there := found.domains.get(domain.name)) is not None
        and any(
            source.get("network") == one.name
            for source in domain.xml.iterfind("devices/interface/source")
        )
    ]
    return mend.network(
        one.name,
        there=network is not None,
        active=network is not None and network.active,
        attached=attached,
    )


def _bridge(one: AppliedNetwork, bridge: FoundLink, mend: Mend) -> Iterator[Drift]:
    assert one.name is not None
    repairs = []
    given, got = [], []
    if bridge.mtu != one.mtu:
        given.append(f"MTU {one.mtu}")
        got.append(f"MTU {bridge.mtu}")
        repairs.append(mend.host("ip", "link", "set", one.bridge, "mtu", str(one.mtu)))
    if not bridge.up:
        given.append("up")
        got.append("down")
        repairs.append(mend.host("ip", "link", "set", one.bridge, "up"))
    if bridge.spanning_tree:
        given.append("spanning tree off")
        got.append("spanning tree on")
        off = ("ip", "link", "set", one.bridge, "type", "bridge", "stp_state", "0")
        repairs.append(mend.host(*off))
    for address in bridge.addresses:
        given.append("no host address")
        got.append(f"host address {address}")
        repairs.append(mend.host("ip", "address", "del", address, "dev", one.bridge))
    if repairs:
        mended = " && ".join(repairs)
        yield _segment(Code.BRIDGE_CHANGED, one, "; ".join(given), "; ".join(got), mended)


def _strangers(
    applied: Applied,
    one: AppliedNetwork,
    found: Found,
    links: Mapping[str, FoundLink],
    mend: Mend,
) -> Iterator[Drift]:
    # A port of a domain is told as the domain or its interface, where it is one too many.
    known = {
        target.get("dev", "")
        for domain in found.domains.values()
        if domain.live is not None
        for target in domain.live.iterfind("devices/interface/target")
    }
    known |= {port_name(outside_name(applied.stack, o.node)) for o in applied.outputs.outside}
    known.add(port_name(beside_name(applied.stack, one.segment)))
    for name, link in sorted(links.items()):
        if link.bridge == one.bridge and name not in known:
            off = mend.host("ip", "link", "set", name, "nomaster")
            yield _segment(Code.PORT_EXTRA, one, "ports of its nodes", f"{name} on it", off)


def _ports(
    applied: Applied,
    domain: AppliedDomain,
    there: FoundDomain,
    links: Mapping[str, FoundLink],
    gone: set[str],
    mend: Mend,
) -> Iterator[Drift]:
    assert there.live is not None
    given = interfaces(domain.xml)
    bridges = {one.name or one.bridge: one for one in applied.networks}
    for mac, element in interfaces(there.live).items():
        target, source = element.find("target"), element.find("source")
        if mac not in given or target is None or source is None:
            continue
        segment = bridges.get(source.get("network") or source.get("bridge") or "")
        if segment is None or segment.bridge in gone:
            continue
        name = target.get("dev", "")
        link = links.get(name)
        said = f"{mac} on {segment.segment}"
        if link is None:
            replace = mend.replace([domain.node])
            yield _node(Code.INTERFACE_MISSING, domain, said, f"its port {name} is gone", replace)
        elif link.bridge != segment.bridge:
            back = mend.host("ip", "link", "set", name, "master", segment.bridge, "up")
            where = f"on {link.bridge}" if link.bridge else "on no bridge"
            yield _node(Code.PORT_DETACHED, domain, said, f"its port {name} {where}", back)
        elif not link.up:
            raised = mend.host("ip", "link", "set", name, "up")
            yield _node(Code.LINK_DOWN, domain, f"{said} up", f"its port {name} down", raised)


def container_drifts(applied: Applied, found: Found, mend: Mend) -> Iterator[Drift]:
    """Addresses, routes and rulesets inside containers whose kernel forwards or serves."""
    nodes = {} if applied.resolved is None else applied.resolved.nodes
    for domain in applied.domains:
        inside, node = found.containers.get(domain.node), nodes.get(domain.node)
        if inside is not None and node is not None:
            yield from _inside(domain, node, inside, found.expected.get(domain.node, ""), mend)


def _inside(
    domain: AppliedDomain, node: ResolvedNode, inside: FoundContainer, rules: str, mend: Mend
) -> Iterator[Drift]:
    # Code that is shared forwards past the kernel, which then has no address and drops all.
    replace = mend.replace([domain.node])
    for one in node.interfaces:
        there = inside.interfaces.get(one.mac.lower())
        if there is None:
            continue  # told as an interface that is missing
        mtu, up, addresses = there
        given = [f"MTU {one.mtu}", "up", *sorted(map(str, one.addresses))]
        got = [f"MTU {mtu}", "up" if up else "down", *sorted(addresses)]
        if given != got:
            least = [word for word in given if word not in got]
            most = [word for word in got if word not in given]
            yield _node(
                Code.ADDRESS_CHANGED,
                domain,
                f"on {one.segment} {', '.join(least) or 'nothing more'}",
                f"on {one.segment} {', '.join(most) or 'without it'}",
                replace,
            )
    wanted = {(str(route.prefix), str(route.via)) for route in node.routes}
    if wanted != inside.routes:
        yield _node(
            Code.ROUTE_CHANGED,
            domain,
            _routes(wanted - inside.routes) or "nothing more",
            _routes(inside.routes - wanted) or "without it",
            replace,
        )
    if inside.ruleset != rules:
        yield _node(
            Code.RULESET_CHANGED,
            domain,
            _lines(rules, inside.ruleset),
            _lines(inside.ruleset, rules),
            replace,
        )


def forwards_itself(node: ResolvedNode) -> bool:
    """Whether a container's kernel has no part in what it forwards."""
    return node.dataplane is Dataplane.SHARED


def _routes(routes: set[tuple[str, str]] | frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{prefix} via {via}" for prefix, via in sorted(routes))


def _lines(text: str, other: str) -> str:
    """How much of a ruleset the other does not have, and its first such line."""
    more = [line.strip() for line in text.splitlines()]
    less = {line.strip() for line in other.splitlines()}
    own = [line for line in more if line not in less]
    if not text:
        return "no ruleset"
    return f"{len(own)} lines more, first `{own[0]}`" if own else "nothing more"


def _node(code: Code, one: AppliedDomain, applied: str, found: str, mend: str) -> Drift:
    return Drift(code, Thing.NODE, one.node, applied, found, mend)


def _segment(code: Code, one: AppliedNetwork, applied: str, found: str, mend: str) -> Drift:
    return Drift(code, Thing.SEGMENT, one.segment, applied, found, mend)
