"""The provider of LXC domains: what Pulumi stores of it, and what it makes of a difference."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from components.lxc import LxcDomain, LxcProvider

STORED: dict[str, Any] = {
    "uri": "qemu:///system",
    "name": "stack-web-0123456789ab",
    "xml": "<domain/>",
    "image": "/pool/image",
    "root": "/roots/web",
    "console": "/consoles/web.log",
    "console_owner": 100.0,
    "networks": ["a-uuid"],
    "running": True,
}


def wanted(**changed: object) -> dict[str, Any]:
    return {key: value for key, value in {**STORED, **changed}.items() if key != "running"}


def test_what_is_stored_of_the_provider_is_its_name() -> None:
    stored = base64.b64decode(serialize_provider(LxcProvider()))
    assert b"components.lxc" in stored
    assert b"LxcProvider" in stored
    # A name and pickle's frame: no code, so that editing the code changes nothing here.
    assert len(stored) < 60
    assert not LxcProvider.serialize_as_secret_always


def test_no_difference_is_none() -> None:
    result = LxcProvider().diff("id", STORED, wanted())
    assert result.changes is False
    assert result.replaces == []


@pytest.mark.parametrize("key", [key for key in STORED if key not in ("uri", "running")])
def test_every_difference_replaces(key: str) -> None:
    result = LxcProvider().diff("id", STORED, wanted(**{key: "another"}))
    assert result.changes is True
    assert result.replaces == [key]


def test_a_container_that_stopped_is_replaced() -> None:
    result = LxcProvider().diff("id", {**STORED, "running": False}, wanted())
    assert result.changes is True
    assert result.replaces == ["running"]


def test_another_way_to_libvirt_is_an_update_that_does_nothing() -> None:
    moved = wanted(uri="qemu+ssh://host/system")
    result = LxcProvider().diff("id", STORED, moved)
    assert result.changes is True
    assert result.replaces == []
    outs = LxcProvider().update("id", STORED, moved).outs
    assert outs == {**STORED, "uri": "qemu+ssh://host/system", "console_owner": 100}


def test_a_domain_survives_pulumis_wire_format() -> None:
    domain = LxcDomain.of(STORED)
    assert domain.console_owner == 100
    assert domain.properties(running=True) == {**STORED, "console_owner": 100}
    assert LxcDomain.of(domain.properties(running=False)) == domain


def test_only_a_root_of_type_mount_is_mounted() -> None:
    mounted = LxcDomain.of(STORED).mount
    assert mounted is not None
    assert (mounted.name, mounted.image, mounted.directory) == (
        "stack-web-0123456789ab",
        "/pool/image",
        "/roots/web",
    )
    assert LxcDomain.of({**STORED, "root": ""}).mount is None
