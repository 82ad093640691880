"""What a run that was killed left behind, and its removal by the next one.

Each run has a directory whose name begins with `PREFIX`, and holds a lock on it (flock(2)) that the
kernel gives back however the run ends. Everything that a run makes can be found by its directory:
its stacks' settings and its fleets' files lie in it, and give their names to all else.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import libvirt

from topology.bench.errors import BenchError
from topology.bench.record import Subject
from topology.bench.stack import SETTINGS, Stack
from topology.bench.stock.network import BRIDGE
from topology.errors import TopologyError
from topology.probe.identity import open_libvirt
from topology.probe.places import Surroundings
from topology.render.uri import lxc_uri

__all__ = ["FLEET", "LAB", "PREFIX", "SCRATCH", "TAG", "held", "sweep"]

SCRATCH = "scratch"
"""The directory in a run's for the files of one measure."""
PREFIX = "topology-bench-"
FLEET = "fleet-"
"""What the name of a fleet's directory begins with."""
TAG = "tag"
"""The file there that holds what the names of its bridge, ports and namespaces begin with."""

LAB = "lab"
"""The file that holds the address of the lab's libvirt."""

_PATIENCE = 60.0
"""Seconds in which what is interrupted has to end; Pulumi finishes what it is doing."""


@contextmanager
def held(uri: str) -> Iterator[Path]:
    """A directory for a run in the lab at `uri`, locked while the block lasts and gone after it."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Mapped containers walk to what is bound into them.
        directory.chmod(0o755)
        (directory / LAB).write_text(uri, encoding="utf-8")
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def sweep(root: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Removes what dead runs in this environment's lab left, and the directories of lost labs.

    What lives, and what belongs to another lab that is still there, is left alone.
    """
    for directory in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        try:
            lock = os.open(directory, os.O_RDONLY)
        except OSError:  # it has just gone
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _removed(directory, root, environment, say)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def _removed(
    directory: Path, root: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    file = directory / LAB
    uri = file.read_text(encoding="utf-8") if file.exists() else ""
    here = environment["LIBVIRT_DEFAULT_URI"]
    if uri not in ("", here) and _answers(uri):
        return
    say(f"removing what a run that was killed left: {directory.name}")
    _end(directory)
    if uri == here:
        surroundings = Surroundings.from_environment(environment)
        stacks = [one.parent for one in directory.glob(f"*/{SETTINGS}")]
        fleets = list(directory.glob(f"{SCRATCH}/{FLEET}*"))
        tags = [(one / TAG).read_text(encoding="ascii") for one in fleets if (one / TAG).exists()]
        names = [f"{one.name}-" for one in stacks]
        _destroy(uri, directory, surroundings)
        _unwire(surroundings, (*names, "bench-stock", *tags), tuple(tags))
        for one in stacks:
            _forget(one, root, environment)
        _unmount(surroundings, directory)
    shutil.rmtree(directory)


def _answers(uri: str) -> bool:
    try:
        open_libvirt(uri).close()
    except (TopologyError, libvirt.libvirtError):
        return False
    return True


def _end(directory: Path) -> None:
    """Interrupts the processes whose command line names the directory, and waits for their end."""
    for number in (signal.SIGINT, signal.SIGKILL):
        found = set(_named(directory))
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + _PATIENCE
        while found & set(_named(directory)) and time.monotonic() < deadline:
            time.sleep(0.05)  # between looks
    if found := set(_named(directory)):
        raise BenchError(f"processes of a dead run, {directory.name}, do not end: {found}")


def _named(directory: Path) -> Iterator[int]:
    mark = f"{directory}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "cmdline").read_bytes():
                yield int(entry.name)


def _destroy(uri: str, directory: Path, surroundings: Surroundings) -> None:
    """Ends a fleet's domains and runc's containers; a stack's are Pulumi's to end."""
    for one in (uri, lxc_uri(uri)):
        connection = open_libvirt(one)
        try:
            for domain in connection.listAllDomains():
                with suppress(libvirt.libvirtError):  # it may end by itself
                    if f"{directory}/{SCRATCH}/" in domain.XMLDesc():
                        domain.destroy()
        finally:
            connection.close()
    for state in directory.glob(f"{SCRATCH}/{FLEET}*/runc"):
        for container in state.iterdir():
            command = ["runc", "--root", str(state), "delete", "--force", container.name]
            surroundings.run(command, check=False)


def _unwire(surroundings: Surroundings, names: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Removes namespaces, whoever runs in them, and links, by what their names begin with."""
    run = surroundings.run
    for namespace in run(["ip", "netns", "list"]).stdout.splitlines():
        name = namespace.split()[0]
        if name.startswith(names):
            if running := run(["ip", "netns", "pids", name], check=False).stdout.split():
                run(["kill", "-KILL", *running], check=False)  # some may have ended by themselves
            run(["ip", "netns", "delete", name], check=False)
    for line in run(["ip", "-o", "link", "show"]).stdout.splitlines():
        link = line.split(": ")[1].partition("@")[0]
        # A stock network's bridge without a port is one whose nodes were removed.
        empty = link.startswith(BRIDGE) and not run(["ip", "link", "show", "master", link]).stdout
        if empty or link.startswith(tags):
            run(["ip", "link", "delete", link], check=False)


def _forget(directory: Path, root: Path, environment: Mapping[str, str]) -> None:
    subject = next(one for one in Subject if directory.name.startswith(f"bench-{one}-"))
    Stack(directory.name, subject, root, directory, environment).discard()


def _unmount(surroundings: Surroundings, directory: Path) -> None:
    for line in surroundings.run(["cat", "/proc/mounts"]).stdout.splitlines():
        where = line.split()[1]
        if where.startswith(f"{directory}/"):
            surroundings.run(["umount", "--lazy", where], check=False)
