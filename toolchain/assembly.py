"""What a lab runs Pulumi with: installed parts where they fit, built ones where they do not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from toolchain import parts
from toolchain.store import Progress, Store, digest, quiet
from toolchain.versions import Version, ask

__all__ = ["Origin", "Status", "Tool", "Toolchain", "ensure", "link_plugins", "status"]

_HOST_SOURCE: Final = Path(__file__).parent / "language" / "host.py"


class Origin(StrEnum):
    """Where a tool comes from."""

    BUILT = "built"
    INSTALLED = "installed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's state; `directory` holds its executables and is absent when it is missing."""

    name: str
    version: str
    origin: Origin
    directory: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


@dataclass(frozen=True, slots=True)
class Status:
    """What is there, without building anything."""

    engine: Tool
    plugin: Tool

    @property
    def ready(self) -> bool:
        """Whether `ensure` has nothing to build."""
        return Origin.MISSING not in (self.engine.origin, self.plugin.origin)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A toolchain that works.

    `bin` belongs on PATH, after the Python environment's. `pulumi_home_plugins` has the layout of
    the directory `plugins` of Pulumi's home; `link_plugins` shows it to a home.
    """

    bin: Path
    pulumi_home_plugins: Path
    engine: Tool
    plugin: Tool

    @property
    def versions(self) -> Mapping[str, str]:
        """Each tool's version, by its name."""
        return {tool.name: tool.version for tool in (self.engine, self.plugin)}


def status(cache: Path) -> Status:
    """What of the toolchain is installed on this machine or built below `cache`."""
    store = _store(cache)
    return Status(_engine(store), _plugin(store))


def ensure(cache: Path, progress: Progress = quiet) -> Toolchain:
    """The toolchain, of which what is neither installed nor built yet is built below `cache`.

    Takes minutes when cold and milliseconds when warm. Needs a Go, and a module proxy or the
    modules in Go's cache, only when it builds. Raises `ToolchainError`.
    """
    store = _store(cache)
    if _engine(store).origin is Origin.MISSING:
        parts.engine().ensure(store, progress)
    if _plugin(store).origin is Origin.MISSING:
        parts.libvirt_plugin().ensure(store, progress)
    _forget(store, progress)
    return _assemble(store, status(cache), progress)


def link_plugins(toolchain: Toolchain, pulumi_home: Path) -> None:
    """Makes the toolchain's plugins those of `pulumi_home`, which need not exist yet."""
    for plugin in sorted(toolchain.pulumi_home_plugins.glob("resource-*")):
        # A real directory with a linked file: Pulumi does not list a directory that is a link,
        # and writes into it when it was last used.
        directory = pulumi_home / "plugins" / plugin.name
        if directory.exists() and directory.samefile(plugin):
            continue
        directory.mkdir(parents=True, exist_ok=True)
        for executable in plugin.glob("pulumi-resource-*"):
            link = directory / executable.name
            unready = link.with_name(f".{link.name}.{os.getpid()}")
            unready.symlink_to(executable)
            unready.replace(link)


def _store(cache: Path) -> Store:
    return Store(cache / "toolchain")


def _plugin_name() -> str:
    return f"resource-libvirt-v{parts.plugin_version()}"


def _engine(store: Store) -> Tool:
    part = parts.engine()
    if installed := _installed_engine(store):
        return installed
    found = store.find(part.name)
    return Tool("pulumi", part.version, Origin.BUILT if found else Origin.MISSING, found)


def _plugin(store: Store) -> Tool:
    part = parts.libvirt_plugin()
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = home / "plugins" / _plugin_name()
    if _ours(store, installed / parts.PLUGIN) is False:
        return Tool("libvirt plugin", part.version, Origin.INSTALLED, installed)
    found = store.find(part.name)
    return Tool("libvirt plugin", part.version, Origin.BUILT if found else Origin.MISSING, found)


def _installed_engine(store: Store) -> Tool | None:
    """The first `pulumi` on PATH that is not ours, has a Python host and serves our SDK.

    An engine serves SDKs of its own major version that are not newer than itself.
    """
    wanted = Version.parse(parts.engine_version())
    for directory in os.get_exec_path():
        command = Path(directory, parts.CLI)
        if _ours(store, command) is not False:
            continue
        beside = command.resolve().with_name(parts.HOST)
        if not (beside.exists() or shutil.which(parts.HOST, path=directory)):
            continue
        version = ask(command, "version")
        if version.major == wanted.major and version >= wanted:
            return Tool("pulumi", str(version), Origin.INSTALLED, command.parent)
    return None


def _ours(store: Store, executable: Path) -> bool | None:
    """Whether `executable` lies in `store`; None if there is no such executable."""
    if not os.access(executable, os.X_OK) or not executable.is_file():
        return None
    return executable.resolve().is_relative_to(store.root.resolve())


def _forget(store: Store, progress: Progress) -> None:
    """Removes the gigabytes that a Go which we fetched has left, once nothing is left to build."""
    caches = store.root / "go"
    if caches.exists():
        with store.locked(progress):
            if caches.exists():
                shutil.rmtree(caches)


def _assemble(store: Store, found: Status, progress: Progress) -> Toolchain:
    """Brings the parts together in the layout that Pulumi looks for them in."""
    facts = (str(found.engine.directory), str(found.plugin.directory), found.plugin.version)
    key = digest(_HOST_SOURCE.parent, [_HOST_SOURCE], *facts)

    def build(directory: Path) -> None:
        # Links that are no symbolic ones: Pulumi looks beside the file that it finds itself to be.
        (directory / "bin").mkdir()
        if found.engine.origin is Origin.BUILT and found.engine.directory:
            for path in found.engine.directory.iterdir():
                (directory / "bin" / path.name).hardlink_to(path)
            host = directory / "bin" / parts.HOST
            shutil.copyfile(_HOST_SOURCE, host)
            host.chmod(0o755)
        plugin = directory / "plugins" / _plugin_name() / parts.PLUGIN
        plugin.parent.mkdir(parents=True)
        if found.plugin.origin is Origin.BUILT and found.plugin.directory:
            plugin.hardlink_to(found.plugin.directory / parts.PLUGIN)
        elif found.plugin.directory:
            plugin.symlink_to(found.plugin.directory / parts.PLUGIN)

    directory = store.ensure(key, build, progress)
    built = found.engine.origin is Origin.BUILT
    return Toolchain(
        bin=directory / "bin" if built or not found.engine.directory else found.engine.directory,
        pulumi_home_plugins=directory / "plugins",
        engine=found.engine,
        plugin=found.plugin,
    )
