"""Captures what is on a segment's bridge or at a node's port, as pcapng."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from topology.diagnostics import did_you_mean
from topology.drift.look import domains_of
from topology.drift.xml import interfaces
from topology.inside.consoles import end
from topology.inside.pcapng import (
    PcapError,
    Stream,
    interface_block,
    packet_block,
    section_block,
)
from topology.inside.stack import Looked
from topology.probe.errors import ProbeError

__all__ = ["Port", "Seen", "capture", "ports_of"]

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where to listen: the kernel's interface, what to call it, and what it is."""

    device: str
    name: str
    description: str


@dataclass(slots=True)
class Seen:
    """What was captured: packets by the names of ports, and what the kernel did not hand over."""

    packets: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def ports_of(looked: Looked, what: str) -> tuple[Port, ...]:
    """The ports that `SEGMENT`, `NODE` or `NODE:SEGMENT` means; raises `ProbeError`."""
    outputs = looked.applied.outputs
    node, _, segment = what.partition(":")
    if not segment and node in outputs.segments and node not in outputs.nodes:
        bridge = outputs.segments[node].bridge
        return (Port(bridge, node, f"segment {node}: all that its bridge {bridge} handles"),)
    if node not in outputs.nodes:
        known = [*outputs.nodes, *outputs.segments]
        raise ProbeError(
            f"stack {looked.applied.stack} has no node or segment {node}",
            hint=did_you_mean(node, known),
        )
    found = tuple(_ports(looked, node, segment))
    if not found:
        where = f" on {segment}" if segment else ""
        raise ProbeError(
            f"{node} has no port{where} that is up",
            hint=f"topology drift --stack {looked.applied.stack} says what runs",
        )
    return found


def _ports(looked: Looked, node: str, segment: str) -> list[Port]:
    outputs = looked.applied.outputs
    there = domains_of(looked.where.uri).get(outputs.nodes[node].domain)
    if there is None or there.live is None:
        return []
    names = {
        name: one for one, told in outputs.segments.items() for name in (told.network, told.bridge)
    }
    found = []
    for mac, element in interfaces(there.live).items():
        source, target = element.find("source"), element.find("target")
        if source is None or target is None:
            continue
        on = names.get(source.get("network") or source.get("bridge") or "", "")
        if on and segment in ("", on):
            device = target.get("dev", "")
            said = f"node {node} on segment {on}: its port {device}, MAC {mac}"
            found.append(Port(device, f"{node}:{on}", said))
    return found


def capture(
    looked: Looked,
    ports: Sequence[Port],
    expression: str,
    write: Callable[[bytes], None],
    *,
    count: int | None = None,
) -> Seen:
    """Hands pcapng to `write` until Ctrl-C, or until `count` packets were seen.

    `expression` is a filter (pcap-filter(7)). Raises `ProbeError` where tcpdump cannot start;
    whatever ends it, no process is left.
    """
    seen = Seen({port.name: 0 for port in ports}, {})
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        started = []
        for port in ports:
            process = stack.enter_context(_tcpdump(looked, port, expression))
            stack.callback(end, process)
            started.append(process)
            assert process.stdout is not None
            ready.register(process.stdout, selectors.EVENT_READ)
        write(
            section_block(
                "topology", f"stack {looked.applied.stack}, {looked.applied.outputs.topology}"
            )
        )
        run = _Run(ports, expression, write, seen, count, [Stream() for _ in ports])
        try:
            run.all(started, ready)
        except KeyboardInterrupt:
            # What tcpdump has in hand is written yet, and its counts are said.
            for process in started:
                os.killpg(process.pid, signal.SIGINT)
            run.all(started, ready)
        _account(ports, started, seen)
    return seen


def _tcpdump(looked: Looked, port: Port, expression: str) -> subprocess.Popen[bytes]:
    options = ["-n", "-U", "-w", "-", "--time-stamp-precision=nano", "-i", port.device]
    command = ["tcpdump", *options, *([expression] if expression else [])]
    return subprocess.Popen(
        looked.surroundings.command(command, directly=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@dataclass(slots=True)
class _Run:
    ports: Sequence[Port]
    expression: str
    write: Callable[[bytes], None]
    seen: Seen
    count: int | None
    streams: list[Stream]
    numbers: dict[int, int] = field(default_factory=dict)

    def all(
        self, started: Sequence[subprocess.Popen[bytes]], ready: selectors.BaseSelector
    ) -> None:
        """Reads until every tcpdump has ended, or enough was seen."""
        places = {process.stdout: index for index, process in enumerate(started)}
        while ready.get_map() and not self.enough:
            for key, _ in ready.select():
                pipe = key.fileobj
                assert not isinstance(pipe, int)
                data = os.read(key.fd, 1 << 16)
                if data:
                    self.take(places[pipe], data)  # type: ignore[index]
                else:
                    ready.unregister(pipe)

    @property
    def enough(self) -> bool:
        return self.count is not None and sum(self.seen.packets.values()) >= self.count

    def take(self, index: int, data: bytes) -> None:
        """The packets in what one tcpdump wrote."""
        port = self.ports[index]
        try:
            for record in self.streams[index].feed(data):
                if self.enough:
                    return
                self.write(packet_block(self._number(index), record))
                self.seen.packets[port.name] += 1
            if self.streams[index].link is not None:
                self._number(index)  # a reader wants to know it before there is any packet
        except PcapError as error:
            raise ProbeError(f"tcpdump on {port.device}: {error}") from error

    def _number(self, index: int) -> int:
        """The number of a port's interface in the file, described before its first packet."""
        if index not in self.numbers:
            self.numbers[index] = len(self.numbers)
            port, link = self.ports[index], self.streams[index].link
            assert link is not None
            self.write(interface_block(link, port.name, port.description, self.expression))
        return self.numbers[index]


def _account(ports: Sequence[Port], started: Sequence[subprocess.Popen[bytes]], seen: Seen) -> None:
    """What the tcpdumps said at their end; raises `ProbeError` for one that could not work."""
    for port, process in zip(ports, started, strict=True):
        try:
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=_PATIENCE_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            end(process)
            _, told = process.communicate()
        text = told.decode("utf-8", "replace")
        lost = re.search(r"(\d+) packets? dropped by kernel", text)
        if lost is not None:
            seen.lost[port.name] = int(lost.group(1))
        elif "listening on" not in text:
            said = text.strip().rpartition("tcpdump: ")[2] or f"exit code {process.returncode}"
            raise ProbeError(f"tcpdump on {port.device} ({port.name}): {said}")
