"""What a stack keeps of its deployment: enough to compare with, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.fabric import Fabric, FabricArgs
from components.outputs import stack_record
from components.settings import Settings
from tests.components.program import URI, deployment, run
from tests.support.golden import PROJECT
from topology.pipeline import require_file
from topology.plan.record import Record, RecordError, decode, encode, hashed
from topology.plan.types import Accelerator, RootFilesystem, Variant


def kept(variant: Variant) -> Mapping[str, object]:
    settings = Settings(
        stack=variant.value,
        variant=variant,
        file=PROJECT / "poc.yaml",
        uplink=None,
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.MOUNT,
        consoles="/var/log/topology",
        uri=URI,
    )
    return stack_record(settings, require_file(PROJECT / "poc.yaml"), deployment(variant))


@pytest.mark.parametrize("variant", tuple(Variant))
def test_a_record_reads_back_as_what_was_deployed(variant: Variant) -> None:
    record = decode(kept(variant))
    planned = deployment(variant)
    assert record.source == (PROJECT / "poc.yaml").read_text()
    assert record.settings.variant is variant
    assert {n.node: (n.digest, n.image) for n in record.nodes.values()} == {
        d.node: (d.digest, d.image.digest) for d in planned.domains
    }
    assert {s.segment: s.generation for s in record.segments.values()} == {
        s.name: s.generation for s in planned.segments
    }
    web = hashed(require_file(PROJECT / "poc.yaml")).nodes["web"]
    assert record.resources == {"web": web.resources}
    assert isinstance(record, Record)
    assert encode(record) == kept(variant)


def test_a_record_holds_no_content() -> None:
    page = (PROJECT / "content/web/index.html").read_text()
    record = decode(kept(Variant.UNIKERNEL))
    assert page[:40] not in str(record)


@pytest.mark.parametrize(
    ("change", "found"),
    [({"version": 2.0}, 2), ({"version": "x"}, None), ({"body": "AAAA"}, None), ({}, 0)],
)
def test_another_format_is_refused(change: dict[str, object], found: int | None) -> None:
    document = {**kept(Variant.UNIKERNEL), **change} if change else {"version": 0}
    with pytest.raises(RecordError) as caught:
        decode(document)
    assert caught.value.found == found


def test_the_fabric_keeps_it_with_what_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Mapping[str, Any]] = []
    monkeypatch.setattr(
        Fabric, "register_outputs", lambda _self, outputs: registered.append(outputs)
    )
    planned = deployment(Variant.UNIKERNEL)
    record = {"version": 1, "body": "x"}
    args = FabricArgs(planned, URI, lambda content: Path(str(len(content))), record)
    run(lambda: Fabric(planned.stack, args), stack=planned.stack)
    (outputs,) = registered
    assert outputs["record"] == record
    assert set(outputs["nodes"]) == {"dns", "firewall", "router", "web"}
