"""`python -m tests.regenerate`: writes every golden file anew; review the difference."""

from __future__ import annotations

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["REGENERATE_GOLDEN"] = "1"
    sys.exit(pytest.main(["-q", "-k", "golden", "tests/unit", *sys.argv[1:]]))
