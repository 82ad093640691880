"""Domains that stand in the way: what a create that failed, or that was killed, left behind."""

from __future__ import annotations

from contextlib import suppress

import libvirt

__all__ = ["define_shell", "exists", "find", "forget"]


def find(connection: libvirt.virConnect, name: str) -> libvirt.virDomain | None:
    """The domain of that name, `None` where there is none."""
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return None


def exists(connection: libvirt.virConnect, uuid: str) -> bool:
    """Whether there is a domain of that UUID."""
    try:
        connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return False
    return True


def forget(domain: libvirt.virDomain) -> None:
    """Stops a domain and undefines it; raises `libvirt.libvirtError` where it stays."""
    if domain.isActive():
        # It may have stopped by itself between the two calls; undefining settles it.
        with suppress(libvirt.libvirtError):
            domain.destroy()
    if domain.isPersistent():
        domain.undefine()


def define_shell(connection: libvirt.virConnect, uuid: str) -> None:
    """Defines a domain of that UUID that never runs, for who can only delete what exists."""
    connection.defineXML(
        f"<domain type='qemu'><name>gone-{uuid}</name><uuid>{uuid}</uuid>"
        "<memory unit='MiB'>1</memory><os><type arch='x86_64'>hvm</type></os></domain>"
    )
