"""The commands that mend a drift, each as it can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from topology.probe.places import Surroundings
from topology.render.uri import lxc_uri

__all__ = ["Mend"]


@dataclass(frozen=True, slots=True)
class Mend:
    """How a stack is mended: `qemu` is the URI it was deployed to, `uri` that of its domains."""

    stack: str
    qemu: str
    uri: str
    surroundings: Surroundings

    @property
    def lxc(self) -> str:
        """The URI of the driver of containers."""
        return lxc_uri(self.qemu)

    def up(self) -> str:
        """Applies the file."""
        return f"pulumi up --stack {shlex.quote(self.stack)} --yes"

    def refresh(self) -> str:
        """Lets Pulumi look at what is there, and makes what is missing."""
        return f"{self.up()} --refresh"

    def replace(self, nodes: Iterable[str]) -> str:
        """Makes nodes anew, whatever Pulumi thinks of them."""
        named = (shlex.quote(f"**::{self.stack}-{node}-domain") for node in nodes)
        return " ".join([self.up(), *(f"--replace {one}" for one in named)])

    def volume(self, pool: str, name: str, nodes: Iterable[str]) -> str:
        """Uploads a volume again, and starts anew what was started from it."""
        gone = self.virsh(self.qemu, "vol-delete", name, "--pool", pool)
        return f"{gone} && {self.replace(nodes)} --refresh"

    def network(
        self, name: str, *, there: bool, active: bool, attached: Iterable[tuple[str, bool]]
    ) -> str:
        """Makes a network anew, and all that is attached to it.

        `attached` are the names of domains and whether each is active. Pulumi's provider cannot
        look at a domain whose network is gone, so these, which are cut off anyhow, go first.
        """
        gone = [
            self.domain(end, domain)
            for domain, runs in attached
            for end in (("destroy", "undefine") if runs else ("undefine",))
        ]
        if active:
            gone.append(self.virsh(self.qemu, "net-destroy", name))
        if there:
            gone.append(self.virsh(self.qemu, "net-undefine", name))
        return " && ".join([*gone, self.refresh()])

    def domain(self, *arguments: str) -> str:
        """A command for libvirt's driver of the stack's domains."""
        return self.virsh(self.uri, *arguments)

    def virsh(self, uri: str, *arguments: str) -> str:
        """A command for libvirt."""
        return shlex.join(["virsh", "--connect", uri, *arguments])

    def host(self, *arguments: str) -> str:
        """A command where libvirt's bridges are."""
        return shlex.join(self.surroundings.command(arguments))
