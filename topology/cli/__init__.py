"""The commands: each parses its arguments, calls the core, and shows a view of what it got."""

from topology.cli.main import main

__all__ = ["main"]
