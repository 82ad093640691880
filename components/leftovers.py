"""Pools and networks that a killed `pulumi up` made and that its state does not know.

Pulumi writes down what it made before it makes what depends on it: what a killed run left unknown
is used by nothing that runs. A namesake in use is another deployment of the same stack's name, or
one whose state was lost, and is not ours to take away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import libvirt

from components.connection import connect
from topology.render.uri import lxc_uri

__all__ = ["LeftoverError", "remove_network", "remove_pool"]


class LeftoverError(Exception):
    """A namesake stands in the way that somebody uses."""


def remove_network(uri: str, name: str) -> None:
    """Ends an unused network of that name; nothing where there is none.

    Raises `LeftoverError` where guests are on it, `libvirt.libvirtError` where it stays.
    """
    with connect(uri) as connection:
        try:
            network = connection.networkLookupByName(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_NETWORK:
                raise
            return
        _refuse_if_used(uri, f"'{name}'", f"the network {name}")
        if network.isActive():
            network.destroy()
        if network.isPersistent():
            network.undefine()


def remove_pool(uri: str, name: str, directory: str) -> None:
    """Forgets an unused pool of that name and deletes its volumes; nothing where there is none.

    Raises `LeftoverError` where guests run on it, `libvirt.libvirtError` where it stays.
    """
    with connect(uri) as connection:
        try:
            pool = connection.storagePoolLookupByName(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_POOL:
                raise
            return
        _refuse_if_used(uri, f"'{directory}/", f"the pool {name}")
        if pool.isActive():
            for volume in pool.listAllVolumes():
                with suppress(libvirt.libvirtError):  # gone meanwhile
                    volume.delete(0)
            pool.destroy()
        if pool.isPersistent():
            pool.undefine()


def _refuse_if_used(uri: str, quoted: str, what: str) -> None:
    users = sorted(_users(uri, quoted))
    if users:
        raise LeftoverError(
            f"{what} is there, unknown to this stack and used by {', '.join(users)}. "
            "Hint: was it deployed from another Pulumi backend? Then give this stack another name. "
            "Was the stack's state lost? Then end what is left of it: virsh destroy and "
            f"virsh undefine, for {' '.join(users)}"
        )


def _users(uri: str, quoted: str) -> Iterator[str]:
    for address in (uri, lxc_uri(uri)):
        # A libvirt without one of its drivers has no guest of it.
        with suppress(libvirt.libvirtError), connect(address) as connection:
            for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
                with suppress(libvirt.libvirtError):  # ended meanwhile
                    # libvirt writes attributes in single quotes, elements without.
                    text = domain.XMLDesc().replace(">", "'").replace("<", "'")
                    if quoted in text:
                        yield domain.name()
