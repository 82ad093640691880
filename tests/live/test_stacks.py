"""Whole stacks, as a user deploys them: every topology in both variants, seen on the wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from topology.probe.identity import Console
from topology.probe.places import Surroundings

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = ("unikernel", "containers")


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab of the tests' own, beside the one that whoever runs them may have."""

    environment: Mapping[str, str]
    directory: Path

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300
        )
        said = f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, said
        return done

    def deploy(self, stack: str, variant: str, file: Path | str, code: int = 0, **more: str) -> str:
        """`pulumi up` of a stack whose configuration lies outside the clone; what it said."""
        config = self.directory / f"{stack}.yaml"
        config.write_text((ROOT / f"Pulumi.{variant}.yaml").read_text())
        with config.open("a") as handle:
            for key, value in {"file": str(file), **more}.items():
                handle.write(f"  topology:{key}: {value}\n")
        listed = json.loads(self.run("pulumi", "stack", "ls", "--json").stdout)
        if stack not in {entry["name"] for entry in listed}:
            self.run("pulumi", "stack", "init", stack, "--no-select")
            (ROOT / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)
        up = ("pulumi", "up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive")
        return self.run(*up, "--config-file", str(config), code=code).stdout

    def destroy(self, stack: str) -> None:
        config = str(self.directory / f"{stack}.yaml")
        end = ("--yes", "--skip-preview", "--non-interactive", "--config-file", config)
        self.run("pulumi", "destroy", "--stack", stack, *end)
        self.run("pulumi", "stack", "rm", stack, "--yes", "--preserve-config")

    def probe(self, stack: str, code: int = 0) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(
            self.run("topology", "probe", "--stack", stack, "--json", code=code).stdout
        )
        return report


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    # Not pytest's own directory: containers reach their consoles as nobody, it is root's alone.
    directory = Path(tempfile.mkdtemp(prefix="topology-stacks-"))
    directory.chmod(0o755)
    places = {"LAB_STATE": str(directory / "state"), "LAB_RUN": str(directory / "run")}
    environment = {**os.environ, **places}
    started = subprocess.run(
        ["./lab", "env", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert started.returncode == 0, started.stderr
    yield Lab({**environment, **json.loads(started.stdout)}, directory)
    subprocess.run(["./lab", "down"], cwd=ROOT, env=environment, check=True)
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def both(lab: Lab) -> Lab:
    """The proof of concept in both variants, up at once, as `lab up` deploys it."""
    for variant in VARIANTS:
        lab.run("./lab", "up", variant, "--yes")
    return lab


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_proof_of_concept_holds_on_the_wire(both: Lab, variant: str, tmp_path: Path) -> None:
    junit = tmp_path / "probes.xml"
    done = both.run("topology", "probe", "--stack", variant, "--json", "--junit", str(junit))
    report = json.loads(done.stdout)
    assert report["variant"] == variant
    assert report["counts"] == {"broken": 0, "error": 0, "seen": len(report["probes"])}
    assert {p["tool"] for p in report["probes"]} == {
        "console",
        "curl",
        "dig",
        "libvirt",
        "nmap",
        "ping",
    }
    assert 'failures="0"' in junit.read_text()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_client_outside_reads_the_page_by_name(both: Lab, variant: str) -> None:
    done = both.run(
        "./lab",
        "client",
        variant,
        "--",
        "curl",
        "-sS",
        "--max-time",
        "5",
        "http://www.poc.example/",
    )
    assert done.stdout == (ROOT / "content/web/index.html").read_text()


def test_a_client_command_keeps_its_exit_code(both: Lab) -> None:
    both.run("./lab", "client", "unikernel", "--", "sh", "-c", "exit 7", code=7)


def test_two_stacks_do_not_meet(both: Lab) -> None:
    """Same addresses in both, yet what one serves never reaches the other's clients."""
    outputs = {
        v: json.loads(both.run("pulumi", "stack", "output", "--json", "--stack", v).stdout)
        for v in VARIANTS
    }
    bridges = {v: {s["bridge"] for s in o["segments"].values()} for v, o in outputs.items()}
    assert not bridges["unikernel"] & bridges["containers"]
    served = {v: requests(both, outputs[v]) for v in VARIANTS}
    both.run("./lab", "client", "unikernel", "--", "curl", "-sSf", "http://203.0.113.80/")
    deadline = time.monotonic() + 10
    while requests(both, outputs["unikernel"]) == served["unikernel"]:
        assert time.monotonic() < deadline, "the request was never counted"
        time.sleep(0.1)
    assert requests(both, outputs["containers"]) == served["containers"]


def requests(lab: Lab, outputs: Mapping[str, Any]) -> int:
    """How many requests the web node of a stack says it has had."""
    surroundings = Surroundings.from_environment(lab.environment)
    console = Console(outputs["nodes"]["web"]["console"], surroundings)
    return console.counters().get("http_requests", 0)


def test_status_tells_what_runs(both: Lab) -> None:
    told = both.run("./lab", "status", "--json").stdout
    for name in ("web", "dns", "router", "firewall"):
        for variant in VARIANTS:
            assert f"{variant}-{name}-" in told


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("example", ["open", "two-dmz"])
def test_other_topologies_hold_too(lab: Lab, example: str, variant: str) -> None:
    stack = f"{example}-{variant}"
    lab.deploy(stack, variant, f"examples/{example}.yaml")
    try:
        counts = lab.probe(stack)["counts"]
        assert (counts["broken"], counts["error"]) == (0, 0)
    finally:
        lab.destroy(stack)


def test_containers_forward_by_the_shared_code_as_by_the_kernel(lab: Lab) -> None:
    text = (ROOT / "poc.yaml").read_text()
    shared = text.replace("    policy: edge\n", "    policy: edge\n    dataplane: shared\n")
    shared = shared.replace("    kind: router\n", "    kind: router\n    dataplane: shared\n")
    assert shared.count("dataplane: shared") == 2
    file = written(lab, shared)
    lab.deploy("shared", "containers", file)
    try:
        counts = lab.probe("shared")["counts"]
        assert (counts["broken"], counts["error"]) == (0, 0)
    finally:
        lab.destroy("shared")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_that_breaks_its_statements_is_seen_to(lab: Lab, variant: str) -> None:
    """Echo let in, a port let through: each probe that should see it does, the others hold."""
    text = (ROOT / "poc.yaml").read_text()
    leaky = text.replace(
        "{name: no-echo, deny: echo, from: any", "{name: leak, permit: echo, from: any"
    )
    leaky = leaky.replace(
        "permit: http, from: outside, to: web", "permit: any, from: outside, to: web"
    )
    assert leaky.count("leak") == 1
    file = written(lab, leaky)
    stack = f"leaky-{variant}"
    refused = lab.deploy(stack, variant, file, code=1)
    assert "no-ping" in refused
    lab.deploy(stack, variant, file, statements="warn")
    try:
        probes = lab.probe(stack, code=1)["probes"]
        broken = {(p["statement"], p["target"]) for p in probes if p["status"] == "broken"}
        assert ("no-ping", "web") in broken
        assert ("nothing-else", "web") in broken
        assert {statement for statement, _ in broken} <= {"no-ping", "nothing-else", "dmz-stays-in"}
        assert not [p for p in probes if p["status"] == "error"]
    finally:
        lab.destroy(stack)


def written(lab: Lab, text: str) -> Path:
    """A topology file outside the clone, its content beside it."""
    file = lab.directory / "topology.yaml"
    content = lab.directory / "content"
    if not content.exists():
        shutil.copytree(ROOT / "content", content)
    file.write_text(text)
    return file
