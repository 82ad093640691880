"""Sections of real programs, and the filters of a real process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topology.bench.errors import BenchError
from topology.bench.fleet import memory, processes
from topology.bench.fleet.code import (
    Sections,
    allowed_calls,
    libraries,
    parse_sections,
    program,
    sections,
)

LISTED = """
  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
  [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
  [ 1] .note.Xen         NOTE            0000000000100000 001000 000018 00   A  0   0  4
  [ 2] stub              PROGBITS        0000000000101000 002000 000400 00  AX  0   0 16
  [ 3] .text             PROGBITS        0000000000102000 003000 001000 00  AX  0   0 16
  [ 4] .data             PROGBITS        0000000000104000 005000 000020 00  WA  0   0  8
  [ 5] .bss              NOBITS          0000000000105000 006000 000100 00 WAl  0   0 32
  [10] .comment          PROGBITS        0000000000000000 006000 000099 01  MS  0   0  1
"""


def test_sections_are_told_apart_by_what_may_be_done_with_them() -> None:
    assert parse_sections(LISTED) == Sections(code=0x1400, constants=0x18, variables=0x120)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_a_real_program_has_code_and_loads_a_library() -> None:
    found = sections(Path(sys.executable).resolve())
    assert found.code > found.variables > 0
    assert any("libc" in one.name for one in libraries(program("cat")))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(BenchError, match="is no program"):
        sections(Path(__file__))


def test_a_program_that_is_unpacked_is_found_behind_its_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, script = tmp_path / "root/usr/sbin/something", tmp_path / "bin/something"
    for file in (real, script):
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent))
    assert program("something") == real
    with pytest.raises(BenchError, match="not installed"):
        program("nothing-of-this-name")


STRICT = """
import ctypes, struct, sys
# Kills on any call but read, write and exit_group (numbers 0, 1 and 231 of x86-64).
steps = [(0x20, 0, 0, 0), (0x15, 3, 0, 0), (0x15, 2, 0, 1), (0x15, 1, 0, 231),
         (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)]
code = b"".join(struct.pack("=HBBI", *step) for step in steps)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
sys.stdout.write("ready\\n")
sys.stdout.flush()
assert libc.prctl(22, 2, program, 0, 0) == 0
while True:
    libc.read(0, ctypes.create_string_buffer(1), 1)
    libc._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to read another's filters")
def test_the_filters_of_a_process_tell_what_it_may_call() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STRICT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while "Seccomp:\t2" not in Path(f"/proc/{process.pid}/status").read_text():
            assert process.poll() is None
        try:
            found = allowed_calls(process.pid)
        except PermissionError:
            process.communicate(b"x")
            pytest.skip("this root may not read another's filters")
        assert found == 3
        assert process.poll() is None
        process.communicate(b"x")
    assert process.returncode == 0
    assert allowed_calls(os.getppid()) > 300


def test_memory_and_time_of_a_process_are_read() -> None:
    mine = memory.resident([os.getpid()])
    assert 0 < mine.private <= mine.pss <= mine.rss < memory.memory().total
    before = processes.used_seconds([os.getpid()])
    end = time.monotonic() + 30
    while processes.used_seconds([os.getpid()]) == before:  # the kernel adds up at its ticks
        assert time.monotonic() < end
    assert processes.busy().total > 0
