"""`python3 -m sandbox`: the `lab` command."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it must say so itself, before any environment exists
    sys.exit("lab: Python 3.11 or newer is needed")

os.environ.pop("PYTHONPATH", None)  # it served to find this package; children find their own

from sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
