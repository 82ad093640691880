"""The real clients that probes are made with, and what their answers mean."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from topology.probe.errors import ProbeError
from topology.probe.places import Place
from topology.probe.plan import (
    TCP_PORTS,
    UDP_PORTS,
    EchoAnswered,
    NoAnswer,
    NoEcho,
    OnlyOpen,
    PageServed,
    PathRecorded,
    PortOpen,
    RecordAnswered,
    WireCheck,
)
from topology.probe.results import Status
from topology.resolve.types import Address, Protocol

__all__ = ["Seen", "on_the_wire"]

Seen = tuple[Status, str]

_NMAP = ("nmap", "-n", "-Pn", "-oX", "-", "--max-rtt-timeout", "300ms", "--initial-rtt-timeout")
_NMAP_SCAN = (*_NMAP, "150ms", "--max-retries", "2", "--min-rate", "1500", "--host-timeout", "60s")

_SCANS = {"tcp": "-sS", "udp": "-sU"}

_NPING = ("nping", "--icmp", "--icmp-type", "echo-reply", "-c", "1", "--delay", "0", "--quiet")
# nping makes no messages of ICMPv6; the kernel adds the checksum (RFC 3542 section 3.1).
_ECHO_REPLY_V6 = (
    "import socket, sys; "
    "raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6); "
    "raw.sendto(bytes((129, 0, 0, 0, 0, 1, 0, 1)), (sys.argv[1], 0))"
)


def on_the_wire(place: Place, check: WireCheck) -> Seen:
    """What `check` sees from `place`; raises `ProbeError` when its tool cannot be used."""
    match check:
        case EchoAnswered():
            return _echo(place, check)
        case NoAnswer():
            return _no_answer(place, check)
        case NoEcho():
            return _no_echo(place, check)
        case OnlyOpen():
            return _only_open(place, check)
        case PageServed():
            return _page(place, check)
        case PathRecorded():
            return _path(place, check)
        case PortOpen():
            return _open(place, check)
        case RecordAnswered():
            return _record(place, check)


def _page(place: Place, check: PageServed) -> Seen:
    marker = "\n%{http_code} %{content_type}"
    # Brackets and braces of an address or a path are no pattern.
    how = [f"-{check.version}", "-sS", "--globoff", "--path-as-is", "--max-time", "5"]
    done = place.run(["curl", *how, "-o", "-", "-w", marker, check.url])
    if done.returncode != 0:
        return Status.BROKEN, done.stderr.strip() or f"curl exit code {done.returncode}"
    body, _, line = done.stdout.rpartition("\n")
    code, _, media_type = line.partition(" ")
    if code != "200":
        return Status.BROKEN, f"status {code}"
    if media_type != check.media_type:
        return Status.BROKEN, f"media type {media_type!r}, not {check.media_type!r}"
    wanted = check.body.decode("utf-8", "surrogateescape")
    if body != wanted:
        return Status.BROKEN, f"another page ({_short(body)}, not {_short(wanted)})"
    return Status.SEEN, f"200, {len(check.body)} bytes as declared"


def _short(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:12]}"


def _record(place: Place, check: RecordAnswered) -> Seen:
    transport = ["+tcp"] if check.transport is Protocol.TCP else ["+notcp", "+ignore"]
    question = [f"@{check.server}", check.name, check.type]
    done = place.run(["dig", *question, *transport, "+norecurse", "+time=2", "+tries=2"])
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        return Status.BROKEN, said[-1].lstrip("; ") if said else "no answer"
    status = re.search(r"status: (\w+)", done.stdout)
    flags = re.search(r";; flags: ([a-z ]+);", done.stdout)
    if status is None or flags is None:
        return Status.BROKEN, "no header in dig's answer"
    if "aa" not in flags.group(1).split():
        return Status.BROKEN, f"{status.group(1)}, not authoritative"
    answers = tuple(sorted(_rdata(done.stdout, check)))
    wanted = "NOERROR" if check.answers else "NXDOMAIN"
    if status.group(1) != wanted:
        return Status.BROKEN, f"{status.group(1)}, not {wanted}"
    if answers != check.answers:
        return Status.BROKEN, f"{', '.join(answers) or 'nothing'}, not {', '.join(check.answers)}"
    return Status.SEEN, ", ".join(answers) or wanted


def _rdata(output: str, check: RecordAnswered) -> Iterator[str]:
    """The data of the records asked for; an alias in the answer leads on to its target's."""
    owners = {check.name.lower()}
    for line in output.splitlines():
        fields = line.split(None, 4)
        if line.startswith(";") or len(fields) < 5 or fields[0].rstrip(".").lower() not in owners:
            continue
        data = fields[4]
        if fields[3] == "CNAME":
            owners.add(data.rstrip(".").lower())
        if fields[3] != check.type:
            continue
        if check.type in ("NS", "PTR", "CNAME"):
            data = data.rstrip(".")
        elif check.type == "TXT":
            data = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', data))
        yield data


def _open(place: Place, check: PortOpen) -> Seen:
    states = _scan(place, check.address, ["-sS", "-p", str(check.port)])
    state = states.get(("tcp", check.port), "unknown")
    return (Status.SEEN if state == "open" else Status.BROKEN), f"tcp/{check.port} {state}"


def _only_open(place: Place, check: OnlyOpen) -> Seen:
    tcp = _with(TCP_PORTS, check.tcp)
    udp = _with(UDP_PORTS, check.udp)
    states = _scan(place, check.address, ["-sS", "-sU", "-p", f"T:{tcp},U:{udp}"])
    wanted = {("tcp", p) for p in check.tcp} | {("udp", p) for p in check.udp}
    answered = {port for port, state in states.items() if state in ("open", "closed", "unfiltered")}
    wrong = sorted(answered - wanted)
    if wrong:
        shown = ", ".join(f"{kind}/{port} {states[kind, port]}" for kind, port in wrong[:5])
        return Status.BROKEN, f"{shown}{' …' if len(wrong) > 5 else ''}"
    missing = sorted(port for port in wanted if states.get(port) != "open")
    if missing:
        # Hundreds of probes at once crowd single answers out on a busy host: ask these alone.
        again = _scan(place, check.address, _ports(missing))
        missing = [port for port in missing if again.get(port) != "open"]
    if missing:
        return Status.BROKEN, "no answer from " + ", ".join(f"{k}/{p}" for k, p in missing)
    shown = ", ".join(f"{kind}/{port}" for kind, port in sorted(wanted)) or "nothing"
    return Status.SEEN, f"{shown} answers, {len(states) - len(wanted)} other ports silent"


def _no_answer(place: Place, check: NoAnswer) -> Seen:
    kinds = (["-sS"] if check.tcp else []) + (["-sU"] if check.udp else [])
    ports = [f"T:{check.tcp}"] if check.tcp else []
    ports += [f"U:{check.udp}"] if check.udp else []
    states = _scan(place, check.address, [*kinds, "-p", ",".join(ports)])
    loud = [
        f"{kind}/{port} {state}"
        for (kind, port), state in sorted(states.items())
        if state in ("open", "closed", "unfiltered")
    ]
    if loud:
        return Status.BROKEN, ", ".join(loud[:5])
    return Status.SEEN, f"{len(states)} ports silent"


def _ports(ports: Sequence[tuple[str, int]]) -> list[str]:
    """nmap's arguments for a scan of these alone, by (protocol, port)."""
    kinds = sorted({_SCANS[kind] for kind, _ in ports})
    return [*kinds, "-p", ",".join(f"{kind[0].upper()}:{port}" for kind, port in ports)]


def _answered(place: Place, address: Address) -> tuple[int, int]:
    """How many echo requests were answered, and how many were sent."""
    done = place.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", str(address)], timeout=15)
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    if counts is None:
        raise ProbeError(f"ping: {done.stderr.strip() or done.stdout.strip()}")
    return int(counts.group(2)), int(counts.group(1))


def _echo(place: Place, check: EchoAnswered) -> Seen:
    answered, sent = _answered(place, check.address)
    status = Status.SEEN if answered == sent else Status.BROKEN
    return status, f"{answered} of {sent} echo requests answered"


def _no_echo(place: Place, check: NoEcho) -> Seen:
    answered, requests = _answered(place, check.address)
    if answered:
        return Status.BROKEN, f"{answered} of {requests} echo requests answered"
    unsolicited = _NPING if check.address.version == 4 else (sys.executable, "-c", _ECHO_REPLY_V6)
    sent = place.run([*unsolicited, str(check.address)], timeout=15)
    if sent.returncode != 0:
        told = sent.stderr.strip() or sent.stdout.strip()
        raise ProbeError(f"sending an echo reply: {told}")
    return Status.SEEN, "no reply to 2 requests; 1 unsolicited reply sent"


def _path(place: Place, check: PathRecorded) -> Seen:
    document = _nmap(place, check.address, ["-sS", "-p", str(check.port), "--traceroute"])
    hops = [hop.get("ipaddr", "") for hop in document.iter("hop")]
    shown = " → ".join(hops) or "no hop answered"
    if {str(address) for address in check.hops} & set(hops):
        return Status.SEEN, shown
    return Status.BROKEN, f"{shown}: not through {', '.join(str(a) for a in check.hops)}"


def _scan(place: Place, address: Address, arguments: list[str]) -> dict[tuple[str, int], str]:
    """The state of every scanned port, by (protocol, port)."""
    document = _nmap(place, address, arguments)
    states: dict[tuple[str, int], str] = {}
    scanned = {s.get("protocol", ""): s.get("services", "") for s in document.iter("scaninfo")}
    summary = {e.get("state", "") for e in document.iter("extraports")}
    listed = {
        (port.get("protocol", ""), int(port.get("portid", "0"))): state.get("state", "")
        for port in document.iter("port")
        for state in port.iter("state")
    }
    # Ports in a state that many share are only counted; where there are two such states, the
    # one that says more got through is the safe reading.
    loud = [state for state in ("open", "closed", "unfiltered") if state in summary]
    rest = loud[0] if loud else next(iter(sorted(summary)), "unknown")
    for protocol, services in scanned.items():
        for port in _expand(services):
            states[protocol, port] = listed.get((protocol, port), rest)
    return states


def _nmap(place: Place, address: Address, arguments: list[str]) -> ElementTree.Element:
    family = ["-6"] if address.version == 6 else []
    done = place.run([*_NMAP_SCAN, *family, *arguments, str(address)], timeout=120)
    if done.returncode != 0:
        raise ProbeError(f"nmap: {done.stderr.strip()}")
    document = ElementTree.fromstring(done.stdout)  # noqa: S314 -- nmap wrote it, not the network
    if any(host.get("timedout") == "true" for host in document.iter("host")):
        raise ProbeError(f"nmap gave up on {address} after its time limit")
    return document


def _with(ports: str, more: frozenset[int]) -> str:
    return ",".join([ports, *(str(port) for port in sorted(more))])


def _expand(ports: str) -> Iterator[int]:
    for part in filter(None, ports.split(",")):
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)
