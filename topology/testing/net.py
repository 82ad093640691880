"""A topology to ask in a test what gets through it, for all packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from topology.diagnostics import did_you_mean, display_path
from topology.errors import InvalidTopologyError, TopologyError
from topology.load import Loaded
from topology.model import Protocol, Topology
from topology.pipeline import Read, read_file, resolve_topology
from topology.reach.network import Network
from topology.reach.statements import Prover
from topology.reach.story import tell
from topology.reach.trace import Trace
from topology.reach.verdict import Proof, Verdict
from topology.resolve import Names
from topology.resolve.services import resolve_services
from topology.resolve.types import ResolvedStatement, ResolvedTopology, StatementKind

__all__ = ["Net", "PartlyReached", "Reached", "UnknownName"]


class UnknownName(TopologyError):
    """A test names a node, zone, segment or service that the topology does not have."""


class PartlyReached(TopologyError):
    """Some packets get through and some do not: neither yes nor no is true of all."""


@dataclass(frozen=True, slots=True, repr=False)
class Reached:
    """Whether services open from sources to destinations: true of all packets, or of none.

    Where some get through and some do not, its truth value raises `PartlyReached`.
    """

    question: str
    lost: str
    arrives: str

    def __bool__(self) -> bool:
        if self.lost and self.arrives:
            raise PartlyReached(
                f"{self.question}: some packets get through and some do not\n"
                f"one that does:\n{self.arrives}\none that does not:\n{self.lost}"
            )
        return not self.lost

    @property
    def evidence(self) -> str:
        """A packet and its way, line by line: one that is lost, or one that arrives."""
        return self.lost or self.arrives or f"{self.question}: for all packets"

    def __repr__(self) -> str:
        return " ".join(self.evidence.split())


class Net:
    """A resolved topology with questions."""

    def __init__(self, read: Read) -> None:
        """Raises `InvalidTopologyError` when what was read has errors."""
        if read.resolved is None or read.loaded.topology is None:
            raise InvalidTopologyError(read.diagnostics)
        self.topology: Topology = read.loaded.topology
        self.resolved: ResolvedTopology = read.resolved
        self.asked: list[Reached] = []
        self._read = read

    @classmethod
    def from_file(cls, path: Path | str) -> Net:
        """The topology of a file; raises `InvalidTopologyError` when it has errors."""
        return cls(read_file(path))

    @classmethod
    def of(cls, topology: Topology, base: Path | str = ".") -> Net:
        """A topology made in code; raises `InvalidTopologyError` when it has errors."""
        resolved, diagnostics = resolve_topology(topology, base)
        return cls(Read(Loaded(topology, None, diagnostics), resolved, diagnostics))

    @cached_property
    def network(self) -> Network:
        """The network that sets of flows travel through."""
        return Network(self.resolved)

    def prove(self) -> Proof:
        """The verdict on every statement of the topology."""
        prover = self._prover
        return Proof({name: prover.verdict(s) for name, s in self.resolved.statements.items()})

    def reach(
        self, sources: str | Sequence[str], destinations: str | Sequence[str], service: str
    ) -> Reached:
        """Whether a service opens from sources to destinations (nodes, zones, segments).

        True: every packet of it that a source sends gets there, and the answer comes back.
        False: nobody where the sources stand gets any packet of it through. The truth value
        raises `PartlyReached` when neither is so; asking raises `UnknownName`.
        """
        near, far = self._nodes(sources), self._nodes(destinations)
        matches = (
            () if service == "any" else resolve_services(self.topology, [self._known(service)])
        )
        wanted = ResolvedStatement("reach", StatementKind.REACH, near, far, matches)
        forbidden = ResolvedStatement("isolate", StatementKind.ISOLATE, near, far, matches)
        question = f"{service} from {_shown(sources)} to {_shown(destinations)}"
        lost = self._prover.verdict(wanted)
        arrives = self._prover.verdict(forbidden)
        reached = Reached(question, self._evidence(lost), self._evidence(arrives))
        self.asked.append(reached)
        return reached

    @cached_property
    def _prover(self) -> Prover:
        return Prover(self.network)

    @cached_property
    def _names(self) -> Names:
        return Names(self.topology)

    def _nodes(self, selectors: str | Sequence[str]) -> tuple[str, ...]:
        chosen = [selectors] if isinstance(selectors, str) else list(selectors)
        for selector in chosen:
            if selector not in self._names.selectors:
                hint = did_you_mean(selector, self._names.selectors, "names")
                raise UnknownName(f"there is no node, zone or segment `{selector}`: {hint}")
        return self._names.nodes(chosen)

    def _known(self, service: str) -> str:
        known = {*self.topology.services, *Protocol}
        if service not in known and "/" not in service:
            raise UnknownName(f"there is no service `{service}`: {did_you_mean(service, known)}")
        return service

    def _evidence(self, verdict: Verdict) -> str:
        if verdict.broken is None:
            return ""
        traces = [t for t in (verdict.broken.question, verdict.broken.trace) if t is not None]
        return "\n".join([verdict.summary, *(self._way(trace) for trace in traces)])

    def _way(self, trace: Trace) -> str:
        lines = [f"  {trace.packet}"]
        for told in tell(trace, self.resolved, self.topology):
            position = self._read.locate(told.path) if told.path else None
            place = str(position) if position is not None else display_path(told.path)
            lines.append(f"    {told.node} {told.text}" + (f" ({place})" if place else ""))
        return "\n".join(lines)


def _shown(selectors: str | Sequence[str]) -> str:
    return selectors if isinstance(selectors, str) else ", ".join(selectors)
