"""`topology prove`: every statement holds for all packets, or here is one that breaks it."""

from __future__ import annotations

from pathlib import Path

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, Json, TopologyFile

__all__ = ["prove"]


def prove(file: TopologyFile = Path(DEFAULT_FILE), json: Json = False) -> int:
    """Prove the statements of a topology for all packets, or show the packet that breaks one.

    What is proved is the model; topology probe sees the wire.
    """
    from topology.pipeline import read_file
    from topology.reach.network import Network
    from topology.reach.statements import prove as prove_statements

    read = read_file(file)
    if read.diagnostics and not (json and read.resolved is not None):
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(read.diagnostics)
    if read.resolved is None:
        return ExitCode.INVALID
    proof = prove_statements(Network(read.resolved))
    if json:
        from topology.cli.views.json import print_document
        from topology.cli.views.proof import proof_document

        print_document(proof_document(proof, read))
    else:
        from topology.cli.views.proof import print_proof

        print_proof(proof, read)
    return ExitCode.DONE if proof.holds else ExitCode.BROKEN
