"""What the fabric asks the engine for, resource by resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from tests.components.program import URI, Registration, deployment, realise
from topology.plan.types import Accelerator, Deployment, ReplaceOrder, RootFilesystem, Variant
from topology.render.domain_xml import CONTAINER_UID, ContainerFiles, container_xml
from topology.render.xslt import domain_xslt, network_xslt

DOMAIN = {
    Variant.CONTAINERS: "pulumi-python:dynamic/components:Lxc",
    Variant.UNIKERNEL: "libvirt:index/domain:Domain",
}
NETWORK = "libvirt:index/network:Network"
POOL = "libvirt:index/pool:Pool"
VOLUME = "libvirt:index/volume:Volume"


@cache
def realised(planned: Deployment) -> Mapping[str, Registration]:
    return {one.name: one for one in realise(planned) if one.type != "pulumi:providers:libvirt"}


def of_type(planned: Deployment, kind: str) -> dict[str, Registration]:
    return {name: one for name, one in realised(planned).items() if one.type == kind}


@pytest.mark.parametrize("variant", tuple(Variant))
def test_names_are_the_stacks_and_the_models(variant: Variant) -> None:
    planned = deployment(variant)
    stack = planned.stack
    expected = {stack, f"{stack}-pool"}
    for segment in ("external", "servers", "transit"):
        expected |= {f"{stack}-{segment}", f"{stack}-{segment}-network"}
    for domain in planned.domains:
        config = f"{stack}-{domain.node}-config-{domain.config_digest[:12]}"
        node = f"{stack}-{domain.node}"
        expected |= {node, f"{node}-domain", config, f"{config}-volume"}
        for one in domain.images:
            image = f"{stack}-image-{one.role}-{one.digest[:12]}"
            expected |= {image, f"{image}-volume"}
    assert set(realised(planned)) == expected


@pytest.mark.parametrize("variant", tuple(Variant))
def test_every_child_stands_below_its_component(variant: Variant) -> None:
    planned = deployment(variant)
    for name, one in realised(planned).items():
        if name == planned.stack:
            assert one.parent.startswith("topology-")  # the stack itself
        elif one.custom and one.type != POOL:
            assert name.startswith(f"{one.parent}-")
            assert not realised(planned)[one.parent].custom
        else:
            assert one.parent in realised(planned)


@pytest.mark.parametrize("variant", tuple(Variant))
def test_every_libvirt_resource_goes_to_the_stacks_own_connection(variant: Variant) -> None:
    for one in realised(deployment(variant)).values():
        if one.type.startswith("libvirt:"):
            assert "pulumi:providers:libvirt" in one.provider


@pytest.mark.parametrize("variant", tuple(Variant))
def test_the_order_of_replacement_is_the_plans_and_never_a_default(variant: Variant) -> None:
    planned = deployment(variant)
    for one in realised(planned).values():
        if one.custom and one.type != POOL:
            assert one.delete_before_replace is False
    turned = replace(
        planned,
        domains=tuple(replace(one, replace=ReplaceOrder.DELETE_FIRST) for one in planned.domains),
    )
    domains = of_type(turned, DOMAIN[variant])
    assert len(domains) == 4
    assert all(one.delete_before_replace is True for one in domains.values())


@pytest.mark.parametrize("variant", tuple(Variant))
def test_segments_are_bridges_and_nothing_else(variant: Variant) -> None:
    planned = deployment(variant)
    networks = of_type(planned, NETWORK)
    for segment in planned.segments:
        one = networks[f"{planned.stack}-{segment.name}-network"]
        assert one.inputs == {
            "name": segment.network,
            "mode": "none",
            "bridge": segment.bridge,
            "mtu": 1500,
            "xml": {"xslt": network_xslt()},
        }
        # Taken by the provider on update, and not done.
        assert {"mtu", "dhcp", "dns"} <= set(one.replace_on_changes)


@pytest.mark.parametrize("variant", tuple(Variant))
def test_an_uplink_is_an_existing_bridge_and_no_network(variant: Variant) -> None:
    planned = deployment(variant, uplink="br0")
    stack = planned.stack
    assert set(of_type(planned, NETWORK)) == {
        f"{stack}-servers-network",
        f"{stack}-transit-network",
    }
    firewall = of_type(planned, DOMAIN[variant])[f"{stack}-firewall-domain"]
    if variant is Variant.CONTAINERS:
        assert firewall.inputs["networks"] == ["id-of-containers-transit-network"]
        assert '<source bridge="br0" />' in firewall.inputs["xml"]
    else:
        outer, inner = firewall.inputs["networkInterfaces"]
        assert set(outer) == {"bridge", "mac"}
        assert outer["bridge"] == "br0"
        assert inner["networkId"] == "id-of-unikernel-transit-network"
        assert '<source bridge="br0" />' in firewall.inputs["xml"]["xslt"]


@pytest.mark.parametrize("variant", tuple(Variant))
def test_images_and_documents_travel_as_raw_volumes_of_the_stacks_own_pool(
    variant: Variant,
) -> None:
    planned = deployment(variant)
    (pool,) = of_type(planned, POOL).values()
    assert pool.inputs["name"] == f"topology-{planned.stack}"
    assert pool.inputs["target"] == {"path": f"/var/lib/libvirt/topology/{planned.stack}"}
    # The second pool of a name or a directory is refused by libvirt.
    assert pool.delete_before_replace is True
    names = set()
    for one in of_type(planned, VOLUME).values():
        assert one.inputs["format"] == "raw"
        assert one.inputs["pool"] == pool.inputs["name"]
        # Where the bytes came from is no part of them; their digest is the volume's name.
        assert one.ignore_changes == ("source",)
        names.add(one.inputs["name"])
    images = {image for one in planned.domains for image in one.images}
    assert names == {f"{one.role}-{one.digest[:12]}" for one in images} | {
        f"config-{one.node}-{one.config_digest[:12]}" for one in planned.domains
    }


def test_an_images_path_is_short_enough_to_be_looped() -> None:
    for stack in ("s", "containers", "a-stack-with-a-name-of-forty-characters."):
        planned = replace(deployment(Variant.CONTAINERS), stack=stack)
        (pool,) = of_type(planned, POOL).values()
        for one in of_type(planned, VOLUME).values():
            if "-image-" in one.name:
                assert len(f"{pool.inputs['target']['path']}/{one.inputs['name']}") <= 63


def test_nodes_of_one_image_share_its_volume() -> None:
    planned = deployment(Variant.CONTAINERS)
    shared = planned.domains[0].image
    one_image = replace(
        planned, domains=tuple(replace(domain, image=shared) for domain in planned.domains)
    )
    images = [name for name in of_type(one_image, VOLUME) if "-image-" in name]
    assert images == [f"containers-image-dns-{shared.digest[:12]}-volume"]


@pytest.mark.parametrize("accelerator", tuple(Accelerator))
def test_a_unikernels_inputs_are_what_the_provider_reads_back(accelerator: Accelerator) -> None:
    planned = deployment(Variant.UNIKERNEL, accelerator=accelerator)
    domains = of_type(planned, DOMAIN[Variant.UNIKERNEL])
    kvm = accelerator is Accelerator.KVM
    for domain in planned.domains:
        assert domain.firmware is not None
        one = domains[f"unikernel-{domain.node}-domain"]
        assert one.inputs == {
            "name": domain.name,
            "type": "kvm" if kvm else "qemu",
            "arch": "x86_64",
            "machine": "pc",
            "firmware": f"/pool/firmware-{domain.firmware.digest[:12]}",
            "cpu": {"mode": "host-passthrough" if kvm else "custom"},
            "memory": 8,
            "vcpu": 1,
            "kernel": f"/pool/{domain.kind}-{domain.image.digest[:12]}",
            "initrd": f"/pool/config-{domain.node}-{domain.config_digest[:12]}",
            "networkInterfaces": [
                {"networkId": f"id-of-unikernel-{nic.segment}-network", "mac": nic.mac}
                for nic in domain.nics
            ],
            "xml": {"xslt": domain_xslt(domain)},
        }
        # Taken by the provider on update, and not done.
        assert {"kernel", "initrd", "networkInterfaces", "machine", "arch"} <= set(
            one.replace_on_changes
        )
        assert one.hooks == ("remove-namesake", "undo-domain")


@pytest.mark.parametrize("rootfs", tuple(RootFilesystem))
def test_a_container_is_stored_with_all_that_its_provider_needs(rootfs: RootFilesystem) -> None:
    planned = deployment(Variant.CONTAINERS, rootfs=rootfs)
    domains = of_type(planned, DOMAIN[Variant.CONTAINERS])
    mapped = rootfs is RootFilesystem.MOUNT
    for domain in planned.domains:
        one = domains[f"containers-{domain.node}-domain"]
        image = f"/pool/{domain.kind}-{domain.image.digest[:12]}"
        root = f"/var/lib/libvirt/topology-roots/{domain.name}" if mapped else ""
        files = ContainerFiles(
            root=root or image,
            config=f"/pool/config-{domain.node}-{domain.config_digest[:12]}",
            console=domain.console,
        )
        stored = {key: value for key, value in one.inputs.items() if key != "__provider"}
        assert stored == {
            "uri": URI,
            "name": domain.name,
            "xml": container_xml(domain, files),
            "image": image,
            "root": root,
            "console": domain.console,
            "console_owner": CONTAINER_UID if mapped else 0,
            "networks": [f"id-of-containers-{nic.segment}-network" for nic in domain.nics],
        }


@pytest.mark.parametrize("variant", tuple(Variant))
def test_a_node_waits_for_its_networks_and_volumes(variant: Variant) -> None:
    planned = deployment(variant)
    domains = of_type(planned, DOMAIN[variant])
    stack = planned.stack
    for domain in planned.domains:
        networks = {f"{stack}-{nic.segment}-network" for nic in domain.nics}
        volumes = {f"{stack}-{domain.node}-config-{domain.config_digest[:12]}-volume"} | {
            f"{stack}-image-{one.role}-{one.digest[:12]}-volume" for one in domain.images
        }
        assert domains[f"{stack}-{domain.node}-domain"].dependencies == networks | volumes
