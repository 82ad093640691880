"""Packets that no stack sends, made by scapy and sent from the outside client's place.

Run as a program by the system's Python, which has Debian's scapy: `WEB DNS WEB6 CLIENT CLIENT6
GATEWAY ROUTER`, all addresses. Each case has an identification (the IPv4 header's, or IPv6's flow
label) and a source port of its own. The last one is let through and answered, and ends the
listening. Prints JSON: each case's identification, and what was said to it: TCP's flags, or an
ICMP error's type, code and sender.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from scapy.all import (
    ICMP,
    IP,
    TCP,
    UDP,
    AsyncSniffer,
    Ether,
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6TimeExceeded,
    IPOption_LSRR,
    IPOption_SSRR,
    IPv6,
    Raw,
    TCPerror,
    conf,
    getmacbyip,
    sendp,
)

END = "the end"
_FIRST = 20_000
_PATIENCE = 20.0


def _flags(web: str) -> Iterator[tuple[str, Any]]:
    for name, flags in (
        ("no flag", ""),
        ("every flag", "FSRPAU"),
        ("SYN and FIN", "SF"),
        ("SYN and RST", "SR"),
        ("FIN of no flow", "F"),
        ("RST of no flow", "R"),
        ("SYN+ACK of no flow", "SA"),
        ("ACK of no flow", "A"),
    ):
        yield name, IP(dst=web) / TCP(dport=80, flags=flags, ack=1)
    yield "header too short", IP(dst=web) / TCP(dport=80, flags="S", dataofs=3)
    yield "open port", IP(dst=web) / TCP(dport=80, flags="S")
    yield "denied port", IP(dst=web) / TCP(dport=81, flags="S")


def _sources(web: str, gateway: str) -> Iterator[tuple[str, Any]]:
    for name, source in (
        ("from itself", web),
        ("from the firewall", gateway),
        ("from beside it", web.rpartition(".")[0] + ".200"),
        ("from the loopback", "127.0.0.1"),
        ("from a group", "224.0.0.1"),
        ("from all", "255.255.255.255"),
        ("from link-local", "169.254.1.1"),
        ("from class E", "240.0.0.1"),
    ):
        yield name, IP(src=source, dst=web) / TCP(dport=80, flags="S")


def _headers(web: str, router: str) -> Iterator[tuple[str, Any]]:
    syn = TCP(dport=80, flags="S")
    yield "loose source route", IP(dst=web, options=[IPOption_LSRR(routers=[router])]) / syn
    yield "strict source route", IP(dst=web, options=[IPOption_SSRR(routers=[router])]) / syn
    yield "wrong header checksum", IP(dst=web, chksum=1) / syn
    yield "short header", IP(dst=web, ihl=4) / syn
    yield "longer than it is", IP(dst=web, len=400) / syn
    yield "one hop left", IP(dst=web, ttl=1) / syn
    yield "two hops left", IP(dst=web, ttl=2) / syn
    denied = TCP(dport=81, flags="S")
    yield "one hop left to a denied port", IP(dst=web, ttl=1) / denied
    yield "nowhere", IP(dst="10.9.9.9") / denied


def _icmp(web: str, client: str) -> Iterator[tuple[str, Any]]:
    yield "echo", IP(dst=web) / ICMP()
    yield "echo reply", IP(dst=web) / ICMP(type=0)
    yield "timestamp", IP(dst=web) / ICMP(type=13)
    yield "redirect", IP(dst=web) / ICMP(type=5, code=1) / IP(src=web, dst=client) / UDP()
    quote = IP(src=web, dst=client) / TCP(sport=80, dport=9)
    yield "error of no flow", IP(dst=web) / ICMP(type=3, code=1) / quote


def _fragments(web: str) -> Iterator[tuple[str, Any]]:
    denied = bytes(TCP(sport=_FIRST, dport=81, flags="S"))
    yield "tiny first fragment", IP(dst=web, proto=6, flags="MF") / Raw(denied[:8])
    yield "fragment of no first", IP(dst=web, proto=6, frag=40) / Raw(denied)


def _ipv6(web: str, client: str) -> Iterator[tuple[str, Any]]:
    syn = TCP(dport=80, flags="S")
    yield "IPv6: open port", IPv6(dst=web) / syn
    yield "IPv6: denied port", IPv6(dst=web) / TCP(dport=81, flags="S")
    yield "IPv6: echo", IPv6(dst=web) / ICMPv6EchoRequest()
    yield "IPv6: a neighbour's word from afar", IPv6(dst=web) / ICMPv6ND_NA(tgt=client)
    yield "IPv6: one hop left", IPv6(dst=web, hlim=1) / syn
    yield "IPv6: one hop left to a denied port", IPv6(dst=web, hlim=1) / TCP(dport=81, flags="S")
    yield "IPv6: nowhere", IPv6(dst="2001:db8:9::9") / TCP(dport=81, flags="S")
    quote = IPv6(src=web, dst=client) / TCP(sport=80, dport=9)
    yield "IPv6: error of no flow", IPv6(dst=web) / ICMPv6DestUnreach() / quote
    for name, source in (
        ("from itself", web),
        ("from the loopback", "::1"),
        ("from nobody", "::"),
        ("from a group", "ff02::1"),
        ("from link-local", "fe80::1"),
        ("from IPv4", "::ffff:192.0.2.7"),
    ):
        yield f"IPv6: {name}", IPv6(src=source, dst=web) / syn


def cases(
    web: str, dns: str, web6: str, client: str, client6: str, gateway: str, router: str
) -> dict[str, Any]:
    """All packets by name, each with its identification and source port."""
    made = {
        **dict(_flags(web)),
        **dict(_sources(web, gateway)),
        **dict(_headers(web, router)),
        **dict(_icmp(web, client)),
        **dict(_fragments(web)),
        "datagram shorter than its header": IP(dst=dns) / UDP(dport=53, len=4),
        "denied datagram": IP(dst=dns) / UDP(dport=54),
        **dict(_ipv6(web6, client6)),
        END: IP(dst=web) / TCP(dport=80, flags="S"),
    }
    for number, packet in enumerate(made.values(), _FIRST):
        six = IPv6 in packet and packet.version == 6
        setattr(packet, "fl" if six else "id", number)
        if not packet.fields.get("src"):
            packet.src = client6 if six else client
        for layer in (TCP, UDP):
            if layer in packet and packet.payload.name == layer().name:
                packet[layer].sport = number
    return made


def reply(packet: Any) -> tuple[int, str] | None:
    """To which source port something was said, and what."""
    if TCP in packet and packet[TCP].sport == 80:
        return packet[TCP].dport, str(packet[TCP].flags)
    if TCPerror not in packet:
        return None
    if ICMP in packet:
        said = packet[ICMP]
    elif ICMPv6TimeExceeded in packet:
        said = packet[ICMPv6TimeExceeded]
    elif ICMPv6DestUnreach in packet:
        said = packet[ICMPv6DestUnreach]
    else:
        return None
    network = packet[IPv6] if IPv6 in packet else packet[IP]
    return packet[TCPerror].sport, f"{said.type}/{said.code} from {network.src}"


def main(addresses: list[str]) -> None:
    """Sends all, and prints what was said to each."""
    conf.verb = 0
    interface = "eth0"
    made = cases(*addresses)
    names = dict(enumerate(made, _FIRST))
    end = next(number for number, name in names.items() if name == END)
    client, gateway = addresses[3], addresses[5]
    mac = getmacbyip(gateway)
    if mac is None:
        raise SystemExit(f"{gateway} does not answer ARP to {client}")
    sniffer = AsyncSniffer(
        iface=interface,
        timeout=_PATIENCE,
        started_callback=lambda: sendp(
            [Ether(dst=mac) / packet for packet in made.values()], iface=interface, inter=0.005
        ),
        stop_filter=lambda packet: (reply(packet) or (0, ""))[0] == end,
    )
    sniffer.start()
    sniffer.join()
    said: dict[str, set[str]] = {name: set() for name in made}
    for packet in sniffer.results:
        told = reply(packet)
        if told is not None and told[0] in names:
            said[names[told[0]]].add(told[1])
    if not said[END]:
        raise SystemExit("the last packet, which is permitted, was not answered")
    found = {name: [number, sorted(said[name])] for number, name in names.items()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
