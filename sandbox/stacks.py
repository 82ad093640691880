"""The stacks of the lab's own Pulumi backend: there when needed, and mended when interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from . import daemon, process
from .errors import Busy, LabError, UsageError
from .paths import Lab
from .progress import Progress

__all__ = [
    "PROJECT",
    "STACKS",
    "Output",
    "Stack",
    "await_idle",
    "clear_interrupted",
    "end_helpers",
    "names",
    "needs_refresh",
    "prepare",
    "read",
    "running",
    "sweep",
    "topology_file",
    "up",
    "variant",
]

PROJECT = "topology"
STACKS = ("unikernel", "containers")
ALIASES = {"unikernels": "unikernel", "container": "containers"}
SECONDS = 120.0
PATIENCE = 300.0
POLL = 0.1

# What Pulumi starts beside itself; when it is killed they stay behind and wait for it for ever.
HELPERS = ("pulumi-language-", "pulumi-resource-")


Output: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as its outputs describe it; `nodes` maps names to what Pulumi says of them."""

    name: str
    nodes: Mapping[str, Output]


def variant(text: str) -> str:
    """Return the stack that a word on the command line means; raises UsageError."""
    name = ALIASES.get(text, text)
    if name not in STACKS:
        raise UsageError(f"there is no variant {text!r}", hint=f"it is {' or '.join(STACKS)}")
    return name


def _checkpoints(lab: Lab) -> Path:
    return lab.backend / ".pulumi" / "stacks" / PROJECT


def names(lab: Lab) -> tuple[str, ...]:
    """Return the stacks that exist in the lab's backend."""
    return tuple(sorted(path.stem for path in _checkpoints(lab).glob("*.json")))


def declared(lab: Lab) -> tuple[str, ...]:
    """Return the stacks that have a configuration file in the clone."""
    return tuple(sorted(path.stem.split(".", 1)[1] for path in lab.root.glob("Pulumi.*.yaml")))


def topology_file(lab: Lab, stack: str) -> str:
    """Return the topology that a stack's configuration names, as the program does."""
    with contextlib.suppress(FileNotFoundError):
        text = (lab.root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
        if found := re.search(
            r"^\s+topology:file:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", text, re.MULTILINE
        ):
            return found[1]
    return "poc.yaml"


def prepare(lab: Lab, environment: Mapping[str, str], progress: Progress) -> None:
    """Create the stacks that are absent: a first `pulumi up` that may not ask would fail."""
    for name in sorted(set(declared(lab)) - set(names(lab))):
        progress(f"creating the stack {name}")
        _pulumi(lab, environment, "stack", "init", name, "--non-interactive")


def _pulumi(lab: Lab, environment: Mapping[str, str], *arguments: str) -> str:
    done = process.capture(
        ["pulumi", *arguments],
        environment=environment,
        cwd=lab.root,
        owner=lab.owner,
        seconds=SECONDS,
    )
    if done.returncode != 0:
        raise LabError(
            f"`pulumi {' '.join(arguments)}` failed",
            log="\n".join((done.stdout + done.stderr).splitlines()[-12:]),
        )
    return done.stdout


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that a `pulumi` holds, or held when it was killed, on a stack."""

    stack: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether its holder still runs."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        program, _, rest = state.partition(" (")[2].rpartition(") ")
        return program.startswith("pulumi") and not rest.startswith("Z")


def locks(lab: Lab) -> tuple[Lock, ...]:
    """Return the locks on this backend's stacks."""
    found = []
    for path in (lab.backend / ".pulumi" / "locks").glob(f"organization/{PROJECT}/*/*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(path.read_text(encoding="utf-8"))
            found.append(Lock(path.parent.name, int(holder["pid"])))
    return tuple(found)


def await_idle(lab: Lab, progress: Progress, patience: float = PATIENCE) -> None:
    """Wait until no `pulumi` is at work on the stacks, for one may outlive a killed `lab up`.

    Raises Busy after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    told = False
    while busy := [lock for lock in locks(lab) if lock.alive]:
        at_work = f"pulumi (process {busy[0].pid}) is at work on the stack {busy[0].stack}"
        if not told:
            progress(f"{at_work}: waiting for it")
            told = True
        if time.monotonic() > deadline:
            raise Busy(at_work, hint="wait for it, or end that process")
        time.sleep(POLL)


def clear_interrupted(lab: Lab, environment: Mapping[str, str], progress: Progress) -> None:
    """Undo what killed `pulumi`s left: their helpers, half-made guests, the state and the lock.

    What such a stack had made is known to nobody for certain, so it is removed by name, and the
    stack starts anew. Raises Busy when a holder works on for too long.
    """
    await_idle(lab, progress)
    end_helpers(lab)
    for stack in sorted({lock.stack for lock in locks(lab)}):
        progress(f"the stack {stack} was interrupted: removing what it had made")
        sweep(lab, stack)
        _drop_cut_attributes(lab, stack)
        _pulumi(lab, environment, "cancel", "--yes", "--stack", stack)
        if stack in names(lab):
            _pulumi(lab, environment, "stack", "rm", stack, "--yes", "--force", "--preserve-config")


def _drop_cut_attributes(lab: Lab, stack: str) -> None:
    """Remove the attributes of a checkpoint whose writer was killed on the way.

    Pulumi's file backend writes them in place, before it renames the checkpoint to its name, and
    cannot read a checkpoint beside which they are cut. They say its type and digest; it can do
    without.
    """
    attributes = _checkpoints(lab) / f"{stack}.json.attrs"
    try:
        json.loads(attributes.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass  # nothing was written, or an earlier clearing removed it
    except ValueError:
        attributes.unlink()


def end_helpers(lab: Lab) -> None:
    """Kill the helpers of a `pulumi` of this lab that is no more."""
    home = f"PULUMI_HOME={lab.pulumi_home}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_text(errors="replace").split("\0")
            if not any(Path(word).name.startswith(HELPERS) for word in arguments[:3]):
                continue
            if home not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            if _has_pulumi_above(int(entry.name)):
                continue
            os.kill(int(entry.name), signal.SIGKILL)


def _has_pulumi_above(pid: int) -> bool:
    while pid > 1:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        before, _, after = text.rpartition(") ")
        if before.partition(" (")[2] == "pulumi":
            return True
        pid = int(after.split(" ")[1])
    return False


def sweep(lab: Lab, stack: str) -> None:
    """Remove every domain, network and pool of a stack from the private libvirt, by name."""
    known = {*names(lab), *STACKS}
    for uri in (lab.uri, lab.lxc_uri):
        for name in _named(lab, uri, stack, known, "list"):
            daemon.virsh(uri, "destroy", name)
            daemon.virsh(uri, "undefine", name)
    for name in _named(lab, lab.uri, stack, known, "net-list"):
        daemon.virsh(lab.uri, "net-destroy", name)
        daemon.virsh(lab.uri, "net-undefine", name)
    for name in _named(lab, lab.uri, stack, known, "pool-list"):
        for line in (daemon.virsh(lab.uri, "vol-list", name) or "").splitlines():
            daemon.virsh(lab.uri, "vol-delete", line.split()[0], "--pool", name)
        for action in ("destroy", "delete", "undefine"):
            daemon.virsh(lab.uri, f"pool-{action}", name)
    for target in daemon.image_mounts(lab):
        if any(belongs(part, stack, known) for part in target.parts):
            daemon.unmount_inside(lab, target)


def _named(lab: Lab, uri: str, stack: str, known: set[str], command: str) -> list[str]:
    listed = daemon.virsh(uri, command, "--all", "--name")
    if listed is None:
        raise LabError(f"the private libvirt did not answer `{command}`")
    return [name for name in listed.split() if belongs(name, stack, known)]


def belongs(name: str, stack: str, known: set[str]) -> bool:
    """Return whether a libvirt object's name is of a stack, and not of one with a longer name.

    Domains and networks are called `<stack>-…`, the pool `topology-<stack>`.
    """
    name = name.removeprefix(f"{PROJECT}-")
    owners = [other for other in {*known, stack} if name == other or name.startswith(f"{other}-")]
    return bool(owners) and max(owners, key=len) == stack


def read(lab: Lab, name: str) -> Stack:
    """Return what a stack says of itself; a stack that was never deployed has no nodes.

    It is read from the backend's checkpoint, so that it can be shown while Pulumi is at work,
    broken or not there at all.
    """
    try:
        text = (_checkpoints(lab) / f"{name}.json").read_text(encoding="utf-8")
        deployed = json.loads(text)["checkpoint"]["latest"] or {}
        for resource in deployed.get("resources", ()):
            if resource["type"] == "pulumi:pulumi:Stack":
                nodes = resource.get("outputs", {}).get("nodes", {})
                return Stack(name, {str(key): dict(value) for key, value in nodes.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # absent, or being written: the same as not deployed
    return Stack(name, {})


def running(lab: Lab) -> dict[str, str]:
    """Return the state of every domain of the private libvirt, by name."""
    found = {}
    for uri in (lab.uri, lab.lxc_uri):
        for line in (daemon.virsh(uri, "list", "--all") or "").splitlines():
            _, name, state = line.split(maxsplit=2)
            found[name] = state
    return found


def needs_refresh(lab: Lab, stack: Stack) -> bool:
    """Return whether a domain that the stack deployed does not run any more."""
    states = running(lab)
    return any(states.get(str(node["domain"])) != "running" for node in stack.nodes.values())


def up(lab: Lab, environment: Mapping[str, str], stack: str, *, refresh: bool) -> int:
    """Run `pulumi up` on the terminal, without a preview, and return its exit code."""
    command = ["pulumi", "up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive"]
    command += ["--suppress-outputs", "--suppress-progress"]
    if refresh:
        command.append("--refresh")
    return process.run(command, environment=environment, cwd=lab.root, owner=lab.owner, quiet=True)
