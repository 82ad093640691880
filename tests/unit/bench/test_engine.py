"""The engine's benchmark measures what it says it does; figures are printed, never tested."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from topology.bench.engine import measure
from topology.bench.generate import dmz_network, one_firewall, ten_edits
from topology.bench.plot import plot
from topology.cli.main import run
from topology.diagnostics import Severity
from topology.load import load_text
from topology.pipeline import resolve_topology


@pytest.mark.parametrize(
    "text",
    [
        dmz_network(13),
        dmz_network(120),
        one_firewall(300),
        ten_edits(dmz_network(13), 13),
        ten_edits(dmz_network(120), 120),
    ],
)
def test_what_is_generated_is_valid(text: str) -> None:
    loaded = load_text(text)
    assert loaded.topology is not None, loaded.diagnostics
    resolved, diagnostics = resolve_topology(loaded.topology)
    assert resolved is not None
    assert all(d.severity is not Severity.ERROR for d in diagnostics)


@pytest.mark.parametrize(("kind", "size"), [("network", 63), ("firewall", 40)])
def test_what_is_measured_holds(kind: str, size: int) -> None:
    cost = measure(kind, size)
    assert cost.holds
    assert cost.size == size
    assert cost.statements > 0
    assert min(cost.load, cost.resolve, cost.check, cost.prove) >= 0
    assert (cost.diff is not None) == (kind == "network")


def test_figures_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "cost.svg"
    assert run(["bench", "engine", "--most", "100", "--json", "--plot", str(picture)]) == 0
    first, *costs = json.loads(capsys.readouterr().out)["costs"]
    assert first["kind"] == "poc"
    assert first["command"] > 0
    assert [(cost["kind"], cost["size"]) for cost in costs] == [
        ("network", 13),
        ("network", 93),
        ("firewall", 10),
        ("firewall", 100),
    ]
    root = ElementTree.fromstring(picture.read_text())
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 10


def test_a_plot_of_nothing_is_a_picture() -> None:
    assert plot([]).startswith("<svg")
