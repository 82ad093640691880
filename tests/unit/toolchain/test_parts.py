"""Parts: what they pin agrees, and their keys follow what they are built from."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from toolchain import golang, parts, rust
from toolchain.versions import Version

ROOT = Path(__file__).parents[3]


def locked(package: str) -> str:
    text = (ROOT / "requirements.lock").read_text()
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found
    return found[1]


def test_the_engine_is_as_old_as_its_sdk() -> None:
    assert parts.engine_version() == locked("pulumi")
    assert golang.required("engine", "github.com/pulumi/pulumi/sdk/v3") == f"v{locked('pulumi')}"


def test_the_go_that_is_fetched_is_new_enough() -> None:
    assert golang.fetched() >= golang.oldest() >= Version(1, 21)


def test_rust_is_the_workspaces() -> None:
    with (ROOT / "Cargo.toml").open("rb") as file:
        said = tomllib.load(file)["workspace"]["package"]["rust-version"]
    assert rust.oldest() == Version.parse(said)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("engine", "libvirt-plugin"):
        shutil.copytree(ROOT / "toolchain" / name, tmp_path / "toolchain" / name)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    monkeypatch.setattr(parts, "_HERE", tmp_path / "toolchain")
    return tmp_path


def test_a_key_does_not_depend_on_where_the_clone_is(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parts._HERE.is_relative_to(copied)
    there = (parts.engine().name, parts.libvirt_plugin().name)
    monkeypatch.setattr(parts, "_HERE", ROOT / "toolchain")
    assert (parts.engine().name, parts.libvirt_plugin().name) == there


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "info/info.go", "cmd/plugin/main.go"])
def test_a_key_follows_each_source(copied: Path, file: str) -> None:
    before = parts.libvirt_plugin().name
    engine = parts.engine().name
    with (copied / "toolchain" / "libvirt-plugin" / file).open("a") as changed:
        changed.write("// changed\n")
    assert parts.libvirt_plugin().name != before
    assert parts.engine().name == engine


def test_the_plugin_follows_its_sdk(copied: Path) -> None:
    before = parts.libvirt_plugin()
    lock = copied / "requirements.lock"
    lock.write_text(lock.read_text().replace("pulumi-libvirt==0.5.4", "pulumi-libvirt==0.5.5"))
    after = parts.libvirt_plugin()
    assert (before.version, after.version) == ("0.5.4", "0.5.5")
    assert before.name != after.name
