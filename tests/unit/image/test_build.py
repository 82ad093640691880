"""Real builds of a tiny workspace: the same bytes anywhere, rebuilt when and only when needed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.golden import PROJECT
from topology.image.build import ensure, roles
from topology.image.errors import ImageError
from topology.image.store import Store
from topology.plan.types import Variant

from .tiny import workspace

BOTH = tuple(Variant)

pytestmark = pytest.mark.live


def digest(root: Path, store: Store, variant: Variant) -> str:
    return ensure(variant, ["web"], root=root, store=store)["web"].digest


@pytest.mark.parametrize("variant", BOTH)
def test_two_clones_give_the_same_bytes(variant: Variant, tmp_path: Path) -> None:
    first = workspace(tmp_path / "one")
    second = workspace(tmp_path / "somewhere" / "quite" / "else")
    images = [
        ensure(variant, ["web"], root=root, store=Store(tmp_path / f"store-{root.name}"))["web"]
        for root in (first, second)
    ]
    assert images[0].path.read_bytes() == images[1].path.read_bytes()
    assert images[0].path != images[1].path
    content = images[0].path.read_bytes()
    assert b"services/service/src/lib.rs" in content
    assert str(tmp_path).encode() not in content


def test_a_warm_store_is_asked_without_building(tmp_path: Path) -> None:
    root, store, lines = workspace(tmp_path / "clone"), Store(tmp_path / "images"), list[str]()
    cold = ensure(Variant.UNIKERNEL, ["web"], root=root, store=store, progress=lines.append)
    assert lines[0] == "unikernel/web: building"
    lines.clear()
    assert ensure(Variant.UNIKERNEL, ["web"], root=root, store=store, progress=lines.append) == cold
    assert not lines


def test_going_by_content_an_older_file_is_built_again(tmp_path: Path) -> None:
    """A restored file keeps its old time, by which cargo would take it for built."""
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    source = root / "services" / "service" / "src" / "lib.rs"
    original = source.read_text()
    first = digest(root, store, Variant.UNIKERNEL)
    source.write_text(original.replace('b"service"', 'b"changed"'))
    os.utime(source, (1, 1))
    second = digest(root, store, Variant.UNIKERNEL)
    assert second != first
    source.write_text(original + "\n// Equal but for a comment.\n")
    os.utime(source, (1, 1))
    assert digest(root, store, Variant.UNIKERNEL) == first


def test_an_image_that_was_cut_is_built_again(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    image = ensure(Variant.UNIKERNEL, ["web"], root=root, store=store)["web"]
    image.path.unlink()
    assert digest(root, store, Variant.UNIKERNEL) == image.digest
    assert image.path.stat().st_size == image.size


def test_flags_of_the_user_do_not_reach_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(tmp_path / "clone")
    plain = digest(root, Store(tmp_path / "plain"), Variant.CONTAINERS)
    monkeypatch.setenv("RUSTFLAGS", "-Copt-level=0")
    monkeypatch.setenv("CARGO_PROFILE_RELEASE_STRIP", "none")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567")
    assert digest(root, Store(tmp_path / "flags"), Variant.CONTAINERS) == plain


def test_a_container_root_holds_what_libvirt_needs_and_init(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    image = ensure(Variant.CONTAINERS, ["web"], root=root, store=store)["web"]
    listed = subprocess.run(
        ["unsquashfs", "-lln", "-UTC", str(image.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    entries = {
        (fields[0], fields[1], fields[-1].removeprefix("squashfs-root"), fields[-3])
        for fields in map(str.split, listed.splitlines())
        if len(fields) >= 6
    }
    day = "1970-01-01"
    assert entries == {
        ("drwxr-xr-x", "0/0", "", day),
        ("drwxr-xr-x", "0/0", "/.oldroot", day),
        ("drwxr-xr-x", "0/0", "/dev", day),
        ("drwxr-xr-x", "0/0", "/proc", day),
        ("drwxr-xr-x", "0/0", "/sys", day),
        ("-rw-r--r--", "0/0", "/config.json", day),
        ("-rw-r--r--", "0/0", "/console", day),
        ("-rwxr-xr-x", "0/0", "/init", day),
    }
    assert stat.S_IMODE(image.path.stat().st_mode) == 0o444


def test_a_failing_build_ends_with_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    with (root / "unikernels" / "web" / "src" / "main.rs").open("a") as file:
        file.write("fn broken() { missing }\n")
    with pytest.raises(ImageError) as caught:
        ensure(Variant.UNIKERNEL, ["web"], root=root, store=store)
    assert "building unikernel/web failed" in caught.value.message
    assert any("missing" in line for line in caught.value.output)
    assert sorted(one.name for one in store.root.iterdir()) == [".build", ".lock", "index"]
    assert not list((store.root / "index").iterdir())


def test_a_lock_file_that_does_not_fit_is_not_mended_silently(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    manifest = root / "services" / "service" / "Cargo.toml"
    manifest.write_text(manifest.read_text() + 'unrelated = { path = "../unrelated" }\n')
    with pytest.raises(ImageError, match=r"Cargo\.lock does not fit the manifests"):
        ensure(Variant.UNIKERNEL, ["web"], root=root, store=store)


_BUILD = """
import sys
from pathlib import Path
from topology.image import Store, ensure
from topology.plan.types import Variant

ensure(
    Variant.CONTAINERS,
    ["web"],
    root=Path(sys.argv[1]),
    store=Store(Path(sys.argv[2])),
    progress=lambda line: print(line, flush=True),
)
"""


@pytest.mark.parametrize("moment", ["building", "Compiling", "Finished"])
def test_a_build_killed_at_any_moment_is_made_good_by_the_next(moment: str, tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    with subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(root), str(store.root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ) as build:
        assert build.stdout is not None
        assert any(moment in line for line in build.stdout)
        build.kill()
    made = digest(root, store, Variant.CONTAINERS)
    assert made == digest(root, Store(tmp_path / "undisturbed"), Variant.CONTAINERS)
    assert not list(store.root.glob(".new-*"))


@pytest.mark.parametrize("tool", ["cargo", "mksquashfs", "rustc"])
def test_a_missing_tool_is_named_with_what_to_install(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in {"cargo", "cc", "ld", "mksquashfs", "rustc"} - {tool}:
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True)
        (binaries / name).symlink_to(found.stdout.strip())
    monkeypatch.setenv("PATH", str(binaries))
    with pytest.raises(ImageError, match=f"{tool} is not on PATH") as caught:
        ensure(Variant.CONTAINERS, ["web"], root=root, store=store)
    assert "install" in caught.value.hint


def test_a_build_works_on_a_copy_and_leaves_the_clone_alone(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    before = sorted(root.rglob("*"))
    digest(root, store, Variant.UNIKERNEL)
    assert sorted(root.rglob("*")) == before


def test_files_that_a_clone_has_no_more_leave_the_copy(tmp_path: Path) -> None:
    root, store = workspace(tmp_path / "clone"), Store(tmp_path / "images")
    extra = root / "services" / "service" / "src" / "extra" / "more.rs"
    extra.parent.mkdir()
    extra.write_text("// nothing\n")
    digest(root, store, Variant.UNIKERNEL)
    copy = store.workshop / "source" / extra.relative_to(root)
    assert copy.is_file()
    extra.unlink()
    extra.parent.rmdir()
    digest(root, store, Variant.UNIKERNEL)
    assert not copy.parent.exists()


@pytest.mark.parametrize("variant", BOTH)
def test_roles_are_those_that_the_workspace_has(variant: Variant, tmp_path: Path) -> None:
    assert roles(variant, workspace(tmp_path / "clone")) == ("web",)
