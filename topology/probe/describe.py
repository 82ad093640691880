"""Probes in words, for tables and machines."""

from __future__ import annotations

from topology.probe.plan import (
    Check,
    CountersRose,
    DomainRuns,
    EchoAnswered,
    NoAnswer,
    NoEcho,
    OnlyOpen,
    PageServed,
    PathRecorded,
    PortOpen,
    RecordAnswered,
)

__all__ = ["expectation", "family", "tool"]


def expectation(check: Check) -> str:
    """What `check` expects, as one short phrase."""
    match check:
        case PageServed(url, version=version):
            return f"{url} over IPv{version} is the declared page"
        case RecordAnswered(server, transport, name, kind, answers):
            found = ", ".join(answers) or "no such name"
            return f"{name} {kind} over {transport} from {server}: {found}"
        case PortOpen(address, port):
            return f"{address} tcp/{port} accepts"
        case OnlyOpen(address, tcp, udp):
            ports = [f"tcp/{p}" for p in sorted(tcp)] + [f"udp/{p}" for p in sorted(udp)]
            return f"{address} answers on {', '.join(ports) or 'nothing'} only"
        case NoAnswer(address):
            return f"{address} is silent"
        case EchoAnswered(address):
            return f"{address} answers every echo request"
        case NoEcho(address):
            return f"{address} gets no echo and gives none"
        case CountersRose(node, counters, least):
            return f"{node} counted it: {' + '.join(counters)} rose by {least} or more"
        case PathRecorded(address, port, _):
            return f"the path to {address} tcp/{port} goes through it"
        case DomainRuns():
            return "its domain runs the deployed image and configuration"


def tool(check: Check) -> str:
    """The client that makes `check`."""
    match check:
        case PageServed():
            return "curl"
        case RecordAnswered():
            return "dig"
        case PortOpen() | OnlyOpen() | NoAnswer() | PathRecorded():
            return "nmap"
        case EchoAnswered() | NoEcho():
            return "ping"
        case CountersRose():
            return "console"
        case DomainRuns():
            return "libvirt"


def family(check: Check) -> str:
    """The IP version that `check` is made over, `IPv4` or `IPv6`; nothing where it is over none."""
    match check:
        case PageServed(version=version):
            return f"IPv{version}"
        case CountersRose() | DomainRuns():
            return ""
        case RecordAnswered(server=address):
            return f"IPv{address.version}"
        case _:
            return f"IPv{check.address.version}"
