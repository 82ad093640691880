"""One run of the benchmark, from looking at the machine to leaving it as it was."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from topology.bench.errors import BenchError
from topology.bench.fairness import unequal
from topology.bench.lab import Lab
from topology.bench.machine import BUSY, busy_share, machine_state, search_path, versions
from topology.bench.measure.base import Measure
from topology.bench.record import Note, Run
from topology.bench.report.write import DATA
from topology.bench.runner import Progress, Record, run_measures
from topology.bench.schedule import FULL_MINUTES, QUICK_MINUTES, RESUMED, fit, left_out, whole
from topology.bench.tools import provide
from topology.image import ensure, project_root, roles
from topology.platforms import ADAPTERS
from topology.platforms.types import Variant

__all__ = ["Options", "chosen", "estimated", "run_bench"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is asked for; `minutes` is the time it may take, its kind's own when `None`."""

    quick: bool = False
    minutes: float | None = None
    only: tuple[str, ...] = ()
    resume: bool = False
    busy: bool = False

    @property
    def seconds(self) -> float:
        """The time that it may take."""
        default = QUICK_MINUTES if self.quick else FULL_MINUTES
        return 60 * (default if self.minutes is None else self.minutes)


def chosen(measures: Sequence[Measure], only: Sequence[str]) -> tuple[Measure, ...]:
    """The measures of these names, all where none is named; raises `BenchError` for others."""
    names = {measure.name for measure in measures}
    unknown = sorted(set(only) - names)
    if unknown:
        raise BenchError(
            f"there is no measure {', '.join(unknown)}",
            hint=f"there are: {', '.join(sorted(names))}",
        )
    return tuple(measure for measure in measures if not only or measure.name in only)


def run_bench(
    measures: Sequence[Measure],
    output: Path,
    options: Options,
    environment: Mapping[str, str],
    progress: Progress,
) -> None:
    """Takes the measures into the record in `output`.

    `environment` is this process's, to whose PATH the programs that load are added.

    Raises `BenchError` where the machine is busy (unless told otherwise), is no lab, or a record
    is there already and is not to be resumed.
    """
    selected = chosen(measures, options.only)
    path = output / DATA
    if path.exists() and not options.resume:
        raise BenchError(
            f"{path} exists", hint="--resume goes on with it; or name another directory"
        )
    share = busy_share()
    if share > BUSY and not options.busy:
        raise BenchError(
            f"the machine is busy: {share:.0%} of its processors are in use",
            hint="end what runs; --busy measures all the same, and the report says so first",
        )
    root = project_root()
    if any(measure.tools for measure in selected):
        provide(root, progress.say)
    output.mkdir(parents=True, exist_ok=True)
    # A run that was killed at once has not even its first line.
    if path.exists() and b"\n" in path.read_bytes():
        record = Record.resumed(path)
        record.append([Note(f"{RESUMED} at {_now()}.")])
    else:
        begun = _first_line(root, selected, options, environment, share, progress.say)
        path.unlink(missing_ok=True)
        record = Record(path)
        record.append([begun])
    lab = Lab(
        root,
        environment,
        quick=options.quick,
        say=progress.say,
        write=lambda note: record.append([note]),
    )
    try:
        run_measures(
            whole(selected, quick=options.quick),
            lab,
            record,
            progress,
            seconds=options.seconds,
            usable=lambda measure: _missing(measure, environment),
        )
    finally:
        lab.close()


def estimated(measures: Sequence[Measure], options: Options) -> tuple[float, tuple[str, ...]]:
    """About how many seconds a run takes, and what it would leave out."""
    full = whole(measures, quick=options.quick)
    parts = fit(full, options.seconds)
    cut = tuple(
        f"{before.measure.name}, {text}"
        for before, after in zip(full, parts, strict=True)
        for text in left_out(before, after)
    )
    return sum(part.seconds for part in parts), cut


def _missing(measure: Measure, environment: Mapping[str, str]) -> str:
    path = search_path(environment)
    absent = [name for name in measure.needs() if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _first_line(
    root: Path,
    measures: Sequence[Measure],
    options: Options,
    environment: Mapping[str, str],
    share: float,
    say: Callable[[str], None],
) -> Run:
    machine = machine_state(environment)
    machine["busy_before"] = round(share, 3)
    memory = {variant.value: ADAPTERS[variant].default_memory for variant in Variant}
    tools = {tool for measure in measures for tool in measure.tools}
    return Run(
        version=1,
        started=_now(),
        machine=machine,
        tools=versions(tools, environment),
        digests=_digests(root, say),
        options={
            "quick": int(options.quick),
            "minutes": options.minutes,
            "only": list(options.only),
        },
        unequal=tuple(unequal(machine, memory, busy=share if share > BUSY else None)),
    )


def _digests(root: Path, say: Callable[[str], None]) -> dict[str, str]:
    found = {
        f"{variant.value}/{role}": image.digest
        for variant in Variant
        for role, image in ensure(variant, roles(variant, root), root=root, progress=say).items()
    }
    found["poc.yaml"] = hashlib.sha256((root / "poc.yaml").read_bytes()).hexdigest()
    revision = _git(root, "rev-parse", "HEAD")
    if revision:
        dirty = (
            " with changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
        )
        found["source"] = revision + dirty
    return found


def _git(root: Path, *arguments: str) -> str:
    """What git says; nothing outside a repository or without git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
