"""`topology platforms`: the library operating systems that are known, and what each needs."""

from __future__ import annotations

from topology.cli.exits import ExitCode
from topology.cli.options import Json

__all__ = ["platforms"]


def platforms(json: Json = False) -> int:
    """List library operating systems: how each boots, what it needs, what it cannot do here."""
    from topology.platforms.catalogue import CATALOGUE

    if json:
        from topology.cli.views.json import print_document
        from topology.cli.views.platforms import platforms_document

        print_document(platforms_document(CATALOGUE))
    else:
        from topology.cli.views.platforms import print_platforms

        print_platforms(CATALOGUE)
    return ExitCode.DONE
