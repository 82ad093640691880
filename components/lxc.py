"""LXC domains as a Pulumi resource, since pulumi-libvirt cannot make them.

It asks the driver for an `hvm` guest before anything else, and the LXC driver has `exe` only.

Pulumi keeps a pickled provider in its state and runs what it unpickles. This one pickles to the
name of its class alone, so that state holds no code: editing this file makes no difference to a
stack, and every operation, refresh and destroy included, runs the code that is here today.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any

import libvirt
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from components.connection import connect
from components.domains import exists, find, forget
from components.pools import borrowed_pool, empty_volume, patiently
from components.roots import Root, mount_root, unmount_root
from topology.render.uri import lxc_uri

__all__ = ["LxcDomain", "LxcError", "LxcProvider"]


class LxcError(Exception):
    """A container does not start, for a reason that libvirt tells badly."""


@dataclass(frozen=True, slots=True)
class LxcDomain:
    """What is stored of an LXC domain.

    `xml` is complete. `image` is mounted at `root` where that is not empty. `console` is an
    absolute path on libvirt's host, made as an empty file that `console_owner` (a user's number)
    may write. `networks` are the UUIDs of what it is attached to: one made anew has no ports.
    `uri` is the connection, no part of the domain.
    """

    uri: str
    name: str
    xml: str
    image: str
    root: str
    console: str
    console_owner: int
    networks: tuple[str, ...]

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> LxcDomain:
        """The domain in a resource's properties."""
        values = {field.name: properties[field.name] for field in fields(cls)}
        # Pulumi's wire format has floating point numbers and lists only.
        owner, networks = int(values["console_owner"]), tuple(values["networks"])
        return cls(**{**values, "console_owner": owner, "networks": networks})

    def properties(self, *, running: bool) -> dict[str, Any]:
        """The properties of a resource in this state."""
        return {**asdict(self), "networks": list(self.networks), "running": running}

    @property
    def mount(self) -> Root | None:
        """The root to mount, `None` where libvirt loops the image itself."""
        return Root(self.name, self.image, self.root) if self.root else None


class LxcProvider(ResourceProvider):
    """Creates, reads, replaces and deletes; nothing of a domain is ever changed in place."""

    # Nothing in the pickled form is worth a secret, and secrets are encrypted anew each time.
    serialize_as_secret_always = False

    def __reduce__(self) -> tuple[type[LxcProvider], tuple[()]]:
        return LxcProvider, ()

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Starts the domain; what fails half way is undone."""
        domain = LxcDomain.of(props)
        with connect(lxc_uri(domain.uri)) as connection, ExitStack() as undo:
            # A namesake has this digest, so it is this node: one that a killed run left, or the
            # one to be replaced, whose deletion then finds nothing left to do.
            if (namesake := find(connection, domain.name)) is not None:
                forget(namesake)
            patiently(lambda: _make_console(connection, domain))
            if (root := domain.mount) is not None:
                undo.callback(unmount_root, connection, root)
                mount_root(connection, root)
            defined = connection.defineXML(domain.xml)
            undo.callback(forget, defined)
            _start(defined, domain)
            undo.pop_all()
            return CreateResult(defined.UUIDString(), domain.properties(running=True))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is there: nothing, a domain that stopped, or one that runs."""
        domain = LxcDomain.of(props)
        with connect(lxc_uri(domain.uri)) as connection:
            if not exists(connection, id_):
                return ReadResult(None, {})
            running = bool(connection.lookupByUUIDString(id_).isActive())
        return ReadResult(id_, domain.properties(running=running))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Every difference replaces, and so does having stopped; another connection does not."""
        names = [field.name for field in fields(LxcDomain) if field.name != "uri"]
        replaces = [name for name in names if _olds.get(name) != _news.get(name)]
        if not _olds.get("running", True):
            replaces.append("running")
        moved = _olds.get("uri") != _news.get("uri")
        return DiffResult(changes=moved or bool(replaces), replaces=replaces)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Only the way to libvirt has changed."""
        running = bool(_olds.get("running", True))
        return UpdateResult(LxcDomain.of(_news).properties(running=running))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Stops the domain and unmounts its root; its console is left to be read."""
        domain = LxcDomain.of(_props)
        with connect(lxc_uri(domain.uri)) as connection:
            if exists(connection, _id):
                forget(connection.lookupByUUIDString(_id))
            # A namesake of another UUID took this one's place, root and all.
            if (root := domain.mount) is not None and find(connection, domain.name) is None:
                unmount_root(connection, root)


def _start(defined: libvirt.virDomain, domain: LxcDomain) -> None:
    try:
        patiently(defined.create, _loop_taken)
    except libvirt.libvirtError as error:
        # What the container may not reach, libvirt calls missing.
        if domain.root and domain.console in str(error):
            raise LxcError(
                f"{error}. Hint: root of a mapped container is nobody on the host: let everybody "
                f"enter every directory above {domain.console} (chmod o+x), or set topology:rootfs "
                "to file"
            ) from error
        raise


def _loop_taken(error: Exception) -> bool:
    # The container's controller asks for a free loop device and takes it, which are two steps,
    # and of two controllers that do so at once one finds it busy and gives up.
    return isinstance(error, libvirt.libvirtError) and "to loop device: " in str(error)


def _make_console(connection: libvirt.virConnect, domain: LxcDomain) -> None:
    console = PurePosixPath(domain.console)
    with borrowed_pool(connection, str(console.parent), build=True) as pool:
        empty_volume(pool, console.name, owner=domain.console_owner)
