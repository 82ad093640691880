"""A copy of the project, deployed into a lab of its own, that a test may edit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.golden import PROJECT
from topology.probe.outputs import OutsideOutput
from topology.probe.places import Place, Surroundings, outside_place
from topology.render.uri import lxc_uri

DOMAIN_TYPES = ("libvirt:index/domain:Domain", "pulumi-python:dynamic/components:Lxc")
_LEFT_OUT = shutil.ignore_patterns(".*", "target", "__pycache__", "docs")


@dataclass(frozen=True, slots=True)
class Change:
    """What a preview says: nodes by what happens to them, and every other resource that changes."""

    nodes: Mapping[str, str]
    networks: Mapping[str, str]
    others: Mapping[str, str]

    @property
    def replaced(self) -> set[str]:
        return {node for node, operation in self.nodes.items() if operation == "replace"}


@dataclass(frozen=True, slots=True)
class Lab:
    """A private libvirt of the tests' own, and the environment of who uses it."""

    environment: Mapping[str, str]

    @property
    def uri(self) -> str:
        return self.environment["LIBVIRT_DEFAULT_URI"]

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings.from_environment(self.environment)

    def inside(self, *command: str, check: bool = True) -> str:
        """What a command says in the lab's own namespaces."""
        return self.surroundings.run(command, check=check).stdout

    def virsh(self, variant: str, *arguments: str) -> str:
        uri = self.uri if variant == "unikernel" else lxc_uri(self.uri)
        return run(["virsh", "-q", "-c", uri, *arguments], self.environment).stdout


@contextmanager
def started_lab() -> Iterator[Lab]:
    """A lab for the time of the block; images are those that everybody builds."""
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        directory = Path(name)
        # Mapped containers walk to their consoles in it, which pytest's own directories forbid.
        directory.chmod(0o755)
        places = {"LAB_STATE": str(directory / "state"), "LAB_RUN": str(directory / "run")}
        environment = {**os.environ, **places}
        told = run(["./lab", "env", "--json"], environment, cwd=PROJECT).stdout
        try:
            yield Lab({**environment, **json.loads(told)})
        finally:
            run(["./lab", "down"], environment, cwd=PROJECT)


def copy_of_the_project(directory: Path) -> Path:
    """A copy that has the sources, for their digests, and no git."""
    copy = directory / "project"
    shutil.copytree(PROJECT, copy, ignore=_LEFT_OUT, symlinks=True)
    return copy


@dataclass(slots=True)
class Stack:
    """A stack of a copy of the project in a lab; `deployed` while what runs is what is written."""

    name: str
    variant: str
    project: Path
    lab: Lab
    deployed: bool = False
    edits: int = 0
    known: Mapping[str, Any] | None = None

    def pulumi(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a pulumi command on the stack; `code` is the end that it must come to."""
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        return run(command, self.lab.environment, cwd=self.project, code=code)

    def init(self, **settings: str) -> None:
        """Makes the stack, configured as the project's own of this variant and by `settings`."""
        config = self.project / f"Pulumi.{self.name}.yaml"
        text = (PROJECT / f"Pulumi.{self.variant}.yaml").read_text()
        lines = [f"  topology:{key}: {value}\n" for key, value in sorted(settings.items())]
        self.pulumi_in("stack", "init", self.name, "--no-select")
        config.write_text(text + "".join(lines))

    def pulumi_in(self, *arguments: str) -> None:
        """Runs a pulumi command that names its stack itself."""
        command = ["pulumi", *arguments, "--non-interactive"]
        run(command, self.lab.environment, cwd=self.project)

    def edit(self, file: str, old: str, new: str, count: int = 0) -> None:
        """Changes the copy: a regular expression and what takes its place."""
        path = self.project / file
        text, made = re.subn(old, new, path.read_text(), count=count)
        assert made, f"{file} has no {old}"
        path.write_text(text)
        self.deployed = False
        self.edits += 1

    def up(self, *flags: str, code: int = 0) -> str:
        self.known = None
        done = self.pulumi("up", "--yes", "--skip-preview", *flags, code=code)
        self.deployed = code == 0
        return done.stdout + done.stderr

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview")

    def preview(self, *flags: str) -> Change:
        """What `pulumi preview` says would change."""
        steps = json.loads(self.pulumi("preview", "--json", *flags).stdout)["steps"]
        nodes: dict[str, str] = {}
        networks: dict[str, str] = {}
        others: dict[str, str] = {}
        for step in steps:
            kind, name = step["urn"].split("::")[2:]
            kind = kind.rpartition("$")[2]
            if step["op"] in ("refresh", "same"):
                continue
            short = name.removeprefix(f"{self.name}-")
            if kind in DOMAIN_TYPES:
                nodes[short.removesuffix("-domain")] = step["op"]
            elif kind == "libvirt:index/network:Network":
                networks[short.removesuffix("-network")] = step["op"]
            elif kind.startswith("libvirt:"):
                others[short] = step["op"]
        return Change(nodes, networks, others)

    def outputs(self) -> Mapping[str, Any]:
        if self.known is None:
            outputs: Mapping[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
            self.known = outputs
        return self.known

    def domain(self, node: str) -> str:
        """The name of a node's domain."""
        return str(self.outputs()["nodes"][node]["domain"])

    def running(self) -> dict[str, str]:
        """The names of this stack's domains that run, with what tells one start from another."""
        names = self.lab.virsh(self.variant, "list", "--name").split()
        return {
            name: self.lab.virsh(self.variant, "domid", name).strip()
            for name in names
            if name.startswith(f"{self.name}-")
        }

    def defined(self) -> set[str]:
        """The names of this stack's domains, running or not."""
        names = self.lab.virsh(self.variant, "list", "--all", "--name").split()
        return {name for name in names if name.startswith(f"{self.name}-")}

    def client(self) -> Place:
        """The place of the outside client, attached."""
        (outside,) = self.outputs()["outside"]
        place = outside_place(
            self.name, OutsideOutput.model_validate(outside), self.lab.surroundings
        )
        place.attach()
        return place

    def page_address(self) -> str:
        """The web server's IPv4 address."""
        return str(self.outputs()["nodes"]["web"]["addresses"][0])

    def fetch(self, place: Place) -> str:
        """The page, asked for until the node has booted."""
        retry = ["--retry", "10", "--retry-all-errors", "--retry-delay", "0"]
        asked = ["curl", "-sS", "-m", "20", "--connect-timeout", "1", *retry]
        done = place.run([*asked, f"http://{self.page_address()}/"])
        assert done.returncode == 0, done.stderr
        return done.stdout


def run(
    command: list[str],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    code: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to the end that it must come to."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode != code:
        sys.stderr.write(done.stdout[-12000:] + done.stderr[-4000:])
    assert done.returncode == code, f"{' '.join(command)}: {done.returncode}, not {code}"
    return done
