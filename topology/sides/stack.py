"""What is deployed, from the state of a Pulumi stack."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from topology.plan.record import Record, RecordError, decode
from topology.sides.errors import Fault, SideError

__all__ = ["DOMAINS", "State", "kind_of", "read_record", "read_state", "record_of"]

State: TypeAlias = Sequence[Mapping[str, Any]]
"""The resources of a stack, as Pulumi keeps them."""

_FABRIC = "topology:components:Fabric"
DOMAINS = ("libvirt:index/domain:Domain", "pulumi-python:dynamic/components:Lxc")


def read_record(stack: str, *, root: Path) -> tuple[Record, frozenset[str]]:
    """What `stack` of the Pulumi project at `root` recorded, and the names of its domains.

    Raises `SideError` where Pulumi is missing, the stack is unknown or was never deployed, or
    was deployed by a program that recorded nothing, or in another format.
    """
    return record_of(stack, read_state(stack, root=root))


def record_of(stack: str, resources: State) -> tuple[Record, frozenset[str]]:
    """`read_record` of a state that was read already."""
    fabrics = [one for one in resources if kind_of(one) == _FABRIC]
    domains = frozenset(
        str(one.get("inputs", {}).get("name", "")) for one in resources if kind_of(one) in DOMAINS
    )
    if not fabrics:
        raise SideError(
            Fault.NOT_DEPLOYED,
            f"nothing of stack {stack!r} is deployed",
            f"deploy it first: pulumi up --stack {stack}",
        )
    kept = fabrics[0].get("outputs", {}).get("record")
    again = f"deploy it once more with this version: pulumi up --stack {stack}"
    if not isinstance(kept, Mapping):
        raise SideError(
            Fault.OLD_FORMAT,
            f"stack {stack!r} was deployed by a version that kept no record of its topology, "
            "or its first deployment did not finish",
            again,
        )
    try:
        return decode(kept), domains
    except RecordError as error:
        newer = error.found is not None and error.found > 1
        hint = "use the newer version that deployed it" if newer else again
        raise SideError(Fault.OLD_FORMAT, f"stack {stack!r}: {error}", hint) from error


def kind_of(resource: Mapping[str, Any]) -> str:
    """A resource's type without those of its parents."""
    return str(resource.get("type", "")).rpartition("$")[2]


def read_state(stack: str, *, root: Path) -> State:
    """The resources of `stack` of the Pulumi project at `root`; raises `SideError`."""
    command = ["pulumi", "stack", "export", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SideError(
            Fault.NO_TOOL, "pulumi is not on PATH", 'run: eval "$(./lab env)", or install Pulumi'
        ) from error
    if done.returncode != 0:
        raise SideError(
            Fault.NOT_DEPLOYED,
            f"the state of stack {stack!r} cannot be read: {done.stderr.strip()}",
            "pulumi stack ls shows the stacks; ./lab up deploys them",
        )
    deployment = json.loads(done.stdout).get("deployment") or {}
    return list(deployment.get("resources") or ())
