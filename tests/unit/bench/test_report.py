"""The report of a small record: whole, repeatable, and saying no more than its figures do."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from tests.support.bench import RUN, Boot, Clock, Ground, Watch, fakes
from tests.support.golden import PROJECT, TESTS, check_golden
from tests.support.schemas import mistakes
from topology.bench.errors import BenchError
from topology.bench.measure import MEASURES
from topology.bench.measure.base import Figure, Section
from topology.bench.record import (
    Failure,
    Line,
    Note,
    Sample,
    Subject,
    read_lines,
    record_schema,
    write_lines,
)
from topology.bench.report.compose import compose
from topology.bench.report.html import page
from topology.bench.report.markdown import markdown
from topology.bench.report.published import published
from topology.bench.report.readme import BEGIN, END, with_figures
from topology.bench.report.results import Results, Verdict
from topology.bench.report.write import DATA, headline_markdown, read_results, write_report
from topology.bench.runner import Record, run_measures
from topology.bench.schedule import CUT, RESUMED, whole
from topology.cli.main import run

GOLDEN = TESTS / "golden" / "bench"


def recorded() -> list[Line]:
    return list(read_lines(GOLDEN / DATA))


def test_golden_record_and_report(tmp_path: Path) -> None:
    """What measures give is recorded, and what is recorded is reported, byte for byte."""
    clock = Clock()
    record = Record(tmp_path / DATA)
    record.append([RUN])
    measures = fakes(clock)
    run_measures(whole(measures, quick=False), Ground(), record, Watch(), seconds=1e6, clock=clock)
    record.append([Note("the page was not cached", "http"), Failure("http", "runc", "no reply")])
    check_golden(GOLDEN / DATA, (tmp_path / DATA).read_text())
    write_report(tmp_path, tmp_path, measures)
    check_golden(GOLDEN / "report.md", (tmp_path / "report.md").read_text())


def test_every_line_fits_the_published_schema() -> None:
    schema = record_schema()
    for line in (GOLDEN / DATA).read_text().splitlines():
        assert not list(mistakes(json.loads(line), schema))
    assert list(mistakes({"type": "sample", "measure": 1}, schema))


class Page(HTMLParser):
    """What a page is made of: elements that are opened and closed, and whence it takes anything."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.sources += [
            value for name, value in attrs if name in ("src", "href", "xlink:href") and value
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / DATA, tmp_path / DATA)
    write_report(tmp_path, tmp_path, fakes())
    text = (tmp_path / "report.html").read_text()
    parsed = Page()
    parsed.feed(text)
    assert parsed.open == []
    assert parsed.counts["svg"] == 4
    # Only what is inside the page is referred to; the licence of the drawing program's metadata
    # is no reference.
    assert all(source.startswith("#") for source in parsed.sources)
    assert "<script" not in text
    assert not re.search(r"url\((?!#)", text)


def test_plots_are_the_same_bytes_and_carry_no_colour_of_ink(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(GOLDEN, tmp_path / name, fakes())
    first, second = (sorted((tmp_path / name / "plots").iterdir()) for name in ("one", "two"))
    assert [file.name for file in first] == [
        "boot-phases.svg",
        "boot.svg",
        "http.svg",
        "latency.svg",
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        ElementTree.fromstring(one.read_text())
        assert "currentColor" in one.read_text()
        assert "#010203" not in one.read_text()
        assert "2026" not in one.read_text()


def verdicts(results: Results) -> dict[tuple[str, str], Verdict]:
    return {(one.figure.name, one.other.value): one.verdict for one in results.comparisons()}


def test_a_conclusion_is_drawn_only_where_the_figures_bear_it() -> None:
    results = Results(recorded(), fakes())
    found = verdicts(results)
    assert found["boot", "containers"] is Verdict.WORSE
    assert found["http", "containers"] is Verdict.WORSE
    assert found["http", "shared"] is Verdict.ALIKE
    assert found["http", "stock"] is Verdict.UNSURE
    conclusion = markdown(compose(results), "plots").partition("## Conclusion")[2]
    unsure = conclusion.partition("No conclusion is drawn from:")[2]
    assert "stock Linux" in unsure
    assert "stock Linux" not in conclusion.replace(unsure, "")


def test_fewer_samples_turn_conclusions_into_none() -> None:
    few = [line for line in recorded() if not isinstance(line, Sample) or line.repeat < 3]
    results = Results(few, fakes())
    assert set(verdicts(results).values()) == {Verdict.UNSURE}
    assert "Unikernels are worse in" not in markdown(compose(results), "plots")


def test_better_is_better_whichever_way_the_figure_points() -> None:
    swapped = [
        Sample(
            line.measure,
            {Subject.UNIKERNEL: Subject.CONTAINERS, Subject.CONTAINERS: Subject.UNIKERNEL}.get(
                line.subject, line.subject
            ),
            line.point,
            line.repeat,
            line.value,
            line.unit,
        )
        if isinstance(line, Sample)
        else line
        for line in recorded()
    ]
    found = verdicts(Results(swapped, fakes()))
    assert found["boot", "containers"] is Verdict.BETTER
    assert found["http", "containers"] is Verdict.BETTER


def test_what_makes_a_run_unfair_stands_before_every_figure() -> None:
    text = markdown(compose(Results(recorded(), fakes())), "plots")
    head = text.partition("## In short")[0]
    assert RUN.unequal[0] in head
    assert "no figure was got from 1 measurement, of: http" in head
    assert "no reply" in text


def test_a_run_without_figures_has_a_report() -> None:
    blocks = compose(Results([RUN], fakes()))
    assert "nothing is concluded" in markdown(blocks, "plots")
    assert page("nothing", blocks).startswith("<!doctype html>")


def test_figures_of_no_measure_are_still_read(tmp_path: Path) -> None:
    old = Sample("retired", Subject.UNIKERNEL, {}, 0, 1.0, "s")
    results = Results([RUN, old], fakes())
    assert results.estimate("retired", Subject.UNIKERNEL, {}) is not None


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    lines: list[Line] = [RUN, Note("<script>alert(1)</script> | *a* [b](c)")]
    (tmp_path / DATA).write_text(write_lines(lines))
    write_report(tmp_path, tmp_path, fakes())
    assert "<script" not in (tmp_path / "report.html").read_text()
    told = (tmp_path / "report.md").read_text()
    assert r"\<script\>alert(1)\</script\> \| \*a\* \[b\](c)" in told


def test_published_figures_have_their_sources_and_stand_beside_figures_that_exist() -> None:
    names = {figure.name for measure in MEASURES for figure in measure.figures}
    assert {one.section for one in published()} <= set(Section)
    for one in published():
        assert one.source
        assert set(one.beside) <= names


def test_measures_are_told_apart_and_state_what_they_need() -> None:
    figures = [figure.name for measure in MEASURES for figure in measure.figures]
    assert len(figures) == len(set(figures))
    for measure in MEASURES:
        assert measure.method.rstrip().endswith(".")
        for quick in (True, False):
            points = measure.points(quick)
            assert points or quick
            assert measure.repeats(quick) >= 1
            for subject in measure.subjects:
                assert all(measure.cost(subject, point, quick) > 0 for point in points)


def test_the_readme_takes_its_figures_from_a_record() -> None:
    results = Results(recorded(), fakes())
    text = with_figures(f"# A\n\n{BEGIN}\n{END}\n\nb\n", headline_markdown(results))
    assert "Create call to first reply" in text
    assert with_figures(text, headline_markdown(results)) == text
    with pytest.raises(BenchError, match="no place for figures"):
        with_figures("# A\n", "x")


def test_the_readme_has_the_figures_of_the_committed_record() -> None:
    record = PROJECT / "docs" / "benchmark" / DATA
    readme = (PROJECT / "README.md").read_text()
    if not record.exists():
        assert f"{BEGIN}\n{END}" in readme
        return
    figures = headline_markdown(read_results(record, MEASURES))
    assert with_figures(readme, figures) == readme


def test_a_report_is_written_beside_its_record_or_elsewhere(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / DATA, tmp_path / DATA)
    assert run(["bench", "report", str(tmp_path)]) == 0
    assert (tmp_path / "report.md").exists()
    elsewhere = tmp_path / "docs" / "benchmark"
    assert run(["bench", "report", str(tmp_path / DATA), "-o", str(elsewhere)]) == 0
    assert (elsewhere / DATA).read_bytes() == (tmp_path / DATA).read_bytes()


def test_a_directory_without_a_record_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "report", str(tmp_path)]) == 70
    assert "cannot be read" in capsys.readouterr().err


def test_a_measure_that_lies_about_its_figures_is_a_failure(tmp_path: Path) -> None:
    class Lying(Boot):
        also: ClassVar[tuple[Figure, ...]] = ()

    clock = Clock()
    record = Record(tmp_path / DATA)
    record.append([RUN])
    run_measures(
        whole((Lying(clock),), quick=True), Ground(), record, Watch(), seconds=100, clock=clock
    )
    failures = [line for line in read_lines(tmp_path / DATA) if isinstance(line, Failure)]
    assert failures
    assert all("boot-phases" in line.text for line in failures)


def test_points_stand_by_size_and_words_as_recorded() -> None:
    taken = [(140, "web"), (10, "web"), (70, "dns"), (10, "dns")]
    lines = [
        Sample("boot", Subject.UNIKERNEL, {"nodes": nodes, "kind": kind}, 0, 1.0, "s")
        for nodes, kind in taken
    ]
    points = Results([*recorded()[:1], *lines], fakes()).points("boot")
    assert [(point["kind"], point["nodes"]) for point in points] == [
        ("web", 10),
        ("web", 140),
        ("dns", 10),
        ("dns", 70),
    ]


def test_what_was_left_out_is_told_until_a_run_that_goes_on_makes_it_good() -> None:
    cut, other = Note(f"{CUT}: not taken at all", "boot"), Note(f"{CUT}: 2 of 3 points", "http")
    resumed = Note(f"{RESUMED} now.")
    assert Results([*recorded(), cut, other], fakes()).notes[-2:] == [cut, other]
    assert Results([*recorded(), cut, other, resumed, other], fakes()).notes[-2:] == [
        resumed,
        other,
    ]
    assert cut not in Results([*recorded(), cut, resumed], fakes()).notes
