"""TCP in bulk and small UDP packets by iperf3, from an outside client to a sink in the DMZ."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from topology.bench.load.errors import LoadError
from topology.probe.places import Place

__all__ = ["BULK_PORT", "SMALL", "Bulk", "Packets", "load_packets", "load_tcp", "read_iperf"]

BULK_PORT = 5201

SMALL = 18
"""Bytes of payload that make a frame of 64 bytes: Ethernet 14 + 4, IPv4 20, UDP 8."""

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Bulk:
    """What arrived: bits a second at the receiver, and segments that were sent again."""

    rate: float
    retransmitted: int


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets a second that were sent and that arrived, and the share lost between."""

    sent: float
    received: float
    lost: float


def load_tcp(client: Place, sink: Place, *, seconds: int, cpus: tuple[str, str]) -> Bulk:
    """One TCP connection from `client` to `sink`; the first second does not count.

    `cpus` are the client's and the sink's. Raises `LoadError`.
    """
    end = _iperf(client, sink, ["--omit", "1"], seconds, cpus)["end"]
    return Bulk(end["sum_received"]["bits_per_second"], end["sum_sent"]["retransmits"])


def load_packets(
    client: Place,
    sink: Place,
    *,
    seconds: int,
    cpus: tuple[str, str],
    rate: int | None = None,
) -> Packets:
    """Frames of 64 bytes, as many as the client can send or `rate` a second; raises `LoadError`."""
    bits = 0 if rate is None else rate * SMALL * 8
    flags = ["--udp", "--length", str(SMALL), "--bitrate", str(bits)]
    said = _iperf(client, sink, flags, seconds, cpus)["end"]
    sent, received = said["sum_sent"], said["sum_received"]
    arrived = received["packets"] - received["lost_packets"]
    if arrived <= 0:
        raise LoadError(f"none of {sent['packets']} packets arrived")
    return Packets(
        sent=sent["packets"] / sent["seconds"],
        received=arrived / received["seconds"],
        lost=1 - arrived / max(sent["packets"], 1),
    )


def read_iperf(said: str) -> dict[str, Any]:
    """iperf3's JSON; raises `LoadError` with its own word where it failed."""
    try:
        document: dict[str, Any] = json.loads(said)
    except ValueError as error:
        raise LoadError(f"iperf3 gave no figures: {said.strip()[-400:]}") from error
    if "error" in document:
        raise LoadError(f"iperf3: {document['error']}")
    return document


def _iperf(
    client: Place, sink: Place, flags: list[str], seconds: int, cpus: tuple[str, str]
) -> dict[str, Any]:
    address = next(a.partition("/")[0] for a in sink.addresses if ":" not in a)
    with _listening(sink, cpus[1]):
        command = ["taskset", "--cpu-list", cpus[0], "iperf3", "--client", address]
        command += ["--port", str(BULK_PORT), "--json", "--connect-timeout", "3000"]
        command += ["--time", str(seconds), *flags]
        return read_iperf(client.run(command, timeout=seconds + 30).stdout)


@contextmanager
def _listening(sink: Place, cpus: str) -> Iterator[None]:
    """A server in the sink for the time of the block."""
    command = ["taskset", "--cpu-list", cpus, "iperf3", "--server", "--port", str(BULK_PORT)]
    listens = ["ss", "-Hnlt", f"sport = :{BULK_PORT}"]
    with subprocess.Popen(
        sink.command(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as server:
        try:
            deadline = time.monotonic() + _PATIENCE
            while not sink.run(listens).stdout:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise LoadError("iperf3's server does not listen")
                time.sleep(0.02)  # between looks
            yield
        finally:
            # By its port, inside: what entered a namespace of processes cannot be ended from here.
            sink.run(["sh", "-c", _END, "sh", str(BULK_PORT)])
            server.wait(timeout=_PATIENCE)


_END = "ss -Hnltp \"sport = :$1\" | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | xargs -r kill -KILL"
