"""What runs is replaced, never changed: previews say so, and `pulumi up` does just that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.deployed import Change, Lab, Stack, copy_of_the_project, started_lab
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.steady import steady

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
NOTHING = Change({}, {}, {})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with started_lab() as lab:
        yield lab


@pytest.fixture(scope="module", params=VARIANTS)
def deployed(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The proof of concept, deployed from a copy of the project that tests edit ever further."""
    variant: str = request.param
    stack = Stack(f"im-{variant}", variant, copy_of_the_project(tmp_path_factory.mktemp("c")), lab)
    stack.init()
    stack.up()
    client = stack.client()
    yield stack
    client.detach()
    stack.destroy()
    assert not stack.defined()
    assert f"topology-{stack.name}" not in lab.virsh(variant, "pool-list", "--all", "--name")
    assert stack.name not in lab.inside("cat", "/proc/mounts")


@pytest.fixture
def stack(deployed: Stack) -> Stack:
    """What runs is what is written, even where the test before failed half way."""
    if not deployed.deployed:
        deployed.up("--refresh")
    return deployed


def page(stack: Stack) -> None:
    stack.edit("content/web/index.html", "$", f"\n<!-- edit {stack.edits} -->\n", 1)


def record(stack: Stack) -> None:
    stack.edit("poc.yaml", "{www: web", f"{{www: web, shop{stack.edits}: web")


def rule(stack: Stack) -> None:
    stack.edit(
        "poc.yaml", r"name: [a-z0-9-]+, permit: http", f"name: web{stack.edits}, permit: http"
    )


def address(stack: Stack) -> None:
    stack.edit("poc.yaml", r"203\.0\.113\.80", "203.0.113.81")


def memory(stack: Stack) -> None:
    stack.edit("poc.yaml", "kind: web\n", "kind: web\n    memory: 24\n")


def image(stack: Stack) -> None:
    stack.edit("services/web/src/response.rs", r'\(200, "OK"\)', '(200, "Okay")')


def mtu(stack: Stack) -> None:
    stack.edit("poc.yaml", "zone: dmz(, mtu: [0-9]+)?", f"zone: dmz, mtu: {1400 + stack.edits}")


def prefix(stack: Stack) -> None:
    stack.edit("poc.yaml", r"198\.51\.100\.0/24", "198.51.100.0/25")


Edit = Callable[[Stack], None]

# What each edit replaces: the node itself, and those whose configuration says it too. Edits that
# share no node are made one after the other, each previewed, and deployed at once.
CHANGES: dict[str, list[tuple[Edit, set[str], set[str]]]] = {
    "page-record-rule": [
        (page, {"web"}, set()),
        (record, {"dns"}, set()),
        (rule, {"firewall"}, set()),
    ],
    "address": [(address, {"web", "dns", "firewall"}, set())],
    # A prefix is an affair of those who hold it.
    "memory-prefix": [(memory, {"web"}, set()), (prefix, {"router", "firewall"}, set())],
    "image": [(image, {"web"}, set())],
    # A network is replaced with all its guests.
    "mtu": [(mtu, {"web", "dns", "router"}, {"servers"})],
}


def test_a_second_preview_and_a_second_up_change_nothing(stack: Stack) -> None:
    before = stack.running()
    assert len(before) == 4
    assert stack.preview() == NOTHING
    assert stack.preview("--refresh") == NOTHING
    said = stack.up()
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", said)
    assert stack.running() == before


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_change_replaces_what_it_must_and_nothing_else(
    stack: Stack, changes: list[tuple[Edit, set[str], set[str]]]
) -> None:
    nodes: set[str] = set()
    networks: set[str] = set()
    old_outputs, old = stack.outputs()["nodes"], stack.running()
    for edit, its_nodes, its_networks in changes:
        assert not nodes & its_nodes
        nodes |= its_nodes
        networks |= its_networks
        edit(stack)
        said = stack.preview()
        assert said.replaced == nodes
        assert set(said.nodes) == nodes
        assert said.networks == dict.fromkeys(networks, "replace")
        # Documents and images by their content: a new one beside the old one, which goes then.
        assert set(said.others.values()) <= {"create", "delete"}
    assert stack.running() == old

    stack.up()
    new_outputs, new = stack.outputs()["nodes"], stack.running()
    for node, told in new_outputs.items():
        domain, before = told["domain"], old_outputs[node]["domain"]
        if node in nodes:
            assert told["digest"] != old_outputs[node]["digest"]
            assert domain != before
            assert before not in stack.defined()
        else:
            # Not so much as restarted.
            assert (domain, new[domain]) == (before, old[before])
    assert set(new) == {told["domain"] for told in new_outputs.values()}

    body = stack.fetch(stack.client())
    assert body == (stack.project / "content/web/index.html").read_text()


def test_a_comment_in_a_service_replaces_nothing(stack: Stack) -> None:
    stack.edit("services/web/src/response.rs", "$", "// no change of what it does\n", 1)
    assert stack.preview() == NOTHING
    stack.deployed = True


def infrastructure(stack: Stack) -> list[str]:
    """All that libvirt and the kernel know: what a look at the host would notice."""
    lab = stack.lab
    domains = [
        lab.virsh(variant, "dumpxml", name)
        for variant in VARIANTS
        for name in lab.virsh(variant, "list", "--all", "--name").split()
    ]
    networks = [
        lab.virsh("unikernel", "net-dumpxml", name)
        for name in lab.virsh("unikernel", "net-list", "--all", "--name").split()
    ]
    volumes = [
        lab.virsh("unikernel", "vol-list", name, "--details")
        for name in lab.virsh("unikernel", "pool-list", "--all", "--name").split()
    ]
    kernel = [lab.inside("ip", "-oneline", "link"), lab.inside("cat", "/proc/mounts")]
    return domains + networks + volumes + kernel


def test_a_preview_changes_nothing_that_the_infrastructure_would_notice(stack: Stack) -> None:
    before = infrastructure(stack)
    for change in (page, rule, mtu):
        change(stack)
    assert stack.preview().replaced == {"dns", "firewall", "router", "web"}
    assert infrastructure(stack) == before


def test_a_killed_guest_is_mended(stack: Stack) -> None:
    before = stack.running()
    domain = stack.domain("web")
    stack.lab.virsh(stack.variant, "destroy", domain)
    stack.deployed = False
    assert domain not in stack.running()

    said = stack.preview("--refresh")
    assert set(said.nodes) == {"web"}
    stack.up("--refresh")
    after = stack.running()
    assert set(after) == set(before)
    assert {name for name in before if before[name] != after[name]} == {domain}
    assert stack.fetch(stack.client())
    assert stack.preview("--refresh") == NOTHING


def test_a_guest_removed_by_hand_and_one_unknown_to_pulumi_do_not_hold_up_a_change(
    stack: Stack,
) -> None:
    """Pulumi deletes what is no longer there, and takes over what a killed run left running."""
    removed, unknown = stack.domain("web"), stack.domain("dns")
    stack.lab.virsh(stack.variant, "destroy", removed)
    stack.lab.virsh(stack.variant, "undefine", removed)
    page(stack)
    resources = json.loads(stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    (urn,) = [one["urn"] for one in resources if one["urn"].endswith(f"::{stack.name}-dns-domain")]
    stack.pulumi("state", "delete", urn, "--yes")
    assert unknown in stack.running()  # and Pulumi does not know

    # Nothing was refreshed.
    stack.up()
    assert len(stack.defined()) == 4
    assert stack.domain("web") != removed
    assert stack.domain("dns") == unknown
    assert f"edit {stack.edits - 1}" in stack.fetch(stack.client())
    assert stack.preview("--refresh") == NOTHING


def test_a_forgotten_pool_is_taken_over_once_nothing_runs_on_it(stack: Stack) -> None:
    resources = json.loads(stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    (urn,) = [one["urn"] for one in resources if one["urn"].endswith(f"::{stack.name}-pool")]
    stack.pulumi("state", "delete", urn, "--target-dependents", "--yes")
    stack.deployed = False
    old = stack.running()
    said = stack.up(code=1)
    assert f"the pool topology-{stack.name} is there, unknown to this stack and used by" in said
    assert stack.running() == old

    for domain in old:
        stack.lab.virsh(stack.variant, "destroy", domain)
        stack.lab.virsh(stack.variant, "undefine", domain)
    stack.up()
    assert len(stack.defined()) == 4
    assert stack.fetch(stack.client())
    assert stack.preview("--refresh") == NOTHING


def test_a_domain_that_cannot_start_leaves_nothing_behind(stack: Stack) -> None:
    old = stack.running()
    page(stack)
    state = json.loads(stack.pulumi("preview", "--json").stdout)
    told = json.dumps(state["steps"])
    (console,) = set(re.findall(rf"[^\"<>=\\]*/{stack.name}-web-[0-9a-f]{{12}}\.log", told)) - {
        stack.outputs()["nodes"]["web"]["console"]
    }
    # Where its console should be written there is a directory, and not an empty one.
    stack.lab.inside("mkdir", "-p", f"{console}/full")
    said = stack.up(code=1)
    assert "web-domain" in said
    assert stack.defined() == set(old)
    assert stack.running() == old
    stack.lab.inside("rm", "-r", console)

    stack.up()
    assert len(stack.defined()) == 4
    assert f"edit {stack.edits - 1}" in stack.fetch(stack.client())


def test_a_busy_bridge_name_does_not_hold_up_the_next_run(stack: Stack) -> None:
    old = stack.running()
    mtu(stack)
    told = stack.pulumi("preview", "--json").stdout
    taken = {one["bridge"] for one in stack.outputs()["segments"].values()}
    (bridge,) = set(re.findall(r"\btp[0-9a-f]{12}\b", told)) - taken
    stack.lab.inside("ip", "link", "add", bridge, "type", "bridge")
    said = stack.up(code=1)
    assert bridge in said
    assert stack.running() == old
    stack.lab.inside("ip", "link", "del", bridge)

    stack.up()
    assert len(stack.defined()) == 4
    assert stack.fetch(stack.client())


def test_editing_the_dynamic_provider_makes_no_difference_and_runs_at_once(stack: Stack) -> None:
    if stack.variant != "containers":
        pytest.skip("unikernels have none")
    trace = stack.project / "trace"
    stack.edit(
        "components/lxc.py",
        r"(    def read\(.*\n.*\n)",
        rf'\1        open({str(trace)!r}, "a").write("today")\n',
        1,
    )
    assert stack.preview() == NOTHING
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert trace.read_text() == "today" * 4
    assert stack.preview() == NOTHING
    stack.deployed = True


def test_the_interruption_of_a_replacement_is_measured(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    page(stack)
    with steady(stack.client(), "http", stack.page_address(), 500) as load:
        stack.up()
    found = load.result
    assert found.answered
    with capsys.disabled():
        print(  # noqa: T201 - a figure, for whoever reads the run
            f"\n{stack.variant}: web replaced under load: longest time without a reply "
            f"{found.gap * 1000:.0f} ms, {found.lost} of {found.sent} requests lost"
        )


def test_a_host_that_shares_no_file_boots_from_volumes(stack: Stack) -> None:
    with started_lab() as remote:
        # Neither the images nor the clone exist for the second libvirt.
        for hidden in (remote.environment["TOPOLOGY_IMAGES"], str(stack.project)):
            remote.inside("mount", "-t", "tmpfs", "tmpfs", hidden)
            assert not remote.inside("ls", hidden)
        # Another host in every way: its bridge is the outside, and it has the other way to run
        # each variant.
        remote.inside("ip", "link", "add", "br-outside", "up", "type", "bridge")
        other = Stack(f"far-{stack.variant}", stack.variant, stack.project, remote)
        other.init(accelerator="tcg", rootfs="file", uplink="br-outside")
        other.up()
        (outside,) = other.outputs()["outside"]
        assert outside["bridge"] == "br-outside"
        assert other.preview("--refresh") == NOTHING
        client = other.client()
        body = other.fetch(client)
        assert body == (stack.project / "content/web/index.html").read_text()
        client.detach()
        other.destroy()
        assert not other.defined()
        assert "br-outside" in remote.inside("ip", "-oneline", "link")
