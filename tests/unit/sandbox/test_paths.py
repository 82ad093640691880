"""Where a lab keeps things, and whose they are."""

from pathlib import Path

import pytest

from sandbox import paths


def lab(environ: dict[str, str], euid: int = 0, root: str = "/clone") -> paths.Lab:
    return paths.find(environ, root=Path(root), euid=euid, egid=euid)


def test_two_clones_share_caches_and_nothing_else() -> None:
    one, other = lab({}), lab({}, root="/elsewhere")
    assert one.cache == other.cache == Path("/var/cache/topology-lab")
    assert one.state != other.state
    assert one.run != other.run
    assert one.cgroup != other.cgroup


def test_places_are_overridden_and_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = lab({"LAB_STATE": "/a/state", "LAB_RUN": "run", "LAB_CACHE": "/a/../cache"})
    assert (found.state, found.run) == (Path("/a/state"), tmp_path / "run")
    assert found.cache == Path("/cache")


def test_another_run_directory_is_another_lab() -> None:
    assert lab({"LAB_RUN": "/r/1"}).cgroup != lab({"LAB_RUN": "/r/2"}).cgroup


def test_under_sudo_the_lab_belongs_to_the_caller() -> None:
    owner = lab({"SUDO_UID": "12345", "SUDO_GID": "54321"}).owner
    assert (owner.uid, owner.gid, owner.is_root) == (12345, 54321, False)


def test_sudo_variables_of_somebody_without_root_mean_nothing() -> None:
    assert lab({"SUDO_UID": "0"}, euid=1000).owner.uid == 1000


@pytest.mark.parametrize("value", ["", "-1", "root", "0x3e8"])
def test_a_sudo_uid_that_is_no_number_is_ignored(value: str) -> None:
    assert lab({"SUDO_UID": value}).owner.uid == 0


def test_a_users_cache_is_theirs() -> None:
    assert lab({"XDG_CACHE_HOME": "/home/a/c"}, euid=4242).cache == Path("/home/a/c/topology-lab")
    # root's XDG_CACHE_HOME says nothing about the person behind sudo
    cache = lab({"XDG_CACHE_HOME": "/root/c", "SUDO_UID": "4242"}).cache
    assert not cache.is_relative_to("/root")


def test_both_drivers_are_reached_by_one_socket() -> None:
    found = lab({"LAB_RUN": "/r"})
    assert found.uri == "qemu:///system?socket=/r/libvirt-sock"
    assert found.lxc_uri == "lxc:///?socket=/r/libvirt-sock"
