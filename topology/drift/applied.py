"""What was applied, from Pulumi's state: domains with their XML, networks, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from topology.plan.record import Record
from topology.probe.outputs import StackOutputs
from topology.resolve.types import ResolvedTopology
from topology.sides.errors import Fault, SideError
from topology.sides.read import stack_side
from topology.sides.stack import DOMAINS, State, kind_of, read_state, record_of

__all__ = ["Applied", "AppliedDomain", "AppliedNetwork", "AppliedVolume", "applied", "applied_of"]

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_NETWORK = "libvirt:index/network:Network"
_VOLUME = "libvirt:index/volume:Volume"
_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class AppliedDomain:
    """A node's domain; `resource` is its name in Pulumi, `xml` what libvirt was given."""

    node: str
    resource: str
    name: str
    uuid: str
    xml: Element


@dataclass(frozen=True, slots=True)
class AppliedNetwork:
    """A segment's network, none where it is an uplink; `mtu` in bytes."""

    segment: str
    name: str | None
    uuid: str | None
    bridge: str
    mtu: int


@dataclass(frozen=True, slots=True)
class AppliedVolume:
    """Bytes that nodes start with; `digest` is their SHA-256 in hexadecimal."""

    name: str
    pool: str
    path: str
    digest: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """All of a stack; `resolved` is its topology without the content of pages."""

    stack: str
    outputs: StackOutputs
    record: Record
    resolved: ResolvedTopology | None
    domains: tuple[AppliedDomain, ...]
    networks: tuple[AppliedNetwork, ...]
    volumes: tuple[AppliedVolume, ...]


def applied(stack: str, *, root: Path) -> Applied:
    """What `stack` of the Pulumi project at `root` applied; raises `SideError`."""
    return applied_of(stack, read_state(stack, root=root))


def applied_of(stack: str, state: State) -> Applied:
    """What a state says; raises `SideError` where it is none of this program's."""
    record, _ = record_of(stack, state)
    exported = next((one.get("outputs") or {} for one in state if kind_of(one) == _STACK), {})
    if not exported:
        raise SideError(
            Fault.NOT_DEPLOYED,
            f"the last deployment of stack {stack!r} did not finish, so it has no outputs",
            f"finish it: pulumi up --stack {stack}",
        )
    outputs = StackOutputs.model_validate(exported)
    view = stack_side(stack, record).view
    domains = tuple(_domains(stack, state))
    return Applied(
        stack,
        outputs,
        record,
        None if view is None else view.resolved,
        domains,
        tuple(_networks(outputs, state)),
        tuple(_volumes(outputs, state, domains)),
    )


def _domains(stack: str, state: State) -> Iterator[AppliedDomain]:
    for one in state:
        if kind_of(one) not in DOMAINS or one.get("delete"):
            continue
        inputs = one["inputs"]
        resource = _name(one)
        node = resource.removeprefix(f"{stack}-").removesuffix("-domain")
        xml = _emitted(inputs) if isinstance(inputs["xml"], Mapping) else _parsed(inputs["xml"])
        yield AppliedDomain(node, resource, str(inputs["name"]), str(one["id"]), xml)


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]


def _parsed(text: str) -> Element:
    return ElementTree.fromstring(text)  # noqa: S314 -- this program wrote it


def _emitted(inputs: Mapping[str, Any]) -> Element:
    """What the stylesheet of a domain makes: it is literal but for paths of files."""
    sheet = _parsed(inputs["xml"]["xslt"])
    domain = sheet.find(f"{_XSL}template/domain")
    if domain is None:
        raise SideError(
            Fault.OLD_FORMAT,
            "the state has a domain in a form that this version does not read",
            "deploy it once more with this version",
        )
    for element in domain.iter():
        for name, value in element.attrib.items():
            element.set(name, re.sub(r"([{}])\1", r"\1", value))
    for part, path in (("loader", "firmware"), ("kernel", "kernel"), ("initrd", "initrd")):
        for holder in domain.iterfind(f"os/{part}"):
            for selected in holder.findall(f"{_XSL}value-of"):
                holder.remove(selected)
                holder.text = str(inputs[path])
    return domain


def _networks(outputs: StackOutputs, state: State) -> Iterator[AppliedNetwork]:
    known = {
        str(one["inputs"]["name"]): str(one["id"])
        for one in state
        if kind_of(one) == _NETWORK and not one.get("delete")
    }
    for segment, told in outputs.segments.items():
        uuid = known.get(told.network) if told.network else None
        yield AppliedNetwork(segment, told.network, uuid, told.bridge, told.mtu)


def _volumes(
    outputs: StackOutputs, state: State, domains: tuple[AppliedDomain, ...]
) -> Iterator[AppliedVolume]:
    for one in state:
        if kind_of(one) != _VOLUME or one.get("delete"):
            continue
        name, path = str(one["inputs"]["name"]), str(one["id"])
        users, digests = [], set()
        for domain in domains:
            told = outputs.nodes.get(domain.node)
            if told is None:
                continue
            # A volume's name ends in the first digits of what it holds.
            for digest in filter(None, (told.image, told.firmware, told.config)):
                if name.endswith(f"-{digest[:12]}"):
                    users.append(domain.node)
                    digests.add(digest)
        if len(digests) == 1:
            yield AppliedVolume(name, str(one["inputs"]["pool"]), path, digests.pop(), tuple(users))
