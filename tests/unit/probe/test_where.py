"""Whose libvirt and whose bridges a command looks at: those that the stack was deployed to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from topology.probe.errors import ProbeError
from topology.probe.outputs import StackOutputs
from topology.probe.where import Where

LAB = "qemu:///system?socket=/lab/libvirt-sock"


def outputs(variant: str, libvirt: str | None) -> StackOutputs:
    return StackOutputs(
        libvirt=libvirt,
        topology="poc",
        file="poc.yaml",
        variant=variant,
        nodes={},
        segments={},
        outside=(),
    )


@pytest.fixture
def lab(tmp_path: Path) -> dict[str, str]:
    """The environment of who uses a lab."""
    (tmp_path / "net").touch()
    return {"LIBVIRT_DEFAULT_URI": LAB, "TOPOLOGY_NAMESPACE": str(tmp_path)}


def test_the_stack_goes_before_the_environment(lab: dict[str, str]) -> None:
    where = Where.of(outputs("unikernel", "qemu:///system"), lab)
    assert where.uri == "qemu:///system"
    assert where.surroundings.directory is None


def test_a_stack_that_says_nothing_is_where_the_environment_says(lab: dict[str, str]) -> None:
    where = Where.of(outputs("containers", None), lab)
    assert where.uri == LAB.replace("qemu", "lxc")
    assert where.surroundings.directory == Path(lab["TOPOLOGY_NAMESPACE"])


def test_a_stack_of_the_lab_is_in_its_namespaces(lab: dict[str, str]) -> None:
    for variant in ("unikernel", "containers"):
        where = Where.of(outputs(variant, LAB), lab)
        assert where.surroundings.directory == Path(lab["TOPOLOGY_NAMESPACE"])


def test_without_either_it_is_the_systems_own() -> None:
    where = Where.of(outputs("containers", None), {})
    assert (where.qemu, where.uri) == ("qemu:///system", "lxc:///system")
    assert where.surroundings.directory is None


def test_bridges_of_another_machine_cannot_be_reached_from_here() -> None:
    where = Where.of(outputs("unikernel", "qemu+ssh://root@far.example/system"), {})
    assert where.uri == "qemu+ssh://root@far.example/system"
    with pytest.raises(ProbeError, match=r"run this on far\.example"):
        _ = where.surroundings


@pytest.mark.parametrize("name", ["localhost", socket.gethostname()])
def test_this_machine_by_its_name_is_this_machine(name: str) -> None:
    where = Where.of(outputs("unikernel", f"qemu+tcp://{name}/system"), {})
    assert where.surroundings.directory is None
