"""Every change of a domain's XML is told; what libvirt adds by itself is none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tests.components.program import deployment
from topology.drift.xml import differences, interfaces
from topology.plan.types import Variant
from topology.render.domain_xml import ContainerFiles, container_xml, unikernel_xml

ADDED = """
<x><uuid>28763e70-1451-4604-99e5-f5732c6fe8e5</uuid>
<currentMemory unit="KiB">{memory}</currentMemory>
<resource><partition>/machine</partition></resource><seclabel type="dynamic"/></x>
"""
DEVICES = """
<x><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type="pci" index="0"/>
<input type="mouse" bus="ps2"/><audio id="1" type="none"/></x>
"""


def given(variant: Variant) -> Iterator[Element]:
    for domain in deployment(variant).domains:
        if variant is Variant.UNIKERNEL:
            text = unikernel_xml(
                domain, firmware="/pool/firmware", kernel="/pool/image", initrd="/pool/config"
            )
        else:
            text = container_xml(domain, ContainerFiles("/roots/r", "/pool/config", "/log"))
        yield ElementTree.fromstring(text)


def described(domain: Element) -> Element:
    """The same as libvirt describes it, with what it adds."""
    found = copy.deepcopy(domain)
    memory = found.find("memory")
    assert memory is not None
    kib = str(int(memory.text or 0) * 1024)
    memory.text, memory.attrib["unit"] = kib, "KiB"
    found.extend(ElementTree.fromstring(ADDED.format(memory=kib)))
    devices = found.find("devices")
    assert devices is not None
    devices.extend(ElementTree.fromstring(DEVICES))
    for kind in found.iterfind("os/type[@machine]"):
        kind.set("machine", f"{kind.get('machine')}-i440fx-7.2")
    for element in devices:
        ElementTree.SubElement(element, "alias", name="net0")
    return found


def changes(domain: Element) -> Iterator[tuple[str, Element]]:
    """Copies, each with one element gone, one attribute or one text another."""
    for index, element in enumerate(domain.iter()):
        for name in element.attrib:
            other = copy.deepcopy(domain)
            list(other.iter())[index].set(name, "other")
            yield f"{element.tag} {name}", other
        if (element.text or "").strip():
            other = copy.deepcopy(domain)
            list(other.iter())[index].text = "77"
            yield f"{element.tag} text", other
        for number, child in enumerate(element):
            other = copy.deepcopy(domain)
            del list(other.iter())[index][number]
            yield f"{child.tag} gone", other


@pytest.mark.parametrize("variant", tuple(Variant))
def test_a_domain_as_libvirt_describes_it_does_not_differ(variant: Variant) -> None:
    for domain in given(variant):
        assert list(differences(domain, described(domain))) == []


@pytest.mark.parametrize("variant", tuple(Variant))
def test_every_change_of_what_was_given_is_told(variant: Variant) -> None:
    count = 0
    for domain in given(variant):
        for element in domain.findall("devices/interface"):
            devices = domain.find("devices")
            assert devices is not None
            devices.remove(element)  # compared apart
        for what, other in changes(described(domain)):
            tag, _, _ = what.partition(" ")
            if tag not in {e.tag for e in domain.iter()} - {"controller"} or what == "memory unit":
                continue
            expected = any(
                e.tag == tag and (what.endswith(("gone", "text")) or what.split()[1] in e.attrib)
                for e in domain.iter()
            )
            if expected:
                count += 1
                assert list(differences(domain, other)), what
    assert count > 100


@pytest.mark.parametrize(
    ("parent", "child"),
    [("os", "cmdline"), ("features", "hyperv"), ("devices", "disk"), ("devices", "hostdev")],
)
def test_what_changes_a_domain_may_not_be_added(parent: str, child: str) -> None:
    for domain in given(Variant.UNIKERNEL):
        other = described(domain)
        holder = other.find(parent)
        assert holder is not None
        ElementTree.SubElement(holder, child)
        assert list(differences(domain, other)) == [(f"{parent}/{child}", "nothing", "there")]


def test_interfaces_are_known_by_their_mac_addresses() -> None:
    for planned, domain in zip(
        deployment(Variant.UNIKERNEL).domains, given(Variant.UNIKERNEL), strict=True
    ):
        assert set(interfaces(domain)) == {nic.mac for nic in planned.nics}
