"""Asks instances until each answers rightly: a process in the network namespace of their ports.

It is told on standard input, a JSON object a line, whom to ask and whom no more, and says on
standard output when each answered, in nanoseconds of the monotonic clock.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sandbox.frames import Target
from topology.bench.errors import BenchError
from topology.bench.fleet.conversation import Conversation, Question
from topology.probe.places import Surroundings

__all__ = ["Asker"]

_EVERY_PROTOCOL = 0x0003


class Asker:
    """Asks while it is entered. `interval` is in seconds: how finely answers are told apart."""

    def __init__(self, surroundings: Surroundings, interval: float = 0.002) -> None:
        command = [sys.executable, "-BPm", "topology.bench.fleet.asker", str(interval)]
        self._command = surroundings.command(command)
        self._answered: dict[str, int] = {}
        self._news = threading.Condition()

    def __enter__(self) -> Asker:
        root = str(Path(__file__).parents[3])
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": root},
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # it says when it listens
            raise BenchError("nobody asks: the process in libvirt's network did not start")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate(timeout=10)  # closing its input ends it
        self._thread.join()

    def ask(self, name: str, question: Question) -> None:
        """Begins to ask the instance of this name; its earlier answer is forgotten."""
        with self._news:
            self._answered.pop(name, None)
        target = question.target
        self._tell(
            {
                "name": name,
                "port": target.bridge,
                "address": str(target.address),
                "source": str(target.source),
                "protocol": target.protocol,
                "service": target.port,
                "request": question.request.hex(),
                "wanted": question.wanted,
            }
        )

    def wait(self, name: str, timeout: float) -> float | None:
        """When it answered, in seconds of the monotonic clock; `None` if not within `timeout`."""
        deadline = time.monotonic() + timeout
        with self._news:
            while name not in self._answered:
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    self._tell({"name": name})
                    return None
                self._news.wait(min(left, 1.0))
            return self._answered[name] / 1e9

    def _tell(self, line: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._news:
                self._answered[said["name"]] = said["at"]
                self._news.notify_all()


class _Line:
    """A conversation and the port that it goes through."""

    def __init__(self, name: str, question: Question, selector: selectors.BaseSelector) -> None:
        self.name = name
        self._question = question
        self._selector = selector
        self._socket: socket.socket | None = None
        self._taken = Path(f"/sys/class/net/{question.target.bridge}/statistics/tx_packets")
        self._before: bytes | None = None
        self.conversation: Conversation | None = None

    def tick(self, now: float) -> None:
        """Sends what is due; the port may not be there yet, be down, or be gone."""
        try:
            if self._socket is None:
                self._open()
            assert self._socket is not None
            assert self.conversation is not None
            # A virtual machine's port keeps what is sent to it until the guest takes it, and counts
            # it then: a guest that is not there yet shall not find a hundred questions waiting.
            taken = self._taken.read_bytes()
            if taken != self._before and (said := self.conversation.tick(now)):
                self._before = taken
                for frame in said:
                    self._socket.send(frame)
        except OSError:
            self.close()

    def receive(self) -> bool:
        """Takes what came; whether the answer was among it."""
        if self._socket is None or self.conversation is None:
            return False  # left in the same round
        try:
            while not self.conversation.done:
                frame, address = self._socket.recvfrom(65536)
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                for answer in self.conversation.receive(frame, time.monotonic()):
                    self._socket.send(answer)
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        return self.conversation.done

    def _open(self) -> None:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
        try:
            opened.bind((self._question.target.bridge, _EVERY_PROTOCOL))
        except OSError:
            opened.close()
            raise
        self._socket = opened
        # The port's own address: what is sent to it, the bridge hands to nobody else.
        first = time.monotonic_ns() >> 16
        self.conversation = Conversation(self._question, opened.getsockname()[4], first)
        self._selector.register(opened, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Leaves the port; asking on takes it anew."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
            self._before = None


def _question(told: Mapping[str, Any]) -> Question:
    target = Target(
        node=told["name"],
        bridge=told["port"],
        address=IPv4Address(told["address"]),
        source=IPv4Address(told["source"]),
        protocol=told["protocol"],
        port=told["service"],
    )
    return Question(target, bytes.fromhex(told["request"]), told["wanted"])


def main(interval: float) -> None:
    """Reads whom to ask until the input ends."""
    os.set_blocking(sys.stdin.fileno(), False)
    lines: dict[str, _Line] = {}
    unread = b""
    due = time.monotonic()
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now >= due:
                due = now + interval
                for line in lines.values():
                    line.tick(now)
            for key, _ in selector.select(due - now if lines else None):
                if isinstance(key.data, _Line):
                    if lines.get(key.data.name) is key.data and key.data.receive():
                        at = time.monotonic_ns()
                        sys.stdout.write(json.dumps({"name": key.data.name, "at": at}) + "\n")
                        sys.stdout.flush()
                        lines.pop(key.data.name).close()
                    continue
                part = os.read(sys.stdin.fileno(), 1 << 16)
                if not part:
                    return
                *told, unread = (unread + part).split(b"\n")
                for one in map(json.loads, told):
                    if one["name"] in lines:
                        lines.pop(one["name"]).close()
                    if "port" in one:
                        lines[one["name"]] = _Line(one["name"], _question(one), selector)
                due = 0.0


if __name__ == "__main__":
    main(float(sys.argv[1]))
