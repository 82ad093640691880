"""A segment: a libvirt network that is a bridge and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_libvirt as lv

from topology.plan.types import PlannedSegment
from topology.render.xslt import network_xslt

__all__ = ["Segment", "SegmentArgs"]


@dataclass(frozen=True, slots=True)
class SegmentArgs:
    """A planned segment; `hooks` clear what stands in the way of a create."""

    segment: PlannedSegment
    hooks: pulumi.ResourceHookBinding | None = None


class Segment(pulumi.ComponentResource):
    """A bridge without host address, DHCP or DNS; nothing at all where it is an uplink.

    `network_id` is then `None`, and guests are attached to the existing bridge by its name. Its
    generation is in its name, so that a segment that changes is a second network beside the
    first until every guest has moved.
    """

    network_id: pulumi.Output[str] | None

    def __init__(
        self, name: str, args: SegmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Segment", name, {}, opts)
        self.network_id = None if args.segment.uplink else _network(name, args, self).id
        self.register_outputs({"networkId": self.network_id})


def _network(name: str, args: SegmentArgs, parent: pulumi.Resource) -> lv.Network:
    segment = args.segment
    return lv.Network(
        f"{name}-network",
        name=segment.network,
        mode="none",
        bridge=segment.bridge,
        mtu=segment.mtu,
        xml=lv.NetworkXmlArgs(xslt=network_xslt()),
        opts=pulumi.ResourceOptions(
            parent=parent,
            delete_before_replace=False,
            # The provider takes changes of these and does nothing.
            replace_on_changes=["dhcp", "dns", "dnsmasq_options", "mtu"],
            hooks=args.hooks,
        ),
    )
