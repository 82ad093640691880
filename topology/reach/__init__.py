"""Symbolic reachability: what the declared network lets through, proved for all packets."""
