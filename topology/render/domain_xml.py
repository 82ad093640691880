"""libvirt's XML of a planned domain (https://libvirt.org/formatdomain.html), whole and explicit.

Nothing here is left to a default that would add a device: a domain has what stands in it and no
graphics, agent channel, USB or memory balloon beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from topology.errors import TopologyError
from topology.plan.types import (
    Accelerator,
    BootMethod,
    ConfigDelivery,
    PlannedDomain,
    PlannedNic,
    RootFilesystem,
)
from topology.resolve.types import Kind

__all__ = [
    "CONTAINER_UID",
    "ContainerFiles",
    "RenderError",
    "booted_element",
    "container_element",
    "container_xml",
    "cpu_mode",
    "starts_with",
    "unikernel_element",
    "unikernel_xml",
    "xml_text",
]

# The identity that root of a mapped container has on the host. systemd reserves 524288 to
# 1879048191 for containers (UIDS-GIDS.md); its last block is the least likely to be taken.
CONTAINER_UID = 1878982656
_MAPPED_IDS = 65536
# LO_NAME_SIZE less its NUL (linux/loop.h); libvirt refuses what it cannot write there whole.
_LONGEST_LOOPED = 63

# libvirt's own namespace for what concerns QEMU alone (https://libvirt.org/drvqemu.html).
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
ElementTree.register_namespace("qemu", _QEMU)

_MODELS = {"legacy": "virtio-transitional", "modern": "virtio-non-transitional"}


class RenderError(TopologyError):
    """A planned domain boots in a way for which there is no domain XML."""


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """Where, on libvirt's host, a container's files are.

    `root` is a directory for a root of type mount and the image itself for one of type file.
    """

    root: str
    config: str
    console: str


def unikernel_xml(domain: PlannedDomain, *, firmware: str, kernel: str, initrd: str) -> str:
    """The XML of a domain that boots an image directly, its configuration as boot module.

    Raises `RenderError` for a way of booting that this project has no platform for.
    """
    return xml_text(booted_element(domain, firmware=firmware, kernel=kernel, initrd=initrd))


def booted_element(domain: PlannedDomain, *, firmware: str, kernel: str, initrd: str) -> Element:
    """`unikernel_element` with the paths of what it starts with on libvirt's host."""
    root = unikernel_element(domain)
    paths = {"loader": firmware, "kernel": kernel, "initrd": initrd}
    for part, element in starts_with(root).items():
        element.text = paths[part]
    return root


def starts_with(root: Element) -> dict[str, Element]:
    """Adds what a unikernel's domain starts with, by name; the paths are left to the caller."""
    system = root.find("os")
    assert system is not None
    # A loader is pflash to libvirt unless told otherwise; this is a plain ROM.
    loader = SubElement(system, "loader", type="rom", readonly="yes")
    kernel, initrd = SubElement(system, "kernel"), SubElement(system, "initrd")
    return {"loader": loader, "kernel": kernel, "initrd": initrd}


def unikernel_element(domain: PlannedDomain) -> Element:
    """`unikernel_xml` without `starts_with`, for who knows paths only as placeholders."""
    boot = domain.boot
    if boot.method is not BootMethod.KERNEL or boot.config is not ConfigDelivery.BOOT_MODULE:
        raise RenderError(
            f"{domain.node}: no unikernel boots by {boot.method} with its configuration "
            f"as {boot.config}"
        )
    root = Element("domain", type="kvm" if boot.accelerator is Accelerator.KVM else "qemu")
    _head(root, domain)
    if not Kind(domain.kind).forwards:
        root.append(_in_small_pages())
    system = SubElement(root, "os")
    machine = {"machine": boot.machine} if boot.machine else {}
    SubElement(system, "type", {"arch": "x86_64", **machine}).text = "hvm"
    # No ACPI: no image reads its tables. Firmware sums them up byte by byte, which is 20 ms of a
    # start where the hypervisor interprets ring 0.
    features = SubElement(root, "features")
    SubElement(features, "apic")
    # What a pc has else, for guests of VMware and for clocks that no image reads.
    SubElement(features, "vmport", state="off")
    root.append(_cpu(boot.accelerator))
    root.append(_in_batches(domain.vcpus))
    clock = SubElement(root, "clock", offset="utc")
    SubElement(clock, "timer", name="hpet", present="no")
    # A guest that cannot go on, or whose processor gave up (a triple fault), resets the machine:
    # the same image with the same memory begins again, and its console says why. The guest waits
    # before it does, so that one which always fails costs little. One that powers off is finished.
    _at_its_end(root, poweroff="destroy", reboot="restart", crash="restart")
    devices = SubElement(root, "devices")
    # The default controllers of a pc machine stay (PCI, IDE, floppy), USB is given up.
    SubElement(devices, "controller", type="usb", model="none")
    model = boot.nic_model if boot.virtio is None else _MODELS[boot.virtio]
    for nic in domain.nics:
        interface = _interface(devices, nic)
        SubElement(interface, "model", type=model)
        # Nothing boots from the network, and reading the ROM takes time and memory.
        SubElement(interface, "rom", enabled="no")
        SubElement(interface, "link", state="up" if nic.link_up else "down")
    _console(devices, model, domain.console)
    SubElement(devices, "memballoon", model="none")
    # A guest that panics says so through it, too: an event for whoever listens to libvirt.
    SubElement(devices, "panic", model="isa")
    root.append(_quick_start())
    return root


def cpu_mode(accelerator: Accelerator | None) -> str:
    """libvirt's CPU mode under an accelerator."""
    return "host-passthrough" if accelerator is Accelerator.KVM else "custom"


def container_xml(domain: PlannedDomain, files: ContainerFiles) -> str:
    """The XML of an LXC domain, as text; raises as `container_element`."""
    return xml_text(container_element(domain, files))


def container_element(domain: PlannedDomain, files: ContainerFiles) -> Element:
    """The XML of an LXC domain (https://libvirt.org/drvlxc.html) on a read-only root.

    A root of type mount is mapped into a user namespace; the kernel does not let a mapped
    container open the loop device that a root of type file needs. Raises `RenderError` for a
    domain that is no container.
    """
    boot = domain.boot
    if boot.method is not BootMethod.INIT or boot.config is not ConfigDelivery.FILE:
        raise RenderError(
            f"{domain.node}: no container boots by {boot.method} with its configuration "
            f"as {boot.config}"
        )
    if not domain.nics or boot.init is None or boot.root is None:
        raise RenderError(f"{domain.node}: a container needs an interface, an init and a root")
    root = Element("domain", type="lxc")
    _head(root, domain)
    system = SubElement(root, "os")
    SubElement(system, "type", arch="x86_64").text = "exe"
    SubElement(system, "init").text = boot.init
    if boot.root is RootFilesystem.MOUNT:
        mapped = {"start": "0", "target": str(CONTAINER_UID), "count": str(_MAPPED_IDS)}
        mapping = SubElement(root, "idmap")
        SubElement(mapping, "uid", mapped)
        SubElement(mapping, "gid", mapped)
    features = SubElement(root, "features")
    # Never the host's network, whatever else is wrong.
    SubElement(features, "privnet")
    features.append(_capabilities(boot.capabilities))
    # The end of an init is the end of its container: libvirt starts one again only for reboot(2),
    # and the capability for that was given up.
    _at_its_end(root, poweroff="destroy", reboot="destroy", crash="destroy")
    devices = SubElement(root, "devices")
    _root_filesystem(devices, boot.root, files.root)
    _bound_file(devices, files.config, "/config.json", readonly=True)
    _bound_file(devices, files.console, "/console", readonly=False)
    for nic in domain.nics:
        interface = _interface(devices, nic)
        SubElement(interface, "link", state="up" if nic.link_up else "down")
    # The LXC driver insists on one; init never writes to it, because nobody reads it.
    SubElement(devices, "console", type="pty")
    return root


def xml_text(root: Element) -> str:
    """A document as libvirt is given it."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _head(root: Element, domain: PlannedDomain) -> None:
    SubElement(root, "name").text = domain.name
    SubElement(root, "memory", unit="MiB").text = str(domain.memory)
    SubElement(root, "vcpu").text = str(domain.vcpus)


def _at_its_end(root: Element, *, poweroff: str, reboot: str, crash: str) -> None:
    for event, action in (("poweroff", poweroff), ("reboot", reboot), ("crash", crash)):
        SubElement(root, f"on_{event}").text = action


def _cpu(accelerator: Accelerator | None) -> Element:
    cpu = Element("cpu", mode=cpu_mode(accelerator))
    if accelerator is Accelerator.KVM:
        # Hosts whose KVM cannot set this MSR abort QEMU when it is passed through.
        SubElement(cpu, "feature", policy="disable", name="arch-capabilities")
    else:
        SubElement(cpu, "model", fallback="forbid").text = "qemu64"
        # The host's randomness, for ports and sequence numbers: the model has no source of any.
        SubElement(cpu, "feature", policy="require", name="rdrand")
    return cpu


def _in_small_pages() -> Element:
    """Memory that is there once it is touched, 4 KiB at a time.

    For anonymous memory QEMU asks for huge pages, of which a guest of 8 MiB touches each: 6 MiB
    more, and no request is answered faster. Bulk through a forwarder is, by 8 %.
    """
    backing = Element("memoryBacking")
    SubElement(backing, "source", type="memfd")
    SubElement(backing, "access", mode="shared")
    return backing


def _in_batches(vcpus: int) -> Element:
    """Lets neither the guest nor QEMU's thread of input and output break into what another does.

    Each wakes the other for every packet. Under SCHED_BATCH (sched(7)) who is woken waits until
    who wakes has no more to do, so that packets are passed on by the burst: where they share a
    core, half as many again a second. An idle core is given to them as soon as ever.
    """
    tuning = Element("cputune")
    SubElement(tuning, "vcpusched", vcpus=f"0-{vcpus - 1}" if vcpus > 1 else "0", scheduler="batch")
    SubElement(tuning, "emulatorsched", scheduler="batch")
    return tuning


def _console(devices: Element, model: str, log: str) -> None:
    """A virtio console: a line costs the guest one notification, a serial line an exit a byte.

    That was 63 us a byte where the hypervisor is a guest itself: 15 ms in which a node serves
    nobody, for each line. One port and one interrupt are all that images use.
    """
    controller = {"type": "virtio-serial", "index": "0", "model": model}
    SubElement(devices, "controller", {**controller, "ports": "1", "vectors": "1"})
    console = SubElement(devices, "console", type="pty")
    SubElement(console, "log", file=log, append="off")
    SubElement(console, "target", type="virtio", port="0")


def _quick_start() -> Element:
    """Spares a start the questions for the processor's features, one by one.

    libvirt asks a new QEMU for some 400 properties of its processor, and QEMU reads a question
    byte by byte: two thirds of a start. Without this capability libvirt asks once for all of
    them, as it does of an older QEMU.
    """
    capabilities = Element(f"{{{_QEMU}}}capabilities")
    SubElement(capabilities, f"{{{_QEMU}}}del", capability="cpu-unavailable-features")
    return capabilities


def _interface(devices: Element, nic: PlannedNic) -> Element:
    kind, name = ("bridge", nic.bridge) if nic.network is None else ("network", nic.network)
    interface = SubElement(devices, "interface", type=kind)
    SubElement(interface, "mac", address=nic.mac)
    SubElement(interface, "source", {kind: name})
    return interface


def _capabilities(wanted: Sequence[str]) -> Element:
    capabilities = Element("capabilities", policy="deny")
    for name in sorted(wanted):
        SubElement(capabilities, name, state="on")
    return capabilities


def _root_filesystem(devices: Element, root: RootFilesystem, source: str) -> None:
    if root is RootFilesystem.FILE and len(source.encode()) > _LONGEST_LOOPED:
        raise RenderError(f"libvirt loops no image with a path this long: {source}")
    if root is RootFilesystem.MOUNT:
        filesystem = SubElement(devices, "filesystem", type="mount")
        SubElement(filesystem, "source", dir=source)
    else:
        filesystem = SubElement(devices, "filesystem", type="file")
        SubElement(filesystem, "driver", type="loop", format="raw")
        SubElement(filesystem, "source", file=source)
    SubElement(filesystem, "target", dir="/")
    SubElement(filesystem, "readonly")


def _bound_file(devices: Element, source: str, target: str, *, readonly: bool) -> None:
    filesystem = SubElement(devices, "filesystem", type="mount")
    SubElement(filesystem, "source", dir=source)
    SubElement(filesystem, "target", dir=target)
    if readonly:
        SubElement(filesystem, "readonly")
