"""`docs/diagnostics.md`: every code with an example and its mend, made from the golden errors."""

from __future__ import annotations

import re

from tests.support.golden import PROJECT, TESTS, check_golden
from topology.diagnostics import Code

HEAD = """\
# Diagnostics

Every mistake has a stable code. `0xx` are about the file, `1xx` about its form, `2xx` about what
it names, `3xx` about what it amounts to, `4xx` about what is proved. An error makes a topology
invalid, a warning does so under `topology validate --strict`, a remark is told when asked for
(`--remarks`). The examples are those of `tests/errors/`: what is wrong, where, and the hint that
mends it. This page is made by `python -m tests.regenerate`.
"""

# What no file in the repository can show: what it would take is too large, or not a file's.
ELSEWHERE = {
    Code.UNREADABLE: "there is no file, or it cannot be read. Mend: name the topology's file.",
    Code.TOO_LARGE: "the file is larger than 16 MiB. Mend: a topology is text; is it the right "
    "file?",
    Code.CONTENT_TOO_LARGE: "a web node's files are more than 4 MiB together: they travel in its "
    "configuration. Mend: serve less, or smaller files.",
    Code.TOO_MANY_INTERFACES: "a node has more interfaces than the variant carries (said by "
    "`topology plan`). Mend: spread its segments over several nodes.",
    Code.TOO_LITTLE_MEMORY: "a node has less memory than the variant needs, or than its pages need "
    "(said by `topology plan`). Mend: leave `memory` out, or set it to what the hint says.",
    Code.SINGLE_POINT_OF_FAILURE: "a remark (`topology validate --remarks`): without this "
    "forwarder others are cut off. Mend, if it matters: a second path.",
    Code.HOST_PREFIX: "a warning (`topology validate --host`): the host itself uses a prefix of "
    "the topology. Mend: another prefix.",
    Code.STATEMENT_BROKEN: "a statement does not hold (said by `pulumi up`; `topology prove` tells "
    "the packet's whole way). Mend: the rule or route that it names, or the statement.",
}


def examples() -> dict[Code, tuple[str, str]]:
    """For each code the first golden text about it, with the name of its file."""
    found: dict[Code, tuple[str, str]] = {}
    for path in sorted((TESTS / "errors").glob("*.txt")):
        for block in path.read_text().strip().split("\n\n"):
            match = re.match(r"(?:error|warning|remark) (TOP\d+):", block)
            assert match is not None, f"{path} does not start with a diagnostic"
            found.setdefault(Code(match[1]), (path.stem, block))
    return found


def test_golden_diagnostics_page() -> None:
    shown = examples()
    lines = [HEAD]
    for code in Code:
        lines.append(f"## {code.value} {code.name.replace('_', ' ').lower()}\n")
        if code in shown:
            stem, block = shown[code]
            lines.append(f"[`{stem}.yaml`](../tests/errors/{stem}.yaml):\n")
            lines.append("```\n" + block.rstrip() + "\n```\n")
        else:
            text = ELSEWHERE[code]
            lines.append(text[0].upper() + text[1:] + "\n")
    check_golden(PROJECT / "docs" / "diagnostics.md", "\n".join(lines))


def test_what_the_page_says_without_example_has_none() -> None:
    assert not ELSEWHERE.keys() & examples().keys()
