"""Images of both sides by the sources they are made of, in a repository of two small commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.diff.test_sides import git
from tests.unit.image.tiny import workspace
from topology.image import ImageError
from topology.image.workspace import Workspace
from topology.plan.types import Variant
from topology.sides import images
from topology.sides.git import Repository, Revision
from topology.sides.images import Sources

ASIDE = ("services/README.md", "services/service/README.md", "services/service/tests/one.rs")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a repository, of which the images' store has nothing."""
    root = workspace(tmp_path / "clone")
    (root / "services/service/tests").mkdir()
    for name in ASIDE:
        (root / name).write_text("// one\n")
    git(root, "init", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-m", "one")

    def unknown(*_: object, **__: object) -> None:
        raise ImageError("no compiler here")

    monkeypatch.setattr(images, "project_root", lambda: root)
    monkeypatch.setattr(images, "lookup", unknown)
    return root


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that revisions were unpacked into."""
    seen: list[Path] = []
    extract = Revision.extract

    def noted(self: Revision, target: Path, files: object) -> None:
        seen.append(target)
        extract(self, target, files)  # type: ignore[arg-type]

    monkeypatch.setattr(Revision, "extract", noted)
    return seen


def head(clone: Path) -> Revision:
    return Repository.around(clone).revision("HEAD")


def edit(clone: Path, *names: str) -> None:
    for name in names:
        with (clone / name).open("a") as file:
            file.write("# edited\n" if name.endswith("toml") else "// edited\n")


def test_a_revision_is_unpacked_once_for_both_variants(clone: Path, unpacked: list[Path]) -> None:
    edit(clone, "services/service/src/lib.rs")
    with Sources(head(clone), None) as sources:
        for variant in Variant:
            told = sources.images(variant, ["web"])
            assert told.code == {"web": "services/service/src/lib.rs"}
            assert told.old["web"].digest != told.new["web"].digest
        assert unpacked[0].is_dir()
    assert len(unpacked) == 1
    assert not unpacked[0].exists()


def test_two_revisions_and_a_tree_that_went_back_tell_the_same(
    clone: Path, unpacked: list[Path]
) -> None:
    before = head(clone)
    edit(clone, "services/service/Cargo.toml", *ASIDE)
    git(clone, "commit", "-am", "two")
    told = []
    for sides in ((before, head(clone)), (before, None), (None, before)):
        with Sources(*sides) as sources:
            told.append(sources.images(Variant.UNIKERNEL, ["web"]).code)
    assert told == [{"web": "services/service/Cargo.toml"}] * 3
    assert len(unpacked) == 4


def test_one_variant_differs_alone(clone: Path) -> None:
    edit(clone, "containers/web/src/main.rs")
    with Sources(head(clone), None) as sources:
        assert sources.images(Variant.CONTAINERS, ["web"]).code
        assert not sources.images(Variant.UNIKERNEL, ["web"]).code


def test_equal_sources_are_not_unpacked(clone: Path, unpacked: list[Path]) -> None:
    edit(clone, ASIDE[0])
    (clone / "services/service/.hidden").write_text("an editor's")
    for old in (head(clone), None):
        with Sources(old, None) as sources:
            told = sources.images(Variant.UNIKERNEL, ["web"])
            assert told.old == told.new
    assert not unpacked


def test_another_repository_says_nothing_of_the_sources(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(clone, "services/service/src/lib.rs")
    monkeypatch.setattr(images, "project_root", lambda: tmp_path)
    with Sources(head(clone), None) as sources:
        assert not sources.images(Variant.UNIKERNEL, ["web"]).code


def test_sources_that_git_knows_to_be_the_same_are_not_read(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = head(clone)
    (clone / "poc.yaml").write_text("no source")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "two")
    monkeypatch.delattr(Workspace, "read")
    for sides in ((before, head(clone)), (before, None), (None, before)):
        with Sources(*sides) as sources:
            assert not sources.images(Variant.UNIKERNEL, ["web"]).code


def test_what_git_does_not_follow_is_a_source_too(clone: Path) -> None:
    (clone / ".git/info/exclude").write_text("made.rs\n")
    (clone / "services/service/src/made.rs").write_text("// made\n")
    with Sources(head(clone), None) as sources:
        told = sources.images(Variant.UNIKERNEL, ["web"])
        assert told.code == {"web": "services/service/src/made.rs"}
