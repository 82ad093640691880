"""An image, or any bytes a guest starts with, as a volume of libvirt's host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_libvirt as lv

__all__ = ["Image", "ImageArgs"]


@dataclass(frozen=True, slots=True)
class ImageArgs:
    """`path` is a local file whose SHA-256 is `digest` (hexadecimal); `role` says what it is."""

    role: str
    digest: str
    path: Path
    pool: pulumi.Input[str]


class Image(pulumi.ComponentResource):
    """A raw volume named by its content; it travels to the host over libvirt's connection.

    Give it a name with the digest in it: other bytes are another resource, never a changed one.
    """

    path: pulumi.Output[str]

    def __init__(
        self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Image", name, {}, opts)
        volume = lv.Volume(
            f"{name}-volume",
            # Short, because libvirt loops no image with a path of more than 63 characters.
            name=f"{args.role}-{args.digest[:12]}",
            pool=args.pool,
            source=str(args.path),
            # Anything else is made a qcow2 and overwritten, with residue behind the content.
            format="raw",
            opts=pulumi.ResourceOptions(
                parent=self,
                delete_before_replace=False,
                # Where the same bytes lie on another day, or another machine, is no change.
                ignore_changes=["source"],
            ),
        )
        # The provider's identity of a volume is its path on the host.
        self.path = volume.id
        self.register_outputs({"path": self.path})
