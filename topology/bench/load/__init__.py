"""Loads that real tools put on a network, and what they say of it."""
