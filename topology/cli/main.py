"""The command `topology`: one line a command, and what its end means."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from topology.cli.exits import ExitCode

__all__ = ["main"]

COMMANDS = {
    "bench": "topology.cli.bench",
    "capture": "topology.cli.capture",
    "client": "topology.cli.client",
    "counters": "topology.cli.counters",
    "diff": "topology.cli.diff",
    "drift": "topology.cli.drift",
    "explain": "topology.cli.explain",
    "gitdiff": "topology.cli.gitdiff",
    "images": "topology.cli.images",
    "logs": "topology.cli.logs",
    "plan": "topology.cli.plan",
    "platforms": "topology.cli.platforms",
    "probe": "topology.cli.probe",
    "prove": "topology.cli.prove",
    "reach": "topology.cli.reach",
    "schema": "topology.cli.schema",
    "show": "topology.cli.show",
    "textconv": "topology.cli.textconv",
    "trace": "topology.cli.trace",
    "validate": "topology.cli.validate",
}
"""Each command's module; it has a function of the command's name, or a group of commands by it, and
loads what it needs."""


class _Commands(TyperGroup):
    """Imports a command's module only when the command is used or helped with."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        function = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        if isinstance(function, typer.Typer):
            command = typer.main.get_command(function)
            command.name = cmd_name
            return command
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(cmd_name)(function)
        command = typer.main.get_command(single)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands, add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False
)


def _version(wanted: bool) -> None:
    if wanted:
        from topology import __version__

        typer.echo(f"topology {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Networks declared in one file: checked, shown, planned, probed."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits with its code; a mistake in usage is told from a fault."""
    # What a command makes lives until it ends: looking for garbage among ten thousand nodes
    # would take longer than reading them.
    gc.disable()
    code = run(sys.argv[1:] if arguments is None else arguments)
    gc.freeze()  # nor is it looked for once more as the process ends
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs a command; returns its exit code."""
    from topology.errors import InvalidTopologyError, TopologyError

    try:
        code = typer.main.get_command(app).main(
            args=arguments, prog_name="topology", standalone_mode=False
        )
        sys.stdout.flush()
        return int(code or ExitCode.DONE)
    except typer.TyperException as error:
        typer.echo(f"topology: {error.format_message()}", err=True)
        typer.echo("Try: topology --help", err=True)
        return ExitCode.USAGE
    except InvalidTopologyError as error:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(error.diagnostics)
        return ExitCode.INVALID
    except TopologyError as error:
        typer.echo(f"topology: {error}", err=True)
        fault = getattr(error, "fault", None)
        return ExitCode.FAULT if fault is None else ExitCode[fault.name]
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader left. What is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception:  # noqa: BLE001 - the last line of defence: told as a fault, never as exit 1
        import traceback

        traceback.print_exc()
        typer.echo("topology: this is a fault of ours, not of the topology", err=True)
        return ExitCode.FAULT
