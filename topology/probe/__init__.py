"""Probes: statements seen on the wire of a running stack."""
