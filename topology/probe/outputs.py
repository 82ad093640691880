"""A stack's outputs, read through the Pulumi command and checked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from topology.probe.errors import ProbeError

__all__ = ["NodeOutput", "OutsideOutput", "SegmentOutput", "StackOutputs", "read_outputs"]


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class NodeOutput(_Output):
    """What a stack says of a node: its domain and digests, as deployed.

    `firmware` is empty where it has none, or was deployed by a program that did not say.
    """

    domain: str
    kind: str
    addresses: tuple[str, ...]
    image: str
    firmware: str = ""
    config: str
    digest: str
    console: str


class SegmentOutput(_Output):
    """A segment's libvirt network, none on an uplink, and bridge; `mtu` in bytes."""

    network: str | None = None
    bridge: str
    mtu: int = 1500


class RouteOutput(_Output):
    """A static route of the outside client."""

    prefix: str
    via: str


class OutsideOutput(_Output):
    """How to stand where an external node stands."""

    node: str
    segment: str
    bridge: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[RouteOutput, ...]
    resolvers: tuple[str, ...]


class StackOutputs(_Output):
    """Everything that a stack exports; `libvirt` is absent from what older versions deployed."""

    libvirt: str | None = None
    topology: str
    file: str
    variant: str
    nodes: Mapping[str, NodeOutput]
    segments: Mapping[str, SegmentOutput]
    outside: tuple[OutsideOutput, ...]


def read_outputs(
    stack: str, *, root: Path, environment: Mapping[str, str] | None = None
) -> StackOutputs:
    """The outputs of `stack` of the Pulumi project at `root`, by `environment`'s Pulumi.

    Raises `ProbeError` where Pulumi is missing, the stack is unknown or was never deployed.
    """
    command = ["pulumi", "stack", "output", "--json", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ProbeError(
            "pulumi is not on PATH", hint='run: eval "$(./lab env)", or install Pulumi'
        ) from error
    if done.returncode != 0:
        raise ProbeError(
            f"the outputs of stack {stack!r} cannot be read: {done.stderr.strip()}",
            hint="pulumi stack ls shows the stacks; ./lab up deploys them",
        )
    try:
        return StackOutputs.model_validate(json.loads(done.stdout))
    except (ValueError, ValidationError) as error:
        raise ProbeError(
            f"stack {stack!r} has no usable outputs, so nothing of it is deployed",
            hint=f"deploy it first: pulumi up --stack {stack}",
        ) from error
