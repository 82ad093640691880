"""`./lab` as a user meets it, with real stacks: up, killed half way, mended, down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import daemon, paths, stacks
from tests.support.marks import LIVE_AS_ROOT

pytestmark = LIVE_AS_ROOT

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = ("unikernel", "containers")


class Lab:
    """A lab of these tests' own."""

    def __init__(self, directory: Path) -> None:
        self.environment = {
            **os.environ,
            "LAB_STATE": str(directory / "state"),
            "LAB_RUN": str(directory / "run"),
        }
        self.paths = paths.find(self.environment)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / "lab", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [ROOT / "lab", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self, stack: str) -> dict[str, str]:
        nodes = json.loads(self.run("status", "--json"))["nodes"]
        return {node["node"]: node["state"] for node in nodes if node["stack"] == stack}

    def page(self, stack: str) -> str:
        return self.run("client", stack, "--", "curl", "-sS", "http://www.poc.example/")


@contextmanager
def own_lab() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        Path(name).chmod(0o755)
        made = Lab(Path(name))
        try:
            yield made
        finally:
            made.run("down")
        assert daemon.keepers(made.paths) == ()


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab in which nothing was deployed."""
    with own_lab() as made:
        yield made


@pytest.fixture(scope="module")
def deployed() -> Iterator[Lab]:
    """A lab in which both variants are up, as each test that breaks one leaves them again."""
    with own_lab() as made:
        for variant in VARIANTS:
            shown = json.loads(made.run("up", variant, "--no-probe", "--json"))
            assert {node["node"] for node in shown["nodes"]} == {"dns", "firewall", "router", "web"}
            for node in shown["nodes"]:
                assert node["reply_seconds"] is not None, node
                assert node["ready_seconds"] is not None, node
        yield made


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.01)


def helpers(lab: Lab) -> list[str]:
    """Return the programs that run with this lab's Pulumi."""
    home = f"PULUMI_HOME={lab.paths.pulumi_home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if home in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
    return found


def test_both_variants_are_up_at_once(deployed: Lab) -> None:
    for variant in VARIANTS:
        assert set(deployed.states(variant).values()) == {"running"}
        assert "poc" in deployed.page(variant)
    again = json.loads(deployed.run("up", "--no-probe", "--json"))
    assert all(node["reply_seconds"] is None for node in again["nodes"]), "nothing was made anew"


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_guest_is_mended_by_up(deployed: Lab, variant: str) -> None:
    domain = str(stacks.read(deployed.paths, variant).nodes["web"]["domain"])
    uri = deployed.paths.uri if variant == "unikernel" else deployed.paths.lxc_uri
    assert daemon.virsh(uri, "destroy", domain) is not None
    assert deployed.states(variant)["web"] != "running"
    deployed.run("up", variant, "--no-probe")
    assert deployed.states(variant)["web"] == "running"
    assert "poc" in deployed.page(variant)


def test_a_killed_keeper_is_recovered_from(deployed: Lab) -> None:
    (keeper,) = daemon.keepers(deployed.paths)
    os.kill(keeper, signal.SIGKILL)
    for variant in VARIANTS:
        deployed.run("up", variant, "--no-probe")
    for variant in VARIANTS:
        assert set(deployed.states(variant).values()) == {"running"}
        assert "poc" in deployed.page(variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_pulumi_is_recovered_from(lab: Lab, variant: str) -> None:
    lab.run("env")
    with lab.popen("up", variant, "--no-probe") as process:
        eventually(lambda: bool(stacks.running(lab.paths)), "the first domain appears", 300.0)
        (lock,) = stacks.locks(lab.paths)
        os.kill(lock.pid, signal.SIGKILL)
        assert process.wait(60) not in {0, 64}
    # It may have died while it wrote these.
    for attributes in lab.paths.backend.glob(f".pulumi/stacks/*/{variant}.json.attrs"):
        attributes.write_bytes(b"")
    said = lab.run("up", variant, "--no-probe")
    assert "first reply" in said
    assert set(lab.states(variant).values()) == {"running"}
    assert "poc" in lab.page(variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_lab_is_recovered_from(lab: Lab, variant: str) -> None:
    lab.run("env")
    with lab.popen("up", variant, "--no-probe") as process:
        eventually(lambda: bool(stacks.running(lab.paths)), "the first domain appears", 300.0)
        process.kill()
    lab.run("up", variant, "--no-probe")
    assert set(lab.states(variant).values()) == {"running"}


def test_a_killed_up_can_be_taken_down(lab: Lab) -> None:
    lab.run("env")
    with lab.popen("up", "--no-probe") as process:
        eventually(lambda: bool(stacks.running(lab.paths)), "the first domain appears", 300.0)
        (lock,) = stacks.locks(lab.paths)
        os.kill(lock.pid, signal.SIGKILL)
        process.kill()
    lab.run("down")
    eventually(lambda: helpers(lab) == [], "Pulumi's helpers are gone")


def test_a_plain_shell_works_after_env(lab: Lab) -> None:
    script = """
        eval "$(./lab env)" &&
        pulumi up --stack unikernel --yes --skip-preview >&2 &&
        virsh --quiet list --name &&
        pulumi destroy --stack unikernel --yes --skip-preview >&2 &&
        virsh --quiet list --all --name
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=lab.environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 4, done.stdout


def test_env_prints_exports_and_nothing_else(lab: Lab) -> None:
    assert all(line.startswith("export ") for line in lab.run("env").splitlines())
