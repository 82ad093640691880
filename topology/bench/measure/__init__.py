"""The measures: one a file, listed here in the order in which they are taken.

A measure is added by its file and its line in the tuple.
"""

from __future__ import annotations

from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.measure.boot import Boot, BootDns, BootEmulated
from topology.bench.measure.cpu import CpuIdle, CpuWork
from topology.bench.measure.density import Density
from topology.bench.measure.deploy import Deploy
from topology.bench.measure.dns import Dns
from topology.bench.measure.engine_model import EngineModel
from topology.bench.measure.forward import Forwarding
from topology.bench.measure.http import Connections, Http, NewConnections
from topology.bench.measure.images import Images, Surface
from topology.bench.measure.latency import (
    DnsLatency,
    DnsLatencyAtShares,
    HttpLatency,
    HttpLatencyAtShares,
)
from topology.bench.measure.memory import LeastMemory, NodeMemory
from topology.bench.measure.rules import Rules
from topology.bench.measure.storage import RandomReads, SequentialReads
from topology.bench.measure.study import Climb
from topology.bench.measure.update import Update

__all__ = ["MEASURES", "Bench", "Chart", "Figure", "Measure", "Section"]

MEASURES: tuple[Measure, ...] = (
    Boot(),
    BootDns(),
    BootEmulated(),
    Density(),
    NodeMemory(),
    LeastMemory(),
    CpuIdle(),
    Images(),
    Surface(),
    Http(),
    Dns(),
    NewConnections(),
    Connections(),
    CpuWork(),
    Forwarding(),
    Rules(),
    HttpLatency(),
    DnsLatency(),
    HttpLatencyAtShares(),
    DnsLatencyAtShares(),
    Climb(),
    SequentialReads(),
    RandomReads(),
    Update(),
    EngineModel(),
    Deploy(),
)
"""All measures; the order within one is the runner's. What deploys a network that others
share stands late, so that it idles beside few, and what overruns its time at the end."""
