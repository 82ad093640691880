"""A diff as one HTML file that asks for nothing else: light and dark, no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from topology.diff.types import (
    Action,
    DeploymentDiff,
    Diff,
    FlowDiff,
    StatementChange,
    StructureChange,
)
from topology.render.diff.escape import html_text
from topology.render.diff.words import (
    diagnostic_lines,
    headline,
    interruption_text,
    merged_deployments,
    node_text,
    place_text,
    reason_text,
    structure_lines,
    structure_title,
    verdict_text,
)
from topology.render.frame import framed

__all__ = ["diff_html"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --add: #1a7f37; --del: #cf222e; --mod: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --add: #3fb950; --del: #f85149; --mod: #d29922 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.1rem; margin-top: 2rem } h3 { font-size: 1rem }
figure { margin: 1rem 0 } figure svg { max-width: 100%; height: auto }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left;
  vertical-align: top }
ul { padding-left: 1.2rem }
.added, .opened, .create { color: var(--add) }
.removed, .closed, .destroy, .broken { color: var(--del) }
.changed, .renamed, .moved, .replace, .re-routed { color: var(--mod) }
""".strip()


def diff_html(diff: Diff, picture: str = "") -> str:
    """The whole diff as a page, with `picture`, an SVG, where there is one."""
    title = f"Topology {diff.topology}: {diff.old} → {diff.new}"
    return framed(title, _STYLE, _body(title, diff, picture))


def _body(title: str, diff: Diff, picture: str) -> Iterator[str]:
    yield f"<h1>{html_text(title)}</h1>"
    yield from _list([*headline(diff), *(f"note: {note}" for note in diff.notes)])
    mistakes = diagnostic_lines(diff)
    if mistakes:
        yield "<h2>Diagnostics</h2>"
        yield from _list(mistakes)
    if picture:
        yield f"<figure>{picture}</figure>"
    yield "<h2>Flows</h2>"
    yield from _flows(diff.flows)
    yield "<h2>Deployment</h2>"
    if not diff.deployments:
        yield "<p>Not compared.</p>"
    for deployment, variants in merged_deployments(diff.deployments):
        yield f"<h3>{html_text(variants)}</h3>"
        yield from _deployment(deployment)
    yield "<h2>Statements</h2>"
    yield from _statements(diff.statements)
    yield "<h2>Structure</h2>"
    yield from _structure(diff.structure)


def _flows(flows: tuple[FlowDiff, ...] | None) -> Iterator[str]:
    if flows is None:
        yield "<p>Not compared: a side is invalid.</p>"
    elif not flows:
        yield "<p>No flow opens, closes or takes another path.</p>"
    else:
        rows = [
            (
                one.change.value,
                (
                    f"{one.change.symbol} {one.change.value}",
                    ", ".join(one.sources),
                    ", ".join(one.destinations),
                    ", ".join(one.services),
                    _join(one.old, str(one.old_at or "")),
                    _join(one.new, str(one.new_at or "")),
                    one.packet,
                ),
            )
            for one in flows
        ]
        yield from _table(("", "from", "to", "service", "was", "now", "packet"), rows)


def _deployment(deployment: DeploymentDiff) -> Iterator[str]:
    if deployment.problem:
        yield from _list(deployment.problem.splitlines())
        return
    rows = [
        (
            one.action.value,
            (
                one.action.symbol,
                f"network {one.segment}",
                one.action.value,
                "\n".join(map(reason_text, one.reasons)),
            ),
        )
        for one in deployment.segments
        if one.action is not Action.KEEP
    ]
    rows += [
        (
            one.action.value,
            (
                one.action.symbol,
                f"{one.node} ({one.kind})",
                node_text(one),
                "\n".join(map(reason_text, one.reasons)),
            ),
        )
        for one in deployment.nodes
        if one.action is not Action.KEEP
    ]
    if rows:
        yield from _table(("", "what", "happens", "because"), rows)
    kept = deployment.names(Action.KEEP)
    if kept:
        yield f"<p>Untouched: {html_text(', '.join(kept))}.</p>"
    if deployment.interruptions:
        yield "<p>Interruption expected:</p>"
        yield from _list(["; ".join(interruption_text(one)) for one in deployment.interruptions])
    if deployment.steps:
        yield "<p>Order:</p>"
        yield from _list([f"{s.what}: {', '.join(s.names)}" for s in deployment.steps], "ol")


def _statements(statements: tuple[StatementChange, ...] | None) -> Iterator[str]:
    if statements is None:
        yield "<p>Not compared: a side is invalid.</p>"
        return
    rows = [
        (
            one.new.value,
            (
                verdict_text(one),
                one.name,
                one.says,
                one.packet,
                _join(one.because, " → ".join(one.path), str(one.place or "")),
            ),
        )
        for one in statements
    ]
    if rows:
        yield from _table(("", "statement", "says", "packet", "why"), rows)
    else:
        yield "<p>None are made.</p>"


def _structure(changes: tuple[StructureChange, ...]) -> Iterator[str]:
    if not changes:
        yield "<p>The same.</p>"
        return
    rows = [
        (
            one.change.value,
            (
                one.change.symbol,
                structure_title(one),
                "\n".join(structure_lines(one)),
                place_text(one.old, one.new),
            ),
        )
        for one in changes
    ]
    yield from _table(("", "what", "how", "where"), rows)


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr></thead>"
    for look, cells in rows:
        first, *others = map(_cell, cells)
        told = "".join(f"<td>{cell}</td>" for cell in others)
        yield f'<tr><td class="{html_text(look)}">{first}</td>{told}</tr>'
    yield "</table>"


def _cell(text: str) -> str:
    return "<br>".join(f"<code>{html_text(line)}</code>" for line in text.split("\n") if line)


def _list(lines: Sequence[str], kind: str = "ul") -> Iterator[str]:
    if lines:
        yield f"<{kind}>" + "".join(f"<li>{html_text(line)}</li>" for line in lines) + f"</{kind}>"


def _join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
