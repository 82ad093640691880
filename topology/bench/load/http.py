"""HTTP by wrk: as many requests as go, over connections that last or a new one each time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topology.bench.load.errors import LoadError
from topology.probe.places import Place

__all__ = ["HttpLoad", "load_http", "read_wrk"]

_SCRIPT = Path(__file__).with_name("wrk.lua")
_MARK = "figures: "


@dataclass(frozen=True, slots=True)
class HttpLoad:
    """What wrk saw: whole answers with a 2xx or 3xx status, seconds, errors by kind.

    Latencies are of a closed loop, in microseconds by percentile: a slow answer holds back the
    next question, so they say nothing of a given rate.
    """

    answers: int
    seconds: float
    body: float
    """Bytes of an answer, header included."""
    refused: dict[str, int]
    latency: dict[str, float]

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.answers / self.seconds

    @property
    def errors(self) -> int:
        """Connections and answers that failed in any way."""
        return sum(self.refused.values())


def load_http(
    place: Place, url: str, *, connections: int, seconds: int, cpus: str, closing: bool = False
) -> HttpLoad:
    """Loads `url` from a place by one thread, on `cpus` (a list of taskset).

    `closing` asks for a connection of its own for each request. Raises `LoadError`.
    """
    command = ["taskset", "--cpu-list", cpus, "wrk", "--threads", "1"]
    command += ["--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", "5s", "--script", str(_SCRIPT)]
    command += ["--header", "Connection: close"] if closing else []
    done = place.run([*command, url], timeout=seconds + 30)
    if done.returncode != 0:
        raise LoadError(f"wrk: {(done.stderr or done.stdout).strip()}")
    return read_wrk(done.stdout)


def read_wrk(said: str) -> HttpLoad:
    """What wrk and its script said; raises `LoadError` where nothing was answered well."""
    line = next((one for one in said.splitlines() if one.startswith(_MARK)), None)
    if line is None:
        raise LoadError(f"wrk gave no figures: {said.strip()[-400:]}")
    figures: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    refused: dict[str, int] = figures["errors"]
    answers = figures["requests"] - refused["status"]
    if answers <= 0:
        raise LoadError(f"no good answer from the web server: {refused}")
    return HttpLoad(
        answers=answers,
        seconds=figures["microseconds"] / 1e6,
        body=figures["bytes"] / figures["requests"],
        refused=refused,
        latency=figures["latency"],
    )
