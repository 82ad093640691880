"""`topology plan`: what a stack would deploy, as data; nothing is deployed by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, Json, TopologyFile
from topology.platforms.types import Accelerator, RootFilesystem, Variant

if TYPE_CHECKING:
    from topology.diagnostics import Diagnostics
    from topology.plan.types import Deployment
    from topology.resolve.types import ResolvedTopology

__all__ = ["plan"]


def plan(
    file: TopologyFile = Path(DEFAULT_FILE),
    variant: Annotated[
        Variant, typer.Option("--variant", help="How the nodes run.")
    ] = Variant.UNIKERNEL,
    stack: Annotated[
        str | None, typer.Option("--stack", help="The stack's name; the variant's by default.")
    ] = None,
    accelerator: Annotated[
        Accelerator,
        typer.Option("--accelerator", envvar="TOPOLOGY_ACCELERATOR", help="What runs guests."),
    ] = Accelerator.KVM,
    rootfs: Annotated[
        RootFilesystem,
        typer.Option("--rootfs", envvar="TOPOLOGY_ROOTFS", help="How containers get their root."),
    ] = RootFilesystem.FILE,
    uplink: Annotated[
        str | None,
        typer.Option("--uplink", help="An existing bridge to put the outside segment on."),
    ] = None,
    consoles: Annotated[
        str | None,
        typer.Option(
            "--consoles", envvar="TOPOLOGY_CONSOLES", help="The directory of the nodes' logs."
        ),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="Build images that are missing.")
    ] = True,
    json: Json = False,
) -> int:
    """Show what a stack would deploy: its domains, segments and digests."""
    from topology.cli.views.human import print_diagnostics
    from topology.pipeline import resolve_file

    resolved, diagnostics = resolve_file(file)
    print_diagnostics(diagnostics)
    if resolved is None:
        return ExitCode.INVALID
    carried = _capacity(resolved, file, variant)
    print_diagnostics(carried)
    if not carried.ok:
        return ExitCode.INVALID
    deployment = _deployment(
        resolved,
        variant,
        stack=stack or variant.value,
        accelerator=accelerator,
        rootfs=rootfs,
        uplink=uplink,
        consoles=consoles,
        build=build,
    )
    if json:
        from topology.cli.views.json import print_document
        from topology.cli.views.plan import plan_document

        print_document(plan_document(deployment))
    else:
        from topology.cli.views.plan import print_plan

        print_plan(deployment)
    return ExitCode.DONE


def _capacity(resolved: ResolvedTopology, file: Path, variant: Variant) -> Diagnostics:
    from topology.load import load_file
    from topology.plan import capacity

    found = capacity(resolved, variant)
    return load_file(file).locate(found) if found else found


def _deployment(
    resolved: ResolvedTopology,
    variant: Variant,
    *,
    stack: str,
    accelerator: Accelerator,
    rootfs: RootFilesystem,
    uplink: str | None,
    consoles: str | None,
    build: bool,
) -> Deployment:
    from topology.cli.views.progress import say
    from topology.image import ensure, lookup, project_root
    from topology.plan import PlanError, image_roles
    from topology.plan import plan as make_plan
    from topology.plan.settings import DEFAULT_CONSOLES

    roles = image_roles(resolved, variant)
    root = project_root()
    images = (
        ensure(variant, roles, root=root, progress=say)
        if build
        else lookup(variant, roles, root=root)
    )
    try:
        return make_plan(
            resolved,
            stack=stack,
            variant=variant,
            images=images,
            accelerator=accelerator,
            rootfs=rootfs,
            uplink=uplink,
            consoles=consoles or DEFAULT_CONSOLES,
        )
    except PlanError as error:
        wrong = [one.text for one in error.problems if one.setting != "images"]
        if wrong:
            raise typer.BadParameter("\n".join(wrong)) from error
        raise
