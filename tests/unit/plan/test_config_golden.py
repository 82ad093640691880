"""Golden configuration documents: what Python writes for `poc.yaml` and Rust reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from topology.pipeline import require_file
from topology.render.config import service_config

REPOSITORY = Path(__file__).parents[3]
GOLDEN = REPOSITORY / "tests" / "golden" / "config"


@pytest.mark.parametrize("node", ["dns", "firewall", "router", "web"])
def test_configuration_of_the_proof_of_concept(node: str) -> None:
    resolved = require_file(REPOSITORY / "poc.yaml")
    config = service_config(resolved.nodes[node], topology=resolved.name)
    golden = GOLDEN / "poc" / f"{node}.json"
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.write_bytes(config)
    assert config == golden.read_bytes()


def test_every_deployed_node_has_a_golden_document() -> None:
    resolved = require_file(REPOSITORY / "poc.yaml")
    deployed = {node.name for node in resolved.nodes.values() if node.deployed}
    assert {path.stem for path in (GOLDEN / "poc").glob("*.json")} == deployed


def test_an_external_node_has_no_configuration() -> None:
    resolved = require_file(REPOSITORY / "poc.yaml")
    with pytest.raises(ValueError, match="client is external"):
        service_config(resolved.nodes["client"], topology=resolved.name)
