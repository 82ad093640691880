"""The real images against those of another clone, with another store and Cargo home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from topology.image import Store, ensure, project_root, roles
from topology.image.workspace import Workspace
from topology.plan.types import Variant

pytestmark = pytest.mark.live


@pytest.fixture(params=tuple(Variant))
def variant(request: pytest.FixtureRequest) -> Variant:
    return Variant(request.param)


def _clone(to: Path) -> Path:
    root = project_root()
    for path in Workspace.read(root).files():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, to / path)
    return to


def _compare(
    wanted: list[str], variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure(variant, wanted, root=project_root())
    # The same crates, as another user has them: below another path.
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    other = tmp_path / "another user" / "cargo"
    other.mkdir(parents=True)
    for name in ("config.toml", "git", "registry"):
        if (home / name).exists():
            (other / name).symlink_to(home / name)
    monkeypatch.setenv("CARGO_HOME", str(other))
    place = tmp_path / "a place with a longer name"
    second = ensure(variant, wanted, root=_clone(place / "clone"), store=Store(place / "images"))
    for role, image in first.items():
        content = image.path.read_bytes()
        assert content == second[role].path.read_bytes(), role
        assert str(tmp_path).encode() not in content
        assert str(home).encode() not in content


def test_two_machines_give_the_web_server_the_same_bytes(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compare(["web"], variant, tmp_path, monkeypatch)


@pytest.mark.full
def test_two_machines_give_every_role_the_same_bytes(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compare(list(roles(variant, project_root())), variant, tmp_path, monkeypatch)
