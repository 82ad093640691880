"""What differs between two topologies, as data: four sections, each empty only when it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from topology.diagnostics import Diagnostics
from topology.plan.types import ReplaceOrder, Variant

__all__ = [
    "Action",
    "Change",
    "DeploymentDiff",
    "Diff",
    "FieldChange",
    "FlowChange",
    "FlowDiff",
    "Interruption",
    "NodeAction",
    "Place",
    "Reason",
    "SegmentAction",
    "StatementChange",
    "Step",
    "StructureChange",
    "Thing",
    "Verdict",
]


class Thing(StrEnum):
    """What a structural change is about, in the order in which a reader wants them."""

    TOPOLOGY = "topology"
    ZONE = "zone"
    SEGMENT = "segment"
    NODE = "node"
    INTERFACE = "interface"
    ROUTE = "route"
    SERVICE = "service"
    POLICY = "policy"
    RULE = "rule"
    RECORD = "record"
    RESOURCE = "resource"
    MANAGEMENT = "management"
    STATEMENT = "statement"


class Change(StrEnum):
    """What happened to a thing; `FOLLOWS`: it says the same, and what it names has changed."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"
    MOVED = "moved"
    FOLLOWS = "follows"

    @property
    def symbol(self) -> str:
        """The sign that stands before it in a listing."""
        return _CHANGE_SYMBOLS[self]


_CHANGE_SYMBOLS: Mapping[Change, str] = {
    Change.ADDED: "+",
    Change.REMOVED: "-",
    Change.CHANGED: "~",
    Change.RENAMED: "=",
    Change.MOVED: ">",
    Change.FOLLOWS: ".",
}


class Action(StrEnum):
    """What a deployment does with a node or a segment."""

    CREATE = "create"
    REPLACE = "replace"
    DESTROY = "destroy"
    KEEP = "keep"

    @property
    def symbol(self) -> str:
        """Pulumi's sign for it."""
        return _ACTION_SYMBOLS[self]


_ACTION_SYMBOLS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.REPLACE: "+-",
    Action.DESTROY: "-",
    Action.KEEP: " ",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: the file as its side is called, the line from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's text on both sides; empty where it has none."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class StructureChange:
    """One thing that is declared otherwise.

    `name` is what it is called on the new side, or on the old one when removed. `was` is what
    it was called, or whose it was, when renamed or moved. `meaning` tells of a moved rule
    whether the move changes what the policy permits.
    """

    thing: Thing
    name: str
    change: Change
    fields: tuple[FieldChange, ...] = ()
    was: str = ""
    remark: str = ""
    meaning: bool | None = None
    old: Place | None = None
    new: Place | None = None


class FlowChange(StrEnum):
    """What happened to flows."""

    OPENED = "opened"
    CLOSED = "closed"
    REROUTED = "re-routed"

    @property
    def symbol(self) -> str:
        """The sign that stands before it in a listing."""
        return {"opened": "+", "closed": "-"}.get(self.value, "~")


@dataclass(frozen=True, slots=True)
class FlowDiff:
    """Flows that share one fate: every source to every destination by every service.

    `sources` and `destinations` are names, or ranges of addresses that no name has. `old` and
    `new` say what decided and decides, `packet` is one of the flows.
    """

    change: FlowChange
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    services: tuple[str, ...]
    old: str
    new: str
    packet: str
    old_at: Place | None = None
    new_at: Place | None = None


class Verdict(StrEnum):
    """Whether a statement holds, on one side.

    `SAME`: the difference cannot reach what it is about, and it was not proved again.
    """

    HOLDS = "holds"
    BROKEN = "broken"
    ABSENT = "absent"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class StatementChange:
    """A statement that is new, gone, or holds on one side alone; or that is broken.

    `because` says what breaks it, `packet` is the packet that does, `path` where it goes.
    """

    name: str
    says: str
    old: Verdict
    new: Verdict
    because: str = ""
    packet: str = ""
    path: tuple[str, ...] = ()
    place: Place | None = None

    @property
    def newly_broken(self) -> bool:
        """Whether the change breaks it, or brings it broken."""
        return self.new is Verdict.BROKEN and self.old is not Verdict.BROKEN


@dataclass(frozen=True, slots=True)
class Reason:
    """A field of the plan that makes a replacement: what it is, and both its values."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class NodeAction:
    """What happens to a node; `order` says which generation goes first when it is replaced."""

    node: str
    kind: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    order: ReplaceOrder | None = None


@dataclass(frozen=True, slots=True)
class SegmentAction:
    """What happens to a segment's network."""

    segment: str
    action: Action
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What happens together, after the step before: `what` to these nodes or segments."""

    what: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interruption:
    """What is without a path while a node is replaced.

    `seconds` is what this project measured for one replacement of this kind. `cut_off` names
    untouched and replaced neighbours alike, `between` the segments that lose each other.
    """

    node: str
    seconds: float
    clients: tuple[str, ...]
    cut_off: tuple[str, ...]
    between: tuple[tuple[str, ...], ...] = ()
    flows: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentDiff:
    """What deploying the new side over the old one does, in one variant."""

    variant: Variant
    segments: tuple[SegmentAction, ...]
    nodes: tuple[NodeAction, ...]
    steps: tuple[Step, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    problem: str = ""

    def names(self, action: Action) -> tuple[str, ...]:
        """The nodes that this happens to."""
        return tuple(one.node for one in self.nodes if one.action is action)

    @property
    def changes(self) -> bool:
        """Whether anything is done at all."""
        kept = [one.action is Action.KEEP for one in self.nodes]
        kept += [one.action is Action.KEEP for one in self.segments]
        return not all(kept)


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that differs; `flows` and `statements` are `None` where a side is invalid.

    `diagnostics` are those of the old and of the new side. `notes` tell what was not compared,
    or only assumed.
    """

    old: str
    new: str
    topology: str
    structure: tuple[StructureChange, ...]
    flows: tuple[FlowDiff, ...] | None
    deployments: tuple[DeploymentDiff, ...]
    statements: tuple[StatementChange, ...] | None
    diagnostics: tuple[Diagnostics, Diagnostics]
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is any difference, as `--exit-code` means it."""
        return bool(
            self.structure
            or self.flows
            or any(one.old is not one.new for one in self.statements or ())
            or any(one.changes or one.problem for one in self.deployments)
        )
