"""`topology bench`: both variants and the engine, in figures; their report; what changed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import Json

__all__ = ["bench"]

bench = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure unikernels, containers and the engine; report; compare two runs.",
)

Run = Annotated[Path, typer.Argument(help="A run's directory, or its data.jsonl.", metavar="RUN")]


@bench.command("all")
def run_all(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the record and the report go.")
    ] = Path("bench"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Few and rough figures, in under five minutes.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="The time it may take; 60, or 5 with --quick.", min=0.5)
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this measure; may be repeated.", metavar="NAME")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is in the directory.")
    ] = False,
    busy: Annotated[
        bool, typer.Option("--busy", help="Measure on a busy machine; the report says so first.")
    ] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Say what would be taken and how long it takes; no more.")
    ] = False,
) -> int:
    """Deploy both variants side by side, measure them in turn, and write the report.

    Needs root and the lab: eval "$(./lab env)". An interrupted run is gone on with by --resume. It
    keeps within its time by leaving out, in this order: repeats and points of sweeps; repeats
    of headline figures, down to five; measures without a headline. The report says what was left
    out. Exit code 0 whatever the figures are; what could not be measured is in the report.
    """
    import gc
    import os
    import signal

    from topology.bench.measure import MEASURES
    from topology.bench.run import Options, chosen, run_bench

    options = Options(quick, minutes, tuple(only or ()), resume, busy)
    selected = chosen(MEASURES, options.only)
    if listing:
        from topology.cli.views.bench import print_measures

        print_measures(selected, options)
        return ExitCode.DONE
    from topology.bench.report.write import write_report
    from topology.cli.views.bench import print_headlines, show_progress
    from topology.cli.views.progress import say

    gc.enable()  # it runs for an hour
    # However it is ended, it takes down what it deployed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with show_progress() as progress:
            run_bench(MEASURES, output, options, os.environ, progress)
    except KeyboardInterrupt:
        say(f"interrupted; go on with: topology bench all --resume --output {output}")
        return ExitCode.INTERRUPTED
    for file in write_report(output, output, MEASURES):
        say(f"wrote {file}")
    print_headlines(output)
    return ExitCode.DONE


@bench.command()
def dataplane(
    quick: Annotated[
        bool, typer.Option("--quick", help="Few and rough figures, in under five minutes.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="The time it may take; 20, or 5 with --quick.", min=0.5)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the record in this directory.")
    ] = None,
    busy: Annotated[
        bool, typer.Option("--busy", help="Measure on a busy machine, and say so first.")
    ] = False,
    json: Json = False,
) -> int:
    """Load both variants and the same network from stock Linux parts, side by side.

    HTTP, DNS, TCP in bulk, 64-byte frames, new connections, latency at half load and many rules,
    interleaved over unikernels, containers that forward by the kernel, containers that forward by
    the shared code, and kernel forwarding with nftables, nginx and NSD; each with its ratio to the
    last. The same measures as in `topology bench all`. Needs root and the lab: eval "$(./lab env)".
    """
    import os
    import tempfile

    from topology.bench.dataplane import DATAPLANE, DATAPLANE_MINUTES, rows
    from topology.bench.measure import MEASURES
    from topology.bench.report.write import read_results
    from topology.bench.run import Options, run_bench
    from topology.cli.views.bench import show_progress
    from topology.cli.views.dataplane import dataplane_document, print_dataplane
    from topology.cli.views.json import print_document

    limit = minutes if quick or minutes is not None else DATAPLANE_MINUTES
    options = Options(quick, limit, DATAPLANE, busy=busy)
    with tempfile.TemporaryDirectory() as passing, show_progress() as progress:
        where = output or Path(passing, "run")
        run_bench(MEASURES, where, options, os.environ, progress)
        results = read_results(where, MEASURES)
    found = list(rows(results))
    if json:
        print_document(dataplane_document(results, found))
    else:
        print_dataplane(results, found)
    return ExitCode.DONE


@bench.command()
def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where it goes; beside the record.")
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(help="Also renew the headline figures in this file.")
    ] = None,
) -> int:
    """Write the report of a run as report.md, report.html and plots, from its record alone."""
    from topology.bench.measure import MEASURES
    from topology.bench.report.readme import with_figures
    from topology.bench.report.write import headline_markdown, read_results, write_report
    from topology.cli.views.progress import say

    where = output or (run if run.is_dir() else run.parent)
    for file in write_report(run, where, MEASURES):
        say(f"wrote {file}")
    if readme is not None:
        figures = headline_markdown(read_results(run, MEASURES))
        text = with_figures(readme.read_text(encoding="utf-8"), figures)
        readme.write_text(text, encoding="utf-8")
        say(f"wrote the figures in {readme}")
    return ExitCode.DONE


@bench.command()
def compare(
    old: Run,
    new: Run,
    every: Annotated[
        bool, typer.Option("--every", "-e", help="Also what did not change, or cannot be told.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 if a figure changed, as git's does.")
    ] = False,
    json: Json = False,
) -> int:
    """Say which figures really changed between two runs.

    Changed is what has at least five samples in both runs, none scattered, a ratio whose 99 %
    interval excludes 1, and a difference of 5 % or more.
    """
    from topology.bench.compare import compare as compare_runs
    from topology.bench.measure import MEASURES
    from topology.bench.report.write import read_results

    found = compare_runs(read_results(old, MEASURES), read_results(new, MEASURES))
    if json:
        from topology.cli.views.bench import comparison_document
        from topology.cli.views.json import print_document

        print_document(comparison_document(found))
    else:
        from topology.cli.views.bench import print_comparison

        print_comparison(found, every=every)
    return ExitCode.BROKEN if exit_code and found.differs else ExitCode.DONE


@bench.command()
def engine(
    most: Annotated[
        int, typer.Option(help="The largest number of nodes and of rules.", min=10)
    ] = 50_000,
    plot: Annotated[
        Path | None, typer.Option(help="Write a plot of cost against size to this SVG file.")
    ] = None,
    json: Json = False,
) -> int:
    """Measure the engine on generated networks: read, resolve, check, prove, plan, diff."""
    from topology.bench.engine import FIREWALLS, NETWORKS, measured
    from topology.cli.views.progress import say

    networks = [("network", size) for size in NETWORKS if size <= most]
    firewalls = [("firewall", size) for size in FIREWALLS if size <= most]
    costs = measured([("poc", 0), *networks, *firewalls], say)
    if plot is not None:
        from topology.bench.plot import plot as draw

        plot.write_text(draw(costs), encoding="utf-8")
    if json:
        from topology.cli.views.json import print_document

        print_document({"version": 1, "costs": [asdict(cost) for cost in costs]})
    else:
        from topology.cli.views.engine import print_costs

        print_costs(costs)
    return ExitCode.DONE
