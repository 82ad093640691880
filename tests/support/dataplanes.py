"""The same frames through the Rust forwarder and through Linux, and what differs."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tests.support.golden import PROJECT
from tests.support.kernel import BATCH, Node, Sent, frames_of, in_one
from tests.support.traffic import World, none_has
from topology.render.config import service_config
from topology.render.nftables import interface_names, nftables
from topology.resolve.types import Address, ResolvedNode

__all__ = ["Dataplanes", "Difference", "bare", "build_oracle", "identity_of"]


def build_oracle(scratch: Path) -> Path:
    """The host program that runs the Rust forwarder, built where checks are, else in `scratch`."""
    cached = os.environ.get("CARGO_TARGET_DIR")
    target = Path(cached) / "oracle" if cached else scratch
    command = ["cargo", "build", "--locked", "--quiet", "--package", "service-oracle"]
    subprocess.run([*command, "--target-dir", target], cwd=PROJECT, check=True, timeout=600)
    return target / "debug" / "service-oracle"


@dataclass(frozen=True, slots=True)
class Difference:
    """A frame that left only one of both, and what came in."""

    only: str
    came: Sent
    left: Sent


class Dataplanes:
    """A node that filters, twice."""

    def __init__(
        self, node: ResolvedNode, hosts: Sequence[Sequence[Address]], oracle: Path, scratch: Path
    ) -> None:
        self.node = node
        self.interfaces = sorted(node.interfaces, key=lambda one: one.segment)
        self.hosts = tuple(tuple(each) for each in hosts)
        self.oracle = oracle
        self.config = scratch / "config.json"
        self.config.write_bytes(service_config(node, topology="oracle"))

    @property
    def gateways(self) -> set[Address]:
        """The neighbours that routes lead through."""
        return {route.via for route in self.node.routes}

    @property
    def own(self) -> set[Address]:
        """Whom it speaks as; Linux also as any router of a prefix (RFC 4291 section 2.6.1)."""
        return {
            one
            for interface in self.interfaces
            for a in interface.addresses
            for one in ((a.ip, a.network.network_address) if a.version == 6 else (a.ip,))
        }

    def is_forwarded(self, frame: bytes) -> bool:
        """Whether what left is somebody else's packet."""
        return not _is_own_talk(frame) and _source(frame) not in self.own

    def neighbours(self) -> list[tuple[int, Address]]:
        """Who answers on which port: gateways, and hosts on attached prefixes."""
        found = []
        for port, interface in enumerate(self.interfaces):
            attached = [address.network for address in interface.addresses]
            candidates = {*self.gateways, *self.hosts[port]}
            found += [
                (port, one)
                for one in sorted(candidates, key=str)
                if any(one in network for network in attached)
            ]
        return found

    def world(self, ports: Sequence[int]) -> World:
        """What there is around the node."""
        own = [a.ip for interface in self.interfaces for a in interface.addresses]
        edges = [
            edge
            for interface in self.interfaces
            for a in interface.addresses
            for edge in (a.network.network_address, a.network.broadcast_address)
        ]
        strange = (*own, *edges, *none_has(4), *none_has(6))
        free = ip_address("203.0.113.200"), ip_address("2001:db8:3::200")
        return World(
            macs=tuple(bytes.fromhex(one.mac.replace(":", "")) for one in self.interfaces),
            hosts=self.hosts,
            strangers=tuple(
                (
                    *strange,
                    *free,
                    *(h for n, each in enumerate(self.hosts) if n != port for h in each),
                )
                for port in range(len(self.interfaces))
            ),
            ports=tuple(ports),
        )

    def through_rust(self, frames: Sequence[Sent]) -> list[list[Sent]]:
        """What leaves for each frame."""
        addresses = [str(address) for _, address in self.neighbours()]
        done = subprocess.run(
            [self.oracle, self.config, *addresses],
            input=in_one(list(frames)),
            stdout=subprocess.PIPE,
            check=True,
            timeout=600,
        )
        stream = io.BytesIO(done.stdout)
        return [frames_of(stream, stream.read(1)[0]) for _ in frames]

    def through_linux(self, frames: Sequence[Sent], *, as_list: bool = False) -> list[list[Sent]]:
        """What leaves for each `BATCH` of frames, by a container's ruleset or by the list."""
        names = interface_names(self.node)
        node: Node = {
            "interfaces": [
                {
                    "name": names[one.segment],
                    "mac": one.mac,
                    "addresses": [str(address) for address in one.addresses],
                }
                for one in self.interfaces
            ],
            "routes": [(str(route.prefix), str(route.via)) for route in self.node.routes],
            "neighbours": [
                (str(address), names[self.interfaces[port].segment], f"02:00:00:00:ff:{port:02x}")
                for port, address in self.neighbours()
            ],
            "ruleset": nftables(self.node, as_list=as_list),
        }
        done = subprocess.run(
            ["unshare", "--net", sys.executable, "-m", "tests.support.kernel"],
            cwd=PROJECT,
            input=json.dumps(node).encode() + b"\n" + in_one(list(frames)),
            stdout=subprocess.PIPE,
            check=True,
            timeout=600,
        )
        stream = io.BytesIO(done.stdout)
        count = -(-len(frames) // BATCH)
        return [frames_of(stream, struct.unpack("!H", stream.read(2))[0]) for _ in range(count)]

    def passed(self, frames: Sequence[Sent]) -> list[tuple[bool, bool]]:
        """Of each frame, whether the Rust forwarder and whether Linux sent it on."""
        by_frame = self.through_rust(frames)
        by_batch = self.through_linux(frames)
        found = []
        for number, (_, frame) in enumerate(frames):
            key = identity_of(frame)
            left = by_frame[number], by_batch[number // BATCH]
            rust, linux = (any(identity_of(one) == key for _, one in each) for each in left)
            found.append((rust, linux))
        return found

    def compare(self, frames: Sequence[Sent]) -> tuple[int, list[Difference]]:
        """How many frames were forwarded by both, and what only one did.

        What the node says itself (its answers and errors) is left out: how often a node may
        speak is limited in both, and what it says is tested by itself.
        """
        own = self.own
        by_frame = self.through_rust(frames)
        by_batch = self.through_linux(frames)
        same, differences = 0, []
        for number, linux in enumerate(by_batch):
            came = frames[number * BATCH : (number + 1) * BATCH]
            rust = [one for each in by_frame[number * BATCH : (number + 1) * BATCH] for one in each]
            theirs = Counter((p, bare(f)) for p, f in linux if _source(f) not in own)
            ours = Counter((p, bare(f)) for p, f in rust if _source(f) not in own)
            same += (theirs & ours).total()
            for only, left in (("linux", theirs - ours), ("rust", ours - theirs)):
                for one in left.elements():
                    origin = next(
                        (c for c in came if identity_of(c[1]) == identity_of(one[1])), None
                    )
                    if origin is not None:
                        differences.append(Difference(only, origin, one))
                    elif not _is_own_talk(one[1]):
                        raise AssertionError(f"{only} sent what never came: {one}")
        return same, differences


def bare(frame: bytes) -> bytes:
    """A frame without what pads it to the least length that Ethernet has.

    Linux cuts that off and its drivers pad anew, the Rust forwarder passes it on: on a wire both
    are the same.
    """
    if frame[12:14] == b"\x08\0":
        return frame[: 14 + int.from_bytes(frame[16:18])]
    if frame[12:14] == b"\x86\xdd":
        return frame[: 54 + int.from_bytes(frame[18:20])]
    return frame


def _source(frame: bytes) -> Address | None:
    """Who sent a packet; `None` for the neighbours' own talk."""
    if frame[12:14] == b"\x08\0":
        return ip_address(frame[26:30])
    if frame[12:14] == b"\x86\xdd":
        return ip_address(frame[22:38])
    return None


def _is_own_talk(frame: bytes) -> bool:
    """Whether a frame is what IPv6 nodes say to their link about themselves."""
    source = _source(frame)
    return source is None or source.is_link_local or source.is_unspecified


def identity_of(frame: bytes) -> bytes:
    """What a packet is known by before and after it is forwarded: all but TTL and checksum."""
    if frame[12:14] == b"\x08\0":
        return frame[16:22] + frame[23:24] + frame[26:34]
    return frame[14:21] + frame[22:54]
