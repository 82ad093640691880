"""What may be concluded: sentences that appear only where the figures bear them."""

from __future__ import annotations

from collections.abc import Iterator

from topology.bench.report.document import Block, Items, Paragraph
from topology.bench.report.results import EFFECT, OTHERS, Comparison, Results, Verdict
from topology.bench.report.words import NAMES, estimate_text, fitting, place, ratio_text

__all__ = ["conclusions", "summary"]

_TITLES = {
    Verdict.BETTER: "Unikernels are better in:",
    Verdict.WORSE: "Unikernels are worse in:",
    Verdict.ALIKE: "No difference that is sure and large enough to matter in:",
    Verdict.UNSURE: "No conclusion is drawn from:",
}


def summary(results: Results) -> Iterator[str]:
    """One sentence for each subject that unikernels are compared with."""
    for other in OTHERS:
        found = [one for one in results.comparisons() if one.other is other]
        if found:
            counts = {v: sum(one.verdict is v for one in found) for v in Verdict}
            yield (
                f"Against {NAMES[other]} ({len(found)} compared): unikernels are better in "
                f"{counts[Verdict.BETTER]}, worse in {counts[Verdict.WORSE]}, alike in "
                f"{counts[Verdict.ALIKE]}; no conclusion from {counts[Verdict.UNSURE]}."
            )


def conclusions(results: Results) -> Iterator[Block]:
    """Every comparison of the first table in words, by what it says."""
    found = results.comparisons()
    if not found:
        yield Paragraph("Nothing was compared, so nothing is concluded.")
        return
    yield Paragraph(
        "Made by rule from the figures above. A difference is stated where both sides have at "
        "least five samples and are not scattered, the 95 % interval of the ratio excludes 1, and "
        f"the difference is {EFFECT:.0%} or more."
    )
    for verdict, title in _TITLES.items():
        chosen = sorted(
            (one for one in found if one.verdict is verdict),
            key=lambda one: OTHERS.index(one.other),
        )
        if chosen:
            yield Paragraph(title)
            yield Items([_sentence(one) for one in chosen])


def _sentence(one: Comparison) -> str:
    ratio, unit = one.ratio, one.figure.unit
    scale = fitting(unit, [ratio.upper.median, ratio.lower.median])
    where = place(one.point)
    text = f"{one.figure.title}{f' ({where})' if where else ''}: "
    text += f"unikernel {estimate_text(ratio.upper, unit, scale)}, "
    text += f"{NAMES[one.other]} {estimate_text(ratio.lower, unit, scale)}"
    if one.verdict is Verdict.UNSURE:
        return f"{text}: {one.reason}."
    return f"{text}: {ratio_text(ratio)}."
