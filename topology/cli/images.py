"""`topology images`: the images that this clone's sources give, and whether they are built."""

from __future__ import annotations

from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import Json
from topology.platforms.types import Variant

__all__ = ["images"]


def images(
    variant: Annotated[
        Variant | None, typer.Option("--variant", help="Those of one variant alone.")
    ] = None,
    json: Json = False,
    build: Annotated[bool, typer.Option("--build", help="Build those that are missing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every image and compare it with its digest.")
    ] = False,
) -> int:
    """List the images of every role: variant, role, digest and bytes."""
    from topology.cli.views.images import images_document, print_images
    from topology.cli.views.progress import say
    from topology.image import project_root
    from topology.image.inventory import State, inventory

    variants = tuple(Variant) if variant is None else (variant,)
    listed = inventory(variants, root=project_root(), build=build, verify=verify, progress=say)
    if json:
        from topology.cli.views.json import print_document

        print_document(images_document(listed))
    else:
        print_images(listed)
    damaged = any(one.state is State.DAMAGED for one in listed)
    return ExitCode.BROKEN if damaged else ExitCode.DONE
