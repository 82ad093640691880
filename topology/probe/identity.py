"""Whether what runs is what was deployed: domains, digests and the nodes' own counters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import libvirt

from topology.probe.errors import ProbeError
from topology.probe.outputs import NodeOutput
from topology.probe.places import Surroundings
from topology.probe.results import Status

__all__ = ["Console", "Starts", "domain_runs", "open_libvirt", "starts_of"]

_TYPES = {"containers": {"lxc"}, "unikernel": {"kvm", "qemu"}}
_TAIL_BYTES = 256 * 1024


def open_libvirt(uri: str) -> libvirt.virConnect:
    """A connection that reports errors only by exceptions; raises `ProbeError`."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as error:
        raise ProbeError(
            f"libvirt at {uri}: {error}", hint="is it running? ./lab status"
        ) from error


def domain_runs(
    connection: libvirt.virConnect, node: NodeOutput, variant: str, surroundings: Surroundings
) -> tuple[Status, str]:
    """Whether the node's domain is active, of the variant's type, with the deployed bytes."""
    try:
        domain = connection.lookupByName(node.domain)
    except libvirt.libvirtError:
        return Status.BROKEN, f"there is no domain {node.domain}"
    if not domain.isActive():
        reason = Console(node.console, surroundings).last("fatal").get("reason")
        return Status.BROKEN, f"{node.domain} is not running" + (f": {reason}" if reason else "")
    document = ElementTree.fromstring(domain.XMLDesc())  # noqa: S314 -- libvirt wrote it
    kind = document.get("type", "")
    if kind not in _TYPES[variant]:
        return Status.BROKEN, f"{node.domain} is a {kind} domain"
    for what, wanted, path in _files(document, node):
        digest = _sha256(path, surroundings)
        if digest != wanted:
            return (
                Status.BROKEN,
                f"the {what} at {path} has digest {digest[:12]}, not {wanted[:12]}",
            )
    return Status.SEEN, f"{kind}, image {node.image[:12]}, configuration {node.config[:12]}"


def _files(document: ElementTree.Element, node: NodeOutput) -> list[tuple[str, str, str]]:
    """(what, digest, path) of the image and the configuration that a domain was started with."""
    image = document.findtext("os/kernel", "")
    config = document.findtext("os/initrd", "")
    for filesystem in document.iter("filesystem"):
        source, target = filesystem.find("source"), filesystem.find("target")
        if source is None or target is None:
            continue
        path = source.get("file") or source.get("dir") or ""
        if target.get("dir") == "/":
            image = path
        elif target.get("dir") == "/config.json":
            config = path
    if not image or not config:
        raise ProbeError(f"{node.domain} names no image or no configuration in its XML")
    return [("image", node.image, image), ("configuration", node.config, config)]


def _sha256(path: str, surroundings: Surroundings) -> str:
    """The digest of a file as libvirt sees it; of a mounted image, the one behind the mount."""
    if surroundings.run(["test", "-d", path], check=False).returncode == 0:
        found = surroundings.run(["findmnt", "-n", "-o", "SOURCE", "--target", path])
        loop = found.stdout.strip().rpartition("/")[2]
        path = surroundings.run(["cat", f"/sys/block/{loop}/loop/backing_file"]).stdout.strip()
    return surroundings.run(["sha256sum", "--", path]).stdout.split()[0].lstrip("\\")


@dataclass(frozen=True, slots=True)
class Starts:
    """How often a node has started, and what it said before the last start; empty if nothing."""

    count: int
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason of the last start in words; empty where it is the first."""
        if self.count < 2:
            return ""
        return self.reason or "it said nothing: a triple fault, or a reset from outside"


def starts_of(lines: Iterable[Mapping[str, object]]) -> Starts:
    """The starts that the lines of a console show."""
    count, reason, said = 0, "", ""
    for line in lines:
        if line.get("event") == "boot":
            count, reason, said = count + 1, said, ""
        elif line.get("event") == "fatal":
            said = str(line.get("reason", ""))
    return Starts(count, reason)


@dataclass(frozen=True, slots=True)
class Console:
    """A node's console log: JSON objects, one a line, the newest last."""

    path: str
    surroundings: Surroundings

    def last(self, event: str) -> Mapping[str, object]:
        """The newest line of this event since the node last started; empty where there is none."""
        found: Mapping[str, object] = {}
        for line in self._lines():
            if line.get("event") in ("boot", "ready") and event not in ("boot", "ready"):
                found = {}
            if line.get("event") == event:
                found = line
        return found

    def counters(self) -> dict[str, int]:
        """The newest counters; empty before the node has counted anything."""
        counters = self.last("counters").get("counters", {})
        if not isinstance(counters, Mapping):
            raise ProbeError(f"{self.path}: a counters line without counters")
        return {str(name): int(value) for name, value in counters.items()}

    def starts(self) -> Starts:
        """The starts that the newest part of the console shows."""
        return starts_of(self._lines())

    def _lines(self) -> list[Mapping[str, object]]:
        tail = self.surroundings.run(["tail", "-c", str(_TAIL_BYTES), "--", self.path], check=False)
        if tail.returncode != 0:
            raise ProbeError(
                f"the console {self.path} cannot be read: {tail.stderr.strip()}",
                hint="a console is readable where libvirt runs, by root",
            )
        lines: list[Mapping[str, object]] = []
        for text in tail.stdout.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # firmware's own words, or a line cut by the tail
            if isinstance(line, dict):
                lines.append(line)
        return lines
