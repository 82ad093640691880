"""Where a stack runs: its libvirt, and the namespaces in which that libvirt's bridges are."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from topology.probe.errors import ProbeError
from topology.probe.outputs import StackOutputs
from topology.probe.places import Surroundings
from topology.render.uri import DEFAULT_URI, lxc_uri

__all__ = ["Where"]

_OURSELVES = {"localhost", "localhost.localdomain", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Where:
    """`qemu` is the URI that the stack was deployed to, `uri` that of its variant's driver.

    `host` is the name of another machine, `None` for this one.
    """

    qemu: str
    uri: str
    host: str | None
    environment: Mapping[str, str]

    @classmethod
    def of(cls, outputs: StackOutputs, environment: Mapping[str, str] = os.environ) -> Where:
        """What the stack says; the environment only where it says nothing."""
        uri = outputs.libvirt or environment.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI
        driver = lxc_uri(uri) if outputs.variant == "containers" else uri
        host = urlsplit(uri).hostname
        own = host is None or host in _OURSELVES or host == socket.gethostname().lower()
        return cls(uri, driver, None if own else host, environment)

    @property
    def surroundings(self) -> Surroundings:
        """The namespaces of this libvirt; raises `ProbeError` where they are not of this machine.

        `TOPOLOGY_NAMESPACE` speaks of the libvirt of `LIBVIRT_DEFAULT_URI`, and of no other.
        """
        if self.host is not None:
            raise ProbeError(
                f"the stack runs on {self.host}, and so do its bridges",
                hint=f"run this on {self.host}: pulumi login to the same backend there",
            )
        named = self.environment.get("LIBVIRT_DEFAULT_URI")
        if named and lxc_uri(named) != lxc_uri(self.qemu):
            return Surroundings(None)
        return Surroundings.from_environment(self.environment)
