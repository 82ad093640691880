"""Storage trials: the data, the documents, what fio says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest

from topology.bench.errors import BenchError
from topology.bench.fleet.readers import read_fio
from topology.bench.storage import PAGE, Pattern, Trial, attach_disk, bind_data, write_data

FIO = Path(__file__).parent / "outputs/fio.json"


def test_every_page_of_the_data_says_which_it_is(tmp_path: Path) -> None:
    write_data(tmp_path / "data", 300 * PAGE)
    data = (tmp_path / "data").read_bytes()
    assert len(data) == 300 * PAGE
    for number in range(300):
        page = data[number * PAGE : (number + 1) * PAGE]
        assert page == number.to_bytes(8, "little") * (PAGE // 8)


@pytest.mark.parametrize("size", [0, -PAGE, PAGE + 1])
def test_data_is_whole_pages(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match="whole pages"):
        write_data(tmp_path / "data", size)


def test_a_document_says_what_the_images_read() -> None:
    document = json.loads(Trial(Pattern.RANDOM, PAGE, 5, direct=True, seed=3).document())
    wanted = {"version": 1, "pattern": "random", "block": 4096, "reads": 5, "seed": 3}
    assert document == {**wanted, "direct": True}


@pytest.mark.parametrize(("direct", "cache"), [(False, "writeback"), (True, "none")])
def test_a_disk_and_a_bound_file_are_read_only(direct: bool, cache: str) -> None:
    domain = Element("domain")
    SubElement(domain, "devices")
    attach_disk(domain, Path("/data"), direct=direct)
    bind_data(domain, Path("/data"))
    assert domain.find("devices/disk/readonly") is not None
    assert domain.find("devices/filesystem/readonly") is not None
    driver = domain.find("devices/disk/driver")
    assert driver is not None
    assert driver.get("cache") == cache


def test_fio_is_read() -> None:
    reads = read_fio(FIO.read_text())
    assert (reads.count, reads.size) == (1024, 4 << 20)
    assert reads.seconds > 0
    assert 0 < reads.p50 <= reads.p99


@pytest.mark.parametrize("told", ["", "fio: no such file", '{"jobs": []}', '{"jobs": [{}]}'])
def test_what_is_no_figure_is_refused(told: str) -> None:
    with pytest.raises(BenchError, match="something else than figures"):
        read_fio(told)
