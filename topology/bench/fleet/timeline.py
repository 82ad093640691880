"""When the steps of a start happened, told by the kernel, by QEMU and by the node's console.

- The kernel's process connector (linux/cn_proc.h) tells when a program was executed. It speaks in
  the host's first network namespace alone, and to root: elsewhere that step is left out.
- QEMU tells when the guest was let run (its event RESUME), through libvirt.
- inotify(7) tells when a console was written to; its `ready` line says how long the node had run.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu

__all__ = ["Resumes", "Timeline", "ready_line"]

_CONNECTOR, _PROCESSES = 11, 1  # NETLINK_CONNECTOR, CN_IDX_PROC
_LISTEN, _IGNORE, _DONE = 1, 2, 3
_EXECUTED = 2
_HEAD = 16 + 20
"""Bytes of the netlink and the connector header."""

_MODIFIED = 2
_EVENT = struct.Struct("iIII")


class Timeline:
    """Watches while it is entered: programs executed, and lines of the consoles in a directory."""

    def __init__(self, consoles: Path) -> None:
        self._consoles = consoles
        self._executed: list[tuple[float, int, bytes]] = []
        self._written: dict[str, float] = {}
        self._over, self._end = os.pipe()

    def __enter__(self) -> Timeline:
        self._connector = _connect()
        self._inotify = _watch(self._consoles)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._end)
        self._thread.join()
        os.close(self._over)
        os.close(self._inotify)
        if self._connector is not None:
            self._connector.send(_request(_IGNORE))
            self._connector.close()

    def executed(self, mark: bytes, since: float) -> float | None:
        """When a program was first executed whose command line holds `mark`, in monotonic seconds.

        `None` where the kernel does not tell.
        """
        found = (at for at, _, line in self._executed if at >= since and mark in line)
        return min(found, default=None)

    def ready(self, console: Path) -> float | None:
        """When the node's last start was ready, in monotonic seconds; `None` if not seen."""
        return self._written.get(console.name)

    def forget(self, console: Path) -> None:
        """Forgets a start: the next one writes the same console."""
        self._written.pop(console.name, None)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._over)
        poll.register(self._inotify, select.POLLIN)
        if self._connector is not None:
            poll.register(self._connector, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._over in ready:
                return
            if self._inotify in ready:
                self._read_consoles(time.monotonic())
            if self._connector is not None and self._connector.fileno() in ready:
                self._read_processes()

    def _read_consoles(self, now: float) -> None:
        told, at = os.read(self._inotify, 1 << 16), 0
        names = set()
        while at < len(told):
            _, _, _, length = _EVENT.unpack_from(told, at)
            at += _EVENT.size
            names.add(told[at : at + length].rstrip(b"\0").decode())
            at += length
        for name in names - self._written.keys():
            if ready_line(self._consoles / name) is not None:
                self._written[name] = now

    def _read_processes(self) -> None:
        assert self._connector is not None
        # Many arrive at once on a busy machine, and overflow is told once.
        with suppress(BlockingIOError, OSError):
            while told := self._connector.recv(4096):
                what, _, at, _, process = struct.unpack_from("=IIQII", told, _HEAD)
                if what == _EXECUTED:
                    with suppress(OSError):
                        line = Path(f"/proc/{process}/cmdline").read_bytes()
                        self._executed.append((at / 1e9, process, line))


def ready_line(console: Path) -> dict[str, Any] | None:
    """The `ready` line of a console, `None` before it is there."""
    with suppress(OSError):
        for line in console.read_bytes().splitlines():
            if b'"event":"ready"' in line:
                with suppress(ValueError):
                    said = json.loads(line)
                    assert isinstance(said, dict)
                    return said
    return None


def _connect() -> socket.socket | None:
    try:
        connector = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _CONNECTOR)
        connector.bind((0, _PROCESSES))
        connector.send(_request(_LISTEN))
    except OSError:
        return None
    connector.setblocking(False)
    return connector


def _request(what: int) -> bytes:
    body = struct.pack("=IIIIHHI", _PROCESSES, 1, 0, 0, 4, 0, what)
    return struct.pack("=IHHII", 16 + len(body), _DONE, 0, 0, 0) + body


def _watch(directory: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(directory), _MODIFIED) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(directory))
    return int(descriptor)


class Resumes:
    """When QEMU let guests run, by domain; needs its own connection, and a thread for its life.

    libvirt's event loop is one a process, and has to be there before a connection is opened.
    """

    def __init__(self, uri: str) -> None:
        if not _LOOP.is_set():
            _LOOP.set()
            libvirt.virEventRegisterDefaultImpl()
            threading.Thread(target=_run_loop, daemon=True).start()
        self._connection = libvirt.open(uri)
        self._at: dict[str, float] = {}
        self._number = libvirt_qemu.qemuMonitorEventRegister(
            self._connection, None, "RESUME", self._resumed, None
        )

    def close(self) -> None:
        """Listens no more."""
        libvirt_qemu.qemuMonitorEventDeregister(self._connection, self._number)
        self._connection.close()

    def at(self, domain: str) -> float | None:
        """When the domain's guest was let run, in monotonic seconds; `None` if not told."""
        return self._at.get(domain)

    def _resumed(
        self,
        _connection: object,
        domain: libvirt.virDomain,
        _event: str,
        seconds: int,
        micros: int,
        _details: object,
        _opaque: object,
    ) -> None:
        # QEMU's clock is the wall's.
        self._at[domain.name()] = seconds + micros / 1e6 - (time.time() - time.monotonic())


_LOOP = threading.Event()


def _run_loop() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
