"""How checks write what they found."""

from __future__ import annotations

from topology.diagnostics import Code, Diagnostic, Path, Severity, Subject

__all__ = ["error", "remark", "warning"]


def error(
    code: Code, summary: str, path: Path, *, detail: str = "", hint: str = "", on_key: bool = False
) -> Diagnostic:
    """A mistake that makes the topology invalid."""
    return Diagnostic(code, summary, Subject(path, on_key=on_key), detail, hint)


def warning(
    code: Code, summary: str, path: Path, *, detail: str = "", hint: str = "", on_key: bool = False
) -> Diagnostic:
    """Something that is probably not meant."""
    return Diagnostic(code, summary, Subject(path, on_key=on_key), detail, hint, Severity.WARNING)


def remark(
    code: Code, summary: str, path: Path, *, detail: str = "", hint: str = "", on_key: bool = False
) -> Diagnostic:
    """Something worth knowing that may well be meant."""
    return Diagnostic(code, summary, Subject(path, on_key=on_key), detail, hint, Severity.REMARK)
