"""What an image's key covers: what its binary is made of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from topology.image.errors import ImageError
from topology.image.workspace import Workspace

from .tiny import workspace


def fingerprints(root: Path) -> dict[str, str]:
    return Workspace.read(root).fingerprints(["container-web", "unikernel-web"])


def append(path: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        with (root / path).open("a") as file:
            file.write("\n# edited\n" if path.endswith("toml") else "\n// edited\n")

    return edit


def write(path: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("new")

    return edit


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (append("services/service/src/lib.rs"), {"container-web", "unikernel-web"}),
        (append("services/service/Cargo.toml"), {"container-web", "unikernel-web"}),
        (append("containers/web/src/main.rs"), {"container-web"}),
        (append("containers/web/build.rs"), {"container-web"}),
        (write("unikernels/web/link.ld"), {"unikernel-web"}),
        (append("Cargo.lock"), {"container-web", "unikernel-web"}),
        (append("Cargo.toml"), {"container-web", "unikernel-web"}),
        (write("rust-toolchain.toml"), {"container-web", "unikernel-web"}),
        (append("services/unrelated/src/lib.rs"), set()),
        (write("services/service/README.md"), set()),
        (write("services/service/tests/wire.rs"), set()),
        (write("services/service/target/debug/x"), set()),
        (write("services/service/.hidden"), set()),
        (write("services/README.md"), set()),
        (write("poc.yaml"), set()),
    ],
)
def test_an_edit_changes_the_keys_of_what_is_built_from_it(
    edit: Callable[[Path], None], changed: set[str], tmp_path: Path
) -> None:
    root = workspace(tmp_path / "clone")
    before = fingerprints(root)
    edit(root)
    after = fingerprints(root)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_key_does_not_depend_on_the_place(tmp_path: Path) -> None:
    assert fingerprints(workspace(tmp_path / "a")) == fingerprints(workspace(tmp_path / "b" / "c"))


def test_dependencies_are_followed_wherever_they_are_declared(tmp_path: Path) -> None:
    root = workspace(tmp_path / "clone")
    manifest = root / "services" / "service" / "Cargo.toml"
    manifest.write_text(
        manifest.read_text() + "\n[target.'cfg(unix)'.build-dependencies]\n"
        "unrelated = { workspace = true }\n"
    )
    sources = {str(path) for path in Workspace.read(root).sources("unikernel-web")}
    assert "services/unrelated/src/lib.rs" in sources


def test_an_absent_package_names_those_there_are(tmp_path: Path) -> None:
    read = Workspace.read(workspace(tmp_path / "clone"))
    with pytest.raises(ImageError, match="unikernel-web, unrelated"):
        read.fingerprints(["unikernel-mail"])


def test_a_folder_without_a_workspace_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is missing"):
        Workspace.read(tmp_path)


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    root = workspace(tmp_path / "clone")
    (root / "services" / "service" / "Cargo.toml").write_text("[package")
    with pytest.raises(ImageError, match=r"services/service/Cargo.toml cannot be read"):
        Workspace.read(root)


def test_a_dependency_outside_the_workspace_is_refused(tmp_path: Path) -> None:
    root = workspace(tmp_path / "clone")
    manifest = root / "services" / "service" / "Cargo.toml"
    manifest.write_text(manifest.read_text() + 'other = { path = "../../../other" }\n')
    with pytest.raises(ImageError, match="no member of the workspace"):
        Workspace.read(root).fingerprints(["unikernel-web"])
