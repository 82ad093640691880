"""A topology's network from stock Linux parts: namespaces, veth, bridges, nftables, nginx, NSD.

It has the topology's own segments (a bridge each), nodes (a namespace each), addresses, MACs and
routes. Routers and firewalls are the kernel's forwarding, a firewall with the ruleset that the
project renders; web and DNS nodes are Debian's nginx and NSD. Outside clients and probes attach to
the bridges as they do to libvirt's.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from topology.bench.errors import BenchError
from topology.bench.stock.files import nginx_files, nsd_files
from topology.probe.outputs import OutsideOutput, RouteOutput, SegmentOutput, StackOutputs
from topology.probe.places import Place, Surroundings, outside_place
from topology.render.config import DNS_PORT, HTTP_PORT
from topology.render.nftables import drops, interface_names, nftables
from topology.resolve.types import Kind, ResolvedNode, ResolvedTopology

__all__ = ["BRIDGE", "StockError", "StockNetwork", "stock_network"]

BRIDGE = "tsb"
"""What the names of bridges begin with."""

_PATIENCE = 10.0
"""Seconds within which a server listens: nginx and NSD take a few hundredths."""

_FORWARDING = (
    # The order matters: this one sets others back.
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv6.conf.all.forwarding=1",
)
_LISTENS = {Kind.WEB: ("t", HTTP_PORT), Kind.DNS: ("u", DNS_PORT)}


class StockError(BenchError):
    """The stock network, or a server in it, did not come up."""


@dataclass(slots=True)
class StockNetwork:
    """The network while it is up; `directory` holds its servers' files."""

    name: str
    topology: ResolvedTopology
    directory: Path
    surroundings: Surroundings
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def outputs(self) -> StackOutputs:
        """What a stack would export of it, as far as clients need: no node has a domain."""
        outside = tuple(
            OutsideOutput(
                node=node.name,
                segment=i.segment,
                bridge=self.bridge(i.segment),
                mac=i.mac,
                addresses=tuple(str(a) for a in i.addresses),
                routes=tuple(
                    RouteOutput(prefix=str(r.prefix), via=str(r.via))
                    for r in node.routes
                    if r.interface == i.segment
                ),
                resolvers=tuple(str(a) for a in self._resolvers()),
            )
            for node in self.topology.nodes.values()
            if not node.deployed
            for i in node.interfaces
        )
        segments = {
            s.name: SegmentOutput(bridge=self.bridge(s.name), mtu=s.mtu)
            for s in self.topology.segments.values()
        }
        return StackOutputs(
            topology=self.topology.name,
            file="",
            variant="stock",
            nodes={},
            segments=segments,
            outside=outside,
        )

    def client(self, node: str = "") -> Place:
        """The place of an outside client (the first, if none is named), attached."""
        found = next(o for o in self.outputs().outside if node in ("", o.node))
        place = outside_place(self.name, found, self.surroundings)
        place.attach()
        return place

    def bridge(self, segment: str) -> str:
        """The bridge that is a segment."""
        return _short(BRIDGE, self.name, segment)

    def namespace(self, node: str) -> str:
        """The network namespace that is a node."""
        return f"{self.name}-{node}"

    def processes(self, node: str) -> tuple[int, ...]:
        """The processes of a node, by their numbers where libvirt runs."""
        said = self.surroundings.run(["ip", "netns", "pids", self.namespace(node)]).stdout
        return tuple(int(one) for one in said.split())

    def run(self, node: str, *command: str) -> str:
        """What a command says that runs where a node is."""
        inside = ["ip", "netns", "exec", self.namespace(node), *command]
        return self.surroundings.run(inside).stdout

    def up(self) -> None:
        """Makes all of it; raises `StockError` or `ProbeError`."""
        self.down()
        segments = self.topology.segments.values()
        self._ip(
            f"link {verb}"
            for s in segments
            for verb in (
                f"add {self.bridge(s.name)} mtu {s.mtu} type bridge forward_delay 0",
                f"set {self.bridge(s.name)} up",
            )
        )
        deployed = [n for n in self.topology.nodes.values() if n.deployed]
        for node in deployed:
            self._wire(node)
        for node in deployed:
            if node.kind in _LISTENS:
                self._serve(node)
        for node in deployed:
            if node.kind in _LISTENS:
                self._await(node)

    def down(self) -> None:
        """Ends every process and removes everything; nothing where there is nothing."""
        run = self.surroundings.run
        existing = set(run(["ip", "netns", "list"]).stdout.split())
        for name in sorted(self.topology.nodes):
            namespace = self.namespace(name)
            if namespace not in existing:
                continue
            if running := run(["ip", "netns", "pids", namespace]).stdout.split():
                run(["kill", "-KILL", *running], check=False)  # some may have ended by themselves
            run(["ip", "netns", "del", namespace])
        for process in self.servers.values():
            process.wait(timeout=_PATIENCE)
        self.servers.clear()
        ports = [self._port(n, s) for n in self.topology.nodes for s in self.topology.segments]
        for link in (*ports, *(self.bridge(s) for s in self.topology.segments)):
            # A namespace goes in the kernel's own time, and its interfaces with it.
            run(["ip", "link", "del", link], check=False)

    def _wire(self, node: ResolvedNode) -> None:
        """Makes a node's namespace, its interfaces, addresses, routes and rules."""
        namespace, names = self.namespace(node.name), interface_names(node)
        self.surroundings.run(["ip", "netns", "add", namespace])
        if node.kind.forwards:
            self.run(node.name, "sysctl", "-q", "-w", *_FORWARDING)
        else:
            self.run(node.name, "sysctl", "-q", "-w", "net.core.somaxconn=4096")
        outer, inner = [], ["link set lo up"]
        for i in node.interfaces:
            port, name = self._port(node.name, i.segment), names[i.segment]
            far = f"address {i.mac} mtu {i.mtu} netns {namespace}"
            outer += [
                f"link add {port} mtu {i.mtu} type veth peer name {name} {far}",
                f"link set {port} master {self.bridge(i.segment)} up",
            ]
            inner.append(f"link set {name} up")
            inner += [
                # Duplicate address detection would leave an IPv6 address unusable for a second.
                f"address add {a} dev {name}" + (" nodad" if a.version == 6 else "")
                for a in i.addresses
            ]
        inner += [
            f"route replace {r.prefix} via {r.via} dev {names[r.interface]}" for r in node.routes
        ]
        self._ip(outer)
        self._ip(inner, namespace)
        if drops(node):
            rules = self._folder(node) / "rules.nft"
            # A list however long, as people write them: the containers' tree is what is compared.
            rules.write_text(nftables(node, as_list=True), encoding="utf-8")
            self.run(node.name, "nft", "-f", str(rules))

    def _serve(self, node: ResolvedNode) -> None:
        folder = self._folder(node)
        make = nginx_files if node.kind is Kind.WEB else nsd_files
        for name, data in make(node, folder).items():
            (folder / name).write_bytes(data)
        if node.kind is Kind.WEB:
            command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        else:
            command = ["nsd", "-d", "-c", str(folder / "nsd.conf")]
        inside = ["ip", "netns", "exec", self.namespace(node.name), *command]
        with (folder / "said").open("wb") as said:
            self.servers[node.name] = subprocess.Popen(
                self.surroundings.command(inside),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                # Scheduled by itself, as libvirt's are, and not with whoever loads it.
                start_new_session=True,
            )

    def _await(self, node: ResolvedNode) -> None:
        """Waits until a node's server listens."""
        kind, port = _LISTENS[node.kind]
        deadline = time.monotonic() + _PATIENCE
        while not self.run(node.name, "ss", f"-Hnl{kind}", f"sport = :{port}"):
            if self.servers[node.name].poll() is not None or time.monotonic() > deadline:
                said = (self._folder(node) / "said").read_text(errors="replace").strip()
                raise StockError(f"the stock server of {node.name} does not listen: {said}")
            time.sleep(0.02)  # between looks

    def _folder(self, node: ResolvedNode) -> Path:
        folder = self.directory / node.name
        folder.mkdir(exist_ok=True)
        return folder

    def _ip(self, lines: Iterator[str] | Sequence[str], namespace: str = "") -> None:
        """Runs commands of ip(8) at once."""
        batch = self.directory / "batch"
        batch.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        inside = ["-n", namespace] if namespace else []
        self.surroundings.run(["ip", *inside, "-batch", str(batch)])

    def _port(self, node: str, segment: str) -> str:
        return _short("tsp", self.name, node, segment)

    def _resolvers(self) -> Iterator[str]:
        for node in self.topology.nodes.values():
            if node.kind is Kind.DNS:
                yield from (str(a.ip) for i in node.interfaces for a in i.addresses)


@contextmanager
def stock_network(
    topology: ResolvedTopology,
    surroundings: Surroundings,
    name: str = "stock",
    within: Path | None = None,
) -> Iterator[StockNetwork]:
    """The network for the time of the block, its files in a directory `within` another.

    Raises `StockError` where a server does not come up, `ProbeError` where a tool is missing.
    """
    with tempfile.TemporaryDirectory(prefix="stock-", dir=within) as directory:
        # nginx's worker and NSD serve as nobody.
        Path(directory).chmod(0o755)
        network = StockNetwork(name, topology, Path(directory), surroundings)
        try:
            network.up()
            yield network
        finally:
            network.down()


def _short(prefix: str, *words: str) -> str:
    """A name that an interface may have: 15 characters at most."""
    return prefix + hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]
