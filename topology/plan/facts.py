"""What a planned domain is made of, field by field, in words: why one generation is not another.

Facts are texts by the name of a field, so that what was deployed can be kept in a stack's state
and compared by a later version of this program. The digest says whether two domains differ,
facts say in what.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from topology.plan.types import PlannedDomain, PlannedSegment

__all__ = ["content_digest", "domain_facts", "segment_facts"]


def domain_facts(domain: PlannedDomain) -> dict[str, str]:
    """Every field that the digest covers but the images, sorted by name."""
    return dict(sorted(_domain(domain)))


def segment_facts(segment: PlannedSegment) -> dict[str, str]:
    """Every field that the generation covers."""
    facts = {"host": segment.host, "mtu": str(segment.mtu)}
    return facts if segment.uplink is None else {**facts, "uplink": segment.uplink}


def content_digest(body: bytes) -> str:
    """What stands for a body where only its identity matters: 12 digits and its bytes.

    >>> content_digest(b"")
    'e3b0c44298fc, 0 bytes'
    """
    return f"{hashlib.sha256(body).hexdigest()[:12]}, {len(body)} bytes"


def _domain(domain: PlannedDomain) -> Iterator[tuple[str, str]]:
    yield "kind", domain.kind
    yield "host", domain.host
    yield "memory", f"{domain.memory} MiB"
    yield "vcpus", str(domain.vcpus)
    yield "consoles", str(PurePosixPath(domain.console).parent)
    for name, value in asdict(domain.boot).items():
        if value is not None and value != ():
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
            yield f"boot {name.replace('_', ' ')}", shown
    for nic in domain.nics:
        yield f"network of {nic.segment}", nic.network or nic.bridge
        if not nic.link_up:
            yield f"link of {nic.segment}", "down"
    yield from _config(json.loads(domain.config))


def _config(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "topology", document["topology"]
    for one in document["interfaces"]:
        name = one["name"]
        yield f"zone of {name}", one["zone"]
        yield f"MAC on {name}", one["mac"]
        yield f"MTU on {name}", str(one["mtu"])
        yield f"addresses on {name}", ", ".join(one["addresses"])
    for one in document["routes"]:
        yield f"route to {one['prefix']}", f"via {one['via']} on {one['interface']}"
    if "dataplane" in document:
        yield "dataplane", document["dataplane"]
    if "reverse_path" in document:
        yield "reverse path", document["reverse_path"]
    if "metrics" in document:
        metrics = document["metrics"]
        yield "metrics", f"tcp/{metrics['port']} from {', '.join(metrics['from'])}"
    if "filter" in document:
        yield from _filter(document["filter"])
    if "web" in document:
        for one in document["web"]["resources"]:
            body = b64decode(one["base64"]) if "base64" in one else one["body"].encode()
            yield f"resource {one['path']}", f"{one['type']}, {content_digest(body)}"
    if "dns" in document:
        if "rate_limit" in document["dns"]:
            yield "rate limit", f"{document['dns']['rate_limit']} a second and prefix"
        yield from _zones(document["dns"]["zones"])


def _filter(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "filter default", document["default"]
    yield "filter state", "stateful" if document["stateful"] else "stateless"
    yield "order of rules", ", ".join(rule["name"] for rule in document["rules"])
    for rule in document["rules"]:
        parts = [rule["action"], ", ".join(map(_match, rule["match"])) or "any"]
        for word in ("from", "to"):
            ends = [one.get("prefix") or f"interface {one['interface']}" for one in rule[word]]
            parts.append(f"{word} {', '.join(ends) or 'any'}")
        yield f"rule {rule['name']}", " ".join(parts) + (", logged" if rule["log"] else "")


def _match(match: Mapping[str, Any]) -> str:
    ports = [str(a) if a == b else f"{a}-{b}" for a, b in match.get("ports", ())]
    chosen = ",".join([*ports, *map(str, match.get("types", ()))])
    return f"{match['protocol']}/{chosen}" if chosen else str(match["protocol"])


def _zones(zones: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for zone in zones:
        soa = zone["soa"]
        # The serial follows from the records; the rest is the same for every zone today.
        timers = " ".join(str(soa[key]) for key in ("refresh", "retry", "expire", "minimum"))
        yield f"zone {zone['origin']}", f"{soa['primary']} {soa['mailbox']} {zone['ttl']} {timers}"
        records: dict[tuple[str, str], list[str]] = {}
        for one in zone["records"]:
            records.setdefault((one["name"], one["type"]), []).append(one["data"])
        for (name, kind), data in records.items():
            yield f"record {name} {kind}", ", ".join(data)
