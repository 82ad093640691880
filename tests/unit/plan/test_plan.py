"""The plan: what forces which replacement, and that order and place change nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.errors import InvalidTopologyError
from topology.plan import PlanError, capacity, plan
from topology.plan.names import valid_interface, valid_stack
from topology.plan.types import (
    Accelerator,
    Deployment,
    ImageRef,
    ReplaceOrder,
    RootFilesystem,
    Variant,
)
from topology.render.config import service_config
from topology.resolve.types import (
    Dataplane,
    Kind,
    ResolvedNode,
    ResolvedTopology,
    Resource,
    RuleAction,
)

from .poc import images, interface, poc

BOTH = tuple(Variant)
T = TypeVar("T")


def deploy(
    resolved: ResolvedTopology,
    variant: Variant = Variant.UNIKERNEL,
    *,
    stack: str = "lab",
    built: dict[str, ImageRef] | None = None,
    accelerator: Accelerator = Accelerator.KVM,
    rootfs: RootFilesystem = RootFilesystem.MOUNT,
    uplink: str | None = None,
    consoles: str = "/var/log/consoles",
) -> Deployment:
    return plan(
        resolved,
        stack=stack,
        variant=variant,
        images=built if built is not None else images(variant),
        accelerator=accelerator,
        rootfs=rootfs,
        uplink=uplink,
        consoles=consoles,
    )


def digests(deployment: Deployment) -> dict[str, str]:
    return {one.node: one.digest for one in deployment.domains}


def changed(before: Deployment, after: Deployment) -> set[str]:
    old, new = digests(before), digests(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def with_node(resolved: ResolvedTopology, node: ResolvedNode) -> ResolvedTopology:
    return replace(resolved, nodes={**resolved.nodes, node.name: node})


def with_mtu(resolved: ResolvedTopology, segment: str, mtu: int) -> ResolvedTopology:
    return replace(
        resolved,
        segments={
            **resolved.segments,
            segment: replace(resolved.segments[segment], mtu=mtu),
        },
        nodes={
            name: replace(
                node,
                interfaces=tuple(
                    replace(one, mtu=mtu) if one.segment == segment else one
                    for one in node.interfaces
                ),
            )
            for name, node in resolved.nodes.items()
        },
    )


@pytest.mark.parametrize("variant", BOTH)
def test_every_deployed_node_becomes_a_domain(variant: Variant) -> None:
    deployment = deploy(poc(), variant)
    assert [one.node for one in deployment.domains] == ["dns", "firewall", "router", "web"]
    assert [one.name for one in deployment.segments] == ["external", "servers", "transit"]
    for domain in deployment.domains:
        assert domain.name == f"lab-{domain.node}-{domain.digest[:12]}"
        assert domain.console == f"/var/log/consoles/{domain.name}.log"
        assert domain.replace is ReplaceOrder.CREATE_FIRST
        assert domain.config == service_config(poc().nodes[domain.node], topology="poc")
        bridges = {one.name: one.bridge for one in deployment.segments}
        assert all(nic.bridge == bridges[nic.segment] for nic in domain.nics)


def test_configuration_is_the_same_in_both_variants() -> None:
    unikernel, containers = (deploy(poc(), one) for one in (Variant.UNIKERNEL, Variant.CONTAINERS))
    assert [one.config for one in unikernel.domains] == [one.config for one in containers.domains]


def test_outside_client_has_all_it_needs_to_stand_there() -> None:
    (client,) = deploy(poc()).outside
    assert (client.node, client.segment) == ("client", "external")
    assert client.addresses == ("192.0.2.100/24", "2001:db8:1::100/64")
    assert [(one.prefix, one.via) for one in client.routes] == [
        ("0.0.0.0/0", "192.0.2.1"),
        ("::/0", "2001:db8:1::1"),
    ]
    assert client.resolvers == ("203.0.113.53", "2001:db8:3::53")


def _shuffled(resolved: ResolvedTopology, seed: int) -> ResolvedTopology:
    draw = random.Random(seed)

    def mixed(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(draw.sample(items, len(items)))

    def node(one: ResolvedNode) -> ResolvedNode:
        policy = one.policy and replace(
            one.policy,
            rules=tuple(
                replace(
                    rule,
                    sources=mixed(rule.sources),
                    destinations=mixed(rule.destinations),
                    matches=tuple(
                        replace(match, ports=mixed(match.ports), types=mixed(match.types))
                        for match in mixed(rule.matches)
                    ),
                )
                for rule in one.policy.rules
            ),
        )
        return replace(
            one,
            interfaces=tuple(
                replace(port, addresses=mixed(port.addresses)) for port in mixed(one.interfaces)
            ),
            routes=mixed(one.routes),
            resources=mixed(one.resources),
            zones=tuple(replace(zone, records=mixed(zone.records)) for zone in mixed(one.zones)),
            policy=policy,
        )

    return replace(
        resolved,
        segments=dict(mixed(tuple(resolved.segments.items()))),
        nodes={name: node(one) for name, one in mixed(tuple(resolved.nodes.items()))},
    )


@given(st.integers(), st.sampled_from(BOTH))
def test_order_means_nothing(seed: int, variant: Variant) -> None:
    assert deploy(_shuffled(poc(), seed), variant) == deploy(poc(), variant)


def _edit_page(t: ResolvedTopology) -> ResolvedTopology:
    page = Resource("/", "text/html; charset=utf-8", b"another page")
    return with_node(t, replace(t.nodes["web"], resources=(page,)))


def _edit_record(t: ResolvedTopology) -> ResolvedTopology:
    dns = t.nodes["dns"]
    first, *rest = dns.zones
    return with_node(t, replace(dns, zones=(replace(first, serial=2), *rest)))


def _edit_rule(t: ResolvedTopology) -> ResolvedTopology:
    firewall = t.nodes["firewall"]
    assert firewall.policy is not None
    first, *rest = firewall.policy.rules
    policy = replace(firewall.policy, rules=(replace(first, action=RuleAction.PERMIT), *rest))
    return with_node(t, replace(firewall, policy=policy))


def _edit_rule_order(t: ResolvedTopology) -> ResolvedTopology:
    firewall = t.nodes["firewall"]
    assert firewall.policy is not None
    policy = replace(firewall.policy, rules=firewall.policy.rules[::-1])
    return with_node(t, replace(firewall, policy=policy))


def _edit_address(t: ResolvedTopology) -> ResolvedTopology:
    web = t.nodes["web"]
    port = replace(web.interfaces[0], addresses=(ip_interface("203.0.113.81/24"),))
    return with_node(t, replace(web, interfaces=(port,)))


def _edit_mac(t: ResolvedTopology) -> ResolvedTopology:
    web = t.nodes["web"]
    port = replace(web.interfaces[0], mac="02:00:00:00:00:01")
    return with_node(t, replace(web, interfaces=(port,)))


def _edit_route(t: ResolvedTopology) -> ResolvedTopology:
    router = t.nodes["router"]
    first, *rest = router.routes
    return with_node(
        t, replace(router, routes=(replace(first, via=ip_address("198.51.100.9")), *rest))
    )


def _edit_memory(t: ResolvedTopology) -> ResolvedTopology:
    return with_node(t, replace(t.nodes["dns"], memory=32))


def _edit_vcpus(t: ResolvedTopology) -> ResolvedTopology:
    return with_node(t, replace(t.nodes["dns"], vcpus=2))


def _edit_dataplane(t: ResolvedTopology) -> ResolvedTopology:
    return with_node(t, replace(t.nodes["router"], dataplane=Dataplane.SHARED))


def _edit_segment(t: ResolvedTopology) -> ResolvedTopology:
    return with_mtu(t, "transit", 9000)


def _edit_client(t: ResolvedTopology) -> ResolvedTopology:
    client = t.nodes["client"]
    port = replace(client.interfaces[0], addresses=(ip_interface("192.0.2.7/24"),))
    return with_node(t, replace(client, interfaces=(port,)))


def _edit_prefixes(t: ResolvedTopology) -> ResolvedTopology:
    # The nodes' own addresses are unchanged: nothing that runs knows of it.
    servers = replace(t.segments["servers"], prefixes=(ip_network("203.0.113.0/24"),))
    return replace(t, segments={**t.segments, "servers": servers})


def _add_node(t: ResolvedTopology) -> ResolvedTopology:
    web = t.nodes["web"]
    return with_node(
        t,
        replace(web, name="web2", interfaces=(interface("web2", "servers", "203.0.113.82/24"),)),
    )


@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize(
    ("edit", "nodes"),
    [
        (_edit_page, {"web"}),
        (_edit_record, {"dns"}),
        (_edit_rule, {"firewall"}),
        (_edit_rule_order, {"firewall"}),
        (_edit_address, {"web"}),
        (_edit_mac, {"web"}),
        (_edit_route, {"router"}),
        (_edit_memory, {"dns"}),
        (_edit_vcpus, {"dns"}),
        (_edit_dataplane, {"router"}),
        (_edit_segment, {"firewall", "router"}),
        (_edit_client, set()),
        (_edit_prefixes, set()),
        (_add_node, {"web2"}),
    ],
)
def test_a_change_replaces_the_nodes_that_it_affects_and_no_other(
    edit: Callable[[ResolvedTopology], ResolvedTopology], nodes: set[str], variant: Variant
) -> None:
    before, after = deploy(poc(), variant), deploy(edit(poc()), variant)
    assert changed(before, after) == nodes
    moved = {one.bridge for one in after.segments} ^ {one.bridge for one in before.segments}
    assert bool(moved) is (edit is _edit_segment)


@pytest.mark.parametrize("variant", BOTH)
def test_an_image_replaces_the_nodes_of_its_role(variant: Variant) -> None:
    built = images(variant)
    built["web"] = replace(built["web"], digest="0" * 64)
    assert changed(deploy(poc(), variant), deploy(poc(), variant, built=built)) == {"web"}


def test_settings_of_the_host_replace_what_boots_by_them() -> None:
    everyone = set(digests(deploy(poc())))
    unikernel = deploy(poc(), Variant.UNIKERNEL)
    containers = deploy(poc(), Variant.CONTAINERS)
    assert changed(unikernel, deploy(poc(), accelerator=Accelerator.TCG)) == everyone
    assert changed(unikernel, deploy(poc(), rootfs=RootFilesystem.FILE)) == set()
    by_file = deploy(poc(), Variant.CONTAINERS, rootfs=RootFilesystem.FILE)
    assert changed(containers, by_file) == everyone
    # Another log file makes another domain, which must not bear the old one's name.
    assert changed(unikernel, deploy(poc(), consoles="/elsewhere")) == everyone


def test_only_a_node_that_passes_packets_itself_may_send_raw_ones() -> None:
    shared = replace(poc().nodes["router"], dataplane=Dataplane.SHARED)
    boots = {
        one.node: one.boot for one in deploy(with_node(poc(), shared), Variant.CONTAINERS).domains
    }
    assert "net_raw" in boots["router"].capabilities
    assert all("net_raw" not in boots[name].capabilities for name in ("dns", "firewall", "web"))


def test_an_uplink_carries_the_outside_segment_and_replaces_its_nodes() -> None:
    before, after = deploy(poc()), deploy(poc(), uplink="br0")
    external, servers, _ = after.segments
    assert (external.bridge, external.uplink) == ("br0", "br0")
    assert external.network != before.segments[0].network
    assert servers == before.segments[1]
    assert changed(before, after) == {"firewall"}
    assert after.outside[0].bridge == "br0"


def test_stacks_of_one_host_share_no_name() -> None:
    pairs = [deploy(poc(), stack=stack) for stack in ("a", "b")]
    names = [
        {one.bridge for one in each.segments}
        | {one.network for one in each.segments}
        | {one.name for one in each.domains}
        for each in pairs
    ]
    assert not names[0] & names[1]


def test_a_dash_in_a_stack_name_cannot_make_two_networks_one() -> None:
    ours = replace(poc().segments["servers"], name="c")
    theirs = replace(ours, name="b-c")
    bare = replace(poc(), nodes={})
    first = deploy(replace(bare, segments={"c": ours}), stack="a-b")
    second = deploy(replace(bare, segments={"b-c": theirs}), stack="a")
    assert first.segments[0].network != second.segments[0].network


LABELS = st.from_regex(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", fullmatch=True)


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", fullmatch=True),
    st.sets(LABELS, min_size=1, max_size=8),
    LABELS,
)
def test_names_are_valid_and_bridges_unique(stack: str, names: set[str], node: str) -> None:
    template = poc().segments["servers"]
    segments = {name: replace(template, name=name) for name in names}
    web = replace(
        poc().nodes["web"],
        name=node,
        interfaces=tuple(interface(node, name, "203.0.113.80/24") for name in sorted(names)),
        routes=(),
    )
    deployment = deploy(
        ResolvedTopology("any", segments, {node: web}, {}), stack=stack, uplink=None
    )
    bridges = [one.bridge for one in deployment.segments]
    assert len(set(bridges)) == len(bridges) == len(names)
    assert all(valid_interface(one) and len(one) <= 15 for one in bridges)
    (domain,) = deployment.domains
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", domain.name)
    assert len(f"{domain.name}.log") <= 255


def test_all_mistakes_in_the_settings_are_reported_at_once() -> None:
    with pytest.raises(PlanError) as caught:
        deploy(poc(), stack="../etc", uplink="a bridge that is long", consoles="here", built={})
    settings = [one.setting for one in caught.value.problems]
    assert settings == ["stack", "consoles", "uplink", *["images"] * 5]
    assert "topology images --variant unikernel --build" in str(caught.value)


def test_an_uplink_needs_one_outside_segment() -> None:
    inside = replace(poc(), nodes={k: v for k, v in poc().nodes.items() if k != "client"})
    with pytest.raises(PlanError, match="that is: none"):
        deploy(inside, uplink="br0")


def test_an_image_of_the_other_variant_does_not_do() -> None:
    with pytest.raises(PlanError, match="no unikernel image for the role web"):
        deploy(poc(), Variant.UNIKERNEL, built=images(Variant.CONTAINERS))


def test_what_the_variant_cannot_carry_is_a_mistake_in_the_topology() -> None:
    ports = tuple(interface("router", f"s{index}", "10.0.0.1/24") for index in range(9))
    segments = {one.segment: replace(poc().segments["servers"], name=one.segment) for one in ports}
    topology = replace(
        with_node(poc(), ResolvedNode("router", Kind.ROUTER, "local", ports, (), memory=2)),
        segments={**poc().segments, **segments},
    )
    found = capacity(topology, Variant.UNIKERNEL)
    assert [str(one.code) for one in found] == ["TOP351", "TOP352"]
    with pytest.raises(InvalidTopologyError):
        deploy(topology)
    assert [str(one.code) for one in capacity(topology, Variant.CONTAINERS)] == ["TOP352"]


@pytest.mark.parametrize(
    ("size", "memory", "fits"), [(3, None, True), (4, None, False), (4, 10, True)]
)
def test_pages_need_memory_while_a_node_starts(size: int, memory: int | None, fits: bool) -> None:
    web = poc().nodes["web"]
    body = bytes(size << 20)
    large = replace(web, memory=memory, resources=(replace(web.resources[0], body=body),))
    found = list(capacity(with_node(poc(), large), Variant.UNIKERNEL))
    assert [(str(one.code), one.hint) for one in found] == (
        [] if fits else [("TOP352", "set memory to 10, or serve less")]
    )


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "é", "x" * 41, "a\n"])
def test_stack_names_that_libvirt_cannot_bear(name: str) -> None:
    assert not valid_stack(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a:b", "a b", "x" * 16, "br0\n"])
def test_bridge_names_that_linux_cannot_bear(name: str) -> None:
    assert not valid_interface(name)
