"""Golden files of the plan: configuration documents, which Rust reads too, and deployments."""

from __future__ import annotations

import json

import pytest

from tests.support.golden import PROJECT, TESTS, check_golden
from topology.pipeline import require_file
from topology.plan import plan
from topology.plan.document import document
from topology.plan.types import Accelerator, RootFilesystem, Variant
from topology.render.config import service_config
from topology.resolve.types import ResolvedTopology

from .poc import images

FILES = [PROJECT / "poc.yaml", *sorted((PROJECT / "examples").glob("*.yaml"))]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def resolved(request: pytest.FixtureRequest) -> ResolvedTopology:
    return require_file(request.param)


def test_configuration_documents(resolved: ResolvedTopology) -> None:
    folder = TESTS / "golden" / "config" / resolved.name
    deployed = {name: node for name, node in resolved.nodes.items() if node.deployed}
    for name, node in deployed.items():
        config = service_config(node, topology=resolved.name)
        check_golden(folder / f"{name}.json", config.decode())
    assert {path.stem for path in folder.iterdir()} == set(deployed)


@pytest.mark.parametrize("variant", tuple(Variant))
def test_deployments(resolved: ResolvedTopology, variant: Variant) -> None:
    deployment = plan(
        resolved,
        stack=variant.value,
        variant=variant,
        images=images(variant),
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.MOUNT,
        consoles="/var/log/libvirt/qemu",
    )
    text = json.dumps(document(deployment), indent=2, ensure_ascii=False) + "\n"
    check_golden(TESTS / "golden" / "plan" / resolved.name / f"{variant.value}.json", text)


def test_an_external_node_has_no_configuration() -> None:
    resolved = require_file(PROJECT / "poc.yaml")
    with pytest.raises(ValueError, match="client is external"):
        service_config(resolved.nodes["client"], topology=resolved.name)
