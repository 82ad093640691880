"""`lab fuzz`: coverage-guided fuzzing of what reads foreign bytes, bounded in time.

Also a step of `lab test`: `python3 -m sandbox.fuzz --seconds 56`. The targets are in `fuzz/`, in
cargo-fuzz's layout; this builds them with the Rust that the project has, which need not be a
nightly one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

__all__ = ["Find", "Outcome", "Workshop", "fuzz", "main", "targets"]

ROOT = Path(__file__).parent.parent
FUZZ = ROOT / "fuzz"
DOCUMENTS = ROOT / "services/config/tests/documents"

_NAMED = "--cfg=fuzzing"
_INSTRUMENTED = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
)
_ADDRESS = "-Zsanitizer=address"
_MEMORY = 1024
"""MiB that a target may take, its sanitizer's shadow included: all it reads is bounded."""
_PATIENCE = 10
"""Seconds that one input may take, on any machine."""
_LONGEST = 4096
"""Bytes of an input."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where programs are built and where what was found is kept."""

    build: Path
    corpora: Path
    """One folder a target: inputs that reached something new, kept from run to run."""
    finds: Path
    """One folder a target: inputs that broke it."""


@dataclass(frozen=True, slots=True)
class Find:
    """An input that broke a target."""

    target: str
    path: Path

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        return f"./lab fuzz {self.target} --input {self.path}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a target."""

    target: str
    code: int
    runs: int
    covered: int
    """Edges of the control flow that were taken."""
    finds: tuple[Find, ...]
    said: str


def targets() -> tuple[str, ...]:
    """The names of all targets, as their manifest has them."""
    manifest = (FUZZ / "Cargo.toml").read_text(encoding="utf-8")
    return tuple(re.findall(r'^\[\[bin\]\]\nname = "(.+)"$', manifest, re.MULTILINE))


def workshop() -> Workshop:
    """Where `CARGO_TARGET_DIR` points to, beside what else is built for checks."""
    build = Path(os.environ.get("CARGO_TARGET_DIR", FUZZ / "target")).absolute() / "fuzz"
    return Workshop(build, build / "corpora", build / "finds")


def _told(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{command[0]} failed", log=done.stderr)
    return done.stdout


def _sanitizer(triple: str) -> tuple[str, ...]:
    """The flag for the address sanitizer, where this Rust ships its runtime (Debian's does not)."""
    root = Path(_told("rustc", "--print", "sysroot").strip())
    found = (root / f"lib/rustlib/{triple}/lib").glob("librustc*_rt.asan.a")
    return (_ADDRESS,) if any(found) else ()


def build(places: Workshop, wanted: Sequence[str]) -> tuple[Path, bool]:
    """Builds targets; the folder that they are in, and whether with the address sanitizer."""
    triple = re.search(r"^host: (.+)$", _told("rustc", "-vV"), re.MULTILINE)
    if triple is None:
        raise LabError("rustc does not say which machine it is for")
    sanitizer = _sanitizer(triple[1])
    # Both are flags of a nightly Rust, which every Rust has for its own bootstrap.
    environment = {
        **os.environ,
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": " ".join((_NAMED, *sanitizer, *_INSTRUMENTED)),
    }
    # With a target of its own, what runs while it builds is not instrumented.
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target", triple[1]]
    for target in wanted:
        command += ["--bin", target]
    done = subprocess.run(
        [*command, "--target-dir", str(places.build)], cwd=FUZZ, env=environment, check=False
    )
    if done.returncode != 0:
        raise LabError("the targets do not compile", hint="g++ is needed, too: libFuzzer is C++")
    return places.build / triple[1] / "release", bool(sanitizer)


def _seeds(target: str) -> Iterator[Path]:
    yield from (one for one in [FUZZ / "seeds" / target] if one.is_dir())
    if target == "config":
        yield DOCUMENTS


def fuzz(programs: Path, places: Workshop, target: str, seconds: int) -> Outcome:
    """Runs a target for so long, or until it breaks."""
    corpus, finds = places.corpora / target, places.finds / target
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(finds.iterdir())
    done = subprocess.run(
        [
            str(programs / target),
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={_MEMORY}",
            f"-timeout={_PATIENCE}",
            f"-max_len={_LONGEST}",
            "-len_control=0",
            "-print_final_stats=1",
            f"-artifact_prefix={finds}/",
            str(corpus),
            *map(str, _seeds(target)),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    runs = re.findall(r"^stat::number_of_executed_units: (\d+)", done.stderr, re.MULTILINE)
    covered = re.findall(r" cov: (\d+) ", done.stderr)
    return Outcome(
        target,
        done.returncode,
        int(runs[-1]) if runs else 0,
        int(covered[-1]) if covered else 0,
        tuple(Find(target, path) for path in sorted(set(finds.iterdir()) - before)),
        done.stderr,
    )


def _show(outcome: Outcome) -> None:
    print(f"{outcome.target:10} {outcome.runs:>9} inputs, {outcome.covered:>5} edges", flush=True)
    if outcome.code != 0:
        print("\n".join(outcome.said.splitlines()[-60:]), file=sys.stderr)
    for find in outcome.finds:
        print(f"{find.target}: broken by {find.path}\n  again: {find.replay}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzzes targets, two at a time; 1 if one of them broke."""
    parser = argparse.ArgumentParser(prog="./lab fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all, if none is named")
    parser.add_argument("--seconds", type=int, default=56, help="for all of them together")
    parser.add_argument("--input", type=Path, help="an input that broke the one TARGET, again")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.targets) - set(targets()))
    if unknown or (options.input is not None and len(options.targets) != 1):
        parser.error(f"TARGET is of {', '.join(targets())}" if unknown else "name one TARGET")
    wanted = tuple(options.targets) or targets()
    places = workshop()
    programs, sanitized = build(places, wanted)
    if not sanitized:
        print("this Rust has no address sanitizer: without one", flush=True)
    if options.input is not None:
        again = [str(programs / wanted[0]), str(options.input.absolute())]
        return int(subprocess.run(again, check=False).returncode != 0)
    workers = min(2, os.cpu_count() or 1)
    each = max(1, options.seconds // len(wanted))
    with ThreadPoolExecutor(workers) as pool:
        outcomes = list(pool.map(lambda one: fuzz(programs, places, one, each), wanted))
    for outcome in outcomes:
        _show(outcome)
    return int(any(outcome.code != 0 for outcome in outcomes))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(error.describe(), file=sys.stderr)
        sys.exit(error.exit_code)
