"""Which of installed, built and missing tools a lab gets."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import toolchain
from tests.unit.toolchain.conftest import Install, script
from toolchain import Origin, parts
from toolchain.store import Store


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def build_engine(cache: Path) -> Path:
    def build(directory: Path) -> None:
        for name in (parts.CLI, parts.EXECUTOR, parts.DYNAMIC):
            script(directory / name, f"v{parts.engine_version()}")

    return Store(cache / "toolchain").ensure(parts.engine().name, build)


def build_plugin(cache: Path) -> Path:
    def build(directory: Path) -> None:
        script(directory / parts.PLUGIN, parts.plugin_version())

    return Store(cache / "toolchain").ensure(parts.libvirt_plugin().name, build)


def install_plugin() -> Path:
    home = Path(os.environ["PULUMI_HOME"])
    name = f"resource-libvirt-v{parts.plugin_version()}"
    return script(home / "plugins" / name / parts.PLUGIN, "").parent


@pytest.mark.usefixtures("programs")
def test_nothing_is_there_at_first_and_looking_makes_nothing(cache: Path) -> None:
    found = toolchain.status(cache)
    assert {found.engine.origin, found.plugin.origin} == {Origin.MISSING}
    assert not found.ready
    assert not cache.exists()


@pytest.mark.usefixtures("programs")
def test_without_go_the_error_says_what_to_install(cache: Path) -> None:
    with pytest.raises(toolchain.ToolchainError) as caught:
        toolchain.ensure(cache)
    assert "golang-go" in caught.value.hint
    assert not toolchain.status(cache).ready


@pytest.mark.usefixtures("programs")
def test_built_parts_are_brought_together(cache: Path) -> None:
    build_engine(cache)
    build_plugin(cache)
    tools = toolchain.ensure(cache)
    assert {path.name for path in tools.bin.iterdir()} == {
        parts.CLI,
        parts.HOST,
        parts.EXECUTOR,
        parts.DYNAMIC,
    }
    assert all(os.access(path, os.X_OK) for path in tools.bin.iterdir())
    assert not any(path.is_symlink() for path in tools.bin.iterdir())
    assert tools.versions == {"pulumi": "3.259.0", "libvirt plugin": "0.5.4"}
    assert toolchain.ensure(cache) == tools


@pytest.mark.usefixtures("programs")
def test_looking_is_quick(cache: Path) -> None:
    build_engine(cache)
    build_plugin(cache)
    toolchain.ensure(cache)
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        assert toolchain.status(cache).ready
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.05


def test_an_installed_engine_and_plugin_are_used(cache: Path, install: Install) -> None:
    pulumi = install(parts.CLI, "v3.261.2")
    install(parts.HOST, "")
    plugin = install_plugin()
    tools = toolchain.ensure(cache)
    assert (tools.engine.origin, tools.engine.version) == (Origin.INSTALLED, "3.261.2")
    assert tools.plugin.origin is Origin.INSTALLED
    assert tools.bin == pulumi.parent
    linked = tools.pulumi_home_plugins / plugin.name / parts.PLUGIN
    assert linked.samefile(plugin / parts.PLUGIN)


@pytest.mark.parametrize(
    ("version", "host"), [("v3.258.9", True), ("v4.0.0", True), ("v3.259.0", False)]
)
def test_an_installed_engine_that_cannot_serve_the_sdk_is_not_used(
    cache: Path, install: Install, version: str, host: bool
) -> None:
    install(parts.CLI, version)
    if host:
        install(parts.HOST, "")
    assert toolchain.status(cache).engine.origin is Origin.MISSING


def test_our_own_on_path_are_no_installed_ones(
    cache: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build_engine(cache)
    build_plugin(cache)
    tools = toolchain.ensure(cache)
    toolchain.link_plugins(tools, tmp_path / "pulumi")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tools.bin), str(programs))))
    assert toolchain.ensure(cache) == tools


@pytest.mark.usefixtures("programs")
def test_a_home_gets_a_directory_that_it_can_write_to(cache: Path, tmp_path: Path) -> None:
    build_engine(cache)
    plugin = build_plugin(cache)
    tools = toolchain.ensure(cache)
    home = tmp_path / "home"
    for _ in range(2):
        toolchain.link_plugins(tools, home)
    directory = home / "plugins" / "resource-libvirt-v0.5.4"
    assert not directory.is_symlink()
    assert [path.name for path in directory.iterdir()] == [parts.PLUGIN]
    assert (directory / parts.PLUGIN).samefile(plugin / parts.PLUGIN)


def test_what_a_fetched_go_kept_goes_when_all_is_built(cache: Path, programs: Path) -> None:
    caches = cache / "toolchain" / "go" / "modules"
    build_engine(cache)
    caches.mkdir(parents=True)
    with pytest.raises(toolchain.ToolchainError):
        toolchain.ensure(cache)
    assert caches.exists()
    build_plugin(cache)
    toolchain.ensure(cache)
    assert not caches.parent.exists()
