"""From what is declared to what runs: names, addresses, MACs, routes, records, rules."""

from topology.resolve.names import Names
from topology.resolve.resolver import resolve

__all__ = ["Names", "resolve"]
