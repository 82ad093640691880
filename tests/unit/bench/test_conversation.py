"""What is said with an instance until it answers rightly, and what does not count as an answer."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest

from sandbox.frames import ACK, PSH, RST, SYN, TCP, UDP, Target
from topology.bench.fleet.conversation import (
    Conversation,
    Question,
    page_question,
    record_question,
)

OURS, THEIRS = b"\x02" * 6, b"\x04" * 6
PAGE = b"<h1>It works</h1>\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n"
WEB = Target("web", "port", IPv4Address("10.0.0.1"), IPv4Address("10.0.0.9"), TCP, 80)
DNS = Target("dns", "port", IPv4Address("10.0.0.1"), IPv4Address("10.0.0.9"), UDP, 53)


def arp(operation: int) -> bytes:
    """The node's word on link addresses: 1 asks for ours, 2 tells its own."""
    head = struct.pack(">6s6sH", OURS, THEIRS, 0x0806) + struct.pack(
        ">HHBBH", 1, 0x0800, 6, 4, operation
    )
    ends = (THEIRS, DNS.address.packed, bytes(6), DNS.source.packed)
    return head + struct.pack(">6s4s6s4s", *ends)


def ip(payload: bytes, protocol: int) -> bytes:
    """A packet from the node to us; nobody looks at its checksums."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    ends = WEB.address.packed + WEB.source.packed
    return OURS + THEIRS + b"\x08\x00" + head + ends + payload


def segment(port: int, flags: int, sequence: int, data: bytes = b"") -> bytes:
    return ip(struct.pack(">HHIIBBHHH", 80, port, sequence, 0, 0x50, flags, 9, 0, 0) + data, TCP)


def parts(frame: bytes) -> tuple[int, int, bytes]:
    """Source port, flags and data of a segment that we send."""
    return int.from_bytes(frame[34:36], "big"), frame[47], frame[54:]


def introduced(question: Question) -> tuple[Conversation, list[bytes]]:
    conversation = Conversation(question, OURS)
    (asked,) = conversation.tick(0.0)
    assert asked[12:14] == b"\x08\x06"
    return conversation, conversation.receive(arp(2), 0.0)


def connected() -> tuple[Conversation, int]:
    """A conversation whose request was sent, and its port."""
    conversation, (opening,) = introduced(page_question(WEB, PAGE))
    port, flags, _ = parts(opening)
    assert flags == SYN
    (request,) = conversation.receive(segment(port, SYN | ACK, 99), 0.01)
    assert parts(request)[1] == PSH | ACK
    assert parts(request)[2].startswith(b"GET / HTTP/1.1\r\n")
    return conversation, port


def test_the_page_in_two_segments_the_later_first_is_an_answer() -> None:
    conversation, port = connected()
    conversation.receive(segment(port, ACK, 100 + len(HEAD), PAGE), 0.02)
    early = conversation.done
    (end,) = conversation.receive(segment(port, ACK, 100, HEAD), 0.02)
    assert (early, conversation.done) == (False, True)
    assert parts(end)[1] == RST


@pytest.mark.parametrize(
    "answer",
    [HEAD + b"<h1>It breaks</h1>", HEAD.replace(b"200", b"503") + PAGE, HEAD, PAGE],
    ids=["other page", "other status", "no page", "no head"],
)
def test_what_is_not_the_page_is_no_answer(answer: bytes) -> None:
    conversation, port = connected()
    conversation.receive(segment(port, ACK, 100, answer), 0.02)
    assert not conversation.done


def test_a_refused_connection_is_tried_again_from_another_port() -> None:
    conversation, (opening,) = introduced(page_question(WEB, PAGE))
    port = parts(opening)[0]
    assert conversation.receive(segment(port, RST | ACK, 0), 0.001) == []
    (again,) = conversation.tick(0.002)
    assert parts(again)[:2] == (port + 1, SYN)


def test_a_connection_that_the_other_side_remembers_is_given_up() -> None:
    conversation, (opening,) = introduced(page_question(WEB, PAGE))
    port = parts(opening)[0]
    conversation.receive(segment(port, ACK, 5), 0.001)  # a challenge (RFC 5961)
    assert parts(conversation.tick(0.002)[0])[0] == port + 1


def test_a_request_without_an_answer_is_repeated_on_a_new_connection() -> None:
    conversation, port = connected()
    assert conversation.tick(0.02) == []
    (again,) = conversation.tick(0.2)
    assert parts(again)[:2] == (port + 1, SYN)


def test_a_node_that_forgot_who_asks_is_told() -> None:
    conversation, _ = connected()
    (told,) = conversation.receive(arp(1), 0.02)
    assert told[20:22] == b"\x00\x02"
    assert told[22:32] == OURS + WEB.source.packed


def answer(question: Question, address: str, code: int = 0, owner: bytes = b"\xc0\x0c") -> bytes:
    head = struct.pack(">HBBHHHH", 0x1D1D, 0x84, code, 1, 1, 0, 0)
    record = owner + struct.pack(">HHIH", 1, 1, 300, 4) + IPv4Address(address).packed
    message = head + question.request[12:] + record
    return ip(struct.pack(">HHHH", 53, 40000, 8 + len(message), 0) + message, UDP)


def test_only_the_address_of_the_name_is_an_answer() -> None:
    question = record_question(DNS, "www.bench.example", IPv4Address("10.1.2.3"))
    conversation, (asked,) = introduced(question)
    assert asked[42:] == question.request
    assert b"\x03www\x05bench\x07example\x00" in question.request
    conversation.receive(answer(question, "10.1.2.4"), 0.0)
    conversation.receive(answer(question, "10.1.2.3", code=2), 0.0)
    conversation.receive(answer(question, "10.1.2.3")[:-2], 0.0)
    early = conversation.done
    conversation.receive(answer(question, "10.1.2.3"), 0.0)
    assert (early, conversation.done) == (False, True)
