"""Container roots that libvirt itself mounts, so that whoever deploys need not be root there.

A storage pool of type fs whose device is the image makes libvirt mount it, on a host that need
not be ours. Some things about such pools (libvirt 9, storage_backend_fs.c) shape this file:

- libvirt adds `nodev`, `nosuid` and `noexec`; options of ours, later on mount's command line, take
  them away. A user namespace may not, when libvirt makes the root read-only once more inside it,
  and init must run. Our image holds neither devices nor programs that change their user.
- Two such pools on one image are refused, and two nodes may run one image. So a pool lives only
  while it mounts.
- libvirt knows its mount by the device in /proc/mounts. That names the loop device and not the
  file, so stopping the pool unmounts nothing. A second pool on the same directory that names the
  loop device is taken as mounted already, and stopping that one does unmount.
- Which loop device it is can be read through libvirt too: /sys/block/loopN/loop is a directory,
  and a directory can be a pool for a moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import libvirt

from components.pools import (
    borrowed_pool,
    directory_pool_xml,
    patiently,
    pool_taken,
    read_volume,
)

__all__ = ["Root", "RootError", "mount_root", "unmount_root"]

_FS = "http://libvirt.org/schemas/storagepool/fs/1.0"
_OPTIONS = ("ro", "exec", "dev", "suid")


class RootError(Exception):
    """An image is not mounted, or stays mounted, against what was asked."""


@dataclass(frozen=True, slots=True)
class Root:
    """An image to mount at a directory of libvirt's host; `name` is its pool's meanwhile."""

    name: str
    image: str
    directory: str


def mount_root(connection: libvirt.virConnect, root: Root) -> None:
    """Mounts the image; a mount that an earlier attempt left there goes first.

    Raises `RootError` or `libvirt.libvirtError` where it cannot, and then leaves nothing.
    """
    unmount_root(connection, root)
    try:
        pool = patiently(
            lambda: connection.storagePoolCreateXML(
                _mount_xml(root, root.image), libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD
            )
        )
    except libvirt.libvirtError:
        _remove_directory(connection, root)
        raise
    pool.destroy()
    if _remove_directory(connection, root):
        raise RootError("this libvirt unmounts an image with its pool: use topology:rootfs=file")


def unmount_root(connection: libvirt.virConnect, root: Root) -> None:
    """Unmounts the image and removes the directory; nothing to undo is no error.

    Raises `RootError` when it stays mounted for as long as `patiently` waits: what still ends in
    it keeps it busy for a moment, and so does whoever tries its loop device for a root of his own.
    """
    patiently(partial(_unmount, connection, root), _busy)


def _busy(error: Exception) -> bool:
    return isinstance(error, RootError) or pool_taken(error)


def _unmount(connection: libvirt.virConnect, root: Root) -> None:
    """One attempt; raises `RootError` when it stays mounted."""
    if _remove_directory(connection, root):
        return
    for device in _loops(connection, root.image):
        # Of two mounts of one image the wrong device is mounted over the right one here, and
        # taken away again by the next line: the directory stays busy, and the search goes on.
        with suppress(libvirt.libvirtError):  # the device went away or is taken, or it is busy
            connection.storagePoolCreateXML(_mount_xml(root, device), 0).destroy()
        if _remove_directory(connection, root):
            return
    raise RootError(f"{root.image} stays mounted at {root.directory}")


def _remove_directory(connection: libvirt.virConnect, root: Root) -> bool:
    """Whether the directory is gone; one that something is mounted on is busy and stays."""
    with suppress(libvirt.libvirtError):  # of an attempt that was killed
        connection.storagePoolLookupByName(root.name).destroy()
    try:
        pool = connection.storagePoolDefineXML(directory_pool_xml(root.name, root.directory), 0)
    except libvirt.libvirtError as error:
        if not pool_taken(error):
            raise
        return False  # its pool of mounting still lives, since it could not unmount
    try:
        # Made first, so that the one reason not to delete it is that it is busy.
        pool.build(0)
        with suppress(libvirt.libvirtError):
            pool.delete(0)
            return True
        return False
    finally:
        pool.undefine()


def _loops(connection: libvirt.virConnect, image: str) -> Iterator[str]:
    """The loop devices of libvirt's host behind which `image` is."""

    def names() -> list[str]:
        with borrowed_pool(connection, "/sys/block") as blocks:
            return [name for name in blocks.listVolumes() if re.fullmatch(r"loop\d+", name)]

    def backing(name: str) -> str:
        with borrowed_pool(connection, f"/sys/block/{name}/loop") as loop:
            volume = loop.storageVolLookupByName("backing_file")
            return read_volume(connection, volume).decode(errors="replace").strip()

    for name in sorted(patiently(names), key=lambda one: int(one.removeprefix("loop"))):
        # A device without a file behind it has no such directory.
        with suppress(libvirt.libvirtError):
            # The kernel says so of a file whose name is gone (d_path).
            if patiently(partial(backing, name)).removesuffix(" (deleted)") == image:
                yield f"/dev/{name}"


def _mount_xml(root: Root, device: str) -> str:
    ElementTree.register_namespace("fs", _FS)
    pool = Element("pool", type="fs")
    SubElement(pool, "name").text = root.name
    source = SubElement(pool, "source")
    SubElement(source, "device", path=device)
    SubElement(source, "format", type="auto")
    SubElement(SubElement(pool, "target"), "path").text = root.directory
    options = SubElement(pool, f"{{{_FS}}}mount_opts")
    for name in _OPTIONS:
        SubElement(options, f"{{{_FS}}}option", name=name)
    return ElementTree.tostring(pool, encoding="unicode")
