"""The language host: what it runs, and what it says is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest.mock import create_autospec

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2

from toolchain.language import host


def program(root: Path, **options: str) -> language_pb2.ProgramInfo:
    fields = struct_pb2.Struct()
    fields.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(root), program_directory=str(root), entry_point=".", options=fields
    )


def test_the_program_gets_what_the_engine_says(tmp_path: Path) -> None:
    request = language_pb2.RunRequest(
        project="network",
        stack="unikernel",
        monitor_address="127.0.0.1:1",
        parallel=16,
        dryRun=True,
        args=["--one"],
        info=program(tmp_path),
    )
    line = host.command(request, "127.0.0.1:2")
    assert line[:2] == [sys.executable, "-u"]
    assert Path(line[2]).name == "pulumi-language-python-exec"
    options = dict(zip(line[3:-3:2], line[4:-3:2], strict=True))
    assert options == {
        "--monitor": "127.0.0.1:1",
        "--engine": "127.0.0.1:2",
        "--project": "network",
        "--stack": "unikernel",
        "--pwd": str(tmp_path),
        "--root_directory": str(tmp_path),
        "--dry_run": "true",
        "--parallel": "16",
    }
    assert line[-3:] == ["--", ".", "--one"]


def test_the_interpreter_is_ours_or_the_one_the_project_names(tmp_path: Path) -> None:
    assert host.interpreter(program(tmp_path)) == sys.executable
    named = program(tmp_path, virtualenv="env")
    assert host.interpreter(named) == str(tmp_path / "env" / "bin" / "python")
    assert host.site_directories(named)[0].is_relative_to(tmp_path / "env")


def test_sdks_name_their_plugins_and_others_none(tmp_path: Path) -> None:
    said = {
        "pulumi_b": {"resource": True, "name": "b", "version": "1.2.3"},
        "pulumi_a": {"resource": True, "name": "a", "server": "file:///a"},
        "policy": {"resource": False, "name": "c"},
    }
    for name, text in said.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "pulumi-plugin.json").write_text(json.dumps(text))
    found = host.required_packages([tmp_path, tmp_path / "absent"])
    assert [(it.name, it.kind, it.version, it.server) for it in found] == [
        ("a", "resource", "", "file:///a"),
        ("b", "resource", "1.2.3", ""),
    ]


def test_a_broken_plugin_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pulumi_a" / "pulumi-plugin.json"
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(ValueError, match=str(path)):
        host.required_packages([tmp_path])


@pytest.mark.parametrize(
    ("status", "words"), [(3, "exited with status 3"), (-9, "was ended by SIGKILL")]
)
def test_how_a_program_ended(status: int, words: str) -> None:
    assert host.describe(status) == words


def test_no_program_starts_once_stopped(tmp_path: Path) -> None:
    stopped = host.Host("127.0.0.1:1")
    stopped.stop()
    request = language_pb2.RunRequest(project="p", stack="s", info=program(tmp_path))
    context = create_autospec(grpc.ServicerContext, instance=True)
    assert stopped.Run(request, context).error == "the program was ended by SIGTERM"
