"""Places on the wire: the outside client, and hosts of ours on a segment.

A place is a network namespace with one veth pair into the segment's bridge, made inside the
namespaces where libvirt's bridges are: `TOPOLOGY_NAMESPACE`, a directory with the bound files
`net`, `mnt` and, where libvirt has one of its own, `pid`; the current ones where it is unset.
Making a place twice changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network
from pathlib import Path

from topology.probe.errors import ProbeError
from topology.probe.outputs import OutsideOutput

__all__ = [
    "Place",
    "Surroundings",
    "beside_name",
    "outside_name",
    "outside_place",
    "port_name",
]

_RESOLV = (
    # Fixed text: what varies comes as arguments. The bind lives in a mount namespace of its own,
    # and outlives the file's name.
    'file=$(mktemp) && printf "%s" "$1" >"$file" && chmod 644 "$file" '
    '&& mount --bind "$file" /etc/resolv.conf && rm -f "$file" && shift && exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The namespaces in which libvirt runs; `directory` is `None` for the current ones."""

    directory: Path | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Surroundings:
        """Where `lab env` says; raises `ProbeError` when that lab has ended."""
        value = environment.get("TOPOLOGY_NAMESPACE")
        if not value:
            return cls(None)
        directory = Path(value)
        if not (directory / "net").exists():
            raise ProbeError(
                f"the namespaces at {directory} are gone", hint="./lab up starts the lab again"
            )
        return cls(directory)

    def command(self, arguments: Sequence[str], *, directly: bool = False) -> list[str]:
        """`arguments` as a command that runs in these namespaces.

        Entering a process namespace takes a process in between; `directly` stays outside of it,
        so that a signal reaches the command itself.
        """
        if self.directory is None:
            return list(arguments)
        spaces = (("net", "net"), ("mnt", "mount"), ("pid", "pid"))[: 2 if directly else 3]
        entered = [
            f"--{option}={self.directory / name}"
            for name, option in spaces
            if (self.directory / name).exists()
        ]
        return ["nsenter", *entered, f"--wdns={Path.cwd()}", "--", *arguments]

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float = 60,
        check: bool = True,
        given: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command there; raises `ProbeError` when it is missing, slow or fails.

        `given` is its standard input, ours where it is `None`.
        """
        command = self.command(arguments)
        handed = None if given is None else given.encode("utf-8", "surrogateescape")
        try:
            raw = subprocess.run(
                command, capture_output=True, timeout=timeout, check=False, input=handed
            )
        except FileNotFoundError as error:
            raise ProbeError(
                f"{error.filename} is not installed", hint="./lab doctor says what is missing"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ProbeError(f"{arguments[0]} gave no result in {timeout:g} s") from error
        # Lossless both ways and without newline translation: a page's bytes are compared.
        done = subprocess.CompletedProcess(
            raw.args,
            raw.returncode,
            raw.stdout.decode("utf-8", "surrogateescape"),
            raw.stderr.decode("utf-8", "replace"),
        )
        if check and done.returncode != 0:
            message = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
            hint = "this needs root" if os.geteuid() != 0 else ""
            raise ProbeError(f"{' '.join(arguments)}: {message}", hint=hint)
        return done


@dataclass(frozen=True, slots=True)
class Place:
    """A host of ours on a bridge; `addresses` carry prefix lengths, `routes` are (prefix, via)."""

    name: str
    bridge: str
    addresses: tuple[str, ...]
    mac: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    resolvers: tuple[str, ...] = ()
    surroundings: Surroundings = field(default=Surroundings(None))

    @property
    def port(self) -> str:
        """The name of its end on the bridge."""
        return port_name(self.name)

    def attach(self) -> None:
        """Makes the namespace, its interface, addresses and routes, where they are missing.

        Raises `ProbeError` when the bridge does not exist or the caller may not.
        """
        run = self.surroundings.run
        if run(["ip", "link", "show", self.bridge], check=False).returncode != 0:
            raise ProbeError(
                f"the bridge {self.bridge} is not there", hint="is the stack up? ./lab status"
            )
        existing = run(["ip", "netns", "list"]).stdout.split()
        if self.name not in existing:
            run(["ip", "netns", "add", self.name])
        if run(["ip", "link", "show", self.port], check=False).returncode != 0:
            pair = ["ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0"]
            run([*pair, "netns", self.name])
        run(["ip", "link", "set", self.port, "master", self.bridge, "up"])
        self._configure()

    def _configure(self) -> None:
        inside = ["ip", "-n", self.name]
        run = self.surroundings.run
        run([*inside, "link", "set", "lo", "up"])
        # Setting even the same address again would make the kernel forget its neighbours.
        if self.mac and self.mac not in run([*inside, "link", "show", "eth0"]).stdout.split():
            run([*inside, "link", "set", "eth0", "address", self.mac])
        run([*inside, "link", "set", "eth0", "up"])
        wanted = {str(ip_interface(a)) for a in self.addresses}
        shown = run([*inside, "-o", "address", "show", "dev", "eth0", "scope", "global"]).stdout
        present = {line.split()[3] for line in shown.splitlines()}
        for address in sorted(present - wanted):
            run([*inside, "address", "del", address, "dev", "eth0"])
        for address in sorted(wanted - present):
            # Duplicate address detection would leave an IPv6 address unusable for a second.
            quick = ["nodad"] if ":" in address else []
            run([*inside, "address", "add", address, "dev", "eth0", *quick])
        for prefix, via in self.routes:
            family = "-6" if ip_network(prefix).version == 6 else "-4"
            run([*inside, family, "route", "replace", prefix, "via", via, "dev", "eth0"])

    def detach(self) -> None:
        """Removes the interface and the namespace; nothing where there is none."""
        run = self.surroundings.run
        # The kernel takes a namespace apart in its own time: the bridge port goes by name.
        if run(["ip", "link", "show", self.port], check=False).returncode == 0:
            run(["ip", "link", "del", self.port])
        if self.name in run(["ip", "netns", "list"]).stdout.split():
            run(["ip", "netns", "del", self.name])

    def command(self, arguments: Sequence[str]) -> list[str]:
        """`arguments` as a command that runs in this place, names resolved by its resolvers."""
        inner = ["ip", "netns", "exec", self.name]
        if self.resolvers:
            text = "".join(f"nameserver {r}\n" for r in self.resolvers)
            text += "options timeout:2 attempts:2\n"
            inner += ["unshare", "--mount", "--", "sh", "-c", _RESOLV, "sh", text]
        return self.surroundings.command([*inner, *arguments])

    def run(
        self, arguments: Sequence[str], *, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in this place and returns what it said, whatever its exit code."""
        command = self.command(arguments)
        return Surroundings(None).run(command, timeout=timeout, check=False)


def port_name(place: str) -> str:
    """The name of a place's end on the bridge, by the place's name."""
    return "tpc" + hashlib.sha256(place.encode()).hexdigest()[:10]


def outside_name(stack: str, node: str) -> str:
    """The name of the place of an external node."""
    return f"{stack}-{node}"


def beside_name(stack: str, segment: str) -> str:
    """The name of the place of a host of ours beside a segment's nodes."""
    return f"{stack}-beside-{segment}"


def outside_place(stack: str, outside: OutsideOutput, surroundings: Surroundings) -> Place:
    """The place of an external node of a stack; IPv4 and IPv6 alike."""
    return Place(
        name=outside_name(stack, outside.node),
        bridge=outside.bridge,
        mac=outside.mac,
        addresses=outside.addresses,
        routes=tuple((route.prefix, route.via) for route in outside.routes),
        resolvers=outside.resolvers,
        surroundings=surroundings,
    )
