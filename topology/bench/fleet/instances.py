"""The instances of a fleet, planned as a stack's nodes are, on one segment of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from sandbox.frames import TCP, UDP, Target
from topology.bench.errors import BenchError
from topology.bench.fleet.conversation import Question, page_question, record_question
from topology.load import load_text
from topology.pipeline import resolve_topology
from topology.plan import plan
from topology.plan.types import (
    Accelerator,
    ImageRef,
    PlannedDomain,
    RootFilesystem,
    Variant,
)
from topology.render.config import DNS_PORT, HTTP_PORT
from topology.resolve.types import Kind, ResolvedNode

__all__ = ["NETWORK", "Instance", "instances"]

NETWORK = IPv4Network("10.140.0.0/16")

_CLIENT = NETWORK[-2]
_NAME = "www.bench.example"


@dataclass(frozen=True, slots=True)
class Instance:
    """A node that can be started, and how it is known that it serves.

    `port` is the host's side of its interface, a name that nothing else in the lab has.
    """

    name: str
    port: str
    node: ResolvedNode
    domain: PlannedDomain
    question: Question

    @property
    def mac(self) -> str:
        """The hardware address of its interface."""
        return self.domain.nics[0].mac

    @property
    def address(self) -> IPv4Interface:
        """Its address with the segment's prefix length."""
        return IPv4Interface(self.domain.nics[0].addresses[0])


def instances(
    count: int,
    service: str,
    variant: Variant,
    *,
    root: Path,
    images: Mapping[str, ImageRef],
    accelerator: Accelerator,
    rootfs: RootFilesystem,
    consoles: Path,
    tag: str,
) -> tuple[Instance, ...]:
    """That many nodes of a kind, `web` or `dns`, on the fleet's segment.

    Web servers serve the project's page. `tag`, of at most 6 characters, begins the names of the
    fleet's bridge and ports. Raises `BenchError` where the topology is refused.
    """
    loaded = load_text(_topology(count, service), "fleet.yaml")
    resolved, diagnostics = (
        (None, loaded.diagnostics)
        if loaded.topology is None
        else resolve_topology(loaded.topology, root)
    )
    if resolved is None:
        raise BenchError(f"the fleet's topology is refused: {next(iter(diagnostics))}")
    deployment = plan(
        resolved,
        stack="bench",
        variant=variant,
        images=images,
        accelerator=accelerator,
        rootfs=rootfs,
        uplink=tag,
        consoles=str(consoles),
    )
    made = (
        _instance(resolved.nodes[domain.node], domain, tag)
        for domain in deployment.domains
        if domain.kind == service
    )
    return tuple(sorted(made, key=lambda one: int(one.name.rpartition("-")[2])))


def _instance(node: ResolvedNode, domain: PlannedDomain, tag: str) -> Instance:
    port = tag + node.name.removeprefix(node.kind.value)
    address = IPv4Interface(domain.nics[0].addresses[0]).ip
    if node.kind is Kind.WEB:
        target = Target(node.name, port, address, _CLIENT, TCP, HTTP_PORT)
        (page,) = (one.body for one in node.resources if one.path == "/")
        return Instance(node.name, port, node, domain, page_question(target, page))
    target = Target(node.name, port, address, _CLIENT, UDP, DNS_PORT)
    return Instance(node.name, port, node, domain, record_question(target, _NAME, NETWORK[1]))


def _topology(count: int, service: str) -> str:
    servers = max(count, 1)
    lines = [
        "version: 1",
        "name: fleet",
        "segments:",
        f"  wire: {{zone: outside, prefixes: [{NETWORK}]}}",
        "nodes:",
        f"  client: {{kind: external, interfaces: {{wire: {NETWORK[-3]}}}}}",
    ]
    if service == "web":
        lines += [_web(number) for number in range(servers)]
    else:
        lines.append(_web(0))
        # Servers of one zone agree on it.
        names = (f"ns{number}: dns-{number}" for number in range(servers))
        records = ", ".join(["www: web-0", *names])
        lines += [
            f"  dns-{number}: {{kind: dns, interfaces: {{wire: {NETWORK[number + 2]}}}, "
            f"records: {{bench.example: {{{records}}}}}}}"
            for number in range(servers)
        ]
    return "\n".join(lines) + "\n"


def _web(number: int) -> str:
    return (
        f"  web-{number}: {{kind: web, interfaces: {{wire: {NETWORK[number + 1]}}}, "
        "content: content/web}"
    )
