"""What is written as pcapng is read by libpcap as what tcpdump had captured."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from topology.inside.pcapng import (
    PcapError,
    Stream,
    interface_block,
    packet_block,
    section_block,
)

ETHERNET = 1


def pcap(packets: list[tuple[int, bytes]]) -> bytes:
    head = struct.pack("IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, ETHERNET)
    records = (
        struct.pack("IIII", t // 10**9, t % 10**9, len(data), len(data) + 7) + data
        for t, data in packets
    )
    return head + b"".join(records)


PACKETS = [(1_700_000_000_123_456_789, b"\xff" * 12 + b"\x88\xb5" + bytes(n)) for n in range(5)]


@pytest.mark.parametrize("size", [1, 3, 24, 1000])
def test_a_stream_is_the_same_however_it_is_cut(size: int) -> None:
    stream, text = Stream(), pcap(PACKETS)
    found = [r for i in range(0, len(text), size) for r in stream.feed(text[i : i + size])]
    assert stream.link == ETHERNET
    assert [(r.time, r.data) for r in found] == PACKETS
    assert all(r.length == len(r.data) + 7 for r in found)


def test_what_is_no_capture_is_refused() -> None:
    with pytest.raises(PcapError):
        list(Stream().feed(b"tcpdump: no such device in this world"))
    with pytest.raises(PcapError):
        list(Stream().feed(pcap([])[:24] + struct.pack("IIII", 0, 0, 1 << 30, 1 << 30)))


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_libpcap_reads_it_back(tmp_path: Path) -> None:
    stream = Stream()
    records = list(stream.feed(pcap(PACKETS)))
    file = tmp_path / "x.pcapng"
    file.write_bytes(
        section_block("topology", "a comment of odd length")
        + interface_block(ETHERNET, "web:servers", "the web's port", "tcp")
        + interface_block(ETHERNET, "dns:servers", "the dns's port", "")
        + b"".join(packet_block(i % 2, r) for i, r in enumerate(records))
    )
    command = ["tcpdump", "-tt", "--time-stamp-precision=nano", "-n", "-e", "-r", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    starts = [one for one in lines if one.startswith("1700000000.123456789")]
    assert len(starts) == len(PACKETS)
    assert all("0x88b5" in one for one in starts)
