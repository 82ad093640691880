"""The command line of `lab`: what each command is called, and what its end means."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from toolchain import ToolchainError

from . import commands, paths
from .errors import LabError, UsageError
from .progress import Progress

__all__ = ["build_parser", "main"]

INTRODUCTION = """\
The embedded default: a private libvirt (QEMU and LXC) in namespaces of its own, in which the
stacks run. The host's network, firewall and libvirt are not touched.
"""

GUIDE = """\
begin with:
  ./lab up                  deploy poc.yaml as four unikernels, and probe them
  ./lab up containers       the same network as four Linux containers, beside them
  ./lab client unikernel -- curl http://www.poc.example/
  eval "$(./lab env)"       then: pulumi preview --stack unikernel, topology probe, virsh list
  ./lab down                leave nothing behind

exit codes: 0 done; 64 wrong usage; 69 something is not installed; 75 the lab is busy;
77 needs root; what `topology`, `pulumi` or a client's command ended with; others are faults.

places: LAB_STATE, LAB_RUN and LAB_CACHE move the lab's directories (and make it another lab);
LAB_ACCELERATOR=kvm or tcg overrules the self-test boot.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are UsageErrors, so that they exit with 64."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, hint=f"`{self.prog} --help` shows what there is")


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="./lab",
        description=INTRODUCTION,
        epilog=GUIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, summary: str, detail: str = "") -> argparse.ArgumentParser:
        text = f"{summary[0].upper()}{summary[1:]}. {detail}".strip()
        return added.add_parser(name, help=summary, description=text, allow_abbrev=False)

    def shown(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def installing(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="install without asking first")

    up = add(
        "up",
        "deploy a variant and probe it",
        "Installs what is missing, starts the private libvirt, runs `pulumi up` and then "
        "`topology probe`, and prints the figures. Needs root.",
    )
    up.add_argument(
        "variant", nargs="?", default="unikernel", help="unikernel (default) or containers"
    )
    up.add_argument("--no-probe", action="store_true", help="do not probe what was deployed")
    installing(up)
    shown(up)

    add(
        "down",
        "end the private libvirt and all that runs in it",
        "Leaves no process, domain, bridge, namespace, mount or loop device; caches stay. "
        "Needs root.",
    )

    shown(add("status", "show what runs, and why something does not"))

    env = add(
        "env",
        "print shell commands that point pulumi, topology and virsh at the lab",
        'Use it as eval "$(./lab env)". Starts the lab if it does not run; that needs root.',
    )
    installing(env)
    shown(env)

    client = add(
        "client",
        "run a command where a stack's outside client stands",
        "Example: ./lab client unikernel -- curl http://www.poc.example/. Needs root.",
    )
    client.add_argument("stack", metavar="STACK", help="unikernel, containers or another stack")
    client.add_argument("words", nargs="*", metavar="-- COMMAND…")  # see `split`

    shown(add("doctor", "say what this host can do and what it lacks; changes nothing"))

    test = add(
        "test",
        "do all set-up and run every test",
        "Ends with exit code 1 if anything fails. Needs root.",
    )
    test.add_argument("--full", action="store_true", help="soaks and sweeps, too")
    installing(test)

    check = add(
        "check",
        "check format, types and lint, and run the unit tests",
        "Needs no root once the Debian packages are there.",
    )
    installing(check)

    fuzz = add(
        "fuzz",
        "look for inputs that break what reads foreign bytes",
        "What is found is named with the command that shows it again, and fails with exit code 1. "
        "Inputs that reached something new are kept for the next time. Needs no root.",
    )
    fuzz.add_argument("targets", nargs="*", metavar="TARGET", help="all, if none is named")
    fuzz.add_argument("--seconds", type=int, default=600, help="for all of them (600)")
    fuzz.add_argument("--input", metavar="FILE", help="what broke the one TARGET, once more")

    lone = add(
        "daemon",
        "start or stop the private libvirt alone",
        "For those who drive libvirt by hand. Needs root.",
    )
    lone.add_argument("action", choices=("start", "stop"))
    return parser


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what is the lab's and what comes after two dashes, which argparse would touch."""
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; raises UsageError."""
    ours, words = split(arguments)
    options = build_parser().parse_args(ours)
    if options.command != "client":
        if words:
            raise UsageError(f"`{options.command}` takes nothing after two dashes")
    elif options.words or not words:
        raise UsageError(
            "client needs a stack, two dashes and a command",
            hint="./lab client unikernel -- curl http://www.poc.example/",
        )
    else:
        options.words = words
    return options


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    progress = Progress()
    try:
        options = parse(arguments)
        return commands.COMMANDS[options.command](paths.find(), options, progress)
    except LabError as error:
        print(f"lab: {error.describe()}", file=sys.stderr)
        return error.exit_code
    except ToolchainError as error:
        fault = LabError(str(error), hint=error.hint, log=error.log)
        print(f"lab: {fault.describe()}", file=sys.stderr)
        return fault.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more: Python must not complain at its end
        return 141
    except OSError as error:  # a full disk, a file where a directory should be
        print(f"lab: {error}", file=sys.stderr)
        return LabError.exit_code
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
