"""Requests at a fixed rate, whatever becomes of the ones before, and how long none was answered.

    python3 -m topology.bench.steady http|dns ADDRESS RATE    until its input is closed

An open loop: each request is due at its own moment, so that a server that stands still is charged
with all that fall due meanwhile. It prints one JSON object at its end.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from topology.bench.errors import BenchError
from topology.probe.places import Place

__all__ = ["Load", "Steady", "dns_query", "steady"]

_PATIENCE = 1.0
"""Seconds after which a request is lost: a kernel repeats a lost SYN after just that long."""

_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
_GOOD = b"HTTP/1.1 200 "
_HEAD = 12
"""Bytes of a DNS header (RFC 1035, section 4.1.1)."""


@dataclass(frozen=True, slots=True)
class Steady:
    """What became of the requests. `gap` is the longest time in seconds between two answers, and
    `behind` how far the loader fell behind its own plan at worst: beyond some milliseconds, it was
    the loader that was slow."""

    sent: int
    answered: int
    lost: int
    gap: float
    behind: float
    seconds: float


class Load:
    """A load that runs; `result` is there once it has ended."""

    def __init__(self) -> None:
        self.result = Steady(0, 0, 0, 0.0, 0.0, 0.0)


@contextmanager
def steady(place: Place, service: str, target: str, rate: int) -> Iterator[Load]:
    """Loads a service from a place for the time of the block, and a second more for late answers.

    `service` is `http`, or the name to ask a DNS server for. Raises `BenchError` if nothing was
    answered at all.
    """
    root = str(Path(__file__).parents[2])
    environment = ["env", f"PYTHONPATH={root}"]
    # Before the deployment that it shares the cores with: a late loader measures itself.
    command = [
        "nice",
        "-n",
        "-10",
        sys.executable,
        "-BPm",
        "topology.bench.steady",
        service,
        target,
        str(rate),
    ]
    load = Load()
    with subprocess.Popen(
        place.command([*environment, *command]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()  # it says when the first request was answered
            yield load
        finally:
            said, _ = process.communicate(timeout=_PATIENCE + 30)
    if process.returncode != 0 or not said:
        raise BenchError(f"no {service} request to {target} was answered")
    load.result = Steady(**json.loads(said))


class _Loop:
    """Sends requests as they fall due and takes answers."""

    def __init__(self, service: str, address: str, rate: int) -> None:
        self._target = (address, 80 if service == "http" else 53)
        self._query = None if service == "http" else dns_query(service)
        self._period = 1 / rate
        self._selector = selectors.DefaultSelector()
        self._open: OrderedDict[socket.socket, float] = OrderedDict()
        self._begun = self._due = self._last = time.monotonic()
        self._sent = self._answered = self._lost = 0
        self._gap = self._behind = 0.0
        self._counting = False

    def run(self) -> Steady:
        """Runs until the input is closed."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        end: float | None = None
        while end is None or (self._open and time.monotonic() < end):
            now = time.monotonic()
            if not self._counting and now - self._begun > _PATIENCE * 10:
                break
            while end is None and self._due <= now:
                self._behind = max(self._behind, now - self._due) if self._counting else 0.0
                # Patience counts from the sending: a late loader is not the server's fault.
                self._send(now)
                self._due += self._period
                now = time.monotonic()
            self._give_up(now)
            for key, events in self._selector.select(max(0.0, self._due - now)):
                if key.fileobj is sys.stdin:
                    self._selector.unregister(sys.stdin)
                    end = now + _PATIENCE
                    self._gap = max(self._gap, now - self._last)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._ready(key.fileobj, events, counting=end is None)
        self._lost += len(self._open)
        seconds = time.monotonic() - self._begun
        return Steady(self._sent, self._answered, self._lost, self._gap, self._behind, seconds)

    def _send(self, now: float) -> None:
        self._sent += 1
        kind = socket.SOCK_STREAM if self._query is None else socket.SOCK_DGRAM
        opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
        try:
            opened.connect_ex(self._target)
            if self._query is not None:
                opened.send(self._query)
        except OSError:
            opened.close()
            self._lost += 1
            return
        events = selectors.EVENT_WRITE if self._query is None else selectors.EVENT_READ
        self._selector.register(opened, events)
        self._open[opened] = now

    def _ready(self, opened: socket.socket, events: int, *, counting: bool) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                opened.send(_REQUEST)
                self._selector.modify(opened, selectors.EVENT_READ)
                return
            answer = opened.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            answer = b""
        good = answer.startswith(_GOOD) if self._query is None else _resolved(answer, self._query)
        self._close(opened)
        if not good:
            self._lost += 1
            return
        self._answered += 1
        now = time.monotonic()
        if not self._counting:
            self._begin(now)
        elif counting:
            self._gap = max(self._gap, now - self._last)
        self._last = now

    def _begin(self, now: float) -> None:
        """The first answer: what was before is forgotten, neighbours found and caches cold."""
        self._counting = True
        self._begun, self._sent, self._answered, self._lost = now, len(self._open), 0, 0
        self._due = max(self._due, now)
        sys.stdout.write("\n")
        sys.stdout.flush()

    def _give_up(self, now: float) -> None:
        while self._open:
            opened, sent = next(iter(self._open.items()))
            if now - sent < _PATIENCE:
                return
            self._close(opened)
            self._lost += 1

    def _close(self, opened: socket.socket) -> None:
        self._selector.unregister(opened)
        opened.close()
        del self._open[opened]


def dns_query(name: str) -> bytes:
    """The message that asks for the IPv4 address of a name (RFC 1035, section 4.1)."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return struct.pack(">HHHHHH", 0x1D1D, 0, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)


def _resolved(answer: bytes, query: bytes) -> bool:
    """Whether it is an answer to the query, without error and with a record."""
    if len(answer) < _HEAD or answer[:2] != query[:2]:
        return False
    return answer[3] & 0x0F == 0 and answer[6:8] != b"\0\0"


def main(service: str, address: str, rate: str) -> int:
    """Loads until the input is closed."""
    os.set_blocking(sys.stdin.fileno(), False)
    found = _Loop(service, address, int(rate)).run()
    json.dump(asdict(found), sys.stdout)
    return 0 if found.answered else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
