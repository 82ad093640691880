"""`topology plan`, `images` and `platforms`, as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import PROJECT
from topology.cli.exits import ExitCode
from topology.cli.main import run
from topology.image import Store, lookup, roles
from topology.image.build import _read
from topology.plan.types import Variant

pytestmark = pytest.mark.skipif(
    shutil.which("rustc") is None, reason="images are known by the compiler that makes them"
)

POC = str(PROJECT / "poc.yaml")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, which the commands use."""
    for name in ("ACCELERATOR", "CONSOLES", "ROOTFS"):
        monkeypatch.delenv(f"TOPOLOGY_{name}", raising=False)
    monkeypatch.setenv("TOPOLOGY_IMAGES", str(tmp_path / "images"))
    monkeypatch.setenv("COLUMNS", "200")
    return Store(tmp_path / "images")


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """A store that holds a file under the key of every image, so that nothing is built."""
    with store.lock(lambda: None):
        for variant in Variant:
            for role, key in _read(variant, PROJECT).keys(roles(variant, PROJECT)).items():
                (tmp_path / "image").write_text(f"{variant} {role}")
                store.add(tmp_path / "image", key)
    return store


def read(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("variant", tuple(Variant))
def test_plan_names_what_would_run(variant: Variant, capsys: pytest.CaptureFixture[str]) -> None:
    document = read(capsys, "plan", POC, "--variant", variant)
    names = [one["name"] for one in document["domains"]]
    images = lookup(variant, ["web"], root=PROJECT)
    assert [name.rsplit("-", 1)[0] for name in names] == [
        f"{variant}-{node}" for node in ("dns", "firewall", "router", "web")
    ]
    assert document["domains"][3]["image"] == {
        "role": "web",
        "digest": images["web"].digest,
        "size": images["web"].size,
    }
    assert run(["plan", POC, "--variant", variant]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)


@pytest.mark.usefixtures("filled")
def test_plan_takes_the_settings_of_the_host_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPOLOGY_ACCELERATOR", "tcg")
    monkeypatch.setenv("TOPOLOGY_CONSOLES", "/logs")
    document = read(capsys, "plan", POC, "--stack", "mine", "--uplink", "br0")
    assert document["domains"][0]["boot"]["accelerator"] == "tcg"
    assert document["domains"][0]["console"].startswith("/logs/mine-dns-")
    assert document["segments"][0]["uplink"] == "br0"


@pytest.mark.usefixtures("filled")
def test_plan_tells_every_wrong_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", POC, "--stack", "a/b", "--uplink", "no bridge"]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "stack: 'a/b' cannot name" in told
    assert "uplink: 'no bridge' cannot be" in told


@pytest.mark.usefixtures("store")
def test_plan_without_building_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", POC, "--no-build"]) == ExitCode.FAULT
    assert "topology images --variant unikernel --build" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
def test_plan_places_what_the_variant_cannot_carry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.yaml"
    text = (PROJECT / "poc.yaml").read_text()
    # Served content lies beside the file: this one stands alone.
    text = text.replace("    content: content/web\n", "")
    small.write_text(text.replace("    kind: dns\n", "    kind: dns\n    memory: 2\n"))
    line = small.read_text().splitlines().index("    memory: 2") + 1
    assert run(["plan", str(small)]) == ExitCode.INVALID
    told = capsys.readouterr().err
    assert "error TOP352: dns has 2 MiB" in told
    assert f"small.yaml:{line}:13" in told


@pytest.mark.usefixtures("store")
def test_an_invalid_topology_is_not_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\n")
    assert run(["plan", str(tmp_path / "bad.yaml")]) == ExitCode.INVALID
    assert "error TOP102" in capsys.readouterr().err


def test_images_lists_every_role(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    images = read(capsys, "images")["images"]
    assert {(one["variant"], one["role"]) for one in images} == {
        (variant.value, role) for variant in Variant for role in roles(variant, PROJECT)
    }
    for one in images:
        path = filled.root / one["digest"]
        assert (one["state"], one["bytes"]) == ("stored", path.stat().st_size)
    assert run(["images", "--variant", "containers"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "unikernel" not in shown
    assert all(one["digest"] in shown for one in images if one["variant"] == "containers")


@pytest.mark.usefixtures("store")
def test_images_that_are_not_built_have_no_digest(capsys: pytest.CaptureFixture[str]) -> None:
    images = read(capsys, "images", "--variant", "unikernel")["images"]
    assert all(set(one) == {"variant", "role", "state"} for one in images)
    assert {one["state"] for one in images} == {"missing"}


def test_a_damaged_image_is_found_by_reading(
    filled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    image = lookup(Variant.UNIKERNEL, ["web"], root=PROJECT)["web"]
    path = filled.root / image.digest
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[::-1])
    assert run(["images"]) == ExitCode.DONE
    capsys.readouterr()
    assert run(["images", "--verify", "--json"]) == ExitCode.BROKEN
    images = json.loads(capsys.readouterr().out)["images"]
    assert [(one["variant"], one["role"]) for one in images if one["state"] == "damaged"] == [
        ("unikernel", "web")
    ]
    assert run(["images", "--verify"]) == ExitCode.BROKEN
    assert "DAMAGED" in capsys.readouterr().out


def test_platforms_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    platforms = {one["name"]: one for one in read(capsys, "platforms")["platforms"]}
    assert platforms["Hermit"]["virtio"] == "modern"
    assert "languages" not in platforms["Hermit"]
    assert run(["platforms"]) == ExitCode.DONE
    assert "Hermit" in capsys.readouterr().out
