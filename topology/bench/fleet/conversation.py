"""One question to a service over raw frames, until the answer is the right one.

Frames go straight into the port of the instance that is asked, so that nobody else is woken, and
no clock of a kernel (ARP and SYN are repeated after a second) rounds what is measured.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from sandbox import frames
from sandbox.frames import ACK, PSH, RST, SYN, TCP, Ask, Target
from topology.bench.steady import dns_query

__all__ = ["Conversation", "Question", "page_question", "record_question"]

_ISN = 0x1000
_PORTS = range(20000, 60000)
_PATIENCE = 0.05
"""Seconds after which another connection is tried."""

_IPV4 = b"\x08\x00"


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent, and what the right answer holds.

    `wanted` is the SHA-256 of a page in hexadecimal, or the IPv4 address that a name has.
    """

    target: Target
    request: bytes
    wanted: str


def page_question(target: Target, body: bytes) -> Question:
    """Asks a web server for its page."""
    request = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
    return Question(target, request, hashlib.sha256(body).hexdigest())


def record_question(target: Target, name: str, address: IPv4Address) -> Question:
    """Asks a DNS server for the address of a name (RFC 1035, section 4.1)."""
    return Question(target, dns_query(name), str(address))


class Conversation:
    """What has been said with one instance; `done` once it answered rightly.

    It is told the frames that arrive and when time passes, and says which frames to send.
    """

    def __init__(self, question: Question, ours: bytes, first: int = 0) -> None:
        """`ours` is the hardware address that we speak from, `first` varies the ports used."""
        self.question = question
        self.done = False
        self._ask = Ask(ours)
        self._tried = first
        self._begun: float | None = None
        self._requested = False
        self._acknowledged = 0
        self._parts: dict[int, bytes] = {}

    def tick(self, now: float) -> list[bytes]:
        """The frames to send now; `now` is in seconds of any clock that does not go back."""
        target, ask = self.question.target, self._ask
        if ask.theirs == frames.BROADCAST:
            return [frames.question(target, ask)]
        if target.protocol != TCP:
            return [frames.udp(target, ask, self.question.request)]
        if self._begun is None or now - self._begun > _PATIENCE:
            self._anew(now)
        return [] if self._requested else [self._segment(SYN, _ISN)]

    def receive(self, frame: bytes, now: float) -> list[bytes]:
        """Takes a frame; returns what to say to it."""
        target = self.question.target
        if self._ask.theirs == frames.BROADCAST:
            if theirs := frames.link_address(frame, target):
                self._ask = Ask(self._ask.ours, theirs)
                return self.tick(now)
            return []
        if frames.is_asked(frame, target):  # it may forget us while it sets itself up
            return [frames.presence(target, self._ask)]
        payload = _payload(frame, target)
        if payload is None:
            return []
        if target.protocol != TCP:
            self.done = _is_address(payload[8:], self.question)
            return []
        return self._received(payload)

    def _received(self, segment: bytes) -> list[bytes]:
        ports, sequence, _, offset, flags = struct.unpack_from(">2sIIBB", segment[2:])
        if ports != struct.pack(">H", self._port):
            return []
        if flags & RST or not (self._requested or flags & SYN):
            # Refused, or taken for a connection that the other side still remembers.
            self._begun = None
            return []
        if flags & SYN:
            self._requested = True
            self._acknowledged = sequence + 1 & 0xFFFFFFFF
            return [self._segment(ACK | PSH, _ISN + 1, self.question.request)]
        if data := segment[(offset >> 4) * 4 :]:
            self._parts[sequence - self._acknowledged & 0xFFFFFFFF] = data
            self.done = _is_page(self._joined(), self.question)
            if self.done:
                return [self._segment(RST, _ISN + 1 + len(self.question.request))]
        return []

    def _joined(self) -> bytes:
        joined = b""
        while part := self._parts.get(len(joined)):
            joined += part
        return joined

    def _segment(self, flags: int, sequence: int, payload: bytes = b"") -> bytes:
        return frames.tcp(
            self.question.target,
            self._ask,
            flags,
            source_port=self._port,
            sequence=sequence,
            acknowledge=self._acknowledged if flags & ACK else 0,
            payload=payload,
        )

    @property
    def _port(self) -> int:
        return _PORTS[self._tried % len(_PORTS)]

    def _anew(self, now: float) -> None:
        self._tried += 1
        self._begun = now
        self._requested = False
        self._parts.clear()


def _payload(frame: bytes, target: Target) -> bytes | None:
    """What IP carries, from the target to us; `None` for any other frame."""
    if len(frame) < 34 or frame[12:14] != _IPV4 or frame[23] != target.protocol:
        return None
    if frame[26:34] != target.address.packed + target.source.packed:
        return None
    start, total = 14 + 4 * (frame[14] & 0x0F), int.from_bytes(frame[16:18], "big")
    payload = frame[start : 14 + total]
    least = 20 if target.protocol == TCP else 8
    whole = len(payload) >= least and payload[:2] == struct.pack(">H", target.port)
    return payload if whole else None


def _is_page(answer: bytes, question: Question) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    right = hashlib.sha256(body).hexdigest() == question.wanted
    return bool(found) and head.startswith(b"HTTP/1.1 200 ") and right


def _is_address(answer: bytes, question: Question) -> bool:
    """Whether a message answers with success and with the address, as type A, class IN."""
    if len(answer) < 12 or answer[:2] != question.request[:2] or answer[3] & 0x0F:
        return False
    record = answer[len(question.request) :]
    # The owner is a pointer to the question in every server's answer; four bytes are its time.
    head, rest = record[2:6], record[10:16]
    wanted = struct.pack(">H", 4) + IPv4Address(question.wanted).packed
    return head == struct.pack(">HH", 1, 1) and rest == wanted
