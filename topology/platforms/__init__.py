"""The library operating systems that are known, and the platforms that the plan boots nodes on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from topology.platforms.linux import LinuxContainer
from topology.platforms.machine import Machine
from topology.platforms.types import Adapter, Variant

ADAPTERS: Mapping[Variant, Adapter] = MappingProxyType(
    {Variant.CONTAINERS: LinuxContainer(), Variant.UNIKERNEL: Machine()}
)
"""What runs a node of each variant."""

__all__ = ["ADAPTERS"]
