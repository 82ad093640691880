"""The program that asks at a fixed rate: its own tests, and what it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.golden import PROJECT
from toolchain import bench, rust

SOURCE = PROJECT / "toolchain/pace/main.rs"


@pytest.fixture(scope="module")
def compiler() -> Path:
    found = rust.find()
    assert found is not None
    return found.rustc


def test_its_own_tests_pass(compiler: Path, tmp_path: Path) -> None:
    program = tmp_path / "tests"
    flags = ("--edition", "2024", "-D", "warnings", "--test", "-o", str(program))
    subprocess.run([compiler, *flags, SOURCE], check=True, timeout=120)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_it_is_made_once_and_says_what_it_wants(tmp_path: Path) -> None:
    said: list[str] = []
    directory = bench.compiled(tmp_path, said.append)
    assert said == ["compiling pace"]
    program = directory / "pace"
    done = subprocess.run([program, "http", "127.0.0.1:1", "/", "0", "1", "1"], capture_output=True)
    assert done.returncode == 64
    assert done.stderr.startswith(b"usage: pace http ")
    refused = subprocess.run(
        [program, "http", "127.0.0.1:1", "/", "1", "1", "1"], capture_output=True
    )
    assert refused.returncode == 1
    assert b"refused" in refused.stderr
    said.clear()
    assert bench.compiled(tmp_path, said.append) == directory
    assert not said
