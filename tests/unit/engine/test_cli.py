"""The commands as a user starts them: output, exit codes, speed of what is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.golden import PROJECT, TESTS
from topology.cli.main import run

POC = str(PROJECT / "poc.yaml")
BAD = str(TESTS / "errors" / "unknown-key.yaml")
WARNED = str(TESTS / "errors" / "unused.yaml")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["validate", POC], 0),
        (["validate", BAD], 2),
        (["validate", POC, BAD], 2),
        (["validate", WARNED], 0),
        (["validate", "--strict", WARNED], 2),
        (["validate", "none.yaml"], 2),
        (["validate", "--unknown"], 64),
        (["show", POC, "--format", "picture"], 64),
        (["nothing"], 64),
        ([], 64),
        (["--help"], 0),
        (["validate", "--help"], 0),
        (["--version"], 0),
        (["show", POC], 0),
        (["show", BAD], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


def test_the_default_file_is_the_directory_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["validate"]) == 2
    assert "there is no file poc.yaml" in capsys.readouterr().err
    monkeypatch.chdir(PROJECT)
    assert run(["validate"]) == 0


def test_json_of_diagnostics(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--json", POC, BAD]) == 2
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert output.err == ""
    assert [file["valid"] for file in document["files"]] == [True, False]
    assert document["files"][1]["diagnostics"][0] == {
        "code": "TOP101",
        "column": 11,
        "file": BAD,
        "hint": "did you mean zone?",
        "line": 8,
        "path": "segments.inner.zonee",
        "severity": "error",
        "summary": "unknown key `zonee`",
    }


@pytest.mark.parametrize("form", ["dot", "html", "json", "mermaid", "svg", "table", "tree"])
def test_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", POC, "--format", form]) == 0
    shown = capsys.readouterr().out
    assert "203.0.113.80" in shown
    assert "2001:db8:3::80" in shown


def test_text_that_a_terminal_would_act_upon_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text('version: 1\nname: "[red]\\e]0;title\\a\\u202e:smile:"\n"\\e[2J": 1\n')
    assert run(["validate", str(file)]) == 2
    printed = "".join(capsys.readouterr())
    assert not set(printed) & {"\x1b", "\a", "\u202e"}
    assert "[red]" in printed


def test_many_mistakes_are_cut_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "many.yaml"
    file.write_text("version: 1\nname: many\n" + "".join(f"x{i}: 1\n" for i in range(500)))
    assert run(["validate", str(file)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("error TOP") == 100
    assert "… and 402 more" in printed


def test_a_reader_that_leaves_is_no_fault() -> None:
    command = f"{sys.executable} -m topology show {POC} --format json | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=PROJECT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_valid_file_needs_neither_networkx_nor_rich() -> None:
    """Their imports take longer than the work: together they would double the time."""
    program = (
        "import sys; from topology.cli.main import run; code = run(sys.argv[1:]); "
        "print(sorted({'networkx', 'rich.console', 'pulumi'} & set(sys.modules))); "
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "validate", POC],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
