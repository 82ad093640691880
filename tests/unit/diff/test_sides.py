"""Sides as they are named on a command line, and what is wrong with those that are not there."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import PROJECT
from topology.cli.exits import ExitCode
from topology.cli.main import run
from topology.diff.types import Action
from topology.pipeline import require_file
from topology.plan import image_roles, plan
from topology.plan.record import Record, StackSettings, encode
from topology.plan.types import Accelerator, ImageRef, RootFilesystem, Variant
from topology.sides.compare import Choices, compare
from topology.sides.errors import Fault, SideError
from topology.sides.read import read_side


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    quiet = ("-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main")
    subprocess.run(
        ["git", "-C", str(folder), *identity, *quiet, *arguments], check=True, capture_output=True
    )


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits of a topology, the first one tagged v1."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(PROJECT / "poc.yaml", folder)
    shutil.copytree(PROJECT / "content", folder / "content")
    git(folder, "init", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    git(folder, "tag", "v1")
    text = (folder / "poc.yaml").read_text()
    (folder / "poc.yaml").write_text(text.replace("web-in, permit: http", "web-in, permit: any"))
    page = folder / "content/web/index.html"
    page.write_text("<p>another page</p>\n")
    git(folder, "commit", "-am", "two")
    monkeypatch.chdir(folder)
    return folder


def read(text: str, default: str = "poc.yaml") -> Any:
    return read_side(text, default=Path(default), root=PROJECT)


@pytest.mark.parametrize(
    "name", ["v1", "HEAD~1", "v1:poc.yaml", "main~1:poc.yaml", "v1:./poc.yaml"]
)
def test_a_revision_is_read_with_its_content(clone: Path, name: str) -> None:
    side = read(name)
    assert side.diagnostics.ok
    bodies = {r.path: r.body for r in side.whole.nodes["web"].resources}
    assert bodies["/"] == (PROJECT / "content/web/index.html").read_bytes()
    assert side.view.place(("policies", "edge")).file == f"{name.partition(':')[0]}:poc.yaml"


def test_a_file_goes_before_a_revision_of_its_name(clone: Path) -> None:
    shutil.copy(clone / "poc.yaml", clone / "v1")
    assert read("v1").revision is None
    assert read("v1:poc.yaml").revision is not None


def test_revisions_compare_as_their_files_do(clone: Path) -> None:
    diff = compare(read("v1"), read("poc.yaml"), Choices())
    assert {change.name for change in diff.structure} == {"edge/web-in", "web//"}
    assert all(one.names(Action.REPLACE) == ("firewall", "web") for one in diff.deployments)
    assert not compare(read("main"), read("poc.yaml"), Choices()).differs


def test_links_of_a_revision_are_links(clone: Path) -> None:
    (clone / "content/web/again.html").symlink_to("index.html")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "three")
    side = read("main")
    bodies = {r.path: r.body for r in side.whole.nodes["web"].resources}
    assert bodies["/again.html"] == bodies["/"]
    (clone / "content/web/out.html").symlink_to("/etc/passwd")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "four")
    assert not read("main").diagnostics.ok


@pytest.mark.parametrize(
    ("name", "fault", "code", "says"),
    [
        ("nowhere", Fault.NO_REVISION, 65, "git knows no revision 'nowhere'"),
        ("nowhere:poc.yaml", Fault.NO_REVISION, 65, "git branch -a"),
        ("--help:x", Fault.NO_REVISION, 65, "no revision '--help'"),
        ("v1:absent.yaml", Fault.NO_PATH, 66, "has no file 'absent.yaml'"),
        ("v1:sub/poc.yaml", Fault.NO_PATH, 66, "write v1:poc.yaml"),
        ("absent.yaml", Fault.NO_PATH, 66, "there is no file absent.yaml"),
    ],
)
def test_what_is_not_there_is_said(
    clone: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    fault: Fault,
    code: int,
    says: str,
) -> None:
    with pytest.raises(SideError) as caught:
        read(name)
    assert caught.value.fault is fault
    assert says in str(caught.value)
    assert run(["diff", "--", name, "poc.yaml"]) == code
    assert "Hint: " in capsys.readouterr().err


def test_a_shallow_clone_says_how_to_deepen_it(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "clone", "--depth", "1", f"file://{clone}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    with pytest.raises(SideError, match="git fetch --unshallow") as caught:
        read("HEAD~1")
    assert caught.value.fault is Fault.SHALLOW
    assert run(["diff", "HEAD~1"]) == ExitCode.SHALLOW


def test_a_branch_that_only_a_remote_has_is_named(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(clone, "branch", "feature")
    git(tmp_path, "clone", str(clone), "other")
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(SideError, match="origin/feature"):
        read("feature")


def test_outside_of_a_repository_there_are_no_revisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(SideError, match="in no git repository"):
        read("main")


def test_without_git_files_still_compare(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["diff", "poc.yaml", "poc.yaml"]) == ExitCode.DONE
    assert run(["diff", "v1"]) == ExitCode.NO_TOOL


def test_an_invalid_side_is_told_with_what_can_be_compared(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (clone / "poc.yaml").read_text()
    (clone / "poc.yaml").write_text(text.replace("kind: dns\n", "kind: bind\n"))
    assert run(["diff", "v1"]) == ExitCode.INVALID
    said = capsys.readouterr().out
    assert "there is no kind of node `bind`" in said
    assert "~ rule edge/web-in" in said
    assert "not compared: a side is invalid" in said
    (clone / "poc.yaml").write_text("}")
    assert run(["diff", "v1", "--json"]) == ExitCode.INVALID
    document = json.loads(capsys.readouterr().out)
    assert document["flows"] is None
    assert document["new"]["diagnostics"][0]["code"] == "TOP004"


@pytest.fixture
def fake_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` that prints a state; the real one is asked by the live tests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\ncat {folder}/state.json\nexit $(cat {folder}/code)\n")
    program.chmod(0o755)
    (folder / "code").write_text("0")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def state(record: object | None, *names: str) -> str:
    resources: list[dict[str, Any]] = [
        {"type": "pulumi:pulumi:Stack"},
        *({"type": "libvirt:index/domain:Domain", "inputs": {"name": name}} for name in names),
    ]
    if record is not None:
        outputs = {} if record == {} else {"record": record}
        resources.append({"type": "topology:components:Fabric", "outputs": outputs})
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def deployed(variant: Variant) -> tuple[dict[str, object], list[str], dict[str, ImageRef]]:
    resolved = require_file(PROJECT / "poc.yaml")
    settings = StackSettings(
        "s", variant, Accelerator.TCG, RootFilesystem.MOUNT, "/var/log/consoles"
    )
    images = {
        role: ImageRef(role, variant, role[0] * 64, 1, Path("/i"))
        for role in image_roles(resolved, variant)
    }
    deployment = plan(
        resolved,
        stack="s",
        variant=variant,
        images=images,
        accelerator=settings.accelerator,
        rootfs=settings.rootfs,
        consoles=settings.consoles,
    )
    source = (PROJECT / "poc.yaml").read_text()
    record = Record.of(settings, deployment, resolved, file="poc.yaml", source=source)
    return encode(record), [domain.name for domain in deployment.domains], images


@pytest.mark.parametrize("variant", tuple(Variant))
def test_what_is_deployed_compares_with_a_file(
    clone: Path, fake_pulumi: Path, variant: Variant
) -> None:
    record, names, _ = deployed(variant)
    (fake_pulumi / "state.json").write_text(state(record, *names))
    side = read("stack:s")
    assert side.view.place(("nodes", "web")).file == "stack:s:poc.yaml"
    same = read(str(PROJECT / "poc.yaml"))
    chosen = Choices(images_of_today=True)
    diff = compare(side, same, chosen)
    assert not diff.differs
    (deployment,) = diff.deployments
    assert deployment.variant is variant
    diff = compare(side, read("main"), chosen)
    assert diff.deployments[0].names(Action.REPLACE) == ("firewall", "web")
    assert {change.name for change in diff.structure} == {"edge/web-in", "web//"}
    back = compare(read("main"), side, chosen)
    assert back.deployments[0].names(Action.REPLACE) == ("firewall", "web")


def test_a_node_that_an_unfinished_deployment_left_out_is_created(
    clone: Path, fake_pulumi: Path
) -> None:
    record, names, _ = deployed(Variant.UNIKERNEL)
    (fake_pulumi / "state.json").write_text(state(record, *names[1:]))
    diff = compare(read("stack:s"), read(str(PROJECT / "poc.yaml")), Choices(images_of_today=True))
    assert diff.deployments[0].names(Action.CREATE) == ("dns",)


@pytest.mark.parametrize(
    ("text", "exit_", "code", "says"),
    [
        (state(None), 0, ExitCode.NOT_DEPLOYED, "nothing of stack 's' is deployed"),
        ("{}", 0, ExitCode.NOT_DEPLOYED, "pulumi up --stack s"),
        ("", 1, ExitCode.NOT_DEPLOYED, "pulumi stack ls"),
        (state({}), 0, ExitCode.OLD_FORMAT, "kept no record"),
        (state({"version": 0}), 0, ExitCode.OLD_FORMAT, "has format 0"),
        (state({"version": 9}), 0, ExitCode.OLD_FORMAT, "use the newer version"),
        (state({"version": 1, "body": "?"}), 0, ExitCode.OLD_FORMAT, "cannot be read"),
    ],
)
def test_a_stack_that_says_nothing_usable_is_told(
    clone: Path,
    fake_pulumi: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    exit_: int,
    code: int,
    says: str,
) -> None:
    (fake_pulumi / "state.json").write_text(text)
    (fake_pulumi / "code").write_text(str(exit_))
    assert run(["diff", "stack:s"]) == code
    assert says in capsys.readouterr().err


def test_without_pulumi_there_are_no_stacks(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["diff", "stack:s"]) == ExitCode.NO_TOOL


def test_an_exit_code_is_as_gits(clone: Path) -> None:
    assert run(["diff", "v1"]) == ExitCode.DONE
    assert run(["diff", "v1", "--exit-code"]) == ExitCode.BROKEN
    assert run(["diff", "main", "--exit-code"]) == ExitCode.DONE
    assert run(["diff", "poc.yaml"]) == ExitCode.USAGE
