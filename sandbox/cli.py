"""The command line of `lab`: one function a command, each thin."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import daemon, lock, paths
from .errors import LabError, UsageError
from .paths import Lab
from .progress import Progress

__all__ = ["main"]


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are UsageErrors, so that they exit with 64."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, hint=f"`{self.prog} --help` shows what there is")


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="./lab")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("daemon")
    command.add_argument("action", choices=("start", "stop"))
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        options = build_parser().parse_args(arguments)
        lab = paths.find()
        return _daemon(lab, options, Progress())
    except LabError as error:
        print(f"lab: {error.describe()}", file=sys.stderr)
        return error.exit_code


def _daemon(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    with lock.hold(lab.lock, "daemon", lambda who: progress(f"waiting for {who}")):
        if options.action == "start":
            progress("started" if daemon.start(lab) else "was running")
        else:
            progress("ended" if daemon.stop(lab) else "was not running")
    return 0
