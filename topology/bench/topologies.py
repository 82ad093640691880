"""The topologies that loads are put on: the one that is deployed by default, and more in it."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from topology.bench.load.bulk import BULK_PORT
from topology.load import load_file

__all__ = ["RULES_MEMORY", "SINK", "with_sink"]

SINK = "sink"
"""The host in the DMZ that bulk transfers and small packets go to; never deployed."""

RULES_MEMORY = 32
"""MiB of a firewall of many rules, the same for every subject and number: a unikernel holds 5,000
in its default of 8, but a container was seen to need more than its default of 16."""

_SINK_SEGMENT, _SINK_HOST = "servers", 9


def with_sink(file: Path, rules: int = 0) -> str:
    """The topology in `file`, with a sink in the DMZ that the outside may send to, as YAML.

    With `rules` the firewall has that many, of which all but its own name hosts and ports that
    nothing here is sent to; they come first, so that each packet that is judged passes them all,
    and the memory that so many need.
    """
    document = _document(file)
    document["services"]["bulk"] = [f"tcp/{BULK_PORT}", f"udp/{BULK_PORT}"]
    prefixes = document["segments"][_SINK_SEGMENT]["prefixes"]
    document["nodes"][SINK] = {
        "kind": "external",
        "interfaces": {
            _SINK_SEGMENT: {"addresses": [str(ip_network(one)[_SINK_HOST]) for one in prefixes]}
        },
        "routes": {"default": "router"},
    }
    (policy,) = document["policies"].values()
    policy["rules"].append(
        {"name": "bulk-in", "permit": ["bulk"], "from": ["outside"], "to": [SINK]}
    )
    statements = document["statements"]
    statements["sink-takes"] = {"reach": ["bulk"], "from": ["outside"], "to": [SINK]}
    statements["nothing-else"]["only"].append("sink-takes")
    more = max(0, rules - len(policy["rules"]))
    if rules:
        for node in document["nodes"].values():
            if "policy" in node:
                node["memory"] = RULES_MEMORY
    policy["rules"] = [*(_rule(n) for n in range(more)), *policy["rules"]]
    return json.dumps(document, indent=1)


def _document(file: Path) -> dict[str, Any]:
    loaded = load_file(file)
    if loaded.topology is None:
        raise ValueError(f"{file} is invalid: {loaded.diagnostics[0]}")
    document: dict[str, Any] = loaded.topology.model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    return document


def _rule(number: int) -> dict[str, Any]:
    """A rule of the kind that firewalls gather over years: some prefix must not reach some port."""
    # 240.0.0.0/4 is reserved (RFC 1112): nothing comes from there, so that none ever matches.
    source = f"240.{number >> 8 & 255}.{number & 255}.0/24"
    kind = "udp" if number % 3 == 0 else "tcp"
    return {
        "name": f"partner-{number}",
        "deny": [f"{kind}/{1024 + number * 7 % 60000}"],
        "from": [source],
        "to": ["web" if number % 2 else "dns"],
    }
