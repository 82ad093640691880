"""The pytest plugin: a fixture `net`, and the packet and its path in the message of a failure."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from topology.testing.net import Net

__all__ = ["net", "pytest_addoption", "pytest_runtest_makereport"]

_SHOWN = 3
"""Answers that a failure shows: the last that the test asked for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--topology FILE`, and the setting `topology` for it."""
    parser.getgroup("topology").addoption(
        "--topology", metavar="FILE", help="the topology that the fixture `net` is of"
    )
    parser.addini("topology", "the topology that the fixture `net` is of", default="poc.yaml")


@pytest.fixture(scope="session")
def net(pytestconfig: pytest.Config) -> Net:
    """The topology under test."""
    # Imported late: a session that does not ask about a network pays nothing.
    from topology.testing.net import Net

    named = pytestconfig.getoption("--topology")
    return Net.from_file(named or pytestconfig.rootpath / Path(pytestconfig.getini("topology")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the way of the packets that the failed test asked about last."""
    report = yield
    known = getattr(item, "funcargs", {}).get("net")
    if known is None or not hasattr(known, "asked"):
        return report
    if report.failed and known.asked:
        text = "\n\n".join(f"{one.question}\n{one.evidence}" for one in known.asked[-_SHOWN:])
        report.sections.append(("network", text))
    if report.when == "teardown":
        known.asked.clear()
    return report
