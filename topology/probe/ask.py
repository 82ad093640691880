"""Asks nodes for their counters: each writes them to its console, changed or not."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing

import libvirt

from topology.probe.identity import open_libvirt

__all__ = ["ask"]

_LOOK_SECONDS = 0.1
_ANY_KEY = b"\n"


def ask(
    uri: str, domains: Mapping[str, str], answered: Callable[[str], bool], *, seconds: float
) -> dict[str, str]:
    """Asks the nodes of `domains`, by node, until each has `answered`, `seconds` long.

    A virtual machine is asked by a key on its console, a container by SIGUSR1 to its init; both
    go through libvirt and need nothing else. Returns why a node gave no answer, by node. Raises
    `ProbeError` where libvirt does not answer.
    """
    silent: dict[str, str] = {}
    waiting: list[str] = []
    with ExitStack() as stack:
        connection = stack.enter_context(closing(open_libvirt(uri)))
        for node, name in domains.items():
            try:
                _ask(connection.lookupByName(name), stack)
                waiting.append(node)
            except libvirt.libvirtError as error:
                silent[node] = f"{name} cannot be asked: {error}"
        deadline = time.monotonic() + seconds
        while waiting and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            waiting = [node for node in waiting if not answered(node)]
    return silent | dict.fromkeys(waiting, f"no answer in {seconds:g} s")


def _ask(domain: libvirt.virDomain, stack: ExitStack) -> None:
    """Asks one; a console stays open until `stack` ends, for QEMU may look at it late."""
    if domain.OSType() == "exe":
        domain.sendProcessSignal(1, int(signal.SIGUSR1))
        return
    stream = domain.connect().newStream()
    # Whoever has the console open keeps it: then this is refused, with libvirt's words.
    domain.openConsole(None, stream)
    stack.callback(stream.abort)
    stream.send(_ANY_KEY)
