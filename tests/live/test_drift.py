"""Drifts seeded into stacks that run: each is named exactly, and mended by the command printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployed import Lab, Stack, copy_of_the_project, run, started_lab
from tests.support.marks import LIVE_AS_ROOT
from tests.support.schemas import mistakes
from topology.render.uri import lxc_uri

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
QUIET_RUNS, MANY_QUIET_RUNS = 20, 50
"""Comparisons of each untouched stack; of the many, a hundred in all."""

Seed = Callable[["Drifting"], set[tuple[str, str]]]
"""Makes drifts; returns the code and the subject of each."""


@dataclass(slots=True)
class Drifting:
    """A stack that drifts, and how it is asked about and mended."""

    stack: Stack

    @property
    def unikernel(self) -> bool:
        return self.stack.variant == "unikernel"

    @property
    def uri(self) -> str:
        return self.stack.lab.uri if self.unikernel else lxc_uri(self.stack.lab.uri)

    @property
    def environment(self) -> dict[str, str]:
        # The engine of the copy, whose file and sources this stack is made of.
        return {**self.stack.lab.environment, "PYTHONPATH": str(self.stack.project)}

    def drifts(self, *flags: str) -> dict[tuple[str, str], str]:
        """The mends of what is reported, by code and subject."""
        command = [sys.executable, "-m", "topology", "drift", "--stack", self.stack.name, "--json"]
        command += flags
        done = subprocess.run(
            command,
            cwd=self.stack.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        report = json.loads(done.stdout)
        schema = json.loads(Path("docs/schema/drift.schema.json").read_text())
        assert not list(mistakes(report, schema))
        assert bool(report["drifts"]) == bool(done.returncode)
        return {(one["code"], one["name"]): one["mend"] for one in report["drifts"]}

    def mend(self, command: str) -> None:
        """Types what was printed."""
        run(["sh", "-c", command], self.stack.lab.environment, cwd=self.stack.project)

    def virsh(self, *arguments: str) -> str:
        return self.stack.lab.virsh(self.stack.variant, *arguments)

    def network(self, segment: str) -> str:
        return str(self.stack.outputs()["segments"][segment]["network"])

    def bridge(self, segment: str) -> str:
        return str(self.stack.outputs()["segments"][segment]["bridge"])

    def port(self, node: str) -> str:
        """The first port of a node's domain."""
        listed = self.virsh("domiflist", self.stack.domain(node)).split()
        return next(word for word in listed if word.startswith("vnet"))

    def device(self, node: str, action: str, xml: str) -> None:
        path = self.stack.project / "device.xml"
        path.write_text(xml)
        self.virsh(action, self.stack.domain(node), str(path), "--live")

    def define(self, xml: str) -> None:
        path = self.stack.project / "domain.xml"
        path.write_text(xml)
        self.virsh("define", str(path))

    def within(self, node: str, *command: str) -> None:
        """A command in the network of a container, from outside of it."""
        number = self.virsh("domid", self.stack.domain(node)).strip()
        script = 'set -- $(cat /proc/$1/task/$1/children) "$@"; p=$1; shift 2; '
        script += 'exec nsenter --net=/proc/$p/ns/net -- "$@"'
        self.stack.lab.inside("sh", "-c", script, "sh", number, *command)

    def overwrite(self, volume: str) -> str:
        """Changes one byte of a volume in place; returns its name."""
        pool = f"topology-{self.stack.name}"
        listed = self.stack.lab.virsh("unikernel", "vol-list", pool).split()
        name = next(one for one in listed[::2] if one.startswith(f"{volume}-"))
        path = self.stack.lab.virsh("unikernel", "vol-path", name, "--pool", pool).strip()
        self.stack.lab.inside(
            "sh", "-c", 'printf x | dd of="$1" conv=notrunc bs=1 seek=8', "sh", path
        )
        return name


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with started_lab() as lab:
        yield lab


@pytest.fixture(scope="module", params=VARIANTS)
def drifting(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Drifting]:
    variant: str = request.param
    stack = Stack(f"dr-{variant}", variant, copy_of_the_project(tmp_path_factory.mktemp("c")), lab)
    stack.init()
    stack.up()
    yield Drifting(stack)
    stack.destroy()


@pytest.mark.parametrize(
    "runs", [QUIET_RUNS, pytest.param(MANY_QUIET_RUNS, marks=pytest.mark.full)]
)
def test_an_untouched_stack_has_no_drift(drifting: Drifting, runs: int) -> None:
    """Neither has one whose page is read and whose statements are probed meanwhile."""
    script = (
        "import sys; from pathlib import Path; from topology.drift.run import compare\n"
        "from topology.drift.applied import applied\n"
        "was = applied(sys.argv[1], root=Path.cwd())\n"
        f"for _ in range({runs}):\n"
        "    report = compare(was, root=Path.cwd())\n"
        "    assert not report.drifts and not report.skipped, report\n"
    )
    client = drifting.stack.client()
    command = [sys.executable, "-c", script, drifting.stack.name]
    with subprocess.Popen(
        client.command(
            ["sh", "-c", f"while :; do curl -s {drifting.stack.page_address()}; sleep 0.1; done"]
        ),
        stdout=subprocess.DEVNULL,
    ) as load:
        try:
            run(command, drifting.environment, cwd=drifting.stack.project)
        finally:
            load.kill()
    client.detach()


def gone(drifting: Drifting) -> set[tuple[str, str]]:
    """What `pulumi refresh` sees, too."""
    stack = drifting.stack
    drifting.virsh("destroy", stack.domain("web"))
    drifting.virsh("destroy", stack.domain("dns"))
    drifting.virsh("undefine", stack.domain("dns"))
    pool = f"topology-{stack.name}"
    listed = stack.lab.virsh("unikernel", "vol-list", pool).split()
    volume = next(one for one in listed if one.startswith("config-router-"))
    stack.lab.virsh("unikernel", "vol-delete", volume, "--pool", pool)
    said = stack.preview("--refresh")
    assert set(said.nodes) >= {"web", "dns"}
    assert any("router-config" in other for other in said.others)
    return {("domain-stopped", "web"), ("domain-missing", "dns"), ("volume-missing", volume)}


def by_hand(drifting: Drifting) -> set[tuple[str, str]]:
    """What a command of the host or of libvirt does, and another undoes."""
    stack, inside = drifting.stack, drifting.stack.lab.inside
    drifting.virsh("suspend", stack.domain("router"))
    transit = drifting.bridge("transit")
    if "stranger" not in inside("ip", "-br", "link"):
        inside("ip", "link", "add", "stranger", "type", "veth", "peer", "name", "elsewhere")
    inside("ip", "link", "set", "stranger", "master", transit, "up")
    inside("ip", "link", "set", drifting.port("web"), "nomaster")
    external = drifting.bridge("external")
    inside("ip", "address", "add", "192.0.2.7/24", "dev", external)
    if drifting.unikernel:
        mac = stack.lab.virsh("unikernel", "domiflist", stack.domain("dns")).split()[4]
        drifting.virsh("domif-setlink", stack.domain("dns"), mac, "down")
    else:
        inside("ip", "link", "set", drifting.port("dns"), "down")
    foreign = (
        f"<domain type='qemu'><name>foreign-{stack.variant}</name><memory unit='MiB'>16</memory>"
        "<os><type arch='x86_64'>hvm</type></os><devices><interface type='network'>"
        f"<source network='{drifting.network('servers')}'/></interface></devices></domain>"
    )
    (stack.project / "foreign.xml").write_text(foreign)
    stack.lab.virsh("unikernel", "create", str(stack.project / "foreign.xml"))
    return {
        ("domain-paused", "router"),
        ("port-extra", "transit"),
        ("port-detached", "web"),
        ("bridge-changed", "external"),
        ("link-down", "dns"),
        ("domain-extra", "servers"),
    }


def other_domains(drifting: Drifting) -> set[tuple[str, str]]:
    """What only a new domain mends."""
    stack = drifting.stack
    image = drifting.overwrite("dns")
    plug = f"<interface type='network'><source network='{drifting.network('servers')}'/>"
    if drifting.unikernel:
        # Nothing can be plugged into one that runs, which takes ACPI: it is started with it.
        router = stack.domain("router")
        defined = drifting.virsh("dumpxml", "--inactive", router)
        plug += "<model type='virtio'/></interface>"
        drifting.define(defined.replace("<interface ", f"{plug}<interface ", 1))
        drifting.virsh("destroy", router)
        drifting.virsh("start", router)
    else:
        drifting.device("router", "attach-device", f"{plug}</interface>")
    defined = drifting.virsh("dumpxml", "--inactive", stack.domain("web"))
    drifting.define(re.sub(r">(8192|16384)<", ">65536<", defined))
    found = {
        ("volume-changed", image),
        ("interface-extra", "router"),
        ("domain-changed", "web"),
    }
    if drifting.unikernel:
        live = drifting.virsh("dumpxml", "--inactive", stack.domain("firewall"))
        drifting.define(re.sub("<interface.*?</interface>", "", live, count=1, flags=re.DOTALL))
        return found | {("interface-missing", "firewall")}
    drifting.within("firewall", "nft", "flush", "ruleset")
    # Once is enough: the wire says of each what it says.
    told = drifting.drifts("--probe")
    broken = {name for code, name in told if code == "statement-broken"}
    assert {"no-ping", "nothing-else"} <= broken
    return found | {("ruleset-changed", "firewall")}


def networks(drifting: Drifting) -> set[tuple[str, str]]:
    """A segment's network ended, or its bridge gone."""
    if drifting.unikernel:
        drifting.stack.lab.virsh("unikernel", "net-destroy", drifting.network("external"))
        return {("network-stopped", "external")}
    drifting.stack.lab.inside("ip", "link", "del", drifting.bridge("external"))
    return {("bridge-missing", "external")}


def undefined(drifting: Drifting) -> set[tuple[str, str]]:
    """A network ended and forgotten; inside a container, another address and route."""
    network = drifting.network("transit")
    drifting.stack.lab.virsh("unikernel", "net-destroy", network)
    drifting.stack.lab.virsh("unikernel", "net-undefine", network)
    found = {("network-missing", "transit")}
    if drifting.unikernel:
        defined = drifting.virsh("dumpxml", "--inactive", drifting.stack.domain("web"))
        other = drifting.stack.domain("web").replace("web", "other")
        path = re.search(r"<kernel>(.*)</kernel>", defined)
        assert path is not None
        drifting.define(defined.replace(path.group(1), f"/var/lib/libvirt/{other}"))
        return found | {("domain-changed", "web")}
    drifting.within("web", "ip", "address", "add", "203.0.113.99/24", "dev", "servers")
    drifting.within("dns", "ip", "route", "replace", "default", "via", "203.0.113.7")
    return found | {("address-changed", "web"), ("route-changed", "dns")}


def edited(drifting: Drifting) -> set[tuple[str, str]]:
    """The file says something that was not applied; a configuration says something else."""
    drifting.stack.edit("poc.yaml", "{www: web", "{www: web, shop: web")
    return {("not-applied", "dns"), ("volume-changed", drifting.overwrite("config-firewall"))}


@pytest.mark.parametrize(
    "seed", [gone, by_hand, other_domains, networks, undefined, edited], ids=lambda s: s.__name__
)
def test_a_drift_is_named_and_mended(drifting: Drifting, seed: Seed) -> None:
    wanted = seed(drifting)
    found = drifting.drifts()
    assert set(found) == wanted
    while found:
        # From the first to the last, as printed.
        drift, command = next(iter(found.items()))
        drifting.mend(command)
        drifting.stack.known = None
        left = drifting.drifts()
        # Gone for good, and nothing else came of it.
        assert drift not in left, command
        assert set(left) <= set(found)
        found = left
    assert drifting.stack.fetch(drifting.stack.client())


def test_a_stack_that_was_never_deployed_is_a_clear_error(lab: Lab, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "topology", "drift", "--stack", "nobody"]
    done = subprocess.run(
        command, env=dict(lab.environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 68
    assert "pulumi stack ls" in done.stderr
