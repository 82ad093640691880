"""A program run against Pulumi's mocks, with everything that it asked the engine for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, set_mocks
from pulumi.runtime.settings import SETTINGS

from components.fabric import Fabric, FabricArgs
from tests.support.golden import PROJECT
from topology.pipeline import require_file
from topology.plan import plan
from topology.plan.types import Accelerator, Deployment, ImageRef, RootFilesystem, Variant

URI = "qemu:///system?socket=/run/lab/libvirt-sock"


@dataclass(frozen=True)
class Registration:
    """A resource as the engine was asked for it; `inputs` are plain values."""

    type: str
    name: str
    parent: str
    provider: str
    custom: bool
    inputs: Mapping[str, Any]
    delete_before_replace: bool | None
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    hooks: tuple[str, ...]
    dependencies: frozenset[str]


class _Monitor(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Echo())
        self.asked: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        hooks = request.hooks
        self.asked.append(
            Registration(
                type=request.type,
                name=request.name,
                parent=request.parent.rpartition("::")[2],
                provider=request.provider or request.providers.get("libvirt", ""),
                custom=request.custom,
                inputs=rpc.deserialize_properties(request.object),
                delete_before_replace=(
                    request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
                ),
                ignore_changes=tuple(request.ignoreChanges),
                replace_on_changes=tuple(request.replaceOnChanges),
                hooks=(*hooks.before_create, *hooks.on_error),
                dependencies=frozenset(one.rpartition("::")[2] for one in request.dependencies),
            )
        )
        # Pulumi's mocks come without annotations.
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


class _Callbacks:
    """Stands where the engine would call hooks back, which mocks never do."""

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        """Nothing to tell anybody."""

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        """Nothing to tell anybody."""


class _Echo(mocks.Mocks):
    """Outputs are the inputs; an identity looks like the real one."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "libvirt:index/volume:Volume":
            return f"/pool/{args.inputs['name']}", dict(args.inputs)
        return f"id-of-{args.name}", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"nothing is invoked, {args.token} was")


def echo() -> mocks.Mocks:
    """Mocks whose outputs are the inputs."""
    return _Echo()


def run(program: Callable[[], object], *, stack: str, preview: bool = False) -> list[Registration]:
    """What a program asks for, in order."""
    monitor = _Monitor()
    set_mocks(
        monitor.mocks,
        project="topology",
        stack=stack,
        preview=preview,
        monitor=monitor,
    )
    SETTINGS.callbacks = cast(Any, _Callbacks())
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return [one for one in monitor.asked if one.type != "pulumi:pulumi:Stack"]


@cache
def deployment(
    variant: Variant,
    *,
    rootfs: RootFilesystem = RootFilesystem.MOUNT,
    accelerator: Accelerator = Accelerator.KVM,
    uplink: str | None = None,
) -> Deployment:
    """The proof of concept, planned with images that nobody built."""
    return plan(
        require_file(PROJECT / "poc.yaml"),
        stack=variant.value,
        variant=variant,
        images={
            role: ImageRef(role, variant, f"{number:x}" * 64, 128_000, Path("/images") / role)
            for number, role in enumerate(("dns", "firewall", "router", "web", "firmware"), start=1)
        },
        accelerator=accelerator,
        rootfs=rootfs,
        uplink=uplink,
        consoles="/var/log/topology",
    )


def realise(planned: Deployment) -> list[Registration]:
    """What the fabric of a deployment asks for."""

    def document(content: bytes) -> Path:
        return Path("/documents") / str(len(content))

    return run(
        lambda: Fabric(planned.stack, FabricArgs(planned, URI, document)), stack=planned.stack
    )
