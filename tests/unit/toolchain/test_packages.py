"""What must be installed, and when."""

from __future__ import annotations

import re

import pytest

import toolchain
from tests.unit.toolchain.conftest import Install
from toolchain import golang, packages, rust
from toolchain.assembly import Origin, Status, Tool
from toolchain.packages import NEEDS, Group, Need

READY = Status(Tool("pulumi", "1", Origin.BUILT), Tool("plugin", "1", Origin.INSTALLED))
UNREADY = Status(Tool("pulumi", "1", Origin.BUILT), Tool("plugin", "1", Origin.MISSING))


def test_each_need_is_named_once_and_says_why() -> None:
    names = [need.package for need in NEEDS]
    assert len(names) == len(set(names))
    for need in NEEDS:
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", need.package)
        assert need.why
        assert need.evidence


def test_the_systems_libvirt_is_not_among_them() -> None:
    assert not [need for need in NEEDS if "daemon-system" in need.package]


@pytest.mark.usefixtures("programs")
def test_a_need_is_met_by_any_of_its_evidence(install: Install) -> None:
    need = Need("some", "because", Group.BASE, ("absent-command", "/absent", "present-command"))
    assert not need.met
    install("present-command", "")
    assert need.met


def test_groups_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tuple(Need(group, "because", group, ("/absent",)) for group in Group)
    monkeypatch.setattr(packages, "NEEDS", absent)
    assert packages.missing() == absent
    assert [it.package for it in packages.missing(Group.TEST, Group.BASE)] == ["base", "test"]


def builders(found: Status) -> list[str]:
    return [re.sub("-web$", "", need.package) for need in packages.missing_builders(found)]


@pytest.mark.usefixtures("programs")
def test_builders_are_asked_for_when_there_is_something_to_build() -> None:
    assert builders(UNREADY) == ["golang-go", "rustc", "cargo"]
    assert builders(READY) == ["rustc", "cargo"]


def test_a_rust_that_is_too_old_is_none(install: Install) -> None:
    install("cargo", "cargo 1.63.0")
    install("rustc", "rustc 1.63.0")
    assert rust.find() is None
    install("rustc", f"rustc {rust.oldest()}")
    assert rust.find() is not None
    assert builders(READY) == []


def test_a_go_that_is_too_old_can_still_fetch_one(install: Install) -> None:
    install("go", "go version go1.19.8 linux/amd64")
    assert golang.find() is None
    assert golang.can_fetch()
    assert "golang-go" not in builders(UNREADY)
    install("go", f"go version go{golang.oldest()} linux/amd64")
    found = golang.find()
    assert found is not None
    assert found.caches is None


def test_a_go_that_is_broken_is_said_to_be(install: Install) -> None:
    install("go", "").write_text("#!/bin/sh\nexit 1\n")
    assert builders(UNREADY)[0] == "golang-go"
    with pytest.raises(toolchain.ToolchainError, match="go version failed"):
        golang.find()
