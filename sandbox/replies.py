"""When each new node first replied: asked every few milliseconds from its own segment.

`Replies` runs `python3 -m sandbox.replies` in the lab's network namespace while `pulumi up` works.
It puts frames on the segments' bridges as a host with an unused address would, so that nothing is
configured and the nodes' path to the outside plays no part: a web server replies when it takes a
connection, a DNS server when it answers a query, a router or firewall when it resolves its address.
"""

from __future__ import annotations

import json
import math
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface

from . import frames
from .frames import TCP, UDP, Ask, Target
from .paths import Lab
from .process import SYSTEM_PATH

__all__ = ["Replies", "targets"]

INTERVAL = 0.005
PATIENCE = 10.0  # for nodes that still boot, on a busy machine, when `pulumi up` is done
EVERY_PROTOCOL = 0x0003
SERVICES = {"web": TCP, "dns": UDP}


def targets(plan: Mapping[str, object], nodes: frozenset[str]) -> list[Target]:
    """Return whom to ask of a plan's nodes, as `topology plan --json` prints it.

    Raises KeyError, TypeError or ValueError if it is no such plan.
    """
    domains, outside = plan["domains"], plan["outside"]
    assert isinstance(domains, list)
    assert isinstance(outside, list)
    nics = [nic for domain in domains for nic in domain["nics"]]
    taken = {
        IPv4Interface(address).ip
        for nic in [*nics, *outside]
        for address in nic["addresses"]
        if ":" not in address
    }
    return [
        target for domain in domains if domain["node"] in nodes for target in _target(domain, taken)
    ]


def _target(domain: Mapping[str, object], taken: set[IPv4Address]) -> Iterator[Target]:
    nics, config, kind = domain["nics"], domain["config"], str(domain["kind"])
    assert isinstance(nics, list)
    assert isinstance(config, dict)
    for nic in nics:
        for text in nic["addresses"]:
            if ":" in text:
                continue
            interface = IPv4Interface(text)
            free = next(
                host
                for host in map(IPv4Address, range(int(interface.network[-1]) - 1, 0, -1))
                if host not in taken
            )
            port = int(config[kind]["port"]) if kind in SERVICES else 0
            yield Target(
                str(domain["node"]),
                str(nic["bridge"]),
                interface.ip,
                free,
                SERVICES.get(kind, 0),
                port,
            )
            return


class Replies:
    """Asks while it is entered; `times` then holds monotonic seconds by node."""

    def __init__(self, lab: Lab, asked: Sequence[Target]) -> None:
        self._lab = lab
        self._asked = asked
        self.times: dict[str, float] = {}

    def __enter__(self) -> Replies:
        namespace = self._lab.namespaces / "net"
        self._process = subprocess.Popen(
            ["nsenter", f"--net={namespace}", sys.executable, "-BPm", "sandbox.replies"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "PYTHONPATH": str(self._lab.root)},
        )
        assert self._process.stdin is not None
        told = [[*_plain(target)] for target in self._asked]
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, *error: object) -> None:
        said, _ = self._process.communicate(timeout=PATIENCE + 10)  # closing its input ends it
        if self._process.returncode == 0:
            self.times = {str(node): float(at) for node, at in json.loads(said).items()}


def _plain(target: Target) -> Iterator[str | int]:
    yield from (target.node, target.bridge, str(target.address), str(target.source))
    yield from (target.protocol, target.port)


def _read(line: str) -> list[Target]:
    return [
        Target(node, bridge, IPv4Address(address), IPv4Address(source), protocol, port)
        for node, bridge, address, source, protocol, port in json.loads(line)
    ]


class _Asker:
    """Asks one target until it replies."""

    def __init__(self, target: Target, selector: selectors.BaseSelector) -> None:
        self.target = target
        self.replied: float | None = None
        self._selector = selector
        self._socket: socket.socket | None = None
        self._ask = Ask(bytes(6))

    def ask(self) -> None:
        """Send the next question; the bridge may not be there yet, or be gone."""
        try:
            if self._socket is None:
                self._open()
            if self._socket is not None and self.replied is None:
                self._socket.send(frames.question(self.target, self._ask))
        except OSError:
            self._close()

    def _open(self) -> None:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
        try:
            opened.bind((self.target.bridge, EVERY_PROTOCOL))
        except OSError:
            opened.close()
            raise
        self._socket = opened
        self._ask = Ask(opened.getsockname()[4])
        self._selector.register(opened, selectors.EVENT_READ, self)

    def _close(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def receive(self) -> None:
        """Take what came; ask on at once when it is the link address."""
        assert self._socket is not None
        try:
            frame = self._socket.recv(2048)
        except OSError:
            self._close()
            return
        if self._ask.theirs == frames.BROADCAST:
            if theirs := frames.link_address(frame, self.target):
                if self.target.protocol == 0:
                    self._end()
                    return
                self._ask = Ask(self._ask.ours, theirs)
                self.ask()
        elif frames.is_reply(frame, self.target):
            if self.target.protocol == TCP:
                self._socket.send(frames.reset(self.target, self._ask))
            self._end()

    def _end(self) -> None:
        self.replied = time.monotonic()
        self._close()


def main() -> int:
    """Read the targets, ask them until all replied or nobody cares, and print when each did."""
    with selectors.DefaultSelector() as selector:
        askers = [_Asker(target, selector) for target in _read(sys.stdin.readline())]
        selector.register(sys.stdin, selectors.EVENT_READ)
        due = time.monotonic()
        until = math.inf
        while time.monotonic() < until and any(asker.replied is None for asker in askers):
            now = time.monotonic()
            if now >= due:
                due = now + INTERVAL
                for asker in askers:
                    if asker.replied is None:
                        asker.ask()
            for key, _ in selector.select(due - now):
                if key.data is None:  # nobody writes any more: `pulumi up` is done
                    selector.unregister(sys.stdin)
                    until = time.monotonic() + PATIENCE
                else:
                    key.data.receive()
    found = {asker.target.node: asker.replied for asker in askers if asker.replied is not None}
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
