"""The smaller pieces: environment, configuration, lock, command line, imports."""

import ast
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import sandbox
from sandbox import cli, environment, install, keeper, libvirt_config, lock, paths, suite, syscalls
from sandbox.errors import Busy, LabError, Missing, NotPermitted
from toolchain.packages import Group, Need

HERE = Path(sandbox.__file__).parent


def test_exports_survive_any_shell_word() -> None:
    value = "/a b/$(touch x)'\";`\n"
    printed = environment.shell({"NAME": value})
    assert shlex.split(printed) == ["export", f"NAME={value}"]


def test_path_takes_no_directory_twice() -> None:
    ahead = (Path("/lab/bin"), Path("/venv/bin"))
    assert environment.path(ahead, "/usr/bin::/venv/bin:/bin") == "/lab/bin:/venv/bin:/usr/bin:/bin"


@pytest.mark.parametrize(("uid", "kept"), [(0, True), (1000, False)])
def test_bytecode_is_kept_in_the_cache_whatever_the_caller_says(
    monkeypatch: pytest.MonkeyPatch, uid: int, kept: bool
) -> None:
    """Except by root on behalf of somebody else, who could not replace it."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    owner = paths.Owner(uid, uid, "somebody", Path("/home"))
    lab = paths.Lab(Path("/clone"), Path("/state"), Path("/run"), Path("/cache"), owner)
    child, privileged = environment.child(lab, {}), environment.privileged(lab, {})
    for told in (child, privileged):
        assert told["PYTHONPYCACHEPREFIX"] == "/cache/bytecode"
    assert not child["PYTHONDONTWRITEBYTECODE"]
    assert bool(privileged["PYTHONDONTWRITEBYTECODE"]) is not kept


def test_sockets_are_born_closed_and_logs_need_no_daemon() -> None:
    files = libvirt_config.files(Path("/r"), Path("/l"))
    assert 'unix_sock_rw_perms = "0700"' in files["libvirtd.conf"]
    assert 'stdio_handler = "file"' in files["qemu.conf"]


def test_accounts_are_amended_once() -> None:
    host = "root:x:0:0:root:/root:/bin/bash\n"
    amended = libvirt_config.accounts("passwd", host)
    assert amended.startswith(host)
    assert libvirt_config.accounts("passwd", amended) == amended


def test_a_plan_survives_the_command_line() -> None:
    plan = keeper.Plan("/r ü", "/s", "/c", "group", 1, 2)
    assert keeper.Plan.decode(plan.encode()) == plan


def test_mount_points_with_blanks_are_read() -> None:
    assert syscalls.unescape(r"/a\040b\134c") == Path(r"/a b\c")


def test_a_held_lock_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told: list[str] = []
    with (
        lock.hold(path, "up unikernel", told.append),
        pytest.raises(Busy, match="lab up unikernel"),
        lock.hold(path, "down", told.append, patience=0.2),
    ):
        pass
    assert len(told) == 1


def test_a_lock_passes_on_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with lock.hold(path, "down", lambda _: waiting.set()):
            entered.set()

    thread = threading.Thread(target=second)
    with lock.hold(path, "up", lambda _: None):
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join()


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom sandbox import lock\n"
        "with lock.hold(Path(sys.argv[1]), 'up', print):\n    os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    assert subprocess.run(command, cwd=HERE.parent, check=False).returncode == -9
    with lock.hold(path, "down", pytest.fail, patience=0.0):
        pass


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["up", "a", "b"], ["up", "--frobnicate"], ["up", "unicorn"], ["client", "s"]],
)
def test_wrong_usage_exits_with_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 64
    assert "hint:" in capsys.readouterr().err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("up", "down", "status", "env", "client", "doctor", "test", "check", "daemon"):
        with pytest.raises(SystemExit) as raised:
            cli.main([command, "--help"])
        assert raised.value.code == 0
        assert capsys.readouterr().out


def test_an_error_is_told_with_its_log_and_what_to_do() -> None:
    told = LabError("it broke", hint="mend it", log="a\nb").describe()
    assert told == "it broke\nlast log lines:\n  | a\n  | b\nhint: mend it"


NEEDS = (Need("squashfs-tools", "packs roots", Group.BUILD, ("mksquashfs",)),)


def test_elsewhere_than_on_debian_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Missing, match="squashfs-tools  packs roots"):
        install.install_packages(NEEDS, pytest.fail, yes=True)


def test_without_root_the_command_to_type_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/usr/bin/apt-get")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NotPermitted) as raised:
        install.install_packages(NEEDS, pytest.fail, yes=True)
    assert raised.value.hint.endswith("squashfs-tools")


def test_live_tests_are_not_among_the_checks() -> None:
    assert not any(step.as_root for step in suite.checks())
    assert suite.tests(full=False)[: len(suite.checks())] == suite.checks()


def test_clones_build_their_crates_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARGO_TARGET_DIR", raising=False)
    owner = paths.Owner(0, 0, "root", Path("/root"))

    def target(clone: str) -> str:
        lab = paths.Lab(Path(clone), Path("/state"), Path("/run"), Path("/cache"), owner)
        return suite.cargo_environment(lab)["CARGO_TARGET_DIR"]

    assert target("/clone") == target("/clone") != target("/other/clone")
    assert target("/clone").startswith("/cache/check/")


def test_it_needs_the_standard_library_and_the_toolchain_only() -> None:
    allowed = {*sys.stdlib_module_names, "sandbox", "toolchain"}
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert name.partition(".")[0] in allowed, f"{path} imports {name}"
