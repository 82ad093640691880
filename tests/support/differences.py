"""The differences between both dataplanes that are meant, by name, and why.

Each is one packet's own, and of the flow that it then is part of: what one dataplane has taken
for the beginning of a flow and the other has not, they cannot agree on later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

from tests.support.checksum import has_wrong_transport, ones
from tests.support.dataplanes import Difference, bare
from tests.support.kernel import Sent

__all__ = ["HANDSHAKE", "MEANT", "explained", "flow_of"]


def is_fragment(packet: bytes) -> bool:
    """Linux puts fragments together, judges the whole and divides it again; the Rust filter
    judges each by itself, so that it need not keep any."""
    if packet[0] >> 4 == 6:
        return packet[6] == 44
    return bool(int.from_bytes(packet[6:8]) & 0x3FFF)


def is_damaged(packet: bytes) -> bool:
    """Connection tracking looks at TCP's, UDP's and ICMP's checksums; the Rust filter leaves that
    to whom they are for: a frame may come with its checksum yet to be completed by a device."""
    return has_wrong_transport(packet)


_NOBODY = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "240.0.0.0/4"))


def is_from_nobody(packet: bytes) -> bool:
    """RFC 1812 section 5.3.7 lets no router forward what comes from such sources; Linux does.

    The same goes for IPv6's link-local ones, and for no address and oneself.
    """
    if packet[0] >> 4 != 4:
        # RFC 4291 sections 2.5.2, 2.5.3 and 2.5.6.
        local = packet[8] == 0xFE and packet[9] & 0xC0 == 0x80
        return local or (packet[8:23] == bytes(15) and packet[23] in (0, 1))
    source = IPv4Address(packet[12:16])
    # Nor do the edges of an attached prefix send.
    return any(source in network for network in _NOBODY) or packet[15] in (0, 255)


def is_to_nobody(packet: bytes) -> bool:
    """Both drop what is for a group, for all, or for the edge of a prefix: the Rust forwarder
    before it asks the filter, Linux after its connection tracking has taken note."""
    if packet[0] >> 4 != 4:
        return packet[24] == 0xFF
    return packet[16] in (0, 127) or packet[16] >= 224 or packet[19] in (0, 255)


def is_recorded(packet: bytes) -> bool:
    """Linux writes itself into record-route and timestamp options and clears what stands behind
    the end of a list; the Rust forwarder, as RFC 7126 advises, takes no part in them."""
    options = packet[20 : 4 * (packet[0] & 15)]
    behind = options.partition(b"\0")[2]
    recorded = any(kind in options for kind in (7, 68))
    return packet[0] >> 4 == 4 and (recorded or any(behind))


def is_told_otherwise(packet: bytes) -> bool:
    """Redirects and source quenches are related to a flow for Linux; for the Rust filter they are
    packets like any other (RFC 6633, RFC 7126)."""
    size = 4 * (packet[0] & 15)
    return packet[0] >> 4 == 4 and packet[9] == 1 and packet[size : size + 1] in (b"\4", b"\5")


def is_source_routed(packet: bytes) -> bool:
    """Both drop these, the Rust forwarder before it asks the filter, Linux after its connection
    tracking has taken note. IPv6's routing headers are for who they lead to, says Linux; one that
    leads further (RFC 5095), or is longer than its packet, goes no further through the Rust one."""
    if packet[0] >> 4 == 6:
        return packet[6] == 43
    size = 4 * (packet[0] & 15)
    return any(kind in packet[20:size] for kind in (131, 137))


def is_followed(packet: bytes) -> bool:
    """Linux follows SCTP's associations and GRE's keys; for the Rust filter, whose rules cannot
    name them, they are protocols like any other."""
    return packet[9 if packet[0] >> 4 == 4 else 6] in (47, 132)


def is_short_icmp(packet: bytes) -> bool:
    """ICMP without the eight bytes of its header is malformed to the Rust filter; Linux asks the
    rules."""
    if packet[0] >> 4 == 6:
        return packet[6] == 58 and len(packet) < 48
    return packet[9] == 1 and len(packet) < 4 * (packet[0] & 15) + 8


def is_discovery(packet: bytes) -> bool:
    """What neighbours say to each other stays on its link (RFC 4861); Linux forwards it."""
    return packet[0] >> 4 == 6 and packet[6] == 58 and 133 <= int.from_bytes(packet[40:41]) <= 137


def has_options_for_all(packet: bytes) -> bool:
    """Linux reads options for every hop; the Rust forwarder, as RFC 9673 lets it, does not."""
    return packet[0] >> 4 == 6 and packet[6] == 0


def is_expired(packet: bytes) -> bool:
    """Both ask the policy before they look at how far a packet may still go, so that no error tells
    of what lies behind. The Rust filter then has taken note of a flow, Linux forgets it."""
    return packet[8 if packet[0] >> 4 == 4 else 7] <= 1


def is_mapped(packet: bytes) -> bool:
    """No packet has an IPv4 address in the place of one of IPv6 (RFC 4291 section 2.5.5.2); the
    Rust filter drops it as malformed, Linux looks at rules and routes."""
    mapped = bytes(10) + b"\xff\xff"
    return packet[0] >> 4 == 6 and mapped in (packet[8:20], packet[24:36])


def is_of_the_other_family(packet: bytes) -> bool:
    """ICMPv6 in IPv4, or the other way: malformed to the Rust filter, unknown to Linux."""
    if packet[0] >> 4 == 4:
        return packet[9] == 58
    return packet[6] == 1


def is_unallocated(packet: bytes) -> bool:
    """ICMPv6 errors that nobody has defined: let through with their flow by Linux, asked of the
    rules by the Rust filter (RFC 4890 section 4.3.4 leaves them to the policy)."""
    return packet[0] >> 4 == 6 and packet[6] == 58 and 5 <= int.from_bytes(packet[40:41]) <= 126


def is_misquoted(packet: bytes) -> bool:
    """An ICMPv6 error whose quotation does not begin with IPv6's version: the Rust filter takes it
    for no packet, Linux does not look there."""
    error = packet[0] >> 4 == 6 and packet[6] == 58 and is_error(packet[40], 58)
    return error and int.from_bytes(packet[48:49]) >> 4 != 6


MEANT: Mapping[str, Callable[[bytes], bool]] = MappingProxyType(
    {
        "fragment": is_fragment,
        "wrong checksum inside": is_damaged,
        "from nobody": is_from_nobody,
        "to nobody": is_to_nobody,
        "recorded option": is_recorded,
        "redirect or quench": is_told_otherwise,
        "source route": is_source_routed,
        "SCTP or GRE": is_followed,
        "short ICMP": is_short_icmp,
        "neighbour discovery": is_discovery,
        "options for every hop": has_options_for_all,
        "expired": is_expired,
        "mapped address": is_mapped,
        "other family's ICMP": is_of_the_other_family,
        "unallocated error": is_unallocated,
        "misquoted": is_misquoted,
    }
)


def name_of(packet: bytes) -> str | None:
    """The name of the difference that a packet may make, if any."""
    return next((name for name, holds in MEANT.items() if holds(packet)), None)


def is_shaken(flow: Sequence[bytes]) -> bool:
    """Whether a TCP flow begins with a handshake that is right: SYN, its answer, and that
    confirmed.

    Of a connection that never came to be the two remember different things: Linux what it let
    through although it did not fit, the Rust filter less. No end takes such a connection for open.
    """
    said = [_segment(packet) for packet in flow[:3]]
    if len(said) < 3:
        return False
    syn, answer, confirmed = said
    return (
        (syn[0], answer[0], confirmed[0]) == (2, 18, 16)
        and answer[2] == confirmed[1] == (syn[1] + 1) % (1 << 32)
        and confirmed[2] == (answer[1] + 1) % (1 << 32)
        and syn[3] == confirmed[3] != answer[3]
        and not any(name_of(packet) or is_impossible(packet) for packet in flow[:3])
    )


def _segment(packet: bytes) -> tuple[int, int, int, bytes]:
    """Flags, sequence number, acknowledgement and sender."""
    size = 4 * (packet[0] & 15) if packet[0] >> 4 == 4 else 40
    header = packet[size : size + 14].ljust(14, b"\0")
    sender = packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
    number = int.from_bytes
    # PSH and URG decide nothing.
    return header[13] & 0x37, number(header[4:8]), number(header[8:12]), sender + header[:2]


def is_error(kind: int, protocol: int) -> bool:
    """Whether an ICMP message quotes a packet."""
    return kind in (3, 4, 5, 11, 12) if protocol == 1 else kind in (1, 2, 3, 4)


HANDSHAKE = "handshake"
TO_MANY = "to many on the link"
"""Both drop it, Linux after its connection tracking has taken note."""
AGAIN = "reset after a reset"
"""The connection is over for both; whether one more reset passes changes nothing."""
IMPOSSIBLE = "impossible header"


def is_impossible(packet: bytes) -> bool:
    """TCP flags that no segment has, lengths that contradict each other: the Rust filter drops
    them under any policy, Linux where connections are tracked."""
    size = 4 * (packet[0] & 15) if packet[0] >> 4 == 4 else 40
    body = packet[size:]
    protocol = packet[9 if packet[0] >> 4 == 4 else 6]
    if protocol == 17:
        return len(body) < 8 or not 8 <= int.from_bytes(body[4:6]) <= len(body)
    if protocol != 6 or len(body) < 20:
        return protocol == 6
    flags = body[13] & 0x3F
    known = flags & 0x17 in (2, 18, 16, 17, 4, 20) and flags & 0x24 != 0x24
    return not known or not 20 <= 4 * (body[12] >> 4) <= len(body)


def is_lost(frame: bytes, mac: bytes) -> bool:
    """Whether a frame is none of the node's, or ends before its packet, or has that packet's
    header wrong: neither dataplane takes it in."""
    packet = frame[14:]
    if frame[:6] != mac:
        return True
    if packet[0] >> 4 == 6:
        return len(packet) < 40 + int.from_bytes(packet[4:6])
    short = len(packet) < int.from_bytes(packet[2:4])
    return short or ones(packet[: 4 * (packet[0] & 15)]) != 0xFFFF


def explained(
    frames: Sequence[Sent], differences: Sequence[Difference], macs: Sequence[bytes]
) -> tuple[Counter[str], list[str]]:
    """How many differences each name accounts for, and a story of each that none does.

    `macs` are the node's hardware addresses by port.
    """
    flows: defaultdict[object, list[tuple[int, bytes]]] = defaultdict(list)
    to_many = {place for place, (_, frame) in enumerate(frames) if frame[0] & 1}
    places: dict[Sent, int] = {}
    for place, frame in enumerate(frames):
        packet = bare(frame[1])[14:]
        places.setdefault(frame, place)
        if len(packet) >= 20 and packet[0] >> 4 in (4, 6):
            flows[flow_of(packet)].append((place, packet))
    named: Counter[str] = Counter()
    stories = []
    for difference in differences:
        place = places[difference.came]
        flow = [one for one in flows[flow_of(bare(difference.came[1])[14:])] if one[0] <= place]
        packets = [packet for _, packet in flow]
        # The packet's own reason first, then the last that its flow has.
        name = next((name for one in reversed(packets) if (name := name_of(one))), None)
        if name is None and not to_many.isdisjoint(place for place, _ in flow):
            name = TO_MANY
        if name is None and len([one for one in packets if is_reset(one)]) > 1:
            name = AGAIN if is_reset(packets[-1]) else None
        if name is None and is_impossible(packets[-1]):
            name = IMPOSSIBLE
        shaken = is_shaken(packets) and not any(
            is_lost(frames[place][1], macs[frames[place][0]]) for place, _ in flow[:3]
        )
        if name is None and is_tcp(packets[-1]) and not shaken:
            name = HANDSHAKE
        if name is not None:
            named[name] += 1
            continue
        story = "".join(f"\n  {number} {packet[:80].hex()}" for number, packet in flow)
        stories.append(f"only {difference.only} forwards the last of:{story}")
    return named, stories


def is_reset(packet: bytes) -> bool:
    """Whether a packet is a TCP reset."""
    return is_tcp(packet) and bool(_segment(packet)[0] & 4)


def is_tcp(packet: bytes) -> bool:
    """Whether a packet carries TCP without anything between."""
    return packet[9 if packet[0] >> 4 == 4 else 6] == 6


def flow_of(packet: bytes) -> tuple[object, ...]:
    """What a flow's packets have in common, in both directions."""
    if packet[0] >> 4 == 4:
        size, protocol = 4 * (packet[0] & 15), packet[9]
        ends = packet[12:16], packet[16:20]
    else:
        size, protocol = 40, packet[6]
        ends = packet[8:24], packet[24:40]
    if protocol in (6, 17):
        ports = packet[size : size + 2], packet[size + 2 : size + 4]
    elif protocol in (1, 58) and len(packet) >= size + 8 + 28 and is_error(packet[size], protocol):
        return flow_of(packet[size + 8 :])
    elif protocol in (1, 58):
        ports = packet[size + 4 : size + 6], packet[size + 4 : size + 6]
    else:
        ports = b"", b""
    pairs = sorted(zip(ends, ports, strict=True))
    return protocol, *pairs
