"""Pictures: golden files, places that do not overlap, foreign text, and what graphviz reads."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.support.edits import EDITS, Edit, sides, today
from tests.support.golden import PROJECT, TESTS, check_golden
from tests.support.hostile import HOSTILE, hostile
from tests.support.networks import networks
from tests.support.readme import README, excerpt_of, readme_change, with_excerpt
from tests.support.topologies import topologies
from topology.bench.generate import dmz_network
from topology.cli.diff import Format as DiffFormat
from topology.cli.main import run
from topology.cli.show import Format
from topology.cli.views.diff import diff_in
from topology.cli.views.picture import picture_in
from topology.diff.types import Verdict
from topology.diff.view import View
from topology.model import Topology
from topology.pipeline import read_file, resolve_topology
from topology.scene.build import compared_scene, scene
from topology.scene.layout import place
from topology.scene.types import Mark, Scene
from topology.sides.compare import Choices, compare
from topology.sides.read import text_side

GOLDEN = TESTS / "golden" / "picture"
FILES = (PROJECT / "poc.yaml", *sorted((PROJECT / "examples").glob("*.yaml")))
SUFFIXES = {Format.DOT: "dot", Format.MERMAID: "mmd", Format.SVG: "svg"}
SHOWN = ("node-moved", "rule-removed", "second-router", "second-web-server", "segment-added")
CHANGED = tuple(edit for edit in EDITS if edit.name in SHOWN)


def view_of(file: Path) -> View:
    read = read_file(file)
    assert read.loaded.topology is not None
    assert read.loaded.source is not None
    return View(file.name, read.loaded.topology, read.resolved, locate=read.loaded.source.locate)


def scene_of(text: str) -> Scene:
    view = text_side(text, "drawn.yaml", PROJECT).view
    assert view is not None
    assert view.resolved is not None
    return scene(view.resolved, view.declared)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_golden_picture(file: Path) -> None:
    for form, suffix in SUFFIXES.items():
        check_golden(GOLDEN / f"{file.stem}.{suffix}", picture_in(form, view_of(file)))


@pytest.mark.parametrize("edit", CHANGED, ids=lambda edit: edit.name)
def test_golden_picture_of_a_change(edit: Edit) -> None:
    old, new = sides(edit)
    assert new.view is not None
    for form, suffix in SUFFIXES.items():
        text = picture_in(form, new.view, old.view)
        check_golden(GOLDEN / f"{edit.name}.{suffix}", text)


def test_golden_picture_of_the_readme() -> None:
    check_golden(PROJECT / "docs" / "poc.svg", picture_in(Format.SVG, view_of(FILES[0])))


def test_golden_change_of_the_readme() -> None:
    old, new = readme_change()
    assert old.view is not None
    assert new.view is not None
    picture = picture_in(Format.SVG, new.view, old.view)
    check_golden(PROJECT / "docs" / "change.svg", picture)
    diff = compare(old, new, Choices(), today)
    assert all(one.new is Verdict.HOLDS for one in diff.statements or ())
    comment = diff_in(diff, DiffFormat.MARKDOWN, (old.view, new.view))
    check_golden(README, with_excerpt(README.read_text(), excerpt_of(comment)))


def test_every_change_is_marked_in_signs_and_colours() -> None:
    old, new = sides(next(edit for edit in EDITS if edit.name == "second-web-server"))
    assert old.view is not None
    assert new.view is not None
    drawn = compared_scene(old.view, new.view)
    assert drawn.nodes["web2"].mark is Mark.ADDED
    assert drawn.nodes["firewall"].mark is Mark.CHANGED
    assert drawn.nodes["web"].mark is Mark.SAME
    assert [lane.destinations for lane in drawn.lanes if lane.mark is Mark.ADDED] == [("web2",)]
    back = compared_scene(new.view, old.view)
    assert back.nodes["web2"].mark is Mark.REMOVED
    assert [lane.destinations for lane in back.lanes if lane.mark is Mark.REMOVED] == [("web2",)]


def check_places(drawn: Scene) -> None:
    layout = place(drawn)
    assert layout.cards.keys() == drawn.nodes.keys()
    assert layout.bars.keys() == drawn.segments.keys()
    attached = {(n, i.segment) for n, node in drawn.nodes.items() for i in node.interfaces}
    assert layout.links.keys() == attached
    for one, other in combinations(layout.cards.values(), 2):
        apart = (
            one.right <= other.x
            or other.right <= one.x
            or one.bottom <= other.y
            or other.bottom <= one.y
        )
        assert apart
    for card in layout.cards.values():
        assert card.x >= 0
        assert card.y >= 0
        assert card.right <= layout.width
        assert card.bottom <= layout.height
    for (node, _), points in layout.links.items():
        card, (x, y) = layout.cards[node], points[-1]
        assert card.x <= x <= card.right
        assert card.y <= y <= card.bottom
        for (a, b), (c, d) in pairwise(points):
            assert a == c or b == d


@pytest.mark.parametrize("size", [13, 60, 200])
def test_nothing_lies_on_anything_else(size: int) -> None:
    check_places(scene_of(dmz_network(size)))


@given(document=topologies())
@settings(max_examples=50)
def test_nothing_lies_on_anything_else_in_any_tree(document: dict[str, object]) -> None:
    topology = Topology.model_validate(document)
    resolved, _ = resolve_topology(topology)
    if resolved is not None:
        check_places(scene(resolved, topology))


@given(document=networks())
@settings(max_examples=50)
def test_nothing_lies_on_anything_else_in_any_network(document: dict[str, object]) -> None:
    topology = Topology.model_validate(document)
    resolved, _ = resolve_topology(topology)
    if resolved is not None:
        check_places(scene(resolved, topology))


def test_an_order_of_the_file_is_no_other_picture() -> None:
    text = (PROJECT / "poc.yaml").read_text()
    start, end = text.index("  web:\n"), text.index("\npolicies:")
    web, dns = text[start : text.index("  dns:\n")], text[text.index("  dns:\n") : end]
    other = text[:start] + dns.rstrip("\n") + "\n" + web.rstrip("\n") + "\n" + text[end:]
    assert place(scene_of(text)) == place(scene_of(other))


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_no_markup(text: str) -> None:
    old, new, _ = hostile(text)
    assert new.view is not None
    drawn = picture_in(Format.SVG, new.view, old.view)
    # What is no XML raises; what a name brought in would be another element.
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
    assert tags <= {"circle", "g", "path", "polyline", "rect", "style", "svg", "text", "title"}
    page = picture_in(Format.HTML, new.view, old.view)
    assert len(re.findall(r"</?script\b", page, re.IGNORECASE)) == 4
    embedded = page.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&") & set(embedded)
    records = [r for node in json.loads(embedded)["nodes"] for r in node["records"]]
    assert any(text.replace('"', "") in r[2].replace('"', "") or r[1] == "TXT" for r in records)


def test_one_page_names_no_other_place() -> None:
    page = picture_in(Format.HTML, view_of(FILES[0]))
    assert "default-src 'none'" in page
    assert not re.findall(
        r"(?:src|href|action)\s*=\s*[\"'](?!data:,|#end)", page.split("<script")[0]
    )
    assert "://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", "picture"], 64, "'svg'"),
        (["--format", "json", "--diff", "HEAD"], 64, "topology diff HEAD"),
        (["--format", "svg", "--diff", "no-such-revision"], 65, "no-such-revision"),
        (["--format", "svg", "--diff", "none.yaml"], 66, "none.yaml"),
        (["--format", "html", "--diff", "tests/errors/addresses.yaml"], 2, "addresses.yaml"),
        (["--format", "tree", "--diff", "poc.yaml"], 0, ""),
    ],
)
def test_what_cannot_be_shown_is_said(
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(PROJECT)
    assert run(["show", "poc.yaml", *arguments]) == code
    assert said in capsys.readouterr().err


def test_an_invalid_topology_is_told_and_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", str(TESTS / "errors" / "addresses.yaml"), "--format", "svg"]) == 2
    told = capsys.readouterr()
    assert "error" in told.err
    assert not told.out


def test_the_matrix_is_a_picture_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reach", str(FILES[0]), "--format", "svg"]) == 0
    root = ElementTree.fromstring(capsys.readouterr().out)
    titles = {e.text for e in root.iter() if e.tag.endswith("title")}
    assert "client → web: tcp/80" in titles
    assert "web → client: nothing" in titles
