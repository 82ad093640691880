"""The report as a document: fairness first, the table of ratios, why, then all figures."""

from __future__ import annotations

from collections.abc import Iterator

from topology.bench.record import Subject
from topology.bench.report.conclusions import conclusions, summary
from topology.bench.report.document import (
    Block,
    Cell,
    Code,
    Heading,
    Items,
    Paragraph,
    Table,
)
from topology.bench.report.published import published
from topology.bench.report.results import OTHERS, Headline, Results
from topology.bench.report.sections import reasons, sections
from topology.bench.report.words import (
    NAMES,
    amount,
    estimate_cell,
    estimate_text,
    fitting,
    number,
    place,
    times,
)
from topology.bench.schedule import CUT
from topology.bench.statistics import FEWEST, LEVEL, RESAMPLES, SPREAD

__all__ = ["SIGNS", "brief_table", "compose", "headline_table", "title"]

SIGNS = (
    "✓ better for the unikernel, ✗ worse, ≈ no difference that is sure and large enough to matter, "
    "? no conclusion (too few samples or ⚠ too scattered)."
)
"""What the signs in tables of ratios say."""

_THREATS = """
One machine: on another processor, kernel or hypervisor the ratios may differ. Where the machine is
virtual itself, its neighbours are invisible to the record.

Load generators, guests and the path between them share the same processors, so that a cheaper
service also leaves more for its client. Ratios of throughput are those of the whole machine, not
of the service alone.

The sender of rates has one thread, on cores that it shares with what it asks. Where a climb ended
at its limit and not at the service's, the highest rate held is a least value, and the ratio to it
a bound; notes beside the figure say for whom.

Figures with fewer than five samples are there to be seen, not to conclude from: three of each point
of a sweep, one where a single execution takes minutes.

Our containers run the same service code as the unikernels: the comparison is of the two ways to
run it. What a stock server does beyond ours (logging, caches, modules) is in the figures of stock
Linux, and in no other.

The interval of a median of n samples reaches at most from the least to the greatest of them, which
holds it with probability 1 - 2^(1-n): 75 % of three, 94 % of five. One in twenty of the 95 %
intervals misses by construction, and among many rows some will.

Samples of one run share its machine's state. Runs are interleaved, so that drift meets all subjects
alike, but a second run on another day is the better test: `topology bench compare` says what
changed.
"""

_ARROWS = {"lower": "↓", "higher": "↑"}

_STOCK = (
    "kernel forwarding, nftables with connection tracking, nginx (one worker), NSD (one server)"
)


def title(results: Results) -> str:
    """The report's title, dated."""
    return f"Unikernels against containers, {results.run.started[:10]}"


def compose(results: Results) -> list[Block]:
    """The whole report."""
    return list(_blocks(results))


def _blocks(results: Results) -> Iterator[Block]:
    yield Heading(title(results), 1)
    yield Paragraph(_machine_line(results))
    first = list(_first_lines(results))
    if first:
        yield Items(first, warning=True)
    yield from _verdict(results)
    yield Heading("Method")
    yield from _method(results)
    yield from sections(results)
    yield Heading("Threats to validity")
    yield Items([" ".join(text.split()) for text in _THREATS.strip().split("\n\n")])
    yield Heading("How to reproduce")
    yield from _reproduce(results)
    yield Heading("Conclusion")
    yield from conclusions(results)


def _machine_line(results: Results) -> str:
    machine = results.run.machine
    return (
        f"{machine.get('processor')}, {machine.get('cores')} cores, "
        f"{machine.get('memory_mib')} MiB, {machine.get('system')}, Linux {machine.get('kernel')}, "
        f"accelerator {machine.get('accelerator')}; started {results.run.started}."
    )


def _first_lines(results: Results) -> Iterator[str]:
    """What must be known before any figure is read."""
    yield from results.run.unequal
    if results.run.options.get("quick"):
        yield "A quick run: few samples, rough figures."
    for note in results.notes:
        if not note.measure:
            yield note.text
    cut = {note.measure for note in results.notes if note.measure and note.text.startswith(CUT)}
    if cut:
        yield f"Cut short for want of time, as their sections say: {', '.join(sorted(cut))}."
    if results.failures:
        names = ", ".join(sorted({one.measure for one in results.failures if one.measure}))
        count = len(results.failures)
        noun = "measurement" if count == 1 else "measurements"
        yield f"no figure was got from {count} {noun}, of: {names}."


def _verdict(results: Results) -> Iterator[Block]:
    rows = list(results.headlines())
    yield Heading("In short")
    if not rows:
        yield Paragraph("No headline figure was taken.")
        return
    yield Items(list(summary(results)))
    yield headline_table(rows)
    yield Paragraph(f"The ratios are unikernel : other, with their 95 % intervals. {SIGNS}")
    why = list(reasons(results))
    if why:
        yield Heading("Why", 3)
        yield Items(why)


def headline_table(rows: list[Headline]) -> Table:
    """The table of ratios: a row a headline figure and point."""
    others = [one for one in OTHERS if any(one in row.comparisons for row in rows)]
    anchors = {name: one for one in published() for name in one.beside}
    beside = any(row.figure.name in anchors for row in rows)
    header = ["figure", "unikernel", *(f"ratio to {NAMES[one]}" for one in others)]
    body = []
    for row in rows:
        where = place(row.point)
        better = f"{row.figure.better} is better"
        cells: list[Cell | str] = [
            Cell(f"{row.figure.title}{f', {where}' if where else ''}", beneath=better),
            _ours(row),
        ]
        cells += [_ratio_cell(row, one) for one in others]
        if beside:
            found = anchors.get(row.figure.name)
            cells.append("" if found is None else Cell(found.figure, beneath=found.system))
        body.append(cells)
    return Table([*header, *(["published, other machines"] if beside else [])], body)


def brief_table(rows: list[Headline]) -> Table:
    """The same for whoever glances at it: medians and ratios, without intervals."""
    others = [one for one in OTHERS if any(one in row.comparisons for row in rows)]
    body = []
    for row in rows:
        where = place(row.point)
        ours = row.estimates.get(Subject.UNIKERNEL)
        cells: list[Cell | str] = [
            f"{_ARROWS[row.figure.better]} {row.figure.title}{f' ({where})' if where else ''}",
            "" if ours is None else estimate_text(ours, row.figure.unit, interval=False),
        ]
        for other in others:
            found = row.comparisons.get(other)
            cells.append(
                "" if found is None else Cell(times(found.ratio.value), style=found.verdict.value)
            )
        body.append(cells)
    return Table(["figure", "unikernel", *(f"to {NAMES[one]}" for one in others)], body)


def _ours(row: Headline) -> Cell | str:
    ours = row.estimates.get(Subject.UNIKERNEL)
    return "" if ours is None else estimate_cell(ours, row.figure.unit)


def _ratio_cell(row: Headline, other: Subject) -> Cell | str:
    found = row.comparisons.get(other)
    if found is None:
        return ""
    quotient, median = found.ratio, found.ratio.lower.median
    size, unit = fitting(row.figure.unit, [median])
    mark = " ⚠" if found.reason == "too scattered" else ""
    beneath = f"of {amount(median / size, unit)} {unit}"
    if quotient.high > quotient.low:
        beneath = f"{number(quotient.low)} to {number(quotient.high)}, {beneath}"
    return Cell(f"{times(quotient.value)}{mark}", found.verdict.value, beneath)


def _method(results: Results) -> Iterator[Block]:
    yield Paragraph(
        "Both variants are deployed from the same topology by `pulumi up` on the same machine and "
        "stay deployed side by side; one is measured while the others idle. Executions are "
        "interleaved: inside each repeat and at each point every subject has its turn (A B A B), "
        "after a warm-up that is discarded. Readiness is always a correct reply of the service, "
        "never a ping."
    )
    yield Items(
        [
            f"{NAMES[Subject.CONTAINERS]}: ours under libvirt LXC, forwarding by the kernel",
            f"{NAMES[Subject.SHARED]}: the same, forwarding by the code that unikernels use",
            f"{NAMES[Subject.STOCK]}: stock parts in namespaces; {_STOCK}",
            f"{NAMES[Subject.RUNC]}: our container root under Debian's runc",
        ]
    )
    yield Paragraph(
        f"Each figure is the median of its samples with the {LEVEL:.0%} percentile bootstrap "
        f"interval of {RESAMPLES:,} resamples; of ratios both sides are resampled independently. A "
        f"figure whose interval is wider than ±{SPREAD:.0%} of its median is marked ⚠ and bears no "
        f"conclusion; nor does one of fewer than {FEWEST} samples."
    )
    tools = results.run.tools
    rows = [[name, version] for name, version in sorted(tools.items())]
    yield Table(["tool", "version"], rows, folded=f"Tools: {', '.join(sorted(tools))}", text=True)


def _reproduce(results: Results) -> Iterator[Block]:
    options = results.run.options
    words = ["topology bench all"]
    if options.get("quick"):
        words.append("--quick")
    if options.get("minutes"):
        words.append(f"--minutes {options['minutes']}")
    only = options.get("only")
    words += [f"--only {name}" for name in only] if isinstance(only, list) else []
    yield Code(f'./lab up\neval "$(./lab env)"\n{" ".join(words)} --output results')
    yield Code("topology bench report results\ntopology bench compare docs/benchmark results")
    yield Paragraph(
        "As root, on an otherwise idle machine; a run that is interrupted goes on with `--resume`. "
        "Elsewhere these differ: absolute figures, with processor, kernel and neighbours; ratios "
        "that a unikernel's exits decide (starts, loads, processor time), with hardware "
        "virtualisation or vhost-net; loads, with more than two cores, of which two are used; how "
        "much fits into the time. Image sizes, allowed system calls and least memory should not. "
        "The plan says beforehand what is taken: `topology bench all --list`."
    )
    yield Paragraph(
        "The raw data lie beside this report as JSON lines (`data.jsonl`); `topology schema bench` "
        "prints their schema. The report is made of them alone."
    )
    rows = [[name, f"`{digest}`"] for name, digest in sorted(results.run.digests.items())]
    yield Table(
        ["what", "SHA-256 or revision"], rows, folded="Digests of all images and sources", text=True
    )
    state = [[name, str(value)] for name, value in sorted(results.run.machine.items())]
    yield Table(["machine", "state"], state, folded="State of the machine", text=True)
