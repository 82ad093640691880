"""`lab check` and `lab test`: every check of the project, in order, each timed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import process, table
from .paths import Lab, identify
from .progress import Progress

__all__ = ["Outcome", "Step", "checks", "describe", "run", "tests"]


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a suite; `as_root` when it needs the lab's namespaces."""

    name: str
    command: tuple[str, ...]
    as_root: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended."""

    step: Step
    code: int
    seconds: float


CLIPPY = ("cargo", "clippy", "--workspace", "--locked")
STRICT = ("--", "--deny", "warnings")
# Tests want the standard library of crates that a binary without one shares with them: in one
# run, the features that they turn on would reach the binary, too.
TESTS = ("--lib", "--tests", "--examples", "--benches")
# Targets have a lock of their own, which a crate that they are about makes stale.
LOCKED = ("cargo", "tree", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--depth", "0")
FUZZING = 49
"""Seconds for all targets, two of which run at a time."""


def checks() -> tuple[Step, ...]:
    """Return what needs no root, no KVM and no network: format, types, lint, unit tests."""
    return (
        Step("format (Python)", ("ruff", "format", "--check", ".")),
        Step("lint (Python)", ("ruff", "check", ".")),
        Step("types (Python)", ("mypy",)),
        Step("format (Rust)", ("cargo", "fmt", "--all", "--check")),
        Step("format (targets)", ("cargo", "fmt", "--manifest-path", "fuzz/Cargo.toml", "--check")),
        Step("locks (targets)", LOCKED),
        Step("lint (Rust)", (*CLIPPY, *STRICT)),
        Step("lint (Rust tests)", (*CLIPPY, *TESTS, *STRICT)),
        Step("unit tests (Rust)", ("cargo", "test", "--workspace", "--locked", "--quiet")),
        Step("unit tests (Python)", ("pytest", "-m", "not live", "--numprocesses", "auto", "-q")),
    )


def tests(*, full: bool) -> tuple[Step, ...]:
    """Return the checks, fuzzing and the live tests; `full` adds soaks and sweeps."""
    marker = "live" if full else "live and not full"
    seconds = str(10 * FUZZING if full else FUZZING)
    fuzzing = Step("fuzzing", ("python3", "-m", "sandbox.fuzz", "--seconds", seconds))
    live = Step(
        "live tests",
        ("pytest", "-m", marker, "-v", "--durations=15", "-p", "no:cacheprovider"),
        as_root=True,
    )
    return (*checks(), fuzzing, live)


def run(
    lab: Lab,
    steps: Sequence[Step],
    progress: Progress,
    *,
    owned: Mapping[str, str],
    privileged: Mapping[str, str],
) -> tuple[Outcome, ...]:
    """Run every step, also after one that failed, its output on the terminal.

    `owned` is the environment of steps that run as the lab's owner, `privileged` of the others.
    """
    outcomes = []
    for step in steps:
        progress(f"{step.name}: {' '.join(step.command)}")
        begin = time.monotonic()
        with progress.step(step.name):
            code = process.run(
                step.command,
                environment=privileged if step.as_root else owned,
                cwd=lab.root,
                owner=None if step.as_root else lab.owner,
            )
        outcomes.append(Outcome(step, code, time.monotonic() - begin))
    return tuple(outcomes)


def cargo_environment(lab: Lab) -> dict[str, str]:
    """Return where Cargo puts what it builds for checks, and what its property tests draw from.

    Beside the images, not in the clone, and apart from other clones: Cargo knows a crate by its
    path within the workspace and what is fresh by its time, so that it would take another
    clone's for this one's. The same draw each time, as hypothesis does (a verdict on a change
    must not hang on chance). `PROPTEST_RNG_SEED=N ./lab test` draws others.
    """
    clone = identify(lab.root.resolve())
    defaults = {"CARGO_TARGET_DIR": str(lab.cache / "check" / clone), "PROPTEST_RNG_SEED": "1"}
    return {name: os.environ.get(name, value) for name, value in defaults.items()}


def describe(outcomes: Sequence[Outcome]) -> str:
    """Return the summary for people."""
    rows = [
        ["passed" if one.code == 0 else f"failed ({one.code})", f"{one.seconds:.1f}", one.step.name]
        for one in outcomes
    ]
    bad = sum(one.code != 0 for one in outcomes)
    verdict = "everything passed" if not bad else f"{bad} of {len(outcomes)} failed"
    return f"{table.render(['outcome', 'seconds', 'step'], rows)}\n\n{verdict}"
