"""Pictures of a topology, or of a change to it, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topology.diff.view import View
from topology.scene.build import compared_scene, scene

if TYPE_CHECKING:
    from topology.cli.show import Format

__all__ = ["picture_in"]


def picture_in(form: Format, view: View, old: View | None = None) -> str:
    """The text of a picture; with `old`, what differs from it is marked."""
    assert view.resolved is not None
    if form.value == "html":
        from topology.render.page import page

        return page(view, old)
    drawn = scene(view.resolved, view.declared) if old is None else compared_scene(old, view)
    match form.value:
        case "dot":
            from topology.render.dot import dot

            return dot(drawn)
        case "mermaid":
            from topology.render.mermaid import mermaid

            return mermaid(drawn)
        case "svg":
            from topology.render.svg import svg

            return svg(drawn)
        case _:
            from topology.cli.views.network import tree_text

            return tree_text(drawn)
