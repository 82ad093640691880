"""Reads and follows the consoles of a stack's nodes, where libvirt keeps them."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO

from topology.inside.lines import Line, parsed, timed
from topology.probe.errors import ProbeError
from topology.probe.places import Surroundings

__all__ = ["Written", "end", "follow", "read_console"]

_READ = (
    'for try in 1 2 3 4 5; do a=$(stat -c "%.Y %s" -- "$1") || exit 1; '
    't=$(mktemp) && cp -- "$1" "$t"; b=$(stat -c "%.Y %s" -- "$1"); '
    '[ "$a" = "$b" ] && break; rm -f "$t"; done; echo "$b"; cat "$t"; rm -f "$t"'
)
"""When a file was last written, how long it is, and what is in it, all of one moment."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a console holds, `size` bytes; `note` says what is wrong with it, empty if nothing."""

    lines: tuple[Line, ...]
    size: int
    note: str = ""


def read_console(node: str, path: str, surroundings: Surroundings) -> Written:
    """All lines of a console with their times; one that cannot be read has a note and no line."""
    done = surroundings.run(["sh", "-c", _READ, "sh", path], check=False)
    if done.returncode != 0:
        why = done.stderr.strip().rpartition(": ")[2] or f"exit code {done.returncode}"
        hint = "" if os.geteuid() == 0 else " (libvirt's consoles need root)"
        return Written((), 0, f"{path} cannot be read: {why}{hint}")
    head, _, text = done.stdout.partition("\n")
    written, size = head.split()
    lines = timed([parsed(node, one) for one in text.splitlines() if one.strip()], float(written))
    note = ""
    if not lines:
        note = f"{path} is empty: the node has said nothing yet"
    elif not any(line.event == "boot" for line in lines):
        note = f"{path} begins in the middle: what was before was rotated away"
    return Written(tuple(lines), int(size), note)


def follow(consoles: Mapping[str, tuple[str, int]], surroundings: Surroundings) -> Iterator[Line]:
    """Lines as they come, with the time of their arrival, until the caller stops asking.

    `consoles` are by node: the path, and how many bytes are known. Raises `ProbeError` where
    nothing can be followed.
    """
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        for node, (path, known) in consoles.items():
            tail = ["tail", "-c", f"+{known + 1}", "-F", "-s", "0.2", "--", path]
            started = stack.enter_context(
                subprocess.Popen(
                    surroundings.command(tail, directly=True),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    # Ctrl-C is ours to take.
                    start_new_session=True,
                )
            )
            stack.callback(end, started)
            assert started.stdout is not None
            ready.register(started.stdout, selectors.EVENT_READ, (node, started.stdout))
        rest = dict.fromkeys(consoles, b"")
        while ready.get_map():
            for key, _ in ready.select():
                node, pipe = key.data
                yield from _lines(node, pipe, rest, ready)
        raise ProbeError("the consoles cannot be followed any more", hint="is the lab still up?")


def end(started: subprocess.Popen[bytes]) -> None:
    """Ends a process of `start_new_session` with what it started."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)


def _lines(
    node: str, pipe: IO[bytes], rest: dict[str, bytes], ready: selectors.BaseSelector
) -> Iterator[Line]:
    data = os.read(pipe.fileno(), 1 << 16)
    if not data:
        ready.unregister(pipe)
        return
    now = time.time()
    *whole, rest[node] = (rest[node] + data).split(b"\n")
    for one in whole:
        if one.strip():
            yield parsed(node, one.decode("utf-8", "replace"), now)
