"""The real images, built twice as on two machines: other clone, other store, other Cargo home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from topology.image import Store, ensure, project_root, roles
from topology.image.workspace import Workspace
from topology.plan.types import ImageRef, Variant

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


def _build(wanted: list[str], variant: Variant, place: Path) -> dict[str, ImageRef]:
    return ensure(variant, wanted, root=_clone(place / "clone"), store=Store(place / "images"))


def _compare(
    wanted: list[str], variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _build(wanted, variant, tmp_path / "one")
    # The same crates, as another user has them: below another path.
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    other = tmp_path / "another user" / "cargo"
    other.mkdir(parents=True)
    for name in ("config.toml", "credentials.toml", "git", "registry"):
        if (home / name).exists():
            (other / name).symlink_to(home / name)
    monkeypatch.setenv("CARGO_HOME", str(other))
    second = _build(wanted[::-1], variant, tmp_path / "a place with a longer name")
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
    """In the other order too, so that no image depends on those built before it."""
    _compare(list(roles(variant, project_root())), variant, tmp_path, monkeypatch)
