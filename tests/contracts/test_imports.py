"""Which room may import which: the rule of the design, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.golden import PROJECT

BASE = {"diagnostics", "errors", "model"}
RESOLVED = BASE | {"resolve"}
PLANNED = RESOLVED | {"plan", "platforms", "render"}
CORE = PLANNED | {"check", "diff", "graph", "load", "pipeline", "reach", "scene"}

ALLOWED: dict[str, set[str]] = {
    "diagnostics": set(),
    "errors": {"diagnostics"},
    "model": set(),
    "mistakes": BASE,
    "source": {"diagnostics"},
    "load": BASE | {"mistakes", "source"},
    "resolve": BASE,
    "graph": RESOLVED,
    "check": RESOLVED | {"graph", "reach"},
    "reach": RESOLVED | {"graph"},
    "diff": PLANNED | {"graph", "reach"},
    "platforms": PLANNED,
    "plan": PLANNED | {"graph"},
    "render": PLANNED | {"diff", "scene"},
    "scene": RESOLVED | {"diff", "reach"},
    "pipeline": BASE | {"check", "graph", "load", "reach", "resolve"},
    "image": PLANNED,
    "probe": PLANNED | {"image", "pipeline"},
    "sides": CORE | {"image", "mistakes"},
    "bench": CORE | {"image", "probe", "sides", "source"},
    "drift": CORE | {"image", "probe", "sides"},
    "inside": CORE | {"drift", "image", "probe", "sides"},
    "testing": CORE,
    "cli": CORE | {"bench", "drift", "image", "inside", "probe", "sides"},
    "__init__": set(),
    "__main__": {"cli"},
}
"""Rooms of `topology/`, each with the rooms it may import besides itself."""

COMPONENTS = {"diagnostics", "errors", "image", "model", "pipeline", "plan", "render", "resolve"}
"""What `components/` and the Pulumi program may import of `topology`."""

ONLY_IMPORTERS = {
    "networkx": ("topology/graph.py",),
    "pulumi": ("components/", "__main__.py"),
    "pulumi_libvirt": ("components/",),
    "libvirt": (
        "components/",
        "topology/bench/fleet/",
        "topology/bench/leftovers.py",
        "topology/drift/",
        "topology/image/",
        "topology/probe/",
        "sandbox/",
    ),
    "typer": ("topology/cli/",),
    "rich": ("topology/cli/", "sandbox/"),
    "yaml": ("topology/source.py", "sandbox/", "toolchain/"),
}
"""Libraries that a few places alone import."""


def sources() -> Iterator[Path]:
    for room in ("topology", "components"):
        yield from sorted((PROJECT / room).rglob("*.py"))
    if (PROJECT / "__main__.py").exists():
        yield PROJECT / "__main__.py"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that a module imports, wherever in it."""
    package = path.relative_to(PROJECT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *((node.module or "").split(".") if node.module else ())))
            # `from topology import plan` imports the room as `from topology.plan import …` does.
            if module == "topology":
                yield from ((node.lineno, f"topology.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def room_of(path: Path) -> str:
    parts = path.relative_to(PROJECT / "topology").with_suffix("").parts
    return parts[0]


def test_rooms_import_only_what_the_design_allows() -> None:
    wrong = []
    for path in sources():
        inside = path.is_relative_to(PROJECT / "topology")
        allowed = (ALLOWED[room_of(path)] | {room_of(path), "__init__"}) if inside else COMPONENTS
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != "topology" or len(parts) == 1 or parts[1].startswith("__"):
                continue
            if parts[1] not in allowed:
                wrong.append(f"{path.relative_to(PROJECT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_a_rule() -> None:
    rooms = {room_of(path) for path in sources() if path.is_relative_to(PROJECT / "topology")}
    assert rooms <= ALLOWED.keys()


@pytest.mark.parametrize("library", sorted(ONLY_IMPORTERS))
def test_libraries_have_few_importers(library: str) -> None:
    allowed = ONLY_IMPORTERS[library]
    wrong = [
        f"{path.relative_to(PROJECT)}:{line}"
        for path in sources()
        for line, name in imports(path)
        if name.split(".")[0] == library
        and not path.relative_to(PROJECT).as_posix().startswith(allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_the_rooms_that_touch_the_world() -> None:
    """Except each other, the commands, and components, which need images."""
    world = {"bench", "drift", "image", "inside", "probe", "sides"}
    wrong = [
        f"{path.relative_to(PROJECT)}:{line} imports {name}"
        for path in sources()
        if path.is_relative_to(PROJECT / "topology") and room_of(path) not in {*world, "cli"}
        for line, name in imports(path)
        if name.split(".")[0] == "topology" and name.split(".")[1:2] and name.split(".")[1] in world
    ]
    assert not wrong, "\n".join(wrong)


def all_lists() -> Iterator[tuple[Path, ast.expr]]:
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
            ):
                yield path, node.value


def test_exported_names_are_sorted() -> None:
    """Constants, then classes, then functions, each by name: what ruff's RUF022 sorts too."""
    wrong = []
    for path, value in all_lists():
        names = ast.literal_eval(value)
        if names != sorted(names, key=_rank):
            wrong.append(str(path.relative_to(PROJECT)))
    assert not wrong, "\n".join(wrong)


def _rank(name: str) -> tuple[int, str]:
    if name.isupper():
        return 0, name
    return (1, name) if name[0].isupper() else (2, name)


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(PROJECT)): lines
        for path in sources()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long
