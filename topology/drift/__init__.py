"""Drift: what runs against what was applied, and what was applied against the file."""
