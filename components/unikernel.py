"""A node as a unikernel: a QEMU domain that boots its image with its configuration as module."""

from __future__ import annotations

import pulumi
import pulumi_libvirt as lv

from components.node import NodeArgs, config_image, delete_first
from topology.plan.types import Accelerator
from topology.render.domain_xml import cpu_mode
from topology.render.xslt import domain_xslt

__all__ = ["Unikernel"]


class Unikernel(pulumi.ComponentResource):
    """A domain whose XML is the plan's; the provider's arguments are what it reads back of it.

    The digest in its name makes every change a replacement.
    """

    uuid: pulumi.Output[str]

    def __init__(
        self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Unikernel", name, {}, opts)
        domain, boot = args.domain, args.domain.boot
        config = config_image(name, args, self)
        created = lv.Domain(
            f"{name}-domain",
            name=domain.name,
            type="kvm" if boot.accelerator is Accelerator.KVM else "qemu",
            arch="x86_64",
            machine=boot.machine,
            firmware=args.firmware,
            cpu=lv.DomainCpuArgs(mode=cpu_mode(boot.accelerator)),
            memory=domain.memory,
            vcpu=domain.vcpus,
            kernel=args.image,
            initrd=config.path,
            network_interfaces=[
                lv.DomainNetworkInterfaceArgs(
                    network_id=args.networks.get(nic.segment),
                    bridge=nic.bridge if nic.network is None else None,
                    mac=nic.mac,
                )
                for nic in domain.nics
            ],
            xml=lv.DomainXmlArgs(xslt=domain_xslt(domain)),
            opts=pulumi.ResourceOptions(
                parent=self,
                delete_before_replace=delete_first(domain),
                # The provider takes changes of these and does nothing.
                replace_on_changes=[
                    "arch",
                    "boot_devices",
                    "emulator",
                    "initrd",
                    "kernel",
                    "machine",
                    "metadata",
                    "network_interfaces",
                ],
                hooks=args.hooks,
            ),
        )
        self.uuid = created.id
        self.register_outputs({"uuid": self.uuid})
