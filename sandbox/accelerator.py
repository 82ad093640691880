"""Which accelerator runs our guests: found by booting one, remembered until something changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from . import selftest
from .emulator import NAME as QEMU
from .errors import LabError, Missing, UsageError
from .paths import Lab
from .process import SYSTEM_PATH

__all__ = ["QEMU", "Accelerator", "Choice", "Trial", "choose", "remembered", "try_out"]

SECONDS = 10.0  # a trial takes 0.05 to 0.15 s; one that is paused by KVM never ends by itself
FIRMWARE = "qboot.rom"
DEVICE = Path("/dev/kvm")


class Accelerator(StrEnum):
    """What executes a guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


# As the plan boots unikernels: plain host-passthrough aborts QEMU where the processor's
# arch-capabilities cannot be read.
PROCESSORS = {Accelerator.KVM: "host,arch-capabilities=off", Accelerator.TCG: "qemu64"}


@dataclass(frozen=True, slots=True)
class Trial:
    """What a boot of the self-test guest showed; `detail` is a reason or the seconds it took."""

    accelerator: Accelerator
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The accelerator to use, why, and the trials that said so."""

    accelerator: Accelerator
    reason: str
    trials: tuple[Trial, ...] = ()


def try_out(accelerator: Accelerator, seconds: float = SECONDS) -> Trial:
    """Boot the self-test guest; it passes when it says so and leaves by itself in time."""
    qemu = shutil.which(QEMU, path=SYSTEM_PATH)
    if qemu is None:
        return Trial(accelerator, False, f"{QEMU} is not installed")
    if accelerator is Accelerator.KVM and not os.access(DEVICE, os.R_OK | os.W_OK):
        lacks = "may not be opened by this user" if DEVICE.exists() else "does not exist"
        return Trial(accelerator, False, f"{DEVICE} {lacks}")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        kernel = Path(directory, "selftest.elf")
        kernel.write_bytes(selftest.elf())
        process = subprocess.Popen(
            [
                *(qemu, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
                *("-accel", accelerator.value, "-cpu", PROCESSORS[accelerator]),
                *("-machine", "pc", "-m", "8", "-bios", FIRMWARE, "-kernel", str(kernel)),
                *("-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
            cwd="/",
        )
        try:
            said, complained = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            said, complained = process.communicate()
            return Trial(accelerator, False, _reason(complained, f"no end within {seconds:.0f} s"))
    if process.returncode == selftest.PASSED and selftest.READY in said:
        return Trial(accelerator, True, f"booted in {time.monotonic() - begin:.2f} s")
    return Trial(accelerator, False, _reason(complained, f"exit code {process.returncode}"))


def _reason(complained: bytes, otherwise: str) -> str:
    """Return QEMU's first line of complaint, the one that names the cause."""
    lines = complained.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix(f"{QEMU}: ") if lines else otherwise


def overridden(environ: Mapping[str, str]) -> Choice | None:
    """Return the choice that LAB_ACCELERATOR makes; raises UsageError."""
    value = environ.get("LAB_ACCELERATOR")
    if not value:
        return None
    try:
        return Choice(Accelerator(value), "set by LAB_ACCELERATOR")
    except ValueError:
        raise UsageError(f"LAB_ACCELERATOR is {value!r}", hint="it can be kvm or tcg") from None


def decide() -> Choice:
    """Try KVM, then TCG, and return the first that boots the guest; raises LabError."""
    kvm = try_out(Accelerator.KVM)
    if kvm.passed:
        return Choice(Accelerator.KVM, f"the self-test guest {kvm.detail}", (kvm,))
    tcg = try_out(Accelerator.TCG)
    if tcg.passed:
        return Choice(Accelerator.TCG, f"KVM does not run our guests: {kvm.detail}", (kvm, tcg))
    if shutil.which(QEMU, path=SYSTEM_PATH) is None:
        raise Missing(f"{QEMU} is not installed", hint="`./lab up` installs it on Debian")
    raise LabError(f"no accelerator runs our guests: KVM: {kvm.detail}; TCG: {tcg.detail}")


def fingerprint() -> str:
    """Return what the outcome depends on, hashed: this boot, this kernel, this QEMU, the guest."""
    parts = [Path("/proc/sys/kernel/random/boot_id").read_bytes(), " ".join(os.uname()).encode()]
    if qemu := shutil.which(QEMU, path=SYSTEM_PATH):
        found = Path(qemu).stat()
        parts.append(f"{qemu} {found.st_size} {found.st_mtime_ns}".encode())
    parts += [str(DEVICE.exists()).encode(), selftest.elf()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def remembered(lab: Lab) -> Choice | None:
    """Return what was found earlier under the same conditions, if anything."""
    try:
        kept = json.loads(_memory(lab).read_text(encoding="utf-8"))
        if kept["fingerprint"] != fingerprint():
            return None
        trials = tuple(
            Trial(Accelerator(trial["accelerator"]), bool(trial["passed"]), str(trial["detail"]))
            for trial in kept["trials"]
        )
        return Choice(Accelerator(kept["accelerator"]), str(kept["reason"]), trials)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def choose(lab: Lab, *, remember: bool = True) -> Choice:
    """Return the accelerator to use, trying them out unless it is known or overridden.

    Raises UsageError for a wrong LAB_ACCELERATOR, and LabError when none works.
    """
    if choice := overridden(os.environ) or remembered(lab):
        return choice
    choice = decide()
    if remember:
        memory = _memory(lab)
        fresh = memory.with_suffix(f".{os.getpid()}")
        fresh.write_text(
            json.dumps({**asdict(choice), "fingerprint": fingerprint()}), encoding="utf-8"
        )
        fresh.replace(memory)
    return choice


def _memory(lab: Lab) -> Path:
    return lab.state / "accelerator.json"
