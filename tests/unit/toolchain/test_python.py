"""The environment's key and the launcher of one clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import python
from toolchain.errors import ToolchainError

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-dev.lock")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "a clone's"
    root.mkdir()
    for name in LOCKS:
        (root / name).write_bytes((ROOT / name).read_bytes())
    return root


def test_clones_with_the_same_locks_share_an_environment(clone: Path, tmp_path: Path) -> None:
    assert python._path(tmp_path, clone, False) == python._path(tmp_path, ROOT, False)
    assert python._path(tmp_path, clone, False) != python._path(tmp_path, clone, True)


def test_the_key_follows_the_locks_it_is_made_of(clone: Path, tmp_path: Path) -> None:
    run, dev = (python._path(tmp_path, clone, it) for it in (False, True))
    with (clone / LOCKS[2]).open("a") as lock:
        lock.write("\n")
    assert python._path(tmp_path, clone, False) == run
    assert python._path(tmp_path, clone, True) != dev


def test_an_environment_that_is_not_finished_is_not_found(clone: Path, tmp_path: Path) -> None:
    path = python._path(tmp_path, clone, False)
    path.mkdir(parents=True)
    assert python.find_venv(tmp_path, clone) is None
    (path / ".finished").touch()
    assert python.ensure_venv(tmp_path, clone) == python.find_venv(tmp_path, clone) == path


def test_a_failed_environment_leaves_nothing(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ToolchainError, match="install") as caught:
        python.ensure_venv(tmp_path, clone)
    assert "No matching distribution" in caught.value.log
    assert [path.name for path in (tmp_path / "venv").iterdir()] == [".lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_place_and_hash_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:)", text, re.MULTILINE)
    pinned = re.findall(
        r"^[a-z][\w.-]*==\S+ \\\n((?:    --hash=\S+(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[a-z][\w.-]*==", text, re.MULTILINE)) > 0


@pytest.mark.parametrize("name", LOCKS)
def test_each_direct_requirement_says_why(name: str) -> None:
    text = (ROOT / name).with_suffix(".in").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-c "))]
    assert all(re.fullmatch(r"[a-z-]+(==[\d.]+)? +# \S.+", line) for line in lines), lines
    names = [re.split("[= ]", line)[0] for line in lines]
    assert names == sorted(names)


def test_the_launcher_runs_the_clone_it_was_written_for(clone: Path, tmp_path: Path) -> None:
    package = clone / "topology"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(
        "import sys\ndef main() -> int:\n    print(sys.argv)\n    return 3\n"
    )
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "topology.py").write_text("raise SystemExit('what lies in the way is run')\n")
    launcher = python.write_launcher(venv, clone, tmp_path / "bin")
    assert python.write_launcher(venv, clone, tmp_path / "bin") == launcher
    done = subprocess.run(
        [launcher, "show", "a b"],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("['topology', 'show', 'a b']\n", 3), done.stderr
    assert not list(clone.rglob("__pycache__"))
