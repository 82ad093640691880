"""Where loads are put: a subject's network with its two places, on cores that are the same for all.

`segment` is a host of ours beside the servers: nothing is in between. `through` is the outside
client, whose packets pass firewall and router. Both are the same for every subject.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from topology.bench.load.errors import LoadError
from topology.bench.record import Subject
from topology.bench.stock import StockNetwork, stock_network
from topology.bench.topologies import SINK, with_sink
from topology.pipeline import require_file
from topology.probe.outputs import OutsideOutput, StackOutputs
from topology.probe.places import Place, Surroundings, outside_place
from topology.probe.run import beside_place
from topology.resolve.types import Kind, ResolvedNode, ResolvedTopology

if TYPE_CHECKING:  # the measures, whose room this is, import what is here
    from topology.bench.measure.base import Bench

__all__ = ["PATHS", "Cores", "Site", "cores", "site"]

PATHS = ("segment", "through")


@dataclass(frozen=True, slots=True)
class Cores:
    """What loads and what serves may run on, as taskset's lists."""

    load: str
    serve: str


def cores(path: str) -> Cores:
    """The cores of a path, the same for every subject and two at most on any machine.

    On the segment one loads and another serves. Through firewall and router both do both: the
    kernel forwards on the core of whoever sends, QEMU in processes of its own, so that with cores
    told apart some subjects would have more of them.
    """
    usable = sorted(os.sched_getaffinity(0))
    first, last = usable[0], usable[-1]
    if path == "segment":
        return Cores(str(first), str(last))
    return Cores(f"{first},{last}", f"{first},{last}")


@dataclass(slots=True)
class Site:
    """A subject's network while a measure loads it."""

    subject: Subject
    name: str
    topology: ResolvedTopology
    outputs: StackOutputs
    surroundings: Surroundings
    processes: Callable[[str], Sequence[int]]
    """The processes of a node, by their numbers where libvirt runs."""
    places: dict[str, Place] = field(default_factory=dict)
    settled: Cores | None = None

    def place(self, path: str) -> Place:
        """Where a client of that path stands."""
        return self.places[path]

    def sink(self) -> Place:
        """The host in the DMZ that bulk and small packets go to, attached."""
        found = outside_place(self.name, self._outside(SINK), self.surroundings)
        found.attach()
        self.places.setdefault(SINK, found)
        return found

    def node(self, kind: Kind) -> ResolvedNode:
        """The only node of a kind."""
        (found,) = (n for n in self.topology.nodes.values() if n.kind is kind)
        return found

    def address(self, kind: Kind) -> IPv4Address:
        """The IPv4 address of the only node of a kind."""
        (interface,) = self.node(kind).interfaces
        return next(a.ip for a in interface.addresses if isinstance(a.ip, IPv4Address))

    def page(self) -> str:
        """The URL of the web server's page."""
        return f"http://{self.address(Kind.WEB)}/"

    def settle(self, path: str) -> Cores:
        """Puts the processes of all nodes on the cores of a path; returns them."""
        chosen = cores(path)
        if self.settled != chosen:
            for node in (n for n in self.topology.nodes.values() if n.deployed):
                for number in self.processes(node.name):
                    command = ["taskset", "--all-tasks", "--pid", "--cpu-list", chosen.serve]
                    self.surroundings.run([*command, str(number)])
            self.settled = chosen
        return chosen

    def attach(self) -> None:
        """Makes both places, with ports enough for a connection of its own for each request."""
        client = next(n for n, o in self._external().items() if n != SINK)
        segment = self.node(Kind.WEB).interfaces[0].segment
        self.places["through"] = outside_place(self.name, self._outside(client), self.surroundings)
        self.places["segment"] = beside_place(
            self.name, self.topology, self.outputs, segment, self.surroundings
        )
        for place in self.places.values():
            place.attach()
            wide = place.run(["sysctl", "-q", "-w", "net.ipv4.ip_local_port_range=1024 65535"])
            if wide.returncode != 0:
                raise LoadError(f"{place.name}: {wide.stderr.strip()}")

    def await_replies(self) -> None:
        """Asks the page and its name from both places until the nodes have booted.

        Raises `LoadError` where they do not within some seconds.
        """
        curl = ["curl", "-sSf", "-o", "/dev/null", "--max-time", "2", "--connect-timeout", "1"]
        curl += ["--retry", "20", "--retry-all-errors", "--retry-delay", "0"]
        curl += ["--retry-max-time", "30", self.page()]
        dig = ["dig", "+time=1", "+tries=15", f"@{self.address(Kind.DNS)}", "."]
        for path in PATHS:
            for command in (curl, dig):
                done = self.places[path].run(command)
                if done.returncode != 0:
                    said = (done.stderr or done.stdout).strip()
                    raise LoadError(f"{self.subject} does not answer ({path}): {said}")

    def detach(self) -> None:
        """Removes the places."""
        for place in self.places.values():
            place.detach()

    def _external(self) -> Mapping[str, OutsideOutput]:
        return {one.node: one for one in self.outputs.outside}

    def _outside(self, node: str) -> OutsideOutput:
        try:
            return self._external()[node]
        except KeyError as error:
            raise LoadError(f"{self.name} has no external node {node}") from error


@contextmanager
def site(subject: Subject, bench: Bench, *, sink: bool = False, rules: int = 0) -> Iterator[Site]:
    """A subject's network, up and with its places, for the time of the block.

    With a `sink` (or more `rules`) it is not the proof of concept but that with more in it; a
    stack with a sink is deployed once for all measures that need one, as the first is.
    """
    poc = bench.root / "poc.yaml"
    text = with_sink(poc, rules) if sink or rules else None
    if subject is Subject.STOCK:
        with TemporaryDirectory(dir=bench.scratch) as directory:
            name = f"bench-stock-{rules}" if rules else "bench-stock"
            file = poc if text is None else _written(text, bench.root, Path(directory))
            with stock_network(
                require_file(file), bench.surroundings, name, bench.scratch
            ) as stock:
                yield from _ready(_of_stock(stock))
        return
    stack = bench.stack(subject, text, shared=not rules)
    found = Site(
        subject,
        stack.name,
        require_file(stack.file),
        stack.outputs(),
        bench.surroundings,
        lambda node: _of_domain(stack.variant, stack.outputs().nodes[node].domain, bench),
    )
    yield from _ready(found)


def _ready(found: Site) -> Iterator[Site]:
    try:
        found.attach()
        found.await_replies()
        yield found
    finally:
        found.detach()


def _of_stock(stock: StockNetwork) -> Site:
    return Site(
        Subject.STOCK,
        stock.name,
        stock.topology,
        stock.outputs(),
        stock.surroundings,
        stock.processes,
    )


def _of_domain(variant: str, domain: str, bench: Bench) -> list[int]:
    """A domain's processes: QEMU, or LXC's controller and what it started."""
    driver = "qemu" if variant == "unikernel" else "lxc"
    said = bench.surroundings.run(["cat", f"/run/libvirt/{driver}/{domain}.pid"]).stdout
    found, waiting = [], [int(said)]
    while waiting:
        number = waiting.pop()
        found.append(number)
        below = bench.surroundings.run(["pgrep", "-P", str(number)], check=False).stdout
        waiting += [int(one) for one in below.split()]
    return found


def _written(text: str, root: Path, directory: Path) -> Path:
    """A topology as a file, with the project's content beside it."""
    shutil.copytree(root / "content", directory / "content")
    file = directory / "topology.yaml"
    file.write_text(text, encoding="utf-8")
    return file
