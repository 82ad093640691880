"""What `topology diff` predicts is what `pulumi preview` says, and what `pulumi up` does."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.support.deployed import Lab, Stack, copy_of_the_project, run, started_lab
from tests.support.grammar import Document, base_document, edited, edits, text_of
from tests.support.marks import LIVE_AS_ROOT

pytestmark = LIVE_AS_ROOT

BASE = base_document()
FEW, MANY, UPS = 5, 60, 20
# A failure is not shrunk: each step of that would be another preview.
bounded = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
drawn_edits = st.lists(edits, min_size=1, max_size=3)

Actions = tuple[dict[str, str], dict[str, str]]
"""What happens to nodes and to networks, what is kept left out."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with started_lab() as lab:
        yield lab


@pytest.fixture(scope="module", params=("unikernel", "containers"))
def stack(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The proof of concept deployed; statements only warn, since edits may break them."""
    variant: str = request.param
    project = copy_of_the_project(tmp_path_factory.mktemp("prediction"))
    stack = Stack(f"pr-{variant}", variant, project, lab)
    stack.init(statements="warn")
    write(stack, BASE)
    stack.up()
    yield stack
    stack.destroy()
    assert not stack.defined()


def write(stack: Stack, document: Document) -> None:
    (stack.project / "poc.yaml").write_text(text_of(document))


def diff(stack: Stack, old: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "topology", "diff", old, "poc.yaml", "--json", *arguments]
    environment = {**stack.lab.environment, "PYTHONPATH": str(stack.project)}
    told: dict[str, Any] = json.loads(run(command, environment, cwd=stack.project).stdout)
    return told


def predicted(told: Mapping[str, Any]) -> Actions:
    (deployment,) = told["deployments"]
    assert not deployment["problem"]
    nodes = {one["node"]: one["action"] for one in deployment["nodes"]}
    networks = {one["segment"]: one["action"] for one in deployment["segments"]}
    return _changed(nodes), _changed(networks)


def previewed(stack: Stack) -> Actions:
    said = stack.preview()
    return _words(said.nodes), _words(said.networks)


def _changed(actions: Mapping[str, str]) -> dict[str, str]:
    return {name: action for name, action in actions.items() if action != "keep"}


def _words(operations: Mapping[str, str]) -> dict[str, str]:
    known = {"create": "create", "delete": "destroy"}
    return {name: known.get(operation, "replace") for name, operation in operations.items()}


def check(stack: Stack, drawn: list[Callable[[Document], None]]) -> Actions:
    """Both ways to predict an edit of what runs against the preview of it."""
    document = edited(BASE, drawn)
    assume(document is not None)
    assert document is not None
    (stack.project / "base.yaml").write_text(text_of(BASE))
    write(stack, document)
    from_stack = predicted(diff(stack, f"stack:{stack.name}"))
    from_file = predicted(diff(stack, "base.yaml", "--variant", stack.variant))
    said = previewed(stack)
    assert from_stack == said
    assert from_file == said
    return said


@settings(bounded, max_examples=FEW)
@given(drawn_edits)
def test_predictions_are_what_a_preview_says(
    stack: Stack, drawn: list[Callable[[Document], None]]
) -> None:
    check(stack, drawn)


@pytest.mark.full
@settings(bounded, max_examples=MANY, derandomize=False)
@given(drawn_edits)
def test_many_predictions_are_what_a_preview_says(
    stack: Stack, drawn: list[Callable[[Document], None]]
) -> None:
    check(stack, drawn)


def test_nothing_is_predicted_of_what_runs(stack: Stack) -> None:
    write(stack, BASE)
    told = diff(stack, f"stack:{stack.name}", "--exit-code")
    assert not told["differs"]
    assert told["old"]["label"] == f"stack:{stack.name}"
    assert previewed(stack) == ({}, {})


def test_an_edited_service_is_predicted_and_a_comment_in_one_is_not(stack: Stack) -> None:
    write(stack, BASE)
    source = stack.project / "services/web/src/response.rs"
    before = source.read_text()
    try:
        # Another word each time: the store keeps what was built of an earlier one.
        word = secrets.token_hex(4)
        assert '(200, "OK")' in before
        source.write_text(before.replace('(200, "OK")', f'(200, "{word}")'))
        # Not built yet: other sources are taken to give another image, and that is said.
        told = diff(stack, f"stack:{stack.name}")
        assert predicted(told) == ({"web": "replace"}, {})
        assert "not built" in told["notes"][0]
        assert previewed(stack) == ({"web": "replace"}, {})
        told = diff(stack, f"stack:{stack.name}")
        assert predicted(told) == ({"web": "replace"}, {})
        assert not told["notes"]

        source.write_text(before + "// no change of what it does\n")
        assert previewed(stack) == ({}, {})
        assert predicted(diff(stack, f"stack:{stack.name}")) == ({}, {})
    finally:
        source.write_text(before)


def replace_and_compare(stack: Stack, document: Document) -> None:
    """Deploys an edit; what really starts, stops and stays is what was predicted."""
    write(stack, document)
    nodes, networks = predicted(diff(stack, f"stack:{stack.name}"))
    old, old_segments = stack.outputs()["nodes"], stack.outputs()["segments"]
    before = stack.running()
    stack.up()
    new, new_segments = stack.outputs()["nodes"], stack.outputs()["segments"]
    after = stack.running()
    assert set(after) == {told["domain"] for told in new.values()}
    done = {}
    for node in {*old, *new}:
        if node not in new:
            done[node] = "destroy"
        elif node not in old:
            done[node] = "create"
        elif before[old[node]["domain"]] != after.get(new[node]["domain"]):
            done[node] = "replace"
    assert done == nodes
    made = {
        segment: "destroy" if segment not in new_segments else "create"
        for segment in old_segments.keys() ^ new_segments.keys()
    }
    for segment in old_segments.keys() & new_segments.keys():
        if old_segments[segment]["bridge"] != new_segments[segment]["bridge"]:
            made[segment] = "replace"
    assert made == networks
    assert not diff(stack, f"stack:{stack.name}")["differs"]


@pytest.mark.full
@settings(bounded, max_examples=UPS // 2)
@given(drawn_edits)
def test_an_up_does_what_was_predicted_and_nothing_else(
    stack: Stack, drawn: list[Callable[[Document], None]]
) -> None:
    document = edited(BASE, drawn)
    assume(document is not None)
    assert document is not None
    # From wherever the example before has left it.
    replace_and_compare(stack, document)


def test_one_up_does_what_was_predicted(stack: Stack) -> None:
    write(stack, BASE)
    stack.up()
    document = edited(
        BASE,
        [lambda d: d["segments"]["servers"].update(mtu=1400), lambda d: d["nodes"].pop("web")],
    )
    assert document is None  # a rule still names it
    document = edited(BASE, [lambda d: d["segments"]["servers"].update(mtu=1400)])
    assert document is not None
    replace_and_compare(stack, document)
    write(stack, BASE)
    stack.up()


def test_a_stack_that_was_never_deployed_is_told(stack: Stack) -> None:
    empty = Stack(f"{stack.name}-empty", stack.variant, stack.project, stack.lab)
    empty.init()
    command = [sys.executable, "-m", "topology", "diff"]
    environment = {**stack.lab.environment, "PYTHONPATH": str(stack.project)}
    for name in (empty.name, "unknown"):
        ended = run([*command, f"stack:{name}"], environment, cwd=stack.project, code=68)
        assert f"stack:{name}" in ended.stderr or repr(name) in ended.stderr
