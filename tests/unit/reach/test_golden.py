"""Mistakes that people make with the proof of concept, and what is said of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.golden import TESTS, check_golden
from topology.cli.views.proof import proof_text
from topology.pipeline import read_file
from topology.reach.network import Network
from topology.reach.statements import prove

PROOFS = TESTS / "errors" / "proofs"
CASES = sorted(PROOFS.glob("*.yaml"))


@pytest.mark.parametrize("file", CASES, ids=lambda path: path.stem)
def test_golden_proofs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROOFS)
    read = read_file(file.name)
    assert read.resolved is not None, read.diagnostics
    proof = prove(Network(read.resolved))
    assert not proof.holds, "a broken variant that is proved"
    check_golden(file.with_suffix(".txt"), proof_text(proof, read).plain)


def test_there_are_twenty_and_each_names_a_packet_and_a_line() -> None:
    texts = [file.with_suffix(".txt").read_text() for file in CASES]
    assert len(texts) >= 20
    for text in texts:
        assert re.search(r"\.yaml:\d+:\d+\)", text), text
        assert " → " in text
