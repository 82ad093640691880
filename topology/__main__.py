"""`python -m topology`: the command, where it is not installed."""

from topology.cli import main

main()
