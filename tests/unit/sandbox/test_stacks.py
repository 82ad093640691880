"""The stacks: names, locks and what a checkpoint tells."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sandbox import paths, stacks
from sandbox.errors import Busy, UsageError
from sandbox.progress import Progress


@pytest.fixture
def lab(tmp_path: Path) -> paths.Lab:
    root, state = tmp_path / "clone", tmp_path / "state"
    root.mkdir()
    environ = {"LAB_STATE": str(state), "LAB_RUN": str(tmp_path / "run")}
    return paths.find(environ, root=root, euid=0, egid=0)


def lock(lab: paths.Lab, stack: str, pid: int) -> None:
    path = lab.backend / ".pulumi" / "locks" / "organization" / stacks.PROJECT / stack / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": pid, "hostname": "h"}), encoding="utf-8")


def checkpoint(lab: paths.Lab, stack: str, text: str) -> None:
    path = lab.backend / ".pulumi" / "stacks" / stacks.PROJECT / f"{stack}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "stack"),
    [
        ("unikernel", "unikernel"),
        ("unikernels", "unikernel"),
        ("container", "containers"),
        ("containers", "containers"),
    ],
)
def test_variants_in_singular_and_plural(word: str, stack: str) -> None:
    assert stacks.variant(word) == stack


def test_an_unknown_variant_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="unicorn") as raised:
        stacks.variant("unicorn")
    assert raised.value.exit_code == 64
    assert "unikernel or containers" in raised.value.hint


def test_names_belong_to_the_stack_with_the_longest_name() -> None:
    known = {"unikernel", "unikernel-2", "containers"}
    assert stacks.belongs("unikernel-web-1a2b", "unikernel", known)
    assert not stacks.belongs("unikernel-2-web-1a2b", "unikernel", known)
    assert stacks.belongs("unikernel-2-web-1a2b", "unikernel-2", known)
    assert stacks.belongs("topology-unikernel", "unikernel", known)
    assert not stacks.belongs("unikernels", "unikernel", known)
    assert not stacks.belongs("somebody-elses", "unikernel", known)


def test_stacks_are_declared_by_their_configuration(lab: paths.Lab) -> None:
    for name in ("Pulumi.yaml", "Pulumi.unikernel.yaml", "Pulumi.my.own.yaml"):
        (lab.root / name).touch()
    assert stacks.declared(lab) == ("my.own", "unikernel")


def test_a_stack_is_read_from_its_checkpoint(lab: paths.Lab) -> None:
    outputs = {"nodes": {"web": {"domain": "unikernel-web-1"}}}
    resource = {"type": "pulumi:pulumi:Stack", "outputs": outputs}
    text = json.dumps({"checkpoint": {"latest": {"resources": [resource]}}})
    checkpoint(lab, "unikernel", text)
    assert stacks.read(lab, "unikernel").nodes == {"web": {"domain": "unikernel-web-1"}}
    assert stacks.names(lab) == ("unikernel",)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoint": {"latest": null}}'])
def test_a_checkpoint_that_tells_nothing_has_no_nodes(lab: paths.Lab, text: str) -> None:
    checkpoint(lab, "unikernel", text)
    assert stacks.read(lab, "unikernel").nodes == {}


def test_a_lock_whose_holder_is_another_program_is_stale(lab: paths.Lab) -> None:
    lock(lab, "unikernel", os.getpid())  # alive, and no pulumi
    (found,) = stacks.locks(lab)
    assert (found.stack, found.alive) == ("unikernel", False)
    stacks.await_idle(lab, Progress(), patience=0.0)


def test_a_lock_whose_holder_runs_is_respected(lab: paths.Lab, tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        try:
            lock(lab, "containers", process.pid)
            with pytest.raises(Busy, match="containers"):
                stacks.await_idle(lab, Progress(), patience=0.2)
        finally:
            process.kill()
    assert not stacks.locks(lab)[0].alive
