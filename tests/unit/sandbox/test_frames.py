"""The frames that ask for a node's first reply, and what counts as one."""

import struct
from ipaddress import IPv4Address

import pytest

from sandbox import frames
from sandbox.frames import TCP, UDP, Ask, Target
from sandbox.replies import targets

OURS, THEIRS = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
WEB = Target("web", "br", IPv4Address("203.0.113.80"), IPv4Address("203.0.113.254"), TCP, 80)
DNS = Target("dns", "br", IPv4Address("203.0.113.53"), IPv4Address("203.0.113.254"), UDP, 53)


def answered(target: Target, protocol: int, payload: bytes) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
        target.address.packed, target.source.packed,
    )  # fmt: skip
    return OURS + THEIRS + b"\x08\x00" + head + payload


def tcp(flags: int, port: int = 80) -> bytes:
    return struct.pack(">HHIIBBHHH", port, frames.PORT, 9, 1, 0x50, flags, 1024, 0, 0)


@pytest.mark.parametrize("target", [WEB, DNS])
def test_what_is_sent_is_well_summed(target: Target) -> None:
    frame = frames.question(target, Ask(OURS, THEIRS))
    head, payload = frame[14:34], frame[34:]
    pseudo = head[12:20] + struct.pack(">HH", target.protocol, len(payload))
    # RFC 1071: the sum over data and its own checksum is zero.
    assert frames.checksum(head) == 0
    assert frames.checksum(pseudo + payload) == 0


def test_a_link_address_is_asked_for_by_broadcast_and_told() -> None:
    frame = frames.question(WEB, Ask(OURS))
    assert frame[:6] == b"\xff" * 6
    assert frame[38:42] == WEB.address.packed
    told = OURS + THEIRS + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2)
    told += THEIRS + WEB.address.packed + OURS + WEB.source.packed
    assert frames.link_address(told, WEB) == THEIRS
    assert frames.link_address(told, DNS) is None
    assert frames.link_address(frame, WEB) is None
    assert frames.link_address(told[:41], WEB) is None


def test_only_an_accepted_connection_is_a_web_servers_reply() -> None:
    assert frames.is_reply(answered(WEB, TCP, tcp(frames.SYN_ACK)), WEB)
    assert not frames.is_reply(answered(WEB, TCP, tcp(0x14)), WEB)  # a refusal: RST, ACK
    assert not frames.is_reply(answered(WEB, TCP, tcp(frames.SYN_ACK, port=81)), WEB)
    assert not frames.is_reply(answered(DNS, TCP, tcp(frames.SYN_ACK)), WEB)


def test_any_answer_is_a_dns_servers_reply() -> None:
    datagram = struct.pack(">HHHH", 53, frames.PORT, 20, 0) + bytes(12)
    assert frames.is_reply(answered(DNS, UDP, datagram), DNS)
    assert not frames.is_reply(answered(DNS, UDP, datagram), WEB)


def test_noise_is_no_reply() -> None:
    whole = answered(WEB, TCP, tcp(frames.SYN_ACK))
    for length in range(48):
        assert not frames.is_reply(whole[:length], WEB)


def test_who_is_asked_follows_from_the_plan() -> None:
    def domain(node: str, kind: str, *addresses: str) -> dict[str, object]:
        nics = [{"bridge": "br", "addresses": list(addresses)}]
        return {"node": node, "kind": kind, "nics": nics, "config": {kind: {"port": 8080}}}

    plan = {
        "domains": [
            domain("web", "web", "2001:db8::1/64", "192.0.2.1/29"),
            domain("router", "router", "192.0.2.6/29"),
            domain("old", "web", "192.0.2.2/29"),
        ],
        "outside": [{"addresses": ["192.0.2.5/29"]}],
    }
    assert targets(plan, frozenset({"web", "router"})) == [
        Target("web", "br", IPv4Address("192.0.2.1"), IPv4Address("192.0.2.4"), TCP, 8080),
        Target("router", "br", IPv4Address("192.0.2.6"), IPv4Address("192.0.2.4"), 0, 0),
    ]
