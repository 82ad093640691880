"""One service at one rate: what came of it, whichever service and tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from topology.bench.load.dns import DnsLoad, load_dns, queries
from topology.bench.load.http import load_http
from topology.bench.load.paced import Service, pace
from topology.bench.load.site import Site
from topology.resolve.types import Kind

__all__ = ["Rated", "Service", "ask", "at_rate", "capacity"]

_WIDTH = 32

_LATE = 1000.0
"""Microseconds of the sender's own lateness (its median) beyond which it fails."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What came of a rate: good answers a second, the share lost, latencies in microseconds.

    `lag` is the sender's own lateness; `short` says in words that the
    sender could not keep the rate, so that the figures are its own and not the subject's.
    """

    achieved: float
    lost: float
    latency: Mapping[str, float]
    lag: Mapping[str, float]
    short: str = ""


def at_rate(
    here: Site,
    service: Service,
    path: str,
    rate: int,
    *,
    seconds: float,
    scratch: Path,
    width: int = _WIDTH,
    sleeps: bool = False,
) -> Rated:
    """Asks a subject's server `rate` times a second, whatever it answers; raises `LoadError`.

    `width` is how many connections (HTTP) or sockets (DNS) ask; `scratch` takes the questions;
    a sender that `sleeps` between requests is for processor time, not for latencies.
    """
    kind, what = (Kind.WEB, "/") if service == "http" else (Kind.DNS, _questions(here, scratch))
    came = pace(
        here.place(path),
        service,
        here.address(kind),
        what,
        width=width,
        rate=rate,
        seconds=seconds,
        cpus=here.settle(path).load,
        sleeps=sleeps,
    )
    late = came.lag.get("p50", 0.0)
    short = f"half of the requests went out {late / 1000:.1f} ms late" if late > _LATE else ""
    achieved = came.answered / max(seconds, came.seconds)
    return Rated(achieved, came.lost, came.latency, came.lag, short)


def capacity(here: Site, service: Service, path: str, *, seconds: int, scratch: Path) -> float:
    """Good answers a second in a closed loop: what rates are shares of."""
    if service == "dns":
        return ask(here, path, seconds=seconds, scratch=scratch).rate
    cpus = here.settle(path).load
    return load_http(
        here.place(path), here.page(), connections=_WIDTH, seconds=seconds, cpus=cpus
    ).rate


def ask(here: Site, path: str, *, seconds: float, scratch: Path) -> DnsLoad:
    """Asks a subject's DNS server for what is in its zones, and for what is not, all it can."""
    return load_dns(
        here.place(path),
        here.address(Kind.DNS),
        Path(_questions(here, scratch)),
        seconds=seconds,
        cpus=here.settle(path).load,
    )


def _questions(here: Site, scratch: Path) -> str:
    file = scratch / "queries"
    file.write_text(queries(here.node(Kind.DNS).zones), encoding="ascii")
    return str(file)
