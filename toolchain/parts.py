"""The parts of the toolchain: what each is built from and how."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain import golang, process
from toolchain.errors import ToolchainError
from toolchain.store import Progress, Store, digest

__all__ = [
    "CLI",
    "DYNAMIC",
    "EXECUTOR",
    "HOST",
    "PLUGIN",
    "Part",
    "engine",
    "engine_version",
    "libvirt_plugin",
    "plugin_version",
]

CLI: Final = "pulumi"
HOST: Final = "pulumi-language-python"
EXECUTOR: Final = "pulumi-language-python-exec"
DYNAMIC: Final = "pulumi-resource-pulumi-python"
PLUGIN: Final = "pulumi-resource-libvirt"

_HERE: Final = Path(__file__).parent
_PKG: Final = "github.com/pulumi/pulumi/pkg/v3"
_SDK: Final = "github.com/pulumi/pulumi/sdk/v3"
_GENERATE: Final = ("schema", "--skip-docs", "--skip-examples")


@dataclass(frozen=True, slots=True)
class Part:
    """Something that Go builds; `name` carries the key of everything that it is built from.

    The key leaves out which Go builds it: any that is new enough will do, and a Go that comes
    or goes is no reason for a build of minutes.
    """

    name: str
    version: str
    build: Callable[[golang.Go, Path, Progress], None]

    def ensure(self, store: Store, progress: Progress) -> Path:
        """The directory in `store` that holds this part, built if need be.

        Raises `ToolchainError`.
        """
        caches = store.root / "go"
        return store.ensure(
            self.name,
            lambda directory: self.build(golang.ensure(caches, progress), directory, progress),
            progress,
        )


def engine_version() -> str:
    """The version of Pulumi's engine that toolchain/engine pins, without its `v`."""
    return golang.required("engine", _PKG).removeprefix("v")


def plugin_version() -> str:
    """The version of the libvirt plugin that the Python SDK in requirements.lock asks for."""
    lock = _HERE.parent / "requirements.lock"
    found = re.search(r"^pulumi-libvirt==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{lock} does not name pulumi-libvirt")
    return found[1]


def engine() -> Part:
    """Pulumi's engine, with the two scripts of its SDK that run Python programs and providers."""
    version = engine_version()
    key = _key("engine", version, _engine_flags(), EXECUTOR, DYNAMIC)
    return Part(key, version, _build_engine)


def libvirt_plugin() -> Part:
    """The provider plugin for libvirt: a Terraform provider behind Pulumi's bridge."""
    version = plugin_version()
    key = _key("libvirt-plugin", version, _plugin_flags(), *_GENERATE)
    return Part(key, version, _build_plugin)


def _key(name: str, *recipe: str) -> str:
    sources = (path for path in (_HERE / name).rglob("*") if path.is_file())
    return f"{name}-{digest(_HERE, sources, *recipe, golang.FLAGS, platform.machine())}"


def _engine_flags() -> str:
    return f"-X {_SDK}/go/common/version.Version=v{engine_version()}"


def _plugin_flags() -> str:
    return f"-X topology/toolchain/libvirt-plugin/info.Version={plugin_version()}"


def _build_engine(go: golang.Go, directory: Path, progress: Progress) -> None:
    source = _HERE / "engine"
    go.build(source, f"{_PKG}/cmd/pulumi", directory / CLI, _engine_flags(), progress)
    sdk = Path(go.run(source, "list", "-m", "-f", "{{.Dir}}", _SDK).strip())
    for script in (sdk / "python" / "cmd" / EXECUTOR, sdk / "python" / "dist" / DYNAMIC):
        shutil.copyfile(script, directory / script.name)
        (directory / script.name).chmod(0o755)


def _build_plugin(go: golang.Go, directory: Path, progress: Progress) -> None:
    # The plugin embeds a schema that another command, made of the same sources, writes first.
    with tempfile.TemporaryDirectory(dir=directory, prefix="build-") as name:
        source = Path(name, "source")
        shutil.copytree(_HERE / "libvirt-plugin", source)
        generator = Path(name, "tfgen")
        go.build(source, "./cmd/tfgen", generator, _plugin_flags(), progress)
        process.run([str(generator), *_GENERATE, "--out", str(source / "cmd" / "plugin")])
        go.build(source, "./cmd/plugin", directory / PLUGIN, _plugin_flags(), progress)
