"""A Pulumi stack of the benchmark's own, configured outside the clone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from topology.bench.errors import BenchError
from topology.bench.record import Subject
from topology.probe.outputs import StackOutputs, read_outputs
from topology.probe.places import Place, Surroundings, outside_place
from topology.render.uri import lxc_uri

__all__ = ["SETTINGS", "Stack"]

SETTINGS = "settings.yaml"
"""The file with the settings of a stack, in its directory."""

_TIMEOUT = 900
"""Seconds after which a Pulumi command is given up: hundreds of domains take minutes."""

_GRACE = 60
"""Seconds that a Pulumi command which is ended has to finish what it is doing."""


@dataclass(slots=True)
class Stack:
    """A stack of the project at `root`; its topology and its settings lie in `directory`.

    `deployed` says whether `up` succeeded and nothing was declared since.
    """

    name: str
    subject: Subject
    root: Path
    directory: Path
    environment: Mapping[str, str]
    deployed: bool = False
    known: StackOutputs | None = field(default=None, repr=False)

    @property
    def variant(self) -> str:
        """The variant that the subject is deployed as."""
        return "unikernel" if self.subject is Subject.UNIKERNEL else "containers"

    @property
    def uri(self) -> str:
        """The libvirt URI of the driver that runs its nodes."""
        uri = self.environment["LIBVIRT_DEFAULT_URI"]
        return uri if self.variant == "unikernel" else lxc_uri(uri)

    @property
    def file(self) -> Path:
        """Its topology."""
        return self.directory / "topology.yaml"

    def make(self, topology: str, **settings: str) -> None:
        """Makes the stack, not yet deployed, of a topology as YAML text.

        `content/` of the project is at hand for it. `settings` are configuration keys of
        `topology:`, such as `rootfs`.
        """
        self.directory.mkdir(parents=True)
        shutil.copytree(self.root / "content", self.directory / "content")
        self.declare(topology)
        text = (self.root / f"Pulumi.{self.variant}.yaml").read_text(encoding="utf-8")
        for key, value in {"file": str(self.file), **settings}.items():
            text += f"  topology:{key}: {value}\n"
        self._config.write_text(text, encoding="utf-8")
        self._run("stack", "init", self.name, "--no-select")
        (self.root / f"Pulumi.{self.name}.yaml").unlink(missing_ok=True)

    def declare(self, topology: str) -> None:
        """Writes another topology for the next `up`."""
        self.file.write_text(topology, encoding="utf-8")
        self.deployed = False

    def pulumi(self, *arguments: str) -> str:
        """What a Pulumi command on the stack prints; raises `BenchError` when it fails."""
        return self._run(*arguments, "--stack", self.name, "--config-file", str(self._config))

    def up(self, *flags: str) -> None:
        """Deploys what is declared."""
        self.known = None
        self.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", *flags)
        self.deployed = True

    def destroy(self) -> None:
        """Destroys what is deployed, and keeps the stack."""
        self.known = None
        self.deployed = False
        self.pulumi("destroy", "--yes", "--skip-preview")

    def remove(self) -> None:
        """Destroys and forgets the stack, outside client included."""
        if self.known is not None:
            self.client().detach()
        self.destroy()
        self._run("stack", "rm", self.name, "--yes", "--preserve-config")
        shutil.rmtree(self.directory)

    def discard(self) -> None:
        """Removes the stack of a run that was killed in the midst of anything, if it is there."""
        known = json.loads(self._run("stack", "ls", "--json"))
        if self.name in {one["name"] for one in known}:
            self._run("cancel", self.name, "--yes")
            self.remove()

    def outputs(self) -> StackOutputs:
        """What it exports: domains, addresses, digests, consoles, bridges."""
        if self.known is None:
            self.known = read_outputs(self.name, root=self.root, environment=self.environment)
        return self.known

    def client(self) -> Place:
        """The place of its outside client, attached."""
        place = outside_place(
            self.name, self.outputs().outside[0], Surroundings.from_environment(self.environment)
        )
        place.attach()
        return place

    @property
    def _config(self) -> Path:
        return self.directory / SETTINGS

    def _run(self, *arguments: str) -> str:
        command = ["pulumi", *arguments, "--non-interactive"]
        try:
            # In a session of its own: an interruption of ours reaches it once, from here.
            child = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise BenchError(
                "pulumi is not on PATH", hint='run: eval "$(./lab env)", or install Pulumi'
            ) from error
        try:
            out, err = child.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"pulumi {arguments[0]} gave no result in {_TIMEOUT} s") from error
        finally:
            _ended(child)
        if child.returncode != 0:
            told = (out + err).strip()[-4000:]
            raise BenchError(f"{' '.join(command)} ended with {child.returncode}:\n{told}")
        return out


def _ended(child: subprocess.Popen[str]) -> None:
    """Ends a Pulumi command that still runs, gently: it unlocks its stack before it goes."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.communicate(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
