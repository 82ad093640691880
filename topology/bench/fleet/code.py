"""What a program is made of: sections of its ELF file, libraries, the calls that it may make."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from topology.bench.errors import BenchError

__all__ = [
    "Program",
    "Sections",
    "allowed_calls",
    "libraries",
    "parse_sections",
    "program",
    "sections",
]

_SECTION = re.compile(
    r"^ *\[ *\d+\] (?P<name>\S+) +(?P<type>[A-Z_0-9]+) +[0-9a-f]+ [0-9a-f]+ (?P<size>[0-9a-f]+) "
    r"[0-9a-f]{2} (?P<flags>[A-Za-z ]{3}) ",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Sections:
    """Bytes of a program in memory: machine code, constants, variables."""

    code: int
    constants: int
    variables: int

    def __add__(self, other: Sections) -> Sections:
        return Sections(
            self.code + other.code,
            self.constants + other.constants,
            self.variables + other.variables,
        )


def sections(program: Path) -> Sections:
    """What readelf says of an ELF file; raises `BenchError` where it is none."""
    command = ["readelf", "--section-headers", "--wide", str(program)]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise BenchError(f"{program} is no program: {done.stderr.strip()}")
    return parse_sections(done.stdout)


def parse_sections(text: str) -> Sections:
    """The sizes in readelf's list of sections: what is loaded, by what may be done with it."""
    code = constants = variables = 0
    for found in _SECTION.finditer(text):
        size, flags = int(found["size"], 16), found["flags"]
        if "A" not in flags:
            continue
        if "X" in flags:
            code += size
        elif "W" in flags:
            variables += size
        else:
            constants += size
    return Sections(code, constants, variables)


def program(name: str) -> Path:
    """The file of a program on PATH; raises `BenchError` where there is none.

    One that was unpacked for benchmarks is started by a script beside it (`toolchain.bench`).
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise BenchError(f"{name} is not installed")
    path = Path(found).resolve()
    unpacked = sorted((path.parents[1] / "root").glob(f"**/*bin/{name}"))
    return unpacked[0] if unpacked else path


def libraries(program: Path) -> tuple[Path, ...]:
    """The shared objects that a program is loaded with, its interpreter included (ldd(1))."""
    unpacked = next((one for one in program.parents if one.name == "root"), None)
    more = sorted(unpacked.glob("**/lib/*-linux-gnu")) if unpacked is not None else []
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, more))}
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, env=environment)
    found = (re.search(r"(?:=> )?(/\S+) \(0x", line) for line in done.stdout.splitlines())
    return tuple(sorted({Path(one[1]).resolve() for one in found if one is not None}))


# ptrace(2), seccomp(2), and struct sock_filter of linux/filter.h.
_SEIZE, _INTERRUPT, _DETACH, _GET_FILTER = 0x4206, 0x4207, 17, 0x420C
_INSTRUCTION = struct.Struct("=HBBI")
_MOST_INSTRUCTIONS = 4096
_ALLOW = 0x7FFF0000
_LOG = 0x7FFC0000
_ARCHITECTURE = 0xC000003E
"""AUDIT_ARCH_X86_64."""

_CALLS = 470
"""System call numbers that are looked at: more than Linux 6.12 has on x86-64."""

_UNUSED = range(335, 424)
"""Numbers that x86-64 left out, so that they are the same on every architecture from 424 on."""

Program = Sequence[tuple[int, int, int, int]]
"""A classic BPF program: code, jump if true, jump if false, operand."""


def allowed_calls(process: int) -> int:
    """How many system calls a process may make: all but those that its seccomp filters stop.

    A call that some filter stops for some arguments only counts as allowed. Raises `OSError`;
    needs root, and stops the process for a moment.
    """
    programs = list(_filters(process))
    return sum(
        all(_passes(program, number) for program in programs)
        for number in range(_CALLS)
        if number not in _UNUSED
    )


def _filters(process: int) -> Iterator[Program]:
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    trace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    trace.restype = ctypes.c_long

    def call(request: int, address: int = 0, data: object = None) -> int:
        result: int = trace(request, process, address, data)
        return result

    if call(_SEIZE) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(process))
    try:
        call(_INTERRUPT)
        os.waitpid(process, 0x40000000)  # __WALL
        for index in range(64):
            buffer = ctypes.create_string_buffer(_MOST_INSTRUCTIONS * _INSTRUCTION.size)
            length = call(_GET_FILTER, index, buffer)
            if length < 0:
                number = ctypes.get_errno()
                if number in (errno.ENOENT, errno.EINVAL):  # after the last; where there is none
                    return
                raise OSError(number, os.strerror(number), str(process))
            size = length * _INSTRUCTION.size
            yield list(_INSTRUCTION.iter_unpack(buffer.raw[:size]))
    finally:
        call(_DETACH)


_JUMPS: dict[int, Callable[[int, int], bool]] = {
    0x10: lambda word, operand: word == operand,
    0x20: lambda word, operand: word > operand,
    0x30: lambda word, operand: word >= operand,
    0x40: lambda word, operand: bool(word & operand),
}


def _passes(program: Program, number: int) -> bool:
    """Whether a filter lets a call through, arguments unknown: either way of a test of them."""
    paths = [(0, 0, True)]  # where to go on, the word loaded, whether it is known
    seen = set()
    while paths:
        state = paths.pop()
        if state in seen:
            continue
        seen.add(state)
        at, word, known = state
        code, yes, no, operand = program[at]
        kind = code & 0x07
        if kind == 0x06:  # return
            if operand & 0xFFFF0000 in (_ALLOW, _LOG):
                return True
        elif kind == 0x00:  # load a word of struct seccomp_data: number, architecture, the rest
            value = {0: number, 4: _ARCHITECTURE}.get(operand)
            paths.append((at + 1, value or 0, value is not None))
        elif kind == 0x04:  # arithmetic: only masks are used
            masked = word & operand if code & 0xF0 == 0x50 else word
            paths.append((at + 1, masked, known and code & 0xF0 == 0x50))
        elif kind == 0x05 and code & 0xF0 == 0:
            paths.append((at + 1 + operand, word, known))
        elif kind == 0x05:
            taken = _JUMPS[code & 0xF0](word, operand)
            if taken or not known:
                paths.append((at + 1 + yes, word, known))
            if not taken or not known:
                paths.append((at + 1 + no, word, known))
        else:  # registers and scratch memory: what a later test of them says is unknown
            paths.append((at + 1, 0, False))
    return False
