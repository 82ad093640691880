"""Stores: a thing appears whole, once, whatever happens while it is made."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.store import Store, digest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def write(directory: Path) -> None:
    (directory / "file").write_text("whole")


def test_what_is_there_is_not_built_again(store: Store) -> None:
    built: list[Path] = []

    def build(directory: Path) -> None:
        built.append(directory)
        write(directory)

    first = store.ensure("thing", build)
    assert store.ensure("thing", built.append) == first == store.root / "thing"
    assert len(built) == 1
    assert (first / "file").read_text() == "whole"


def test_a_failed_build_leaves_nothing(store: Store) -> None:
    def build(directory: Path) -> None:
        write(directory)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.ensure("thing", build)
    assert [path.name for path in store.root.iterdir()] == [".lock"]
    assert store.find("thing") is None


KILLED = """
import os, pathlib, signal, sys
from toolchain.store import Store
def build(directory):
    (directory / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
Store(pathlib.Path(sys.argv[1])).ensure("thing", build)
"""


def test_what_a_killed_build_leaves_is_swept_by_the_next(store: Store) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(store.root)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert store.find("thing") is None
    assert len(list(store.root.glob(".unfinished-*"))) == 1
    store.ensure("thing", write)
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "thing"]


def build_marked(root: Path, mark: Path) -> None:
    def build(directory: Path) -> None:
        write(directory)
        with mark.open("a") as file:
            file.write(f"{os.getpid()}\n")

    assert (Store(root).ensure("thing", build) / "file").read_text() == "whole"


def test_of_many_processes_one_builds(store: Store, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=build_marked, args=(store.root, mark)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(mark.read_text().splitlines()) == 1


HOLDING = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_who_waits_is_told(store: Store) -> None:
    said: list[str] = []
    store.root.mkdir()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDING,
            str(store.root / ".lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        release = holder.stdin

        def progress(line: str) -> None:
            said.append(line)
            release.close()

        store.ensure("thing", write, progress)
    assert said == [f"waiting for another process that builds in {store.root}"]


NAMES = st.text("abcdef", min_size=1, max_size=4)


@given(st.dictionaries(NAMES, st.binary(max_size=8), max_size=4), st.lists(NAMES, max_size=2))
def test_a_key_is_of_names_contents_and_facts_alone(
    files: dict[str, bytes], facts: list[str]
) -> None:
    keys = set()
    for order in (1, -1):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for file, data in files.items():
                (root / file).write_bytes(data)
            paths = [root / file for file in files][::order]
            keys.add(digest(root, paths, *facts))
            changed = root / "changed"
            changed.write_bytes(b"")
            assert digest(root, [*paths, changed], *facts) not in keys
            assert digest(root, paths, *facts, "") not in keys
    assert len(keys) == 1
