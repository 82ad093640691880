"""The dataplane's table: every subject beside the stock network."""

from __future__ import annotations

import json

import pytest

from tests.support.bench import RUN
from topology.bench.dataplane import DATAPLANE, rows
from topology.bench.measure import MEASURES
from topology.bench.record import Failure, Line, Point, Sample, Subject
from topology.bench.report.results import Results
from topology.cli.views.dataplane import dataplane_document, print_dataplane


def results() -> Results:
    point: Point = {"path": "segment", "connections": 32}
    values = {Subject.UNIKERNEL: 70.0, Subject.CONTAINERS: 110.0, Subject.STOCK: 100.0}
    lines: list[Line] = [RUN]
    for repeat in range(5):
        for subject, value in values.items():
            lines.append(Sample("http", subject, point, repeat, value + repeat, "1/s"))
            lines.append(Sample("dns-lost", subject, {"path": "segment"}, repeat, 0.0, "%"))
    lines.append(Failure("tcp", "shared", "iperf3: unable to connect"))
    return Results(lines, MEASURES)


def test_measures_are_those_of_the_whole_benchmark() -> None:
    assert set(DATAPLANE) <= {measure.name for measure in MEASURES}


def test_ratios_are_to_the_stock_network() -> None:
    found = {row.figure.name: row for row in rows(results())}
    http = found["http"]
    assert http.ratios[Subject.UNIKERNEL].value == pytest.approx(72 / 102)
    assert http.ratios[Subject.CONTAINERS].value == pytest.approx(112 / 102)
    assert Subject.STOCK not in http.ratios
    # Nothing lost on either side: no quotient.
    assert found["dns-lost"].ratios == {}


def test_both_views_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    taken = results()
    document = json.loads(json.dumps(dataplane_document(taken, list(rows(taken)))))
    (http,) = (row for row in document["rows"] if row["figure"] == "http")
    assert http["subjects"]["unikernel"]["median"] == 72
    assert http["subjects"]["stock"]["ratio_to_stock"] is None
    assert document["failures"][0]["text"] == "iperf3: unable to connect"
    print_dataplane(taken, list(rows(taken)))
    said = capsys.readouterr().out
    assert "HTTP, pages served" in said
    assert "0.706" in said
    assert "no figure: tcp shared" in said
