"""How often guests have left their processor for the host: KVM's own counts, told by libvirt.

Linux' binary statistics of virtual machines (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD)
reach libvirt through QEMU from version 7.1 on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libvirt

from topology.probe.identity import open_libvirt

__all__ = ["guest_exits"]

_COUNT = "vcpu.{}.exits.sum"


def guest_exits(uri: str, domains: Iterable[str]) -> Mapping[str, int]:
    """Exits of all virtual processors of each domain since it was started, by its name.

    Those that nobody counts (an emulated processor, an older kernel, QEMU or libvirt) are left out.
    """
    wanted = sorted(domains)
    if not wanted:
        return {}
    connection = open_libvirt(uri)
    try:
        listed = [connection.lookupByName(name) for name in wanted]
        told = connection.domainListGetStats(listed, libvirt.VIR_DOMAIN_STATS_VCPU)
    finally:
        connection.close()
    found = {}
    for domain, figures in told:
        processors = range(figures.get("vcpu.maximum", 1))
        counts = [figures.get(_COUNT.format(number)) for number in processors]
        known = [count for count in counts if count is not None]
        if known:
            found[domain.name()] = sum(known)
    return found
