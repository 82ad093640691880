"""Pictures in the hands of others: pages in a real browser, graphs in graphviz."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.edits import EDITS, sides
from tests.support.golden import PROJECT, TESTS
from tests.support.grammar import base_document, text_of
from tests.support.hostile import HOSTILE
from tests.support.networks import networks
from topology.bench.generate import dmz_network
from topology.cli.main import run
from topology.cli.show import Format
from topology.cli.views.picture import picture_in
from topology.diff.view import View
from topology.sides.read import text_side

pytestmark = pytest.mark.live

POC = str(PROJECT / "poc.yaml")
GOLDEN = TESTS / "golden" / "picture"
NODES = 400
TRIED = ("tcp/80", "tcp/443", "udp/53", "icmp/echo-request", "icmpv6/echo-request")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert program is not None, "Debian's chromium-headless-shell is not installed"
    with sync_playwright() as playwright:
        # Root's Chromium has no sandbox; it sees only pages of ours.
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, and all that it said and asked for."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds: float = 0


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[[str], Opened]]:
    """Opens a page's text; when the test ends, it must have asked nobody and said nothing."""
    found: list[Opened] = []

    def opens(text: str) -> Opened:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        one = Opened(page)
        page.on("request", lambda request: one.asked.append(request.url))
        page.on("console", lambda message: one.said.append(message.text))
        page.on("pageerror", lambda error: one.said.append(str(error)))
        page.on("dialog", lambda dialog: one.said.append(dialog.message))
        begin = time.monotonic()
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")
        one.seconds = time.monotonic() - begin
        found.append(one)
        return one

    yield opens
    for one in found:
        assert one.asked == [(tmp_path / "page.html").as_uri()] * len(one.asked)
        assert one.said == []
        one.page.close()


def view_of(text: str, label: str = POC, base: Path | None = None) -> View:
    view = text_side(text, label, base or Path(label).parent).view
    assert view is not None
    assert view.resolved is not None
    return view


def poc_page() -> str:
    return picture_in(Format.HTML, view_of(Path(POC).read_text()))


def card(page: Page, name: str) -> Any:
    return page.locator(f'#map [data-node="{name}"]')


def told(
    capsys: pytest.CaptureFixture[str], file: str, source: str, destination: str, service: str
) -> Any:
    """What `topology explain --json` says."""
    protocol, _, what = service.partition("/")
    option = "--icmp" if protocol.startswith("icmp") else f"--{protocol}"
    capsys.readouterr()
    code = run(["explain", file, "--from", source, "--to", destination, option, what, "--json"])
    assert code == 0
    return json.loads(capsys.readouterr().out)["flows"]


def of_family(flows: Any, service: str) -> Any:
    """The command asks both families for a type of ICMP that both have, a page the one it names."""
    versions = {"icmp": False, "icmpv6": True}
    wanted = versions.get(service.partition("/")[0])
    if wanted is None:
        return flows
    return [flow for flow in flows if (":" in flow["there"]["packet"]["source"]) is wanted]


EXPLAIN = """([from, to, service]) => {
    const {protocol, port} = typedService(service);
    return explain(from, to, protocol, port);
}"""


def test_two_clicks_tell_what_explain_tells(
    opened: Callable[[str], Opened], capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened(poc_page()).page
    card(page, "client").click()
    assert "192.0.2.100/24" in page.inner_text("#panel")
    assert f"{POC}:" in page.inner_text("#panel")
    card(page, "web").click()
    assert page.inner_text("#panel h2") == "client → web"
    assert page.input_value("#service") == "tcp/80"
    shown = page.inner_text("#way")
    flows = told(capsys, POC, "client", "web", "tcp/80")
    assert len(flows) == 2
    for flow in flows:
        for step in flow["there"]["steps"]:
            place = f" {step['file']}:{step['line']}" if "file" in step else ""
            assert f"{step['node']} {step['text']}{place}" in shown
    page.fill("#service", "tcp/22")
    page.click("text=Explain")
    assert "does not get through: filtered at firewall" in page.inner_text("#way")
    page.fill("#service", "telnet")
    page.click("text=Explain")
    assert "A service is written" in page.inner_text("#way")
    page.click("text=Swap")
    assert page.inner_text("#panel h2") == "web → client"


@pytest.mark.parametrize("file", ["poc.yaml", "examples/two-dmz.yaml"])
def test_every_pair_is_explained_as_the_command_explains_it(
    file: str, opened: Callable[[str], Opened], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(PROJECT / file)
    view = view_of(Path(path).read_text(), path)
    page = opened(picture_in(Format.HTML, view)).page
    assert view.resolved is not None
    for pair, service in zip(permutations(view.resolved.nodes, 2), cycle(TRIED)):
        expected = of_family(told(capsys, path, *pair, service), service)
        assert page.evaluate(EXPLAIN, [*pair, service]) == expected


NO_WAY_BACK = {
    "version": 1,
    "name": "back",
    "segments": {
        "near": {"zone": "near", "prefixes": ["10.0.0.0/24", "2001:db8::/64"]},
        "far": {"zone": "far", "prefixes": ["10.2.0.0/24", "2001:db8:2::/64"]},
    },
    "nodes": {
        "lost": {"kind": "router", "interfaces": ["near"], "routes": {}},
        "between": {"kind": "router", "interfaces": ["near", "far"]},
        "web": {"kind": "web", "interfaces": ["far"]},
    },
    "policies": {},
}
"""What one router sends on, the other takes for forged."""


@example(document=NO_WAY_BACK)
@given(document=networks())
@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_odd_networks_are_explained_as_the_command_explains_them(
    document: dict[str, Any],
    opened: Callable[[str], Opened],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Loops, black holes, forged sources: whatever the model ends with."""
    file = tmp_path / "net.yaml"
    file.write_text(text_of(document))
    side = text_side(file.read_text(), str(file), tmp_path)
    if side.view is None or side.view.resolved is None:
        return
    one = opened(picture_in(Format.HTML, side.view))
    names = [*side.view.resolved.nodes]
    for source, destination in zip(names, reversed(names), strict=True):
        if source != destination:
            for service in ("tcp/80", "icmp/echo-request"):
                expected = of_family(told(capsys, str(file), source, destination, service), service)
                found = one.page.evaluate(EXPLAIN, [source, destination, service])
                assert found == expected


def test_search_finds_by_name_address_and_zone(opened: Callable[[str], Opened]) -> None:
    page = opened(poc_page()).page
    for text, left in (
        ("web", ["web"]),
        ("203.0.113.53", ["dns"]),
        ("DMZ", ["dns", "router", "web"]),
        ("nothing of the kind", []),
    ):
        page.fill("#search", text)
        bright = page.locator("#map [data-node]:not(.out)")
        names = sorted(filter(None, (c.get_attribute("data-node") for c in bright.all())))
        assert names == left
        assert page.inner_text("#found") == f"{len(left)} of 5 nodes"
    page.fill("#search", "")
    page.select_option("#zone", "transit")
    assert page.inner_text("#found") == "2 of 5 nodes"
    page.click("#tab-nodes")
    assert page.locator("#nodes tbody tr:visible").count() == 2


def test_everything_can_be_done_by_keys(opened: Callable[[str], Opened]) -> None:
    page = opened(poc_page()).page
    focused = "document.activeElement.dataset.node ?? document.activeElement.id"
    stops = []
    for _ in range(8):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(focused))
        seen = "getComputedStyle(document.activeElement.dataset.node ? "
        seen += "document.activeElement.querySelector('rect') : document.activeElement)"
        look = page.evaluate(f"[{seen}.outlineStyle, {seen}.strokeWidth]")
        assert look[0] == "solid" or look[1] == "4px"
    assert stops == [
        "search", "zone", "tab-map", "theme", "closer", "farther", "fit", "client",
    ]  # fmt: skip
    page.keyboard.press("/")
    assert page.evaluate(focused) == "search"
    page.keyboard.type("client")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "client"
    assert card(page, "client").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert card(page, "client").get_attribute("aria-pressed") == "false"
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2").startswith("client → ")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.inner_text("#panel h2") == "poc"
    page.focus("#tab-map")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#grid")
    named = page.locator("[role=button]:not([aria-label]), button:not([aria-label]):empty")
    assert named.count() == 0


def test_the_matrix_leads_to_explanations(opened: Callable[[str], Opened]) -> None:
    page = opened(poc_page()).page
    page.click("#tab-matrix")
    assert "tcp/53" in page.inner_text("#grid")
    page.click('#grid button[aria-label^="client → dns"]')
    assert page.inner_text("#panel h2") == "client → dns"
    page.select_option("#by", "zone")
    assert page.locator("#grid tbody tr").count() == 3


def test_light_and_dark_and_paper(opened: Callable[[str], Opened]) -> None:
    page = opened(poc_page()).page
    paper = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(paper)
    assert light == "rgb(255, 255, 255)" != dark
    page.wait_for_selector("#theme[aria-pressed=true]")
    page.click("#theme")
    assert page.evaluate(paper) == light
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == dark
    page.emulate_media(media="print")
    assert page.evaluate(paper) == light
    assert not page.is_visible("#search")
    assert page.is_visible("#map svg")


def test_foreign_text_is_shown_and_does_nothing(opened: Callable[[str], Opened]) -> None:
    document = base_document()
    document["nodes"]["dns"]["records"]["poc.example"] |= {
        f"note{number}": {"txt": text} for number, text in enumerate(HOSTILE)
    }
    page = opened(picture_in(Format.HTML, view_of(text_of(document), HOSTILE[0], PROJECT))).page
    page.fill("#search", HOSTILE[-2])
    page.fill("#search", "")
    card(page, "dns").click()
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, a, object").count() == 0
    shown = " ".join(page.locator("#panel td").all_text_contents())
    assert "<script>alert(1)</script>" in shown
    assert f"{HOSTILE[0]}:" in page.inner_text("#panel")


def test_a_change_is_marked_on_the_page(opened: Callable[[str], Opened]) -> None:
    new, old = sides(next(edit for edit in EDITS if edit.name == "second-web-server"))
    assert new.view is not None
    page = opened(picture_in(Format.HTML, new.view, old.view)).page
    assert "removed" in (card(page, "web2").get_attribute("aria-label") or "")
    card(page, "web2").click()
    assert "removed" in page.inner_text("#panel h2")
    assert "203.0.113.81/24" in page.inner_text("#panel")
    card(page, "dns").click()
    assert "changed" in page.inner_text("#panel h2")


def test_hundreds_of_nodes_open_and_answer(
    opened: Callable[[str], Opened], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(dmz_network(NODES))
    text = picture_in(Format.HTML, view_of(file.read_text(), str(file)))
    assert len(text) < 2_000_000
    one = opened(text)
    page = one.page
    answered = """(name) => new Promise((done) => {
        const begin = performance.now();
        document.querySelector(`[data-node="${name}"]`).dispatchEvent(new MouseEvent("click"));
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
    })"""
    first, second = page.evaluate(answered, "client"), page.evaluate(answered, "web-17-3")
    assert page.inner_text("#panel h2") == "client → web-17-3"
    flows = told(capsys, str(file), "client", "web-17-3", "tcp/80")
    assert page.evaluate(EXPLAIN, ["client", "web-17-3", "tcp/80"]) == flows
    page.fill("#search", "d38.example")
    page.fill("#search", "10.0.38.")
    assert page.inner_text("#found") == "10 of 393 nodes"
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(text) / 1e3:.0f} kB of {NODES} nodes: opened in {one.seconds * 1e3:.0f} ms, "
            f"a click told in {first:.0f} ms, a way in {second:.0f} ms"
        )


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.dot")), ids=lambda path: path.stem)
def test_graphviz_reads_every_golden_graph(path: Path) -> None:
    subprocess.run(["dot", "-Tsvg", "-o", "/dev/null", path], check=True, timeout=60)
