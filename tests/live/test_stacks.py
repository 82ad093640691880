"""Whole stacks, as a user deploys them: every topology in both variants, seen on the wire."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployed import Lab, run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.probe.identity import Console

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")


@dataclass(frozen=True, slots=True)
class Stacks:
    """A lab of the tests' own, and a directory for what they write."""

    lab: Lab
    directory: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return self.lab.environment

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return run([*command], self.environment, cwd=PROJECT, code=code)

    def deploy(self, stack: str, variant: str, file: Path | str, code: int = 0, **more: str) -> str:
        """`pulumi up` of a stack whose configuration lies outside the clone; what it said."""
        config = self.directory / f"{stack}.yaml"
        config.write_text((PROJECT / f"Pulumi.{variant}.yaml").read_text())
        with config.open("a") as handle:
            for key, value in {"file": str(file), **more}.items():
                handle.write(f"  topology:{key}: {value}\n")
        listed = json.loads(self.run("pulumi", "stack", "ls", "--json").stdout)
        if stack not in {entry["name"] for entry in listed}:
            self.run("pulumi", "stack", "init", stack, "--no-select")
            (PROJECT / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)
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
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with started_lab() as started:
        yield Stacks(started, tmp_path_factory.mktemp("stacks"))


@pytest.fixture(scope="module")
def both(lab: Stacks) -> Stacks:
    """The proof of concept in both variants, up at once, as `lab up` deploys it."""
    for variant in VARIANTS:
        lab.run("./lab", "up", variant, "--yes")
    return lab


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_proof_of_concept_holds_on_the_wire(both: Stacks, variant: str, tmp_path: Path) -> None:
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
def test_a_client_outside_reads_the_page_by_name(both: Stacks, variant: str) -> None:
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
    assert done.stdout == (PROJECT / "content/web/index.html").read_text()


def test_a_client_command_keeps_its_exit_code(both: Stacks) -> None:
    both.run("./lab", "client", "unikernel", "--", "sh", "-c", "exit 7", code=7)


def test_two_stacks_do_not_meet(both: Stacks) -> None:
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


def requests(lab: Stacks, outputs: Mapping[str, Any]) -> int:
    """How many requests the web node of a stack says it has had."""
    console = Console(outputs["nodes"]["web"]["console"], lab.lab.surroundings)
    return console.counters().get("http_requests", 0)


def test_status_tells_what_runs(both: Stacks) -> None:
    told = both.run("./lab", "status", "--json").stdout
    for name in ("web", "dns", "router", "firewall"):
        for variant in VARIANTS:
            assert f"{variant}-{name}-" in told


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("example", ["open", "two-dmz"])
def test_other_topologies_hold_too(lab: Stacks, example: str, variant: str) -> None:
    stack = f"{example}-{variant}"
    lab.deploy(stack, variant, f"examples/{example}.yaml")
    try:
        counts = lab.probe(stack)["counts"]
        assert (counts["broken"], counts["error"]) == (0, 0)
    finally:
        lab.destroy(stack)


def test_containers_forward_by_the_shared_code_as_by_the_kernel(lab: Stacks) -> None:
    text = (PROJECT / "poc.yaml").read_text()
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
def test_a_network_that_breaks_its_statements_is_seen_to(lab: Stacks, variant: str) -> None:
    """Echo let in, a port let through: each probe that should see it does, the others hold."""
    text = (PROJECT / "poc.yaml").read_text()
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


def written(lab: Stacks, text: str) -> Path:
    """A topology file outside the clone, its content beside it."""
    file = lab.directory / "topology.yaml"
    content = lab.directory / "content"
    if not content.exists():
        shutil.copytree(PROJECT / "content", content)
    file.write_text(text)
    return file
