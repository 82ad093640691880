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
    """What a segment is made of."""

    segment: PlannedSegment


class Segment(pulumi.ComponentResource):
    """A bridge without host address, DHCP or DNS; or an existing bridge, where it is an uplink.

    Its generation is in its name, so that a segment that changes is a second network beside the
    first until every guest has moved.
    """

    network_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: SegmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Segment", name, {}, opts)
        segment = args.segment
        isolated = segment.uplink is None
        network = lv.Network(
            f"{name}-network",
            name=segment.network,
            mode="none" if isolated else "bridge",
            bridge=segment.bridge,
            # An existing bridge has its own, and libvirt refuses to be told.
            mtu=segment.mtu if isolated else None,
            xml=lv.NetworkXmlArgs(xslt=network_xslt()) if isolated else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                delete_before_replace=False,
                # The provider takes changes of these and does nothing.
                replace_on_changes=["dhcp", "dns", "dnsmasq_options", "mtu"],
            ),
        )
        self.network_id = network.id
        self.register_outputs({"networkId": self.network_id})
