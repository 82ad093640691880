"""Why a node is dead, as its console tells."""

from pathlib import Path

from sandbox import status, table


def console(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "web.log"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_last_death_is_told(tmp_path: Path) -> None:
    text = (
        '{"event":"fatal","node":"web","reason":"first"}\n'
        '{"event":"ready","node":"web"}\n'
        '{"event":"fatal","node":"web","reason":"page fault at 0x10"}\n'
    )
    assert status.death(console(tmp_path, text)) == "page fault at 0x10"


def test_a_console_without_a_death_gives_no_reason(tmp_path: Path) -> None:
    assert status.death(console(tmp_path, '{"event":"ready"}\n')) == ""
    assert status.death(tmp_path / "absent.log") == ""


def test_what_is_no_json_is_passed_over(tmp_path: Path) -> None:
    text = '{"event":"fatal","reason":"why"}\nSeaBIOS\n[1]\n"fatal"\n\x00\xff{"event":'
    assert status.death(console(tmp_path, text)) == "why"


def test_only_the_end_of_a_long_console_is_read(tmp_path: Path) -> None:
    text = "x" * (2 * status.TAIL) + '\n{"event":"fatal","reason":"late"}\n'
    assert status.death(console(tmp_path, text)) == "late"


def test_columns_of_numbers_align_right() -> None:
    assert table.render(["n", "bytes"], [["a", "5"], ["b", "123456"]]).splitlines() == [
        "n   bytes",
        "a       5",
        "b  123456",
    ]
