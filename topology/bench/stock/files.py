"""What stock servers are told: nginx's and NSD's configuration, from the nodes that they stand for.

Both are set as somebody would who wants them fast: no access log, files kept open, connections
that last, one process that answers. Anything less would flatter what they are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from urllib.parse import unquote

from topology.render.config import DNS_PORT, HTTP_PORT, address_order
from topology.resolve.types import DnsRecord, DnsZone, ResolvedNode

__all__ = ["nginx_files", "nsd_files"]

# Records whose data ends in a name, which a zone file writes with a final dot.
_NAMED = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})

_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')


def nginx_files(node: ResolvedNode, directory: Path) -> dict[str, bytes]:
    """The files of nginx for a web node, by their names in `directory`; `nginx.conf` is one.

    One worker, as one core is what each subject has; each resource is a file with its media type.
    """
    files = {f"resource-{n}": one.body for n, one in enumerate(node.resources)}
    locations = "".join(
        f"    location = {_quoted(unquote(one.path))} {{\n"
        f"      types {{ }}\n"
        f"      default_type {_quoted(one.media_type)};\n"
        f"      try_files /resource-{n} =404;\n"
        f"    }}\n"
        for n, one in enumerate(node.resources)
    )
    listening = "".join(
        f"    listen {f'[{a.ip}]' if a.version == 6 else a.ip}:{HTTP_PORT} backlog=4096;\n"
        for a in _addresses(node)
    )
    text = f"""\
daemon off;
user nobody nogroup;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {directory}/nginx.pid;
error_log stderr error;
events {{
  worker_connections 4096;
  multi_accept on;
}}
http {{
  access_log off;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=1d;
  open_file_cache_valid 1d;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    root {directory};
{listening}    location / {{ return 404; }}
{locations}  }}
}}
"""
    return {**files, "nginx.conf": text.encode()}


def nsd_files(node: ResolvedNode, directory: Path) -> dict[str, bytes]:
    """The files of NSD for a DNS node, by their names in `directory`; `nsd.conf` is one.

    One server process, and no response-rate limit: it would be all that is measured.
    """
    files = {f"zone-{n}": zone_file(zone).encode() for n, zone in enumerate(node.zones)}
    addresses = "".join(f"  ip-address: {a.ip}\n" for a in _addresses(node))
    zones = "".join(
        f'zone:\n  name: "{zone.origin}"\n  zonefile: "zone-{n}"\n'
        for n, zone in enumerate(node.zones)
    )
    text = f"""\
server:
  server-count: 1
  port: {DNS_PORT}
{addresses}  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  tcp-count: 1000
  verbosity: 0
  hide-version: yes
  username: ""
  database: ""
  zonesdir: "{directory}"
  pidfile: "{directory}/nsd.pid"
  xfrdfile: "{directory}/xfrd.state"
  zonelistfile: "{directory}/zone.list"
  xfrdir: "{directory}"
remote-control:
  control-enable: no
{zones}"""
    return {**files, "nsd.conf": text.encode()}


def zone_file(zone: DnsZone) -> str:
    """A zone as a master file (RFC 1035 section 5)."""
    timers = f"{zone.serial} {zone.refresh} {zone.retry} {zone.expire} {zone.minimum}"
    soa = f"{zone.origin}. {zone.ttl} IN SOA {zone.primary}. {zone.mailbox}. {timers}"
    return "\n".join([soa, *_records(zone.records)]) + "\n"


def _records(records: tuple[DnsRecord, ...]) -> Iterator[str]:
    for one in records:
        data = one.data
        if one.type in _NAMED:
            data += "."
        elif one.type == "TXT":
            data = _strings(data.encode())
        yield f"{one.name}. {one.ttl} IN {one.type} {data}"


def _strings(text: bytes) -> str:
    """Character strings of at most 255 bytes, what is not plain ASCII as \\DDD."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)] or [b""]
    return " ".join(
        '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03}" for b in part) + '"' for part in parts
    )


def _addresses(node: ResolvedNode) -> list[IPv4Interface | IPv6Interface]:
    return sorted((a for i in node.interfaces for a in i.addresses), key=address_order)


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
