"""Pulumi's language host for Python programs."""
