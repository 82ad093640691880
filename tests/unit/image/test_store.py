"""The store keeps whole images or none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import topology
from topology.image.errors import ImageError
from topology.image.store import Store

ENGINE = {**os.environ, "PYTHONPATH": str(Path(topology.__file__).parents[1])}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "images")
    with store.lock(lambda: None):
        pass
    return store


def source(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "built"
    path.write_bytes(content)
    return path


def test_an_image_lies_under_its_digest_read_only(store: Store, tmp_path: Path) -> None:
    stored = store.add(source(tmp_path, b"image"), "key")
    assert stored.path == store.root / stored.digest
    assert stored.digest == "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o444
    assert store.find("key") == stored
    assert store.intact(stored.digest)


def test_equal_bytes_of_two_keys_are_one_image(store: Store, tmp_path: Path) -> None:
    first = store.add(source(tmp_path, b"image"), "one")
    assert store.add(source(tmp_path, b"image"), "two") == first
    assert store.find("one") == store.find("two") == first


def test_a_cut_image_is_not_found(store: Store, tmp_path: Path) -> None:
    stored = store.add(source(tmp_path, b"image"), "key")
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"ima")
    assert store.find("key") is None


def test_a_changed_image_is_found_out_by_reading_it(store: Store, tmp_path: Path) -> None:
    stored = store.add(source(tmp_path, b"image"), "key")
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"imagE")
    assert store.find("key") == stored
    assert not store.intact(stored.digest)
    store.discard(stored.digest)
    assert store.find("key") is None


@pytest.mark.parametrize("entry", ["", "{", "[]", '{"digest": 1}', '{"digest": "x", "size": 3}'])
def test_a_broken_index_is_no_hit(store: Store, entry: str) -> None:
    (store.root / "index" / "key").write_text(entry)
    assert store.find("key") is None


def test_what_a_killed_build_left_is_removed_by_the_next(store: Store) -> None:
    (store.root / ".new-file").write_text("half")
    (store.root / ".new-folder" / "root").mkdir(parents=True)
    with store.lock(lambda: None):
        assert not list(store.root.glob(".new-*"))


def test_an_unreadable_source_leaves_nothing_half_made(store: Store) -> None:
    with pytest.raises(ImageError, match="cannot be written"):
        store.add(store.root / "absent", "key")
    assert sorted(one.name for one in store.root.iterdir()) == [".lock", "index"]
    assert store.find("key") is None


_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from topology.image.errors import ImageError
from topology.image.store import Store

store = Store(Path(sys.argv[1]))
with store.lock(lambda: None):
    try:
        store.add(Path(sys.argv[2]), "key")
    except ImageError as error:
        print(error)
print(sorted(one.name for one in store.root.iterdir()), store.find("key"))
"""


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    """On a real file system of 64 KiB, mounted in namespaces of its own."""
    small = tmp_path / "small"
    small.mkdir()
    mount = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*inside, str(small), "true"], capture_output=True).returncode != 0:
        pytest.skip("this host lets nobody mount in a user namespace")
    done = subprocess.run(
        [
            *inside,
            str(small),
            *(sys.executable, "-c", _ON_A_FULL_DISK),
            *(str(small / "images"), str(source(tmp_path, bytes(1 << 20)))),
        ],
        capture_output=True,
        text=True,
        env=ENGINE,
    )
    assert "No space left on device" in done.stdout, done.stderr
    assert "['.lock', 'index'] None" in done.stdout


def test_a_store_where_nothing_can_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ImageError, match="TOPOLOGY_IMAGES"),
        Store(tmp_path / "file" / "images").lock(lambda: None),
    ):
        pass


_WAIT_FOR_LOCK = """
import sys
from pathlib import Path
from topology.image.store import Store

with Store(Path(sys.argv[1])).lock(lambda: print("waiting", flush=True)):
    print("held", flush=True)
"""


def test_one_build_at_a_time_and_the_other_says_that_it_waits(store: Store) -> None:
    held = ExitStack()
    held.enter_context(store.lock(lambda: None))
    command = [sys.executable, "-c", _WAIT_FOR_LOCK, str(store.root)]
    with held, subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENGINE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        assert other.poll() is None
        held.close()
        rest, _ = other.communicate(timeout=30)
    assert (rest, other.returncode) == ("held\n", 0)


def test_the_store_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPOLOGY_IMAGES", "/somewhere/images")
    assert Store.default().root == Path("/somewhere/images")
    monkeypatch.delenv("TOPOLOGY_IMAGES")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert Store.default().root == Path("/cache/topology/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Store.default().root == Path("/home/somebody/.cache/topology/images")
