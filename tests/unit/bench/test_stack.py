"""A Pulumi command that is interrupted gets the time to unlock its stack."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from topology.bench.errors import BenchError
from topology.bench.record import Subject
from topology.bench.stack import Stack

WAITING = """\
#!/bin/sh
trap 'echo unlocked > "$MARK"; exit 1' INT
echo started > "$MARK"
while :; do sleep 0.05; done
"""


def stack(directory: Path, program: str) -> Stack:
    """A stack whose Pulumi is a script."""
    pulumi = directory / "pulumi"
    pulumi.write_text(program)
    pulumi.chmod(0o755)
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MARK": str(directory / "mark")}
    return Stack("bench-x", Subject.CONTAINERS, directory, directory, environment)


def test_an_interrupted_command_unlocks_its_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = stack(tmp_path, WAITING)
    monkeypatch.setenv("PATH", chosen.environment["PATH"])
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    # Who runs the tests in the background may have them ignore it, and a shell then cannot trap it.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    mark = tmp_path / "mark"
    try:
        signal.setitimer(signal.ITIMER_REAL, 3)
        with pytest.raises(KeyboardInterrupt):
            chosen.pulumi("up")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, ignored)
    assert mark.read_text() == "unlocked\n"


def test_a_command_that_fails_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = stack(tmp_path, "#!/bin/sh\necho no such stack >&2\nexit 3\n")
    monkeypatch.setenv("PATH", chosen.environment["PATH"])
    with pytest.raises(BenchError, match=r"(?s)ended with 3:.*no such stack"):
        chosen.pulumi("up")
