"""A node as a container: an LXC domain on its image, its configuration bound as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import pulumi
from pulumi.dynamic import Resource

from components.lxc import LxcProvider
from components.node import NodeArgs, config_image, delete_first
from topology.plan.types import RootFilesystem
from topology.render.domain_xml import CONTAINER_UID, ContainerFiles, container_xml

__all__ = ["Container", "LxcResource"]

# Beside the pools of volumes: libvirt's own directory, readable by who runs a domain.
_ROOTS = PurePosixPath("/var/lib/libvirt/topology-roots")


class LxcResource(Resource, module="components", name="Lxc"):
    """The domain itself; Pulumi runs `LxcProvider` for it."""


class Container(pulumi.ComponentResource):
    """A domain whose XML is the plan's, its root mounted or looped as the plan says."""

    uuid: pulumi.Output[str]

    def __init__(
        self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Container", name, {}, opts)
        domain = args.domain
        mapped = domain.boot.root is RootFilesystem.MOUNT
        root = str(_ROOTS / domain.name) if mapped else ""
        config = config_image(name, args, self)

        def xml(paths: Sequence[str]) -> str:
            image, document = paths
            return container_xml(domain, ContainerFiles(root or image, document, domain.console))

        created = LxcResource(
            LxcProvider(),
            f"{name}-domain",
            {
                "uri": args.uri,
                "name": domain.name,
                "xml": pulumi.Output.all(args.image, config.path).apply(xml),
                "image": args.image,
                "root": root,
                "console": domain.console,
                "console_owner": CONTAINER_UID if mapped else 0,
                "networks": [
                    args.networks[nic.segment] for nic in domain.nics if nic.network is not None
                ],
            },
            pulumi.ResourceOptions(parent=self, delete_before_replace=delete_first(domain)),
        )
        self.uuid = created.id
        self.register_outputs({"uuid": self.uuid})
