"""Looks at libvirt: read-only, but for the bytes of volumes, which need a connection that may."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt

from topology.drift.applied import AppliedVolume
from topology.drift.found import FoundDomain, FoundNetwork
from topology.probe.errors import ProbeError

__all__ = ["domains_of", "networks_of", "volumes_of"]

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "paused",
}


@contextmanager
def _opened(uri: str, *, write: bool = False) -> Iterator[libvirt.virConnect]:
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        connection = libvirt.open(uri) if write else libvirt.openReadOnly(uri)
    except libvirt.libvirtError as error:
        raise ProbeError(
            f"libvirt at {uri}: {error}", hint="is it running? ./lab status"
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def domains_of(uri: str) -> dict[str, FoundDomain]:
    """Every domain of a libvirt, by name; raises `ProbeError`."""
    found = {}
    with _opened(uri) as connection:
        for domain in connection.listAllDomains():
            with suppress(libvirt.libvirtError):  # it went between two of our calls
                one = _domain(domain)
                found[one.name] = one
    return found


def _domain(domain: libvirt.virDomain) -> FoundDomain:
    active = bool(domain.isActive())
    state = _STATES.get(domain.state()[0], "stopped") if active else "stopped"
    persistent = bool(domain.isPersistent())
    return FoundDomain(
        domain.name(),
        domain.UUIDString(),
        state,
        _parsed(domain.XMLDesc()) if active else None,
        _parsed(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) if persistent else None,
        domain.ID() if active else 0,
    )


def networks_of(uri: str) -> dict[str, FoundNetwork]:
    """Every network of a libvirt, by name; raises `ProbeError`."""
    found = {}
    with _opened(uri) as connection:
        for one in connection.listAllNetworks():
            with suppress(libvirt.libvirtError):
                active, xml = bool(one.isActive()), _parsed(one.XMLDesc())
                found[one.name()] = FoundNetwork(one.name(), one.UUIDString(), active, xml)
    return found


def volumes_of(uri: str, wanted: Iterable[AppliedVolume]) -> dict[str, str | None]:
    """The digests of volumes by path, `None` for one that is gone; raises `ProbeError`."""
    with _opened(uri, write=True) as connection:
        found: dict[str, str | None] = {}
        refreshed = set()
        for one in wanted:
            with suppress(libvirt.libvirtError):
                if one.pool not in refreshed:
                    refreshed.add(one.pool)
                    # A file that was deleted beside libvirt is a volume to it until then.
                    connection.storagePoolLookupByName(one.pool).refresh()
            try:
                volume = connection.storageVolLookupByPath(one.path)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_VOL:
                    raise ProbeError(f"the volume {one.path}: {error}") from error
                found[one.path] = None
                continue
            try:
                found[one.path] = _digest(connection, volume)
            except libvirt.libvirtError as error:
                raise ProbeError(f"the volume {one.path}: {error}") from error
        return found


def _digest(connection: libvirt.virConnect, volume: libvirt.virStorageVol) -> str:
    stream = connection.newStream(0)
    volume.download(stream, 0, 0, 0)
    digest = hashlib.sha256()
    while part := stream.recv(1 << 18):
        digest.update(part)
    stream.finish()
    return digest.hexdigest()


def _parsed(text: str) -> Element:
    return ElementTree.fromstring(text)  # noqa: S314 -- libvirt wrote it
