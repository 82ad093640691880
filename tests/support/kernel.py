"""A node that filters, made of Linux: forwarding and nftables in a network namespace of its own.

Run as a program in a new network namespace. The first line of standard input is the node as JSON
(`Node`), then come frames, one after the other: a byte for the port, two for the length, the
bytes. For each `BATCH` of them it writes how many frames left (two bytes), then those in the same
form. It knows when a batch is through: all frames wait in one queue of one processor, and behind
them on every port a question is asked that the kernel itself answers.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypedDict

__all__ = ["BATCH", "Node", "Sent", "frames_of", "in_one"]

BATCH = 64
PATIENCE = 10.0
"""Seconds that a batch may take."""
_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33

Sent = tuple[int, bytes]
"""A port and a frame."""


class Interface(TypedDict):
    """An interface of the node."""

    name: str
    mac: str
    addresses: list[str]


class Node(TypedDict):
    """What `ip` and `nft` are told."""

    interfaces: list[Interface]
    routes: list[tuple[str, str]]
    neighbours: list[tuple[str, str, str]]
    ruleset: str


def in_one(frames: list[Sent]) -> bytes:
    """Frames in the form that both dataplanes read."""
    return b"".join(struct.pack("!BH", port, len(frame)) + frame for port, frame in frames)


def frames_of(stream: BinaryIO, count: int) -> list[Sent]:
    """Reads that many frames."""
    found = []
    for _ in range(count):
        port, length = struct.unpack("!BH", stream.read(3))
        found.append((port, stream.read(length)))
    return found


def set_up(node: Node) -> list[socket.socket]:
    """Makes the node; the sockets at the other ends of its interfaces."""
    links, later = [], []
    for index, interface in enumerate(node["interfaces"]):
        name, mac, far = interface["name"], interface["mac"], f"far{index}"
        links.append(f"link add {name} address {mac} type veth peer name {far}")
        links.append(f"link set {far} up")
        later.append(f"link set {name} up")
        later += [
            f"address add {own} dev {name}{' nodad' if ':' in own else ''}"
            for own in interface["addresses"]
        ]
    later += [f"route add {prefix} via {via}" for prefix, via in node["routes"]]
    later += [
        f"neighbour replace {address} dev {name} lladdr {mac} nud permanent"
        for address, name, mac in node["neighbours"]
    ]
    settings = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}
    run_ip(["link set lo up", *links])
    for index, interface in enumerate(node["interfaces"]):
        name = interface["name"]
        settings[f"ipv6/conf/far{index}/disable_ipv6"] = 1
        settings |= {
            f"ipv4/conf/{name}/{setting}": 0
            for setting in (
                "accept_redirects",
                "accept_source_route",
                "send_redirects",
                "secure_redirects",
                "rp_filter",
            )
        }
        settings |= {
            f"ipv6/conf/{name}/{setting}": 0
            for setting in ("accept_ra", "accept_redirects", "accept_source_route", "autoconf")
        }
    settings |= {f"ipv4/conf/all/{one}": 0 for one in ("accept_redirects", "send_redirects")}
    for setting, value in settings.items():
        Path(f"/proc/sys/net/{setting}").write_text(str(value), encoding="ascii")
    run_ip(later)
    subprocess.run(["nft", "--file", "-"], input=node["ruleset"], text=True, check=True)
    ears = []
    for index in range(len(node["interfaces"])):
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        ear.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        ear.bind((f"far{index}", 0))
        ears.append(ear)
    return ears


def run_ip(lines: list[str]) -> None:
    """Runs commands of ip(8)."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def question(interface: Interface) -> bytes:
    """Who has the interface's address? It is asked by nobody (RFC 5227), so nobody is learnt."""
    (own,) = [one.split("/")[0] for one in interface["addresses"] if "." in one]
    asker = b"\x02\0\0\0\0\x99"
    ethernet = b"\xff" * 6 + asker + b"\x08\x06"
    arp = b"\0\x01\x08\0\x06\x04\0\x01" + asker + b"\0" * 10 + socket.inet_aton(own)
    return ethernet + arp


def is_answer(frame: bytes) -> bool:
    """Whether a frame is an ARP reply."""
    return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02"


def batches(stream: BinaryIO) -> Iterator[list[Sent]]:
    """The frames of a stream, `BATCH` at a time."""
    batch: list[Sent] = []
    while head := stream.read(3):
        port, length = struct.unpack("!BH", head)
        batch.append((port, stream.read(length)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def exchange(ears: list[socket.socket], questions: list[bytes], batch: list[Sent]) -> list[Sent]:
    """Sends a batch, and the frames that came out, in order by port."""
    for port, frame in batch:
        ears[port].send(frame)
    for ear, asked in zip(ears, questions, strict=True):
        ear.send(asked)
    found: list[Sent] = []
    waiting = set(range(len(ears)))
    while waiting:
        ready = select.select([ears[port] for port in waiting], [], [], PATIENCE)[0]
        if not ready:
            raise SystemExit("the kernel does not answer")
        for port in sorted(waiting):
            while ears[port] in ready:
                frame, (_, _, kind, *_) = ears[port].recvfrom(65535)
                if kind == socket.PACKET_OUTGOING:
                    # What was sent from here.
                    pass
                elif is_answer(frame):
                    waiting.discard(port)
                    break
                else:
                    found.append((port, frame))
                ready = select.select(ready, [], [], 0)[0]
    return found


def main() -> None:
    """Passes what standard input holds through the node."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    node: Node = json.loads(sys.stdin.buffer.readline())
    ears = set_up(node)
    questions = [question(interface) for interface in node["interfaces"]]
    for batch in batches(sys.stdin.buffer):
        found = exchange(ears, questions, batch)
        sys.stdout.buffer.write(struct.pack("!H", len(found)) + in_one(found))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
