"""A report as JUnit XML, for continuous integration."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from topology.probe.describe import expectation
from topology.probe.results import Report, Status

__all__ = ["junit"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """`report` as one JUnit test suite, a case a probe."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"topology probe {report.stack}",
        tests=str(len(report.outcomes)),
        failures=str(report.count(Status.BROKEN)),
        errors=str(report.count(Status.ERROR)),
        time=f"{report.seconds:.3f}",
    )
    for outcome in report.outcomes:
        probe = outcome.probe
        start = f" from {probe.place}" if probe.place is not None else ""
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{report.topology}.{probe.statement}",
            name=f"{expectation(probe.check)}{start}",
            time=f"{outcome.seconds:.3f}",
        )
        if outcome.status is not Status.SEEN:
            kind = "failure" if outcome.status is Status.BROKEN else "error"
            ElementTree.SubElement(case, kind, message=_NOT_XML.sub("\ufffd", outcome.seen))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
