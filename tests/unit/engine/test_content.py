"""A web node's files: where they are served, and which are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.topologies import small
from topology.diagnostics import Code, Diagnostics
from topology.pipeline import resolve_topology
from topology.resolve.content import MAX_CONTENT
from topology.resolve.types import Resource


def resources(base: Path) -> tuple[dict[str, Resource], Diagnostics]:
    nodes = {
        "client": {"kind": "external", "interfaces": ["outer"]},
        "gate": {"kind": "router", "interfaces": ["outer", "inner"]},
        "web": {"kind": "web", "interfaces": ["inner"], "content": "site"},
    }
    resolved, diagnostics = resolve_topology(small(nodes=nodes), base)
    found = resolved.nodes["web"].resources if resolved else ()
    return {resource.path: resource for resource in found}, diagnostics


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def test_paths_and_media_types(site: Path) -> None:
    (site / "docs").mkdir()
    for name in ("index.html", "docs/index.html", "docs/a b.TXT", "logo.png", "é.bin", ".hidden"):
        (site / name).write_bytes(name.encode())
    found, diagnostics = resources(site.parent)
    assert not diagnostics
    assert {path: r.media_type for path, r in found.items()} == {
        "/": "text/html; charset=utf-8",
        "/%C3%A9.bin": "application/octet-stream",
        "/api/node": "application/json",
        "/docs/": "text/html; charset=utf-8",
        "/docs/a%20b.TXT": "text/plain; charset=utf-8",
        "/logo.png": "image/png",
    }
    assert found["/docs/"].body == b"docs/index.html"


def test_a_link_inside_is_read(site: Path) -> None:
    (site / "a.txt").write_text("a")
    (site / "b.txt").symlink_to("a.txt")
    assert resources(site.parent)[0]["/b.txt"].body == b"a"


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../../.."])
def test_a_link_that_leaves_is_refused(site: Path, target: str) -> None:
    (site.parent / "secret").write_text("secret")
    (site / "link").symlink_to(target)
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_OUTSIDE]


def test_a_directory_that_is_a_link_away_is_refused(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "site").symlink_to("../away")
    assert [d.code for d in resources(tmp_path / "here")[1]] == [Code.CONTENT_OUTSIDE]


def test_what_is_no_file_is_refused(site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_UNREADABLE]


def test_links_to_directories_and_to_nothing_are_refused(site: Path) -> None:
    (site / "loop").symlink_to(".")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_UNREADABLE]
    (site / "loop").unlink()
    (site / "nothing").symlink_to("absent")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_UNREADABLE]
    (site / "nothing").unlink()
    (site / "self").symlink_to("self")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_UNREADABLE]


def test_content_is_limited(site: Path) -> None:
    (site / "a.bin").write_bytes(bytes(MAX_CONTENT))
    assert not resources(site.parent)[1]
    (site / "b.bin").write_bytes(b"x")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_TOO_LARGE]


@pytest.mark.parametrize("path", ["api/node", "api/pages", "api/pages/index.html"])
def test_the_node_s_own_paths_are_taken(site: Path, path: str) -> None:
    (site / path).parent.mkdir(parents=True)
    (site / path).write_text("mine")
    assert [d.code for d in resources(site.parent)[1]] == [Code.CONTENT_UNREADABLE]
