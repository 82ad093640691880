"""DNS zones: addresses, reverse zones, NS and SOA follow from the nodes that records name."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterable
from hashlib import sha256

from topology.model import DnsNode, RecordSet
from topology.resolve.addresses import address_key
from topology.resolve.names import Names
from topology.resolve.routes import Addresses
from topology.resolve.types import Address, DnsRecord, DnsZone, Prefix

__all__ = [
    "absolute_name",
    "alias_target",
    "is_wildcard",
    "name_servers",
    "resolve_zones",
    "reverse_origin",
    "source_of",
]

_TTL = 300
_REFRESH, _RETRY, _EXPIRE, _MINIMUM = 3600, 600, 604800, 300


def resolve_zones(names: Names, addresses: Addresses, node: str) -> tuple[DnsZone, ...]:
    """The zones that a DNS node serves, reverse zones included, sorted by origin.

    An address gets a PTR for every name that the node's own zones give it.
    """
    declared = names.topology.nodes[node]
    assert isinstance(declared, DnsNode)
    zones: dict[str, set[tuple[str, str, str]]] = {}
    servers: dict[str, tuple[str, ...]] = {}
    for origin, records in declared.records.items():
        servers[origin] = name_servers(names, origin, records)
        zone = zones.setdefault(origin, set())
        for label, record in records.items():
            name = absolute_name(label, origin)
            zone.update(_other(name, record, origin, records))
            for target in record.nodes or ():
                for address, prefix in _addresses(names, addresses, target):
                    zone.add((name, "A" if address.version == 4 else "AAAA", str(address)))
                    if is_wildcard(name):
                        continue  # no address is called so
                    reverse = reverse_origin(address, prefix)
                    pointers = zones.setdefault(reverse, set())
                    pointers.add((address.reverse_pointer, "PTR", name))
    every = tuple(sorted({server for known in servers.values() for server in known}))
    return tuple(
        _zone(origin, zones[origin], servers.get(origin, every)) for origin in sorted(zones)
    )


def name_servers(names: Names, origin: str, records: Iterable[str]) -> tuple[str, ...]:
    """The names in a zone that stand for nothing but nodes that serve it, absolute, sorted."""
    serving = names.servers.get(origin, frozenset())
    found = set()
    for server in serving:
        node = names.topology.nodes[server]
        assert isinstance(node, DnsNode)
        for label in (one for one in records if not is_wildcard(one)):
            record = node.records[origin].get(label)
            if record is not None and record.nodes and set(record.nodes) <= serving:
                found.add(absolute_name(label, origin))
    return tuple(sorted(found))


def absolute_name(label: str, origin: str) -> str:
    """A name of a zone, absolute, without the final dot.

    >>> absolute_name("www", "poc.example"), absolute_name("@", "poc.example")
    ('www.poc.example', 'poc.example')
    """
    return origin if label == "@" else f"{label}.{origin}"


def is_wildcard(name: str) -> bool:
    """Whether a name stands for others (RFC 4592 section 2.1.1).

    >>> is_wildcard("*"), is_wildcard("*.poc.example"), is_wildcard("www")
    (True, True, False)
    """
    return name == "*" or name.startswith("*.")


def source_of(name: str, names: Collection[str]) -> str | None:
    """Whose records answer for `name`: its own, or the wildcard's below its closest encloser.

    A name exists where one below it does. Source: RFC 4592 section 3.3.1.

    >>> source_of("a.b.test", ["test", "*.test"]), source_of("a.www.test", ["www.test", "*.test"])
    ('*.test', None)
    """
    at = name
    while at not in names and not any(one.endswith(f".{at}") for one in names):
        _, _, at = at.partition(".")
        if not at:
            return None
    source = name if at == name else f"*.{at}"
    return source if source in names else None


def alias_target(cname: str, origin: str, labels: Container[str]) -> str:
    """What an alias leads to: a name of its zone as it is written there, else an absolute one."""
    return absolute_name(cname, origin) if cname in labels or "." not in cname else cname


def reverse_origin(address: Address, prefix: Prefix) -> str:
    """The reverse zone of an address: its prefix, lengthened to the next whole label.

    An IPv4 prefix longer than 24 bits shares its /24 (delegation below it is RFC 2317's). Source:
    RFC 1035 section 3.5, RFC 3596 section 2.5.

    >>> from ipaddress import ip_address, ip_network
    >>> reverse_origin(ip_address("203.0.113.80"), ip_network("203.0.113.0/26"))
    '113.0.203.in-addr.arpa'
    """
    bits, longest = (8, 24) if address.version == 4 else (4, 124)
    labels = min(-(-prefix.prefixlen // bits) * bits, longest) // bits
    pointer = address.reverse_pointer.split(".")
    whole = 4 if address.version == 4 else 32
    return ".".join(pointer[whole - max(labels, 1) :])


def _addresses(names: Names, addresses: Addresses, node: str) -> list[tuple[Address, Prefix]]:
    found = [
        (address.ip, address.network)
        for segment in names.topology.nodes[node].interfaces
        for address in addresses[node, segment]
    ]
    return sorted(found, key=lambda item: address_key(item[0]))


def _other(
    name: str, record: RecordSet, origin: str, labels: Container[str]
) -> Iterable[tuple[str, str, str]]:
    for text in record.txt or ():
        yield name, "TXT", text
    if record.cname is not None:
        yield name, "CNAME", alias_target(record.cname, origin, labels)


def _zone(origin: str, records: set[tuple[str, str, str]], servers: tuple[str, ...]) -> DnsZone:
    every = sorted(records | {(origin, "NS", server) for server in servers})
    primary, mailbox = servers[0], f"hostmaster.{origin}"
    if origin.endswith(".arpa"):
        mailbox = f"hostmaster.{primary.partition('.')[2]}"
    # The serial only has to differ when the content does: there are no secondaries to notify.
    content = json.dumps([origin, primary, mailbox, every]).encode()
    return DnsZone(
        origin=origin,
        ttl=_TTL,
        primary=primary,
        mailbox=mailbox,
        serial=int.from_bytes(sha256(content).digest()[:4], "big") or 1,
        refresh=_REFRESH,
        retry=_RETRY,
        expire=_EXPIRE,
        minimum=_MINIMUM,
        records=tuple(DnsRecord(name, kind, _TTL, data) for name, kind, data in every),
    )
