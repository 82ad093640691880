"""DNS by dnsperf: as many queries as go; a third of the names is absent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from topology.bench.load.errors import LoadError
from topology.probe.places import Place
from topology.resolve.types import DnsZone

__all__ = ["DnsLoad", "load_dns", "queries", "read_dnsperf"]

_CLIENTS = 8
_TIMEOUT = 1.0
"""Seconds after which a query counts as lost."""


@dataclass(frozen=True, slots=True)
class DnsLoad:
    """What dnsperf saw: queries sent and answered, seconds, answers by response code."""

    sent: int
    answered: int
    seconds: float
    codes: dict[str, int]

    @property
    def rate(self) -> float:
        """Answers a second that say NOERROR or NXDOMAIN."""
        good = sum(self.codes.get(code, 0) for code in ("NOERROR", "NXDOMAIN"))
        return good / self.seconds

    @property
    def lost(self) -> float:
        """The share of queries that no good answer came to."""
        good = sum(self.codes.get(code, 0) for code in ("NOERROR", "NXDOMAIN"))
        return 1 - good / self.sent


def queries(zones: Iterable[DnsZone]) -> str:
    """Every address of the zones as dnsperf's input, and one absent name to two that are there."""
    lines: list[str] = []
    for zone in zones:
        present = [r for r in zone.records if r.type in ("A", "AAAA")]
        for number, record in enumerate(present):
            lines.append(f"{record.name} {record.type}")
            if number % 2:
                lines.append(f"absent-{number}.{zone.origin} A")
    if not lines:
        raise LoadError("the topology's zones hold no address to ask for")
    return "".join(f"{line}\n" for line in lines)


def load_dns(
    place: Place,
    server: IPv4Address | IPv6Address,
    data: Path,
    *,
    seconds: float,
    cpus: str,
) -> DnsLoad:
    """Asks the names in `data` over UDP from a place, by one thread, on `cpus` (a list of taskset).

    Raises `LoadError`.
    """
    command = ["taskset", "--cpu-list", cpus, "dnsperf", "-s", str(server), "-d", str(data)]
    command += ["-c", str(_CLIENTS), "-T", "1", "-l", f"{seconds:g}", "-t", f"{_TIMEOUT:g}"]
    done = place.run(command, timeout=seconds + 30)
    if done.returncode != 0:
        raise LoadError(f"dnsperf: {(done.stderr or done.stdout).strip()[-400:]}")
    return read_dnsperf(done.stdout)


def read_dnsperf(said: str) -> DnsLoad:
    """What dnsperf said; raises `LoadError` where nothing was answered."""
    sent = re.search(r"Queries sent: +(\d+)", said)
    answered = re.search(r"Queries completed: +(\d+)", said)
    seconds = re.search(r"Run time \(s\): +([\d.]+)", said)
    if sent is None or answered is None or seconds is None:
        raise LoadError(f"dnsperf gave no figures: {said.strip()[-400:]}")
    if int(answered[1]) == 0:
        raise LoadError(f"the DNS server answered none of {sent[1]} queries")
    codes = re.search(r"Response codes: +(.+)", said)
    each = re.findall(r"([A-Z]+) (\d+) \(", codes[1]) if codes else []
    return DnsLoad(
        sent=int(sent[1]),
        answered=int(answered[1]),
        seconds=float(seconds[1]),
        codes={code: int(count) for code, count in each},
    )
