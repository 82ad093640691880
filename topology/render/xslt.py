"""Stylesheets (XSLT 1.0) that give libvirt the XML meant, where the provider would write another.

The provider makes XML of its own from its inputs and lets a stylesheet change it before libvirt
sees it. A domain's stylesheet changes all of it: it emits the domain of `domain_xml` and takes
from the provider's only the paths that are not known before the volumes exist.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from topology.plan.types import PlannedDomain
from topology.render.domain_xml import starts_with, unikernel_element

__all__ = ["domain_xslt", "network_xslt"]

_XSL = "http://www.w3.org/1999/XSL/Transform"


def domain_xslt(domain: PlannedDomain) -> str:
    """A stylesheet whose result is the domain, with the provider's loader, kernel and initrd."""
    stylesheet = _stylesheet()
    template = SubElement(stylesheet, _xsl("template"), match="/")
    root = unikernel_element(domain)
    for element in root.iter():
        for name, value in element.attrib.items():
            # Attributes of a literal result are templates: a brace begins an expression.
            element.set(name, value.replace("{", "{{").replace("}", "}}"))
    for part, element in starts_with(root).items():
        SubElement(element, _xsl("value-of"), select=f"/domain/os/{part}")
    template.append(root)
    return _text(stylesheet)


def network_xslt() -> str:
    """A stylesheet that turns the spanning tree off, which the provider always turns on.

    With it, every new port of a bridge is dead for the forward delay (IEEE 802.1D: 4 s at
    least). One bridge a segment has no loops to find.
    """
    stylesheet = _stylesheet()
    rest = SubElement(stylesheet, _xsl("template"), match="@*|node()")
    copy = SubElement(rest, _xsl("copy"))
    SubElement(copy, _xsl("apply-templates"), select="@*|node()")
    bridge = SubElement(stylesheet, _xsl("template"), match="/network/bridge/@stp")
    SubElement(bridge, _xsl("attribute"), name="stp").text = "off"
    return _text(stylesheet)


def _xsl(name: str) -> str:
    return f"{{{_XSL}}}{name}"


def _stylesheet() -> Element:
    stylesheet = Element(_xsl("stylesheet"), version="1.0")
    SubElement(stylesheet, _xsl("output"), {"omit-xml-declaration": "yes", "indent": "yes"})
    return stylesheet


def _text(root: Element) -> str:
    ElementTree.register_namespace("xsl", _XSL)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
