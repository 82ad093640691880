"""Settings, mistakes and outputs: the edges of the program."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
from pulumi.runtime import set_mocks

from components.documents import local_document
from components.outputs import stack_outputs
from components.report import report, stopping
from components.settings import Gate, Settings, SettingsError, read_settings
from tests.components.program import deployment, echo
from tests.support.golden import PROJECT
from topology.diagnostics import Code
from topology.image import ImageError, Store
from topology.pipeline import prove_file, resolve_file
from topology.plan.types import Accelerator, RootFilesystem, Variant
from topology.probe.outputs import StackOutputs
from topology.render.uri import lxc_uri


def settings(config: dict[str, str], environment: dict[str, str] | None = None) -> Settings:
    set_mocks(echo(), project="topology", stack="blue")
    pulumi.runtime.set_all_config(config)
    return read_settings(environment or {})


def test_a_stack_needs_a_variant_and_nothing_else() -> None:
    assert settings({"topology:variant": "unikernel"}) == Settings(
        stack="blue",
        variant=Variant.UNIKERNEL,
        file=Path("poc.yaml"),
        uplink=None,
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.FILE,
        consoles="/var/log/libvirt/qemu",
        uri="qemu:///system",
    )


def test_configuration_goes_before_the_environment() -> None:
    environment = {
        "LIBVIRT_DEFAULT_URI": "qemu:///system?socket=/lab",
        "TOPOLOGY_ACCELERATOR": "tcg",
        "TOPOLOGY_CONSOLES": "/lab/consoles",
        "TOPOLOGY_ROOTFS": "mount",
    }
    from_environment = settings({"topology:variant": "containers"}, environment)
    assert from_environment.accelerator is Accelerator.TCG
    assert from_environment.rootfs is RootFilesystem.MOUNT
    assert from_environment.consoles == "/lab/consoles"
    assert from_environment.uri == "qemu:///system?socket=/lab"
    configured = settings(
        {
            "topology:variant": "containers",
            "topology:accelerator": "kvm",
            "topology:consoles": "/logs",
            "topology:file": "examples/two.yaml",
            "topology:rootfs": "file",
            "topology:statements": "warn",
            "topology:uplink": "br0",
            "libvirt:uri": "qemu+ssh://host/system",
        },
        environment,
    )
    assert configured == Settings(
        stack="blue",
        variant=Variant.CONTAINERS,
        file=Path("examples/two.yaml"),
        uplink="br0",
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.FILE,
        consoles="/logs",
        uri="qemu+ssh://host/system",
        statements=Gate.WARN,
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "topology:variant is not set. Hint: pulumi config set topology:variant containers or"),
        ({"topology:variant": "docker"}, "'docker' is no variant: it is containers or unikernel"),
        ({"topology:variant": "unikernel", "topology:accelerator": "xen"}, "kvm or tcg"),
        ({"topology:variant": "unikernel", "topology:rootfs": "zfs"}, "file or mount"),
        ({"topology:variant": "unikernel", "topology:statements": "off"}, "enforce or warn"),
        ({"topology:variant": "containers", "libvirt:uri": "lxc:///"}, "give qemu:///system"),
    ],
)
def test_a_bad_setting_says_what_to_type(config: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("qemu:///system", "lxc:///system"),
        ("qemu:///system?socket=/a/b&mode=direct", "lxc:///system?socket=/a/b&mode=direct"),
        ("qemu+ssh://root@host:22/system?no_verify=1", "lxc+ssh://root@host:22/system?no_verify=1"),
        ("qemu+tls://[2001:db8::1]/system", "lxc+tls://[2001:db8::1]/system"),
        ("lxc:///", "lxc:///"),
    ],
)
def test_the_lxc_driver_is_behind_the_same_address(uri: str, expected: str) -> None:
    assert lxc_uri(uri) == expected


def test_all_mistakes_are_told_at_once_and_nothing_is_deployed(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("version: 1\nname: bad\nnodse: {}\nsegments: {a: {prefixes: [10.0.0.0/33]}}\n")
    with pytest.raises(pulumi.RunError) as caught:
        report(*resolve_file(file))
    text = str(caught.value)
    assert "mistakes, nothing is deployed" in text
    assert "bad.yaml:3:1" in text
    assert "bad.yaml:4" in text


@pytest.mark.parametrize("gate", tuple(Gate))
def test_a_broken_statement_stops_a_deployment_or_warns(gate: Gate) -> None:
    file = PROJECT / "tests" / "errors" / "proofs" / "port-range.yaml"
    resolved, diagnostics = prove_file(file, gate.severity)
    (broken,) = (one for one in diagnostics if one.code is Code.STATEMENT_BROKEN)
    assert broken.summary.startswith("nothing-else does not hold: a packet of client reaches web")
    assert "203.0.113.80:81: client → firewall → router → web" in broken.detail
    assert "port-range.yaml:50:9" in broken.detail
    if gate is Gate.WARN:
        set_mocks(echo(), project="topology", stack="blue")
        assert report(resolved, diagnostics) is resolved
        return
    with pytest.raises(pulumi.RunError) as caught:
        report(resolved, diagnostics)
    assert "nothing is deployed" in str(caught.value)
    assert "port-range.yaml:56:3" in str(caught.value)


def test_what_holds_is_deployed_without_a_word() -> None:
    resolved, diagnostics = prove_file(PROJECT / "poc.yaml")
    assert report(resolved, diagnostics) is not None
    assert not diagnostics


def test_what_the_engine_raises_ends_the_program_without_a_traceback() -> None:
    with pytest.raises(pulumi.RunError, match="disk full"), stopping():
        raise ImageError("disk full")


def test_a_document_is_a_file_named_by_its_content(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    path = local_document(b'{"version":1}', store)
    assert path.read_bytes() == b'{"version":1}'
    before = path.stat()
    assert local_document(b'{"version":1}', store) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.chmod(0o644)
    path.write_bytes(b"half")
    assert local_document(b'{"version":1}', store).read_bytes() == b'{"version":1}'
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_store_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file")
    with pytest.raises(ImageError, match="TOPOLOGY_IMAGES"):
        local_document(b"x", Store(tmp_path / "images"))


@pytest.mark.parametrize("variant", tuple(Variant))
def test_outputs_are_those_that_probes_read(variant: Variant) -> None:
    planned = deployment(variant)
    outputs = StackOutputs.model_validate(
        stack_outputs(planned, file="poc.yaml", uri="qemu:///system")
    )
    assert outputs.libvirt == "qemu:///system"
    assert set(outputs.nodes) == {"dns", "firewall", "router", "web"}
    web = outputs.nodes["web"]
    assert web.addresses == ("203.0.113.80", "2001:db8:3::80")
    assert web.domain == next(one.name for one in planned.domains if one.node == "web")
    assert set(outputs.segments) == {"external", "servers", "transit"}
    (client,) = outputs.outside
    assert client.addresses == ("192.0.2.100/24", "2001:db8:1::100/64")
    assert client.resolvers == ("203.0.113.53", "2001:db8:3::53")
