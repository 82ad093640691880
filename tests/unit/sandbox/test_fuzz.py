"""What `lab fuzz` says of targets that it does not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import fuzz


def test_every_target_of_the_manifest_has_its_file_and_something_to_begin_with() -> None:
    files = {path.stem for path in (fuzz.FUZZ / "fuzz_targets").glob("*.rs")}
    assert set(fuzz.targets()) == files
    for target in files - {"config"}:
        assert any((fuzz.FUZZ / "seeds" / target).iterdir()), target


def test_a_find_names_the_command_that_shows_it_again() -> None:
    find = fuzz.Find("dns", Path("/tmp/crash-1"))
    assert find.replay == "./lab fuzz dns --input /tmp/crash-1"


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["--input", "file"], ["dns", "http", "--input", "f"]]
)
def test_targets_that_are_none_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fuzz.main(arguments)
    assert "TARGET" in capsys.readouterr().err
