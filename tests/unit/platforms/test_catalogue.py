"""The catalogue is a table that a reader can trust and a program can walk."""

from __future__ import annotations

import pytest

from topology.platforms import ADAPTERS
from topology.platforms.catalogue import CATALOGUE
from topology.platforms.entry import Generation, Platform
from topology.platforms.types import Accelerator, HostSettings, RootFilesystem, Variant
from topology.resolve.types import Dataplane, Kind

# The study's thirteen systems, and the successors that their repositories led to.
STUDIED = {
    "ClickOS", "Clive", "Drawbridge", "GUK", "HaLVM", "IncludeOS", "LING", "Mini-OS", "MirageOS",
    "OSv", "Rumprun", "Runtime.js", "UniK",
}  # fmt: skip
SUCCESSORS = {"Hermit", "Mothership", "Nanos", "Solo5", "Unikraft"}


def test_every_studied_system_has_one_entry() -> None:
    names = [one.name for one in CATALOGUE]
    ours = {one.name for one in CATALOGUE if one.variant is not None}
    assert len(set(names)) == len(names)
    assert set(names) - ours == STUDIED | SUCCESSORS
    assert names == sorted(names, key=str.lower)


def test_every_variant_has_one_platform_and_its_adapter() -> None:
    variants = [one.variant for one in CATALOGUE if one.variant is not None]
    assert sorted(variants) == sorted(ADAPTERS) == sorted(Variant)


@pytest.mark.parametrize(
    "platform", [one for one in CATALOGUE if one.variant is None], ids=lambda one: one.name
)
def test_what_this_project_does_not_boot_says_why(platform: Platform) -> None:
    assert any(limit.what and limit.why for limit in platform.limits)


@pytest.mark.parametrize("accelerator", tuple(Accelerator))
@pytest.mark.parametrize("kind", [one for one in Kind if one is not Kind.EXTERNAL])
def test_the_adapter_boots_what_the_catalogue_says(kind: Kind, accelerator: Accelerator) -> None:
    machine = next(one for one in CATALOGUE if one.variant is Variant.UNIKERNEL)
    host = HostSettings(accelerator, RootFilesystem.FILE)
    boot = ADAPTERS[Variant.UNIKERNEL].boot(kind, Dataplane.KERNEL, host)
    assert boot.virtio == machine.virtio == Generation.MODERN
    assert boot.nic_model == machine.network
    assert boot.accelerator is accelerator
