"""Control groups: what a mount table says about a host."""

from pathlib import Path

import pytest

from sandbox import cgroups
from sandbox.cgroups import Hierarchy, Layout

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "31 29 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,"
    "release_agent=/lib/systemd/agent,name=systemd\n"
)
UNIFIED = "32 29 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
OTHER = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (OTHER, Layout.NONE),
        (OTHER + V2, Layout.UNIFIED),
        (OTHER + V1, Layout.V1),
        (OTHER + V1 + UNIFIED, Layout.HYBRID),
    ],
)
def test_layouts_are_told_apart(text: str, layout: Layout) -> None:
    assert cgroups.layout(cgroups.parse(text)) is layout


def test_only_controllers_are_taken_from_the_options() -> None:
    assert [hierarchy.options for hierarchy in cgroups.parse(V1)] == [
        "cpu,cpuacct",
        "name=systemd",
    ]


def test_a_hybrid_host_shows_libvirt_v1_only() -> None:
    used = cgroups.used(cgroups.parse(V1 + UNIFIED))
    assert {hierarchy.version for hierarchy in used} == {1}


def test_a_hierarchy_seen_from_a_container_keeps_its_root() -> None:
    line = "30 29 0:27 /docker/1 /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    assert cgroups.parse(line) == (Hierarchy(1, "/docker/1", Path("/sys/fs/cgroup/pids"), "pids"),)
