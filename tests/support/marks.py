"""Marks that several live tests share."""

from __future__ import annotations

import os

import pytest

__all__ = ["LIVE_AS_ROOT"]

LIVE_AS_ROOT = [
    pytest.mark.live,
    # `lab test` runs them as root; a plain `pytest` of somebody else's says what it left out.
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
