"""Roots that libvirt mounts: unmounted also while something ends in them, and many at once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

import pytest

from components import pools
from components.connection import connect
from components.roots import Root, RootError, mount_root, unmount_root
from tests.support.containers import Libvirt, private_libvirt
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.image import ensure
from topology.plan.types import Variant

pytestmark = LIVE_AS_ROOT

ROOTS = "/var/lib/libvirt/topology-roots"
MANY = 12
BUSY_SECONDS = 1.0


@pytest.fixture(scope="module")
def host() -> Iterator[Libvirt]:
    with private_libvirt() as started:
        yield started


@pytest.fixture(scope="module")
def image() -> Path:
    return ensure(Variant.CONTAINERS, ["web"], root=PROJECT)["web"].path


def root(name: str, image: Path) -> Root:
    return Root(name, str(image), f"{ROOTS}/{name}")


def mounted(host: Libvirt) -> list[str]:
    """The roots in libvirt's table of mounts."""
    lines = host.run("cat", "/proc/mounts").stdout.splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(ROOTS)]


@contextmanager
def inhabited(host: Libvirt, one: Root) -> Iterator[IO[str]]:
    """A process whose directory is the root, until what is yielded is closed."""
    with subprocess.Popen(
        host.inside("sh", "-c", 'cd "$1" && echo there && exec cat', "sh", one.directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield process.stdin


def test_a_root_that_is_busy_for_a_moment_is_unmounted(host: Libvirt, image: Path) -> None:
    one = root("busy", image)
    with connect(host.lab.lxc_uri) as connection:
        mount_root(connection, one)
        assert mounted(host) == [one.directory]
        with inhabited(host, one) as hold:
            begin = time.monotonic()
            Timer(BUSY_SECONDS, hold.close).start()
            unmount_root(connection, one)
            assert time.monotonic() - begin >= BUSY_SECONDS
    assert mounted(host) == []
    host.run("test", "!", "-e", one.directory)


def test_a_root_that_stays_busy_is_an_error_and_is_unmounted_later(
    host: Libvirt, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = root("kept", image)
    with connect(host.lab.lxc_uri) as connection:
        mount_root(connection, one)
        with inhabited(host, one):
            with monkeypatch.context() as patch:
                patch.setattr(pools, "_PATIENCE_SECONDS", 0.5)
                with pytest.raises(RootError, match=f"stays mounted at {one.directory}"):
                    unmount_root(connection, one)
            assert one.directory in mounted(host)
        unmount_root(connection, one)
    assert mounted(host) == []


def test_many_roots_of_one_image_are_unmounted_at_once(host: Libvirt, image: Path) -> None:
    """Each attempt tries the others' loop devices, and is refused where they try their own."""
    roots = [root(f"many-{number}", image) for number in range(MANY)]

    def unmount(one: Root) -> None:
        with connect(host.lab.lxc_uri) as connection:
            unmount_root(connection, one)

    with connect(host.lab.lxc_uri) as connection:
        for one in roots:
            mount_root(connection, one)
    assert len(mounted(host)) == MANY
    with ThreadPoolExecutor(MANY) as workers:
        for done in [workers.submit(unmount, one) for one in roots]:
            done.result()
    assert mounted(host) == []
