"""The choice of the accelerator, and the guest it is made with."""

import shutil
from pathlib import Path

import pytest

from sandbox import accelerator, assemble, paths
from sandbox.accelerator import Accelerator, Choice, Trial
from sandbox.errors import LabError, UsageError


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> paths.Lab:
    monkeypatch.delenv("LAB_ACCELERATOR", raising=False)
    return paths.find({"LAB_STATE": str(tmp_path), "LAB_RUN": str(tmp_path / "run")})


def trials(monkeypatch: pytest.MonkeyPatch, **passes: bool) -> list[Accelerator]:
    """Let trials end as told, and return the list of those that will have been made."""
    made: list[Accelerator] = []

    def trial(name: Accelerator) -> Trial:
        made.append(name)
        return Trial(name, passes[name.value], f"{name} was tried")

    monkeypatch.setattr(accelerator, "try_out", trial)
    return made


def test_kvm_is_preferred(lab: paths.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trials(monkeypatch, kvm=True, tcg=True)
    assert accelerator.choose(lab).accelerator is Accelerator.KVM
    assert made == [Accelerator.KVM]


def test_tcg_is_the_second_choice_and_says_why(
    lab: paths.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials(monkeypatch, kvm=False, tcg=True)
    choice = accelerator.choose(lab)
    assert choice.accelerator is Accelerator.TCG
    assert "kvm was tried" in choice.reason


def test_without_either_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    trials(monkeypatch, kvm=False, tcg=False)
    with pytest.raises(LabError, match="tcg was tried"):
        accelerator.decide()


def test_a_choice_is_remembered_until_something_changes(
    lab: paths.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trials(monkeypatch, kvm=True, tcg=True)
    first = accelerator.choose(lab)
    assert accelerator.choose(lab) == first
    assert len(made) == 1
    monkeypatch.setattr(accelerator, "fingerprint", lambda: "another boot")
    accelerator.choose(lab)
    assert len(made) == 2


def test_a_look_remembers_nothing(lab: paths.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    trials(monkeypatch, kvm=True, tcg=True)
    accelerator.choose(lab, remember=False)
    assert accelerator.remembered(lab) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"fingerprint": 1}'])
def test_a_spoilt_memory_is_no_memory(lab: paths.Lab, text: str) -> None:
    (lab.state / "accelerator.json").write_text(text, encoding="utf-8")
    assert accelerator.remembered(lab) is None


def test_an_override_wins_and_a_wrong_one_is_wrong_usage() -> None:
    assert accelerator.overridden({"LAB_ACCELERATOR": "tcg"}) == Choice(
        Accelerator.TCG, "set by LAB_ACCELERATOR"
    )
    assert accelerator.overridden({}) is None
    with pytest.raises(UsageError, match="xen"):
        accelerator.overridden({"LAB_ACCELERATOR": "xen"})


@pytest.mark.skipif(not (shutil.which("as") and shutil.which("ld")), reason="needs binutils")
@pytest.mark.parametrize("package", sorted(assemble.ADDRESSES))
def test_machine_code_is_what_its_source_assembles_to(package: str) -> None:
    committed = (assemble.HERE / package / "image.py").read_text(encoding="utf-8")
    assert committed == assemble.render(package, assemble.assemble(package))
