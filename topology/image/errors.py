"""What goes wrong with images."""

from __future__ import annotations

from topology.errors import TopologyError


class ImageError(TopologyError):
    """An image cannot be built or kept; `hint` says what to do, `output` ends a tool's words."""

    def __init__(self, message: str, *, hint: str = "", output: tuple[str, ...] = ()) -> None:
        lines = [message, *(f"    {line}" for line in output)]
        if hint:
            lines.append(f"Hint: {hint}")
        super().__init__("\n".join(lines))
        self.message = message
        self.hint = hint
        self.output = output


__all__ = ["ImageError"]
