"""HTTP and DNS at a fixed rate, whatever is answered: an open loop, by the toolchain's `pace`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Literal

from topology.bench.load.errors import LoadError
from topology.probe.places import Place
from topology.render.config import DNS_PORT, HTTP_PORT

__all__ = ["Paced", "Service", "pace", "read_pace"]

Service = Literal["dns", "http"]

_PORTS: dict[Service, int] = {"dns": DNS_PORT, "http": HTTP_PORT}


@dataclass(frozen=True, slots=True)
class Paced:
    """What came of requests at a fixed rate: how many were due and answered well, in how long.

    `latency` counts from when a request was due, in microseconds by percentile of all that were
    due: one that failed or was not answered within two seconds counts until then. `lag` is how
    late requests went out by the sender's own fault.
    """

    due: int
    answered: int
    seconds: float
    latency: Mapping[str, float]
    lag: Mapping[str, float]

    @property
    def lost(self) -> float:
        """The share of requests without a good answer."""
        return 1 - self.answered / self.due


def pace(
    place: Place,
    service: Service,
    server: IPv4Address,
    what: str,
    *,
    width: int,
    rate: int,
    seconds: float,
    cpus: str,
    sleeps: bool = False,
) -> Paced:
    """Asks a server `rate` times a second from a place, on `cpus`; raises `LoadError`.

    `what` is a path or a file of questions, `width` how many connections or sockets there are. A
    sender that `sleeps` leaves the processor alone in between, and rounds latencies.
    """
    command = ["taskset", "--cpu-list", cpus, "pace", service, f"{server}:{_PORTS[service]}", what]
    command += [str(width), str(rate), f"{seconds:g}", *(["sleep"] if sleeps else [])]
    done = place.run(command, timeout=seconds + 30)
    if done.returncode != 0:
        raise LoadError(f"pace: {(done.stderr or done.stdout).strip()}")
    return read_pace(done.stdout)


def read_pace(said: str) -> Paced:
    """What pace said; raises `LoadError` where it is no tally."""
    try:
        figures: dict[str, Any] = json.loads(said)
        return Paced(
            due=figures["due"],
            answered=figures["answered"],
            seconds=figures["seconds"],
            latency=figures["latency"],
            lag=figures["lag"],
        )
    except (KeyError, ValueError) as error:
        raise LoadError(f"pace gave no figures: {said.strip()[-400:]}") from error
