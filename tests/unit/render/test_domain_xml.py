"""Domain and network XML: golden files, and what a stylesheet makes of the provider's XML."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.golden import PROJECT, TESTS, check_golden
from topology.pipeline import require_file
from topology.plan import plan
from topology.plan.types import (
    Accelerator,
    BootMethod,
    ConfigDelivery,
    Deployment,
    ImageRef,
    PlannedDomain,
    RootFilesystem,
    Variant,
)
from topology.render.domain_xml import (
    CONTAINER_UID,
    ContainerFiles,
    RenderError,
    container_xml,
    unikernel_xml,
)
from topology.render.xslt import domain_xslt, network_xslt

GOLDEN = TESTS / "golden" / "xml"
FILES = ContainerFiles(root="/roots/node", config="/pool/config", console="/consoles/node.log")


def deployment(
    variant: Variant,
    *,
    rootfs: RootFilesystem = RootFilesystem.MOUNT,
    accelerator: Accelerator = Accelerator.KVM,
) -> Deployment:
    return plan(
        require_file(PROJECT / "poc.yaml"),
        stack="stack",
        variant=variant,
        images={
            role: ImageRef(role, variant, f"{number:x}" * 64, 128_000, Path("/images") / role)
            for number, role in enumerate(("dns", "firewall", "router", "web", "firmware"), start=1)
        },
        accelerator=accelerator,
        rootfs=rootfs,
        consoles="/var/log/topology",
    )


def planned(of: Deployment, node: str) -> PlannedDomain:
    (domain,) = [one for one in of.domains if one.node == node]
    return domain


def stable(text: str, domain: PlannedDomain) -> str:
    """Without the digest: what it covers has golden files of its own."""
    return text.replace(domain.name, f"stack-{domain.node}-DIGEST")


@pytest.mark.parametrize("accelerator", tuple(Accelerator))
def test_golden_unikernel(accelerator: Accelerator) -> None:
    domain = planned(deployment(Variant.UNIKERNEL, accelerator=accelerator), "router")
    text = unikernel_xml(
        domain, firmware="/pool/firmware", kernel="/pool/image", initrd="/pool/config"
    )
    check_golden(GOLDEN / f"unikernel-{accelerator}.xml", stable(text, domain))


def test_who_forwards_keeps_huge_pages() -> None:
    for domain in deployment(Variant.UNIKERNEL).domains:
        text = unikernel_xml(domain, firmware="/f", kernel="/k", initrd="/i")
        small = ElementTree.fromstring(text).find("memoryBacking/source[@type='memfd']")
        assert (small is None) == (domain.kind in ("firewall", "router"))


@pytest.mark.parametrize("rootfs", tuple(RootFilesystem))
def test_golden_container(rootfs: RootFilesystem) -> None:
    domain = planned(deployment(Variant.CONTAINERS, rootfs=rootfs), "router")
    check_golden(GOLDEN / f"container-{rootfs}.xml", stable(container_xml(domain, FILES), domain))


def test_golden_stylesheets() -> None:
    domain = planned(deployment(Variant.UNIKERNEL), "router")
    check_golden(GOLDEN / "unikernel.xslt", stable(domain_xslt(domain), domain))
    check_golden(GOLDEN / "network.xslt", network_xslt())


def transformed(stylesheet: str, document: str, folder: Path) -> str:
    (folder / "sheet.xslt").write_text(stylesheet)
    done = subprocess.run(
        ["xsltproc", str(folder / "sheet.xslt"), "-"],
        input=document,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def canonical(text: str) -> str:
    return ElementTree.canonicalize(text, strip_text=True)


@pytest.mark.parametrize("consoles", ["/var/log/topology", "/odd {name} & <path>"])
def test_a_stylesheet_makes_the_domain_of_whatever_the_provider_wrote(
    tmp_path: Path, consoles: str
) -> None:
    domain = replace(
        planned(deployment(Variant.UNIKERNEL), "router"), console=f"{consoles}/router.log"
    )
    provider = """
      <domain type="qemu"><name>other</name><memory unit="MiB">512</memory>
        <os><type>hvm</type><loader readonly="yes" type="pflash">/pool/the firmware</loader>
          <kernel>/pool/the image</kernel><initrd>/pool/the config</initrd></os>
        <devices><graphics type="spice"/><channel type="unix"/><rng model="virtio"/></devices>
      </domain>"""
    made = transformed(domain_xslt(domain), provider, tmp_path)
    meant = unikernel_xml(
        domain,
        firmware="/pool/the firmware",
        kernel="/pool/the image",
        initrd="/pool/the config",
    )
    assert canonical(made) == canonical(meant)


def test_a_networks_stylesheet_changes_the_spanning_tree_alone(tmp_path: Path) -> None:
    provider = '<network><name>n</name><bridge name="b" stp="on"/><mtu size="1500"/></network>'
    made = transformed(network_xslt(), provider, tmp_path)
    assert canonical(made) == canonical(provider.replace('stp="on"', 'stp="off"'))


def test_a_mapped_container_is_nobody_on_the_host() -> None:
    mapped = container_xml(planned(deployment(Variant.CONTAINERS), "web"), FILES)
    root = ElementTree.fromstring(mapped)
    assert [one.get("target") for one in root.iterfind("idmap/*")] == [str(CONTAINER_UID)] * 2
    looped = deployment(Variant.CONTAINERS, rootfs=RootFilesystem.FILE)
    assert "idmap" not in container_xml(planned(looped, "web"), FILES)


def test_a_container_starts_with_the_capabilities_of_the_plan_and_no_others() -> None:
    domain = planned(deployment(Variant.CONTAINERS), "web")
    capabilities = ElementTree.fromstring(container_xml(domain, FILES)).find(
        "features/capabilities"
    )
    assert capabilities is not None
    assert capabilities.get("policy") == "deny"
    assert tuple(one.tag for one in capabilities) == domain.boot.capabilities
    assert {one.get("state") for one in capabilities} == {"on"}


def test_a_container_without_an_interface_would_have_the_hosts() -> None:
    domain = planned(deployment(Variant.CONTAINERS), "web")
    with pytest.raises(RenderError, match="an interface"):
        container_xml(replace(domain, nics=()), FILES)


def test_an_image_whose_path_libvirt_cannot_loop_is_refused() -> None:
    domain = planned(deployment(Variant.CONTAINERS, rootfs=RootFilesystem.FILE), "web")
    container_xml(domain, replace(FILES, root="/" + "x" * 62))
    with pytest.raises(RenderError, match="this long"):
        container_xml(domain, replace(FILES, root="/" + "x" * 63))


def test_what_no_platform_boots_by_is_refused() -> None:
    domain = planned(deployment(Variant.UNIKERNEL), "web")
    for boot in (
        replace(domain.boot, method=BootMethod.DISK),
        replace(domain.boot, config=ConfigDelivery.COMMAND_LINE),
    ):
        with pytest.raises(RenderError, match="boots by"):
            domain_xslt(replace(domain, boot=boot))
    with pytest.raises(RenderError, match="boots by"):
        container_xml(domain, FILES)


def test_a_link_can_be_down_at_first() -> None:
    for variant in Variant:
        domain = planned(deployment(variant), "web")
        (nic,) = domain.nics
        down = replace(domain, nics=(replace(nic, link_up=False),))
        text = (
            unikernel_xml(down, firmware="/f", kernel="/k", initrd="/i")
            if variant is Variant.UNIKERNEL
            else container_xml(down, FILES)
        )
        link = ElementTree.fromstring(text).find("devices/interface/link")
        assert link is not None
        assert link.get("state") == "down"
