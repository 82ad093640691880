"""What the file says today and was not applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from topology.drift.applied import Applied
from topology.drift.mend import Mend
from topology.drift.types import Code, Drift, Thing
from topology.image import ImageError, lookup
from topology.plan import image_roles, plan_as
from topology.plan.record import DeployedNode, DeployedSegment, nodes_of, segments_of
from topology.plan.types import Deployment, ImageRef
from topology.resolve.types import ResolvedTopology

__all__ = ["file_drifts", "planned_today"]

_SHOWN = 3


def planned_today(applied: Applied, topology: ResolvedTopology, *, root: Path) -> Deployment:
    """What `pulumi up` would deploy, as far as it is known without building anything.

    An image whose sources changed is another one if the store has it, else the one that runs.
    """
    settings = applied.record.settings
    roles = image_roles(topology, settings.variant)
    unknown = {role: ImageRef(role, settings.variant, "0" * 64, 0, Path()) for role in roles}
    images = unknown | applied.record.images()
    # Without a compiler to ask which sources an image is of, the ones that run stand.
    with suppress(ImageError):
        images |= lookup(settings.variant, roles, root=root)
    return plan_as(settings, topology, images)


def file_drifts(applied: Applied, today: Deployment, mend: Mend) -> Iterator[Drift]:
    """Nodes and segments of which the file says something else than was applied."""
    record = applied.record
    nodes, segments = nodes_of(today), segments_of(today)
    for name in sorted({*record.nodes, *nodes}):
        said = _node(record.nodes.get(name), nodes.get(name))
        if said is not None:
            yield Drift(Code.NOT_APPLIED, Thing.NODE, name, *said, mend.up())
    for name in sorted({*record.segments, *segments}):
        differs = _segment(record.segments.get(name), segments.get(name))
        if differs is not None:
            yield Drift(Code.NOT_APPLIED, Thing.SEGMENT, name, *differs, mend.up())


def _node(old: DeployedNode | None, new: DeployedNode | None) -> tuple[str, str] | None:
    if old is None or new is None:
        return ("no such node", "in the file") if old is None else ("deployed", "not in the file")
    if old.digest == new.digest:
        return None
    return _facts(_all_facts(old), _all_facts(new))


def _all_facts(node: DeployedNode) -> dict[str, str]:
    digests = {"image": node.image, "firmware": node.firmware}
    return {**node.facts, **{name: f"sha256 {digest[:12]}" for name, digest in digests.items()}}


def _segment(old: DeployedSegment | None, new: DeployedSegment | None) -> tuple[str, str] | None:
    if old is None or new is None:
        where = "in the file", "not in the file"
        return ("no such segment", where[0]) if old is None else ("deployed", where[1])
    return None if old.generation == new.generation else _facts(old.facts, new.facts)


def _facts(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, str]:
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if not differing:
        return "another form of the same", "made by another version of this program"
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    shown = differing[:_SHOWN]
    return (
        "; ".join(f"{key}: {old.get(key, 'nothing')}" for key in shown) + more,
        "; ".join(f"{key}: {new.get(key, 'nothing')}" for key in shown) + more,
    )
