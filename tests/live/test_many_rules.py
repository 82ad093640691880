"""Five thousand rules in the memory that a unikernel is given by default."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.containers import eventually
from tests.support.golden import PROJECT
from tests.support.guests import wires
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.topologies import with_sink
from topology.image import ensure
from topology.pipeline import require_file
from topology.platforms.types import Variant
from topology.render.config import service_config

pytestmark = LIVE_AS_ROOT

ROLES = ("dns", "firewall", "router", "web")
RULES = 5000
WEB, NEIGHBOUR, UNWANTED = "203.0.113.80", "192.0.2.100", "192.0.2.200"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proof of concept behind thousands of rules; a late one refuses a host the page."""
    document = json.loads(with_sink(PROJECT / "poc.yaml", rules=RULES))
    (policy,) = document["policies"].values()
    late = {
        "name": "late",
        "deny": ["http"],
        "from": [f"{UNWANTED}/32"],
        "to": ["web"],
        "log": True,
    }
    first = next(
        n for n, rule in enumerate(policy["rules"]) if not rule["name"].startswith("partner-")
    )
    policy["rules"].insert(first, late)
    folder = tmp_path_factory.mktemp("rules")
    (folder / "topology.yaml").write_text(json.dumps(document))
    shutil.copytree(PROJECT / "content", folder / "content")
    return folder / "topology.yaml"


def judged(ask: Callable[..., str]) -> None:
    """Who may have the page has it, and who may not does not; `ask` runs a command outside."""
    curl = ("curl", "-sS", "-m5", f"http://{WEB}/")
    eventually(lambda: "It works" in ask(*curl, "--interface", NEIGHBOUR), "the page", 20)
    assert "It works" not in ask(*curl, "-m1", "--interface", UNWANTED)
    scan = ask("nmap", "-n", "-Pn", "-p80,1031", "-S", NEIGHBOUR, "-e", "eth0", WEB).split()
    assert scan[scan.index("80/tcp") + 1] == "open"
    assert scan[scan.index("1031/tcp") + 1] == "filtered"


def test_a_firewall_of_8_mib_holds_them(file: Path, tmp_path: Path) -> None:
    accelerator = "kvm" if Path("/dev/kvm").exists() else "tcg"
    built = ensure(Variant.UNIKERNEL, ROLES, root=PROJECT)
    images = {role: image.path for role, image in built.items()}
    topology = require_file(file)
    with wires(tmp_path) as net:
        net.client("outside", "external", f"{NEIGHBOUR}/24", "192.0.2.1")
        net.run("ip", "address", "add", f"{UNWANTED}/24", "dev", "eth0", namespace="outside")
        guests = {
            name: net.boot_node(
                images, service_config(topology.nodes[name], topology=topology.name), accelerator
            )
            for name in ("firewall", "router", "web")
        }
        judged(lambda *command: net.run(*command, namespace="outside", check=False))
        assert {"late"} == {
            line["rule"]
            for line in guests["firewall"].lines()
            if line["event"] == "drop" and line["source"] == UNWANTED
        }
