"""What the tools said, recorded from real runs, read as figures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.golden import PROJECT
from topology.bench.load.bulk import read_iperf
from topology.bench.load.dns import queries, read_dnsperf
from topology.bench.load.errors import LoadError
from topology.bench.load.http import read_wrk
from topology.bench.load.paced import read_pace
from topology.bench.load.rated import Rated
from topology.bench.load.site import Cores, cores
from topology.bench.measure.study import holds, steps
from topology.bench.stock.files import nginx_files, nsd_files, zone_file
from topology.bench.topologies import SINK, with_sink
from topology.diagnostics import Severity
from topology.pipeline import prove_file, require_file
from topology.resolve.types import DnsRecord, DnsZone

OUTPUTS = Path(__file__).with_name("outputs")


def said(name: str) -> str:
    return (OUTPUTS / name).read_text()


def test_requests_are_counted() -> None:
    load = read_wrk(said("wrk.txt"))
    assert load.errors == 0
    assert load.answers / load.seconds == pytest.approx(load.rate)
    assert f"{load.answers} requests" in said("wrk.txt")
    assert 176 < load.body < 600
    assert load.latency["p50"] <= load.latency["p99"] <= load.latency["max"]


def test_a_404_is_no_answer() -> None:
    with pytest.raises(LoadError, match="no good answer"):
        read_wrk(said("wrk-404.txt"))


def test_silence_is_told() -> None:
    with pytest.raises(LoadError, match="wrk gave no figures"):
        read_wrk("unable to connect to 203.0.113.80:81 Connection timed out")
    with pytest.raises(LoadError, match="answered none of 100 queries"):
        read_dnsperf(said("dnsperf-silent.txt"))
    with pytest.raises(LoadError, match="iperf3: unable to connect"):
        read_iperf(said("iperf3-refused.json"))


def test_queries_are_counted() -> None:
    load = read_dnsperf(said("dnsperf.txt"))
    assert (load.sent, load.answered, load.lost) == (34488, 34488, 0)
    assert load.codes == {"NOERROR": 22992, "NXDOMAIN": 11496}
    assert load.rate == pytest.approx(34488 / 1.001328)


def test_a_refusal_is_no_answer() -> None:
    text = said("dnsperf.txt").replace("NXDOMAIN 11496", "REFUSED 11496")
    assert read_dnsperf(text).lost == pytest.approx(1 / 3, abs=1e-3)


def test_what_was_due_is_counted() -> None:
    text = (
        '{"due": 10, "sent": 10, "answered": 9, "failed": 0, "seconds": 1.0, '
        '"latency": {"p50": 90, "p99": 2000000}, "lag": {"p50": 1}}'
    )
    paced = read_pace(text)
    assert paced.lost == pytest.approx(0.1)
    assert paced.latency["p99"] == 2_000_000
    with pytest.raises(LoadError, match="pace gave no figures"):
        read_pace("usage")


def test_a_climb_goes_beyond_the_study() -> None:
    rates = list(steps(quick=False))
    assert rates[:40] == list(range(100, 4001, 100))
    assert all(later <= 1.26 * rate for rate, later in pairwise(rates[40:]))
    assert rates[-1] > 500_000
    assert holds(Rated(99, 0.01, {"p99": 100_000}, {}))
    assert not holds(Rated(99, 0.011, {"p99": 1}, {}))
    assert not holds(Rated(100, 0.0, {"p99": 100_001}, {}))


def test_a_third_of_the_names_is_absent() -> None:
    zones = require_file(PROJECT / "poc.yaml").nodes["dns"].zones
    lines = queries(zones).splitlines()
    absent = [line for line in lines if line.startswith("absent-")]
    assert len(lines) == 3 * len(absent) > 0
    assert "www.poc.example A" in lines


@pytest.mark.parametrize("rules", [10, 100])
def test_more_rules_change_no_statement(tmp_path: Path, rules: int) -> None:
    (tmp_path / "content").symlink_to(PROJECT / "content")
    file = tmp_path / "topology.yaml"
    file.write_text(with_sink(PROJECT / "poc.yaml", rules).replace('"content/web"', "null"))
    resolved, diagnostics = prove_file(file)
    assert resolved is not None, list(diagnostics)
    assert not [d for d in diagnostics if d.severity is Severity.ERROR]
    policy = resolved.nodes["firewall"].policy
    assert policy is not None
    assert len(policy.rules) == rules
    assert not resolved.nodes[SINK].deployed


def test_paths_have_the_same_cores_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5, 2, 3})
    assert cores("segment") == Cores("2", "5")
    assert cores("through") == Cores("2,5", "2,5")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {7})
    assert cores("segment") == Cores("7", "7")


def test_a_zone_becomes_a_master_file() -> None:
    records = (
        DnsRecord("poc.example", "NS", 60, "ns1.poc.example"),
        DnsRecord("www.poc.example", "A", 60, "203.0.113.80"),
        DnsRecord("poc.example", "TXT", 60, 'a "quoted" é;' + "x" * 255),
    )
    zone = DnsZone("poc.example", 60, "ns1.poc.example", "h.poc.example", 1, 2, 3, 4, 5, records)
    text = zone_file(zone)
    assert text.startswith("poc.example. 60 IN SOA ns1.poc.example. h.poc.example. 1 2 3 4 5\n")
    assert "poc.example. 60 IN NS ns1.poc.example.\n" in text
    assert 'IN TXT "a \\034quoted\\034 \\195\\169;' + "x" * 241 + '" "' + "x" * 14 + '"\n' in text


def test_servers_are_told_what_the_nodes_are() -> None:
    nodes = require_file(PROJECT / "poc.yaml").nodes
    web = nginx_files(nodes["web"], Path("/there"))
    assert b"worker_processes 1;" in web["nginx.conf"]
    assert b"listen 203.0.113.80:80 " in web["nginx.conf"]
    assert {web[f"resource-{n}"] for n in range(len(nodes["web"].resources))} == {
        one.body for one in nodes["web"].resources
    }
    dns = nsd_files(nodes["dns"], Path("/there"))
    assert b"server-count: 1\n" in dns["nsd.conf"]
    assert b"rrl-ratelimit: 0\n" in dns["nsd.conf"]
    assert len(dns) == 1 + len(nodes["dns"].zones)
