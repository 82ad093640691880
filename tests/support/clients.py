"""Clients that no tool is: raw requests, slow ones, many at once. What is answered, as JSON.

Run as a program in a place: `http ADDRESS`, `dns ADDRESS`, `flood ADDRESS COUNT`, `crowd ADDRESS
COUNT`, `knock ADDRESS PORT`. Nothing but the standard library, since a place may not see more.
"""

from __future__ import annotations

import json
import re
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

PATIENCE = 12.0
"""Seconds after which a connection that nobody closed is called open."""

_HOST = b"Host: h\r\n"
_GET = b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n"


def _with(*fields: bytes, line: bytes = b"GET / HTTP/1.1", content: bytes = b"") -> bytes:
    return b"\r\n".join((line, b"Host: h", *fields, b"", content))


_FIELD = b"Transfer-Encoding: "
ATTACKS: dict[str, tuple[bytes, list[int], bool]] = {
    # what is sent, the statuses that must answer it, whether the connection must end
    "plain": (_GET, [200], False),
    "pipelined": (_GET * 20, [200] * 20, False),
    "empty lines first": (b"\r\n\r\n" + _GET, [200], False),
    "absolute form": (_with(line=b"GET http://elsewhere/ HTTP/1.1"), [200], False),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", [200], True),
    "HTTP/1.0, kept": (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200], False),
    "close": (_with(b"Connection: close") + _GET, [200], True),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", [400], True),
    "two hosts": (_with(b"Host: i"), [400], True),
    "host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", [400], True),
    "host with a slash": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", [400], True),
    "length and coding": (_with(b"Content-Length: 4", _FIELD + b"chunked"), [400], True),
    "coding and length": (_with(_FIELD + b"chunked", b"Content-Length: 4"), [400], True),
    "length twice": (_with(b"Content-Length: 0", b"Content-Length: 5"), [400], True),
    "same length twice": (_with(b"Content-Length: 0", b"Content-Length: 0"), [400], True),
    "list of lengths": (_with(b"Content-Length: 5, 5"), [400], True),
    "negative length": (_with(b"Content-Length: -1"), [400], True),
    "signed length": (_with(b"Content-Length: +1"), [400], True),
    "hexadecimal length": (_with(b"Content-Length: 0x1"), [400], True),
    "endless length": (_with(b"Content-Length: " + b"9" * 40), [400], True),
    "too much content": (_with(b"Content-Length: 65537"), [413], True),
    "chunked": (_with(_FIELD + b"chunked", content=b"0\r\n\r\n" + _GET), [411], True),
    "chunked twice": (_with(_FIELD + b"chunked", _FIELD + b"chunked"), [400], True),
    "chunked at last": (_with(_FIELD + b"gzip, chunked"), [501], True),
    "xchunked": (_with(_FIELD + b"xchunked"), [501], True),
    "identity": (_with(_FIELD + b"identity"), [501], True),
    "vertical tab": (_with(_FIELD + b"\x0bchunked"), [400], True),
    "space before colon": (_with(b"Transfer-Encoding : chunked"), [400], True),
    "folded line": (_with(b"X: a", b" b"), [400], True),
    "folded coding": (_with(b"Transfer-Encoding:", b" chunked"), [400], True),
    "no name": (_with(b": a"), [400], True),
    "no colon": (_with(b"nonsense"), [400], True),
    "bare LF": (b"GET / HTTP/1.1\nHost: h\n\n", [400], True),
    "bare LF in a field": (_with(b"X: a\nContent-Length: 5"), [400], True),
    "bare CR": (_with(b"X: a\rContent-Length: 5"), [400], True),
    "NUL": (_with(b"X: a\0b"), [400], True),
    "huge head": (_with(b"X: " + b"y" * 9000), [431], True),
    "many fields": (_with(*[b"X: y"] * 70), [431], True),
    "huge target": (_with(line=b"GET /" + b"x" * 3000 + b" HTTP/1.1"), [414], True),
    "fragment": (_with(line=b"GET /#a HTTP/1.1"), [400], True),
    "two spaces": (_with(line=b"GET  / HTTP/1.1"), [400], True),
    "bad encoding": (_with(line=b"GET /%zz HTTP/1.1"), [400], False),
    "encoded slash": (_with(line=b"GET /api%2Fpages HTTP/1.1"), [404], False),
    "dots": (_with(line=b"GET /../etc/passwd HTTP/1.1"), [404], False),
    "HTTP/2.0": (_with(line=b"GET / HTTP/2.0"), [505], True),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], True),
    "HTTP/0.9": (b"GET /\r\n\r\n", [400], True),
    "TLS": (bytes.fromhex("16030100c8010000c40303") + b"\x11" * 40, [400], True),
    "TRACE": (_with(line=b"TRACE / HTTP/1.1"), [405], False),
    "CONNECT": (_with(line=b"CONNECT a:1 HTTP/1.1"), [405], False),
    "unknown method": (_with(line=b"BREW / HTTP/1.1"), [501], False),
    "lower case": (_with(line=b"get / HTTP/1.1"), [501], False),
    "options of the server": (_with(line=b"OPTIONS * HTTP/1.1"), [204], False),
    "asterisk": (_with(line=b"GET * HTTP/1.1"), [400], True),
    "content is no request": (
        _with(b"Content-Length: 9", line=b"POST / HTTP/1.1", content=b"GET / HT!") + _GET,
        [405, 200],
        False,
    ),
    "waits for leave": (
        _with(b"Content-Length: 9", b"Expect: 100-continue", line=b"PUT / HTTP/1.1"),
        [405],
        True,
    ),
}


def main(what: str, address: str, *numbers: str) -> None:
    """Does `what` and prints it."""
    doing: dict[str, Callable[..., Any]] = {
        "crowd": crowd,
        "dns": dns,
        "flood": flood,
        "http": http,
        "knock": knock,
    }
    sys.stdout.write(json.dumps(doing[what](address, *map(int, numbers))))


def http(address: str) -> dict[str, Any]:
    """What each attack is answered, and how slow and half-closed clients are."""
    with ThreadPoolExecutor(80) as pool:
        told = {
            name: pool.submit(_attack, address, sent, statuses, ends)
            for name, (sent, statuses, ends) in ATTACKS.items()
        }
        told["half closed"] = pool.submit(_half_closed, address)
        told["in single bytes"] = pool.submit(_in_single_bytes, address)
        told["head without end"] = pool.submit(_ended_after, address, 80, b"GET / HTTP/1.1\r\nX: ")
        told["nothing"] = pool.submit(_ended_after, address, 80, b"")
        return {name: future.result() for name, future in told.items()}


def _attack(address: str, sent: bytes, statuses: list[int], ends: bool) -> Any:
    with closing(_connected(address, 80)) as stream:
        stream.sendall(sent)
        # An answer that is due ends the wait; a connection that should stay is watched a while.
        answer, ended = _read(stream, len(statuses), PATIENCE if ends else 0.5)
    return [_statuses(answer), ended]


def _half_closed(address: str) -> Any:
    with closing(_connected(address, 80)) as stream:
        stream.sendall(_GET * 3)
        stream.shutdown(socket.SHUT_WR)
        answer, ended = _read(stream, 99, PATIENCE)
    return [_statuses(answer), ended]


def _in_single_bytes(address: str) -> Any:
    with closing(_connected(address, 80)) as stream:
        for at in range(len(_GET)):
            stream.sendall(_GET[at : at + 1])
            time.sleep(0.02)
        answer, ended = _read(stream, 1, 0.5)
    return [_statuses(answer), ended]


def _ended_after(address: str, port: int, sent: bytes) -> Any:
    """Whether a client that goes silent is given up, in whole seconds."""
    with closing(_connected(address, port)) as stream:
        stream.sendall(sent)
        start = time.monotonic()
        answer, ended = _read(stream, 99, 20)
        return [len(answer), ended, round(time.monotonic() - start)]


def _connected(address: str, port: int) -> socket.socket:
    stream = socket.create_connection((address, port), timeout=5)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _read(stream: socket.socket, answers: int, patience: float) -> tuple[bytes, bool]:
    """All that comes, and whether the other side ended: `patience` runs from the last answer."""
    answer, deadline = b"", time.monotonic() + PATIENCE
    if answers == 99:
        deadline = time.monotonic() + patience
    seen = False
    while True:
        if not seen and len(_statuses(answer)) >= answers:
            seen, deadline = True, time.monotonic() + patience
        stream.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            more = stream.recv(65536)
        except TimeoutError:
            return answer, False
        except ConnectionError:
            return answer, True
        if not more:
            return answer, True
        answer += more


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def dns(address: str) -> dict[str, Any]:
    """What tools do not send: several queries in a segment, nonsense, silence."""
    ask = _query("www.managed.example", 1)
    two = ask[:4] + struct.pack("!HHHH", 2, 0, 0, 0) + ask[12:] * 2
    with ThreadPoolExecutor(8) as pool:
        told = {
            "pipelined": pool.submit(
                _stream, address, [ask, _query("absent.ns1.managed.example", 1)]
            ),
            "in single bytes": pool.submit(_stream, address, [ask], True),
            "idle": pool.submit(_ended_after, address, 53, _framed(ask)[:-1]),
            "too long": pool.submit(_ended_after, address, 53, b"\xff\xff" + b"x" * 5000),
            "two questions": pool.submit(_datagram, address, two),
            "a response": pool.submit(_datagram, address, ask[:2] + b"\x80" + ask[3:]),
            "short": pool.submit(_datagram, address, ask[:11]),
            "half a question": pool.submit(_datagram, address, ask[:-3]),
            "an update": pool.submit(_datagram, address, ask[:2] + b"\x28" + ask[3:]),
        }
        return {name: future.result() for name, future in told.items()}


def _query(name: str, kind: int, identity: int = 7) -> bytes:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return (
        struct.pack("!HHHHHH", identity, 0, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack("!HH", kind, 1)
    )


def _framed(query: bytes) -> bytes:
    return struct.pack("!H", len(query)) + query


def _stream(address: str, queries: list[bytes], slowly: bool = False) -> Any:
    sent = b"".join(map(_framed, queries))
    with closing(_connected(address, 53)) as stream:
        for piece in [sent[at : at + 1] for at in range(len(sent))] if slowly else [sent]:
            stream.sendall(piece)
            time.sleep(0.02 if slowly else 0)
        answer = b""
        while len(list(_messages(answer))) < len(queries):
            answer += stream.recv(65536)
        return [_summary(message) for message in _messages(answer)]


def _messages(answer: bytes) -> Iterator[bytes]:
    while len(answer) > 2 and len(answer) >= 2 + (length := struct.unpack("!H", answer[:2])[0]):
        yield answer[2 : 2 + length]
        answer = answer[2 + length :]


def _summary(message: bytes) -> Any:
    _, flags, *counts = struct.unpack("!HHHHHH", message[:12])
    return [flags & 15, bool(flags & 0x400), *counts]


def _datagram(address: str, sent: bytes) -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(2)
        ours.sendto(sent, (address, 53))
        try:
            return _summary(ours.recv(65536))
        except TimeoutError:
            return None


def flood(address: str, count: int) -> dict[str, Any]:
    """Asks one name as fast as the network takes it; how it was answered, and what helps."""
    query = _query("www.managed.example", 1)
    told = {"whole": 0, "truncated": 0}
    start = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for number in range(count):
            ours.sendto(query, (address, 53))
            if number % 50 == 49:
                time.sleep(0.005)  # what queues on the way hold, nobody should lose
        took = time.monotonic() - start
        ours.settimeout(1)
        try:
            while True:
                answer = ours.recv(65536)
                told["truncated" if answer[2] & 2 else "whole"] += 1
        except TimeoutError:
            pass
    (by_stream,) = _stream(address, [query])
    return {**told, "seconds": took, "by stream": by_stream, "later": _datagram(address, query)}


def crowd(address: str, count: int) -> dict[str, Any]:
    """Holds many idle connections open; how long a page takes a newcomer meanwhile, and after."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    held = []
    for number in range(count):
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.setblocking(False)
        stream.connect_ex((address, 80))
        held.append(stream)
        if number % 200 == 199:
            time.sleep(0.01)
    meanwhile = _first_page(address)
    for stream in held:
        stream.close()
    return {"meanwhile": meanwhile, "after": _first_page(address)}


def _first_page(address: str) -> float:
    """Seconds until a page was served, tried anew each time; 30 and more when it never is."""
    start = time.monotonic()
    while time.monotonic() < start + 30:
        try:
            with closing(socket.create_connection((address, 80), timeout=3)) as stream:
                stream.sendall(_GET)
                if stream.recv(65536).startswith(b"HTTP/1.1 200"):
                    return round(time.monotonic() - start, 2)
        except OSError:
            time.sleep(0.1)
    return time.monotonic() - start


def knock(address: str, port: int) -> str:
    """What a client that asks for metrics meets: an answer, a reset, or silence."""
    try:
        with closing(socket.create_connection((address, port), timeout=2)) as stream:
            stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
            return "answered" if stream.recv(100) else "closed"
    except TimeoutError:
        return "silence"
    except ConnectionError:
        return "closed"


if __name__ == "__main__":
    main(*sys.argv[1:])
