"""Golden plans: what the proof of concept deploys, as a reader of a review would see it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from topology.plan import plan
from topology.plan.document import document
from topology.plan.types import Accelerator, RootFilesystem, Variant

from .poc import images, poc

GOLDEN = Path(__file__).parents[2] / "golden" / "plan" / "poc"


@pytest.mark.parametrize("variant", tuple(Variant))
def test_plan_of_the_proof_of_concept(variant: Variant) -> None:
    deployment = plan(
        poc(),
        stack=variant.value,
        variant=variant,
        images=images(variant),
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.MOUNT,
        consoles="/var/log/topology",
    )
    text = json.dumps(document(deployment), indent=2, ensure_ascii=False) + "\n"
    golden = GOLDEN / f"{variant.value}.json"
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()
