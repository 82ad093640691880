"""How a program that cannot go on says so: in the engine's words, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pulumi

from topology.diagnostics import Diagnostic, Severity
from topology.errors import TopologyError
from topology.resolve.types import ResolvedTopology

__all__ = ["progress", "report", "stopping"]

_SHOWN = 100


@contextmanager
def stopping() -> Iterator[None]:
    """Turns what the engine raises into Pulumi's own end of a program."""
    try:
        yield
    except TopologyError as error:
        raise pulumi.RunError(str(error)) from error


def report(
    resolved: ResolvedTopology | None, diagnostics: Iterable[Diagnostic]
) -> ResolvedTopology:
    """The topology, its remarks logged; raises `pulumi.RunError` with all mistakes at once."""
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    for one in diagnostics:
        if one.severity is Severity.WARNING:
            pulumi.log.warn(str(one))
        elif one.severity is Severity.REMARK:
            pulumi.log.info(str(one))
    if resolved is None or errors:
        count = len(errors)
        shown = [str(one) for one in errors[:_SHOWN]]
        if count > _SHOWN:
            shown.append(f"... and {count - _SHOWN} more")
        head = "the topology has a mistake" if count == 1 else f"the topology has {count} mistakes"
        raise pulumi.RunError("\n".join([f"{head}, nothing is deployed:", *shown]))
    return resolved


def progress(line: str) -> None:
    """Shows a build's line while it is the newest; what fails is told by its exception."""
    pulumi.log.info(line, ephemeral=True)
