"""Directories of libvirt's host, reached through storage pools that last as long as the need."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import libvirt

__all__ = [
    "borrowed_pool",
    "directory_pool_xml",
    "empty_volume",
    "patiently",
    "pool_taken",
    "read_volume",
]

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.02
_READ_LIMIT = 64 * 1024

T = TypeVar("T")


def pool_taken(error: Exception) -> bool:
    """Whether somebody else has a pool on the directory or image, or just took it away."""
    return isinstance(error, libvirt.libvirtError) and error.get_error_code() in (
        libvirt.VIR_ERR_NO_STORAGE_POOL,  # theirs, gone between two of our calls
        libvirt.VIR_ERR_OPERATION_FAILED,  # theirs, there
        libvirt.VIR_ERR_OPERATION_INVALID,  # theirs, ended while we were in it
    )


def patiently(attempt: Callable[[], T], taken: Callable[[Exception], bool] = pool_taken) -> T:
    """What `attempt` returns; it is repeated while others have what it needs, as `taken` tells.

    libvirt has no lock to wait for: of two pools on one directory it refuses the second, and
    whoever made the first takes it away when done. Raises what the last attempt raised.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return attempt()
        except Exception as error:
            if not taken(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def borrowed_pool(
    connection: libvirt.virConnect, directory: str, *, build: bool = False
) -> Iterator[libvirt.virStoragePool]:
    """A pool on `directory` for the time of the block: one that is there, else one of ours.

    With `build` the directory is made where it is absent. Raises `libvirt.libvirtError`.
    """
    name = f"topology-{hashlib.sha256(directory.encode()).hexdigest()[:12]}"
    try:
        pool = connection.storagePoolLookupByTargetPath(directory)
        ours = pool.name() == name  # left by somebody who was killed
        pool.refresh()
    except libvirt.libvirtError:
        flags = libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD if build else 0
        pool = connection.storagePoolCreateXML(directory_pool_xml(name, directory), flags)
        ours = True
    try:
        yield pool
    finally:
        if ours:
            with suppress(libvirt.libvirtError):  # the next borrower was quicker
                pool.destroy()


def directory_pool_xml(name: str, directory: str) -> str:
    """The XML of a pool whose volumes are the files of a directory."""
    pool = Element("pool", type="dir")
    SubElement(pool, "name").text = name
    SubElement(SubElement(pool, "target"), "path").text = directory
    return ElementTree.tostring(pool, encoding="unicode")


def empty_volume(pool: libvirt.virStoragePool, name: str, *, owner: int) -> str:
    """The path of an empty file, made anew, that user `owner` writes and all read."""
    with suppress(libvirt.libvirtError):
        pool.storageVolLookupByName(name).delete(0)
    volume = Element("volume")
    SubElement(volume, "name").text = name
    SubElement(volume, "capacity").text = "0"
    target = SubElement(volume, "target")
    SubElement(target, "format", type="raw")
    permissions = SubElement(target, "permissions")
    SubElement(permissions, "mode").text = "0644"
    SubElement(permissions, "owner").text = str(owner)
    SubElement(permissions, "group").text = str(owner)
    return str(pool.createXML(ElementTree.tostring(volume, encoding="unicode"), 0).path())


def read_volume(connection: libvirt.virConnect, volume: libvirt.virStorageVol) -> bytes:
    """The first bytes of a volume, 64 KiB at most."""
    stream = connection.newStream(0)
    volume.download(stream, 0, 0, 0)
    content = bytearray()
    while len(content) < _READ_LIMIT:
        part = stream.recv(_READ_LIMIT)
        if not part:
            stream.finish()
            return bytes(content)
        content += part
    stream.abort()
    return bytes(content)
