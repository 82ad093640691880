"""The private libvirt for real: it leaves nothing, it recovers, and two of it do not meet."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import daemon
from tests.support.marks import LIVE_AS_ROOT
from tests.support.sandbox import (
    OWNER,
    ROOT,
    STRANGER,
    Host,
    Sandbox,
    eventually,
    identity,
    lines,
    lives,
    traces,
)

pytestmark = LIVE_AS_ROOT


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not pytest's, which other users may not enter.
    path = Path(tempfile.mkdtemp(prefix="sandbox-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def sandbox(directory: Path) -> Iterator[Sandbox]:
    made = Sandbox(directory)
    yield made
    made.down()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a container's root that does nothing: its init waits for ever."""
    base = tmp_path_factory.mktemp("image")
    root = base / "root"
    for name in ("dev", "proc", "sys", ".oldroot"):
        (root / name).mkdir(parents=True)
    source = base / "init.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["gcc", "-static", "-o", root / "init", source], check=True)
    packed = base / "root.squashfs"
    subprocess.run(["mksquashfs", root, packed, "-all-root", "-quiet", "-no-progress"], check=True)
    return packed


@pytest.fixture
def populated(sandbox: Sandbox, image: Path) -> Sandbox:
    """Return a lab that has one of everything."""
    sandbox.start()
    sandbox.network()
    sandbox.guest()
    own = sandbox.directory / "root.squashfs"
    shutil.copyfile(image, own)
    sandbox.container(own)
    return sandbox


def test_up_and_down_leave_nothing(populated: Sandbox) -> None:
    directory, group = populated.directory, populated.lab.cgroup
    members = {identity(pid) for pid in populated.members()}
    assert len(members) >= 5, "keeper, libvirtd, QEMU, the container's controller and its init"
    assert any(trace.startswith("loop") for trace in traces(directory, group))
    populated.down()
    assert not [told for told in members if lives(told)]
    eventually(lambda: not traces(directory, group), "traces of the lab go away")
    assert not populated.lab.run.exists()
    left = sorted(path.name for path in populated.lab.state.iterdir())
    assert left == ["lock"]


def test_the_host_is_not_touched(sandbox: Sandbox, image: Path) -> None:
    before = Host.look()
    sandbox.start()
    sandbox.network()
    sandbox.guest()
    assert Host.look() == before
    sandbox.down()
    assert Host.look() == before


def test_rules_of_the_labs_namespace_do_not_judge_what_bridges_pass_on(sandbox: Sandbox) -> None:
    sandbox.start()
    script = """
        ip link add segment up type bridge
        nft add table inet own
        nft 'add chain inet own none { type filter hook forward priority 0; policy drop; }'
        for host in 1 2; do
            ip netns add host-$host
            ip link add port-$host up master segment type veth peer name own netns host-$host
            ip -netns host-$host link set own up
            ip -netns host-$host address add 10.0.0.$host/24 dev own
        done
        ip netns exec host-1 ping -c 1 -W 5 10.0.0.2
    """
    spaces = sandbox.lab.run / "ns"
    inside = [f"--net={spaces / 'net'}", f"--mount={spaces / 'mnt'}", f"--pid={spaces / 'pid'}"]
    done = subprocess.run(
        ["nsenter", *inside, "sh", "-eu", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_libvirt_finds_the_group_of_its_domains_made(sandbox: Sandbox) -> None:
    """Where it makes it itself, first domains that start at once may take it from each other."""
    sandbox.start()
    groups = Path(f"/proc/{sandbox.keeper}/root/sys/fs/cgroup")
    for hierarchy in groups.iterdir():
        if not (hierarchy / "cgroup.controllers").exists():
            assert (hierarchy / "machine" / "tasks").exists(), hierarchy.name
    for setting in ("cpuset.cpus", "cpuset.mems"):
        for given in groups.glob(f"cpuset/{setting}"):
            assert (given.parent / "machine" / setting).read_text() == given.read_text() != "\n"


def test_a_second_start_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.start()
    keeper, libvirtd = sandbox.keeper, sandbox.member("libvirtd")
    sandbox.start()
    assert (sandbox.keeper, sandbox.member("libvirtd")) == (keeper, libvirtd)


def test_a_second_down_is_content(sandbox: Sandbox) -> None:
    sandbox.down()
    sandbox.down()


@pytest.mark.parametrize("command", ["daemon", "down"])
def test_a_killed_keeper_takes_everything_along(populated: Sandbox, command: str) -> None:
    members = {identity(pid) for pid in populated.members()}
    os.kill(populated.keeper, signal.SIGKILL)
    eventually(lambda: not any(lives(told) for told in members), "the kernel kills the rest")
    if command == "daemon":
        populated.start()
        assert populated.virsh("list", "--all", "--name") == ""
        assert populated.virsh("net-list", "--all", "--name") == ""
        populated.network()
        populated.guest()
    populated.down()
    eventually(lambda: not traces(populated.directory, populated.lab.cgroup), "traces go away")


def test_a_killed_libvirtd_comes_back_and_finds_its_guests(populated: Sandbox) -> None:
    killed = populated.member("libvirtd")
    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        return daemon.answers(populated.lab) and populated.member("libvirtd") != killed

    eventually(back, "libvirtd is started again")
    populated.start()
    assert populated.virsh("list", "--name") == "guest"
    assert populated.virsh("list", "--name", lxc=True) == "container"


def test_a_libvirtd_that_cannot_live_ends_the_lab_with_its_reason(sandbox: Sandbox) -> None:
    sandbox.start()
    keeper = identity(sandbox.keeper)

    def kill() -> bool:
        with contextlib.suppress(OSError, ValueError):  # of what dies while it is looked at
            for pid in sandbox.members():
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"libvirtd\0"):
                    os.kill(pid, signal.SIGKILL)
        return not lives(keeper)

    eventually(kill, "the keeper gives up")
    assert "giving up" in (sandbox.lab.logs / "keeper.log").read_text()
    sandbox.start()


def test_qemu_may_do_little(populated: Sandbox) -> None:
    process = Path(f"/proc/{populated.member('qemu-system-x86_64')}")
    status = dict(line.split(":\t", 1) for line in lines(str(process / "status")))
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["Seccomp"] == "2"
    groups = [line.split(":", 2)[1:] for line in lines(str(process / "cgroup"))]
    own = {controllers: path for controllers, path in groups if "guest" in path}
    # Version 2 has one hierarchy, and no file that says which devices.
    assert set(own) in ({"devices"}, {""}), "the group that is about the host's devices, no other"
    if "devices" in own:
        allowed = lines(f"/sys/fs/cgroup/devices{own['devices']}/devices.list")
        assert not {line.split()[0] for line in allowed} - {"c"}, "no disk, and not everything"


def test_a_killed_guest_is_seen(populated: Sandbox) -> None:
    os.kill(populated.member("qemu-system-x86_64"), signal.SIGKILL)
    eventually(lambda: populated.virsh("list", "--name") == "", "libvirt sees it")
    assert populated.virsh("list", "--name", lxc=True) == "container"


def test_a_killed_container_controller_is_seen(populated: Sandbox) -> None:
    os.kill(populated.member("libvirt_lxc"), signal.SIGKILL)
    eventually(lambda: populated.virsh("list", "--name", lxc=True) == "", "libvirt sees it")
    assert populated.virsh("list", "--name") == "guest"


@pytest.mark.parametrize("moment", [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4])
@pytest.mark.parametrize("command", [("daemon", "start"), ("down",)])
def test_a_lab_killed_at_any_moment_recovers(
    sandbox: Sandbox, command: tuple[str, ...], moment: float
) -> None:
    if command == ("down",):
        sandbox.start()
        sandbox.network()
        sandbox.guest()
    with subprocess.Popen(
        [ROOT / "lab", *command],
        env=sandbox.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    sandbox.start()
    if not sandbox.virsh("net-list", "--name"):  # it was killed before it did anything
        sandbox.network()
        sandbox.guest()
    assert sandbox.virsh("list", "--name") == "guest"
    sandbox.down()
    eventually(lambda: not traces(sandbox.directory, sandbox.lab.cgroup), "traces go away")


def test_two_commands_at_once_take_turns(sandbox: Sandbox) -> None:
    started = [
        subprocess.Popen(
            [ROOT / "lab", "daemon", "start"],
            env=sandbox.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert sum("started" in text for text in said) == 1, said
    assert len(daemon.keepers(sandbox.lab)) == 1


def test_two_labs_at_once_do_not_meet(sandbox: Sandbox, image: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sandbox-") as name:
        other = Sandbox(Path(name))
        try:
            other.directory.chmod(0o755)
            for lab in (sandbox, other):
                # The same names of network, bridge, domains and pool in both.
                lab.start()
                lab.network()
                lab.guest()
                lab.container(image)
            sandbox.virsh("destroy", "container", lxc=True)
            assert other.virsh("list", "--name", lxc=True) == "container"
            sandbox.down()
            assert other.virsh("list", "--name") == "guest"
            assert other.virsh("list", "--name", lxc=True) == "container"
            assert other.virsh("net-list", "--name") == "segment"
        finally:
            other.down()


def test_a_copy_of_the_hosts_mounts_keeps_no_namespace_alive(sandbox: Sandbox) -> None:
    sandbox.start()
    namespaces = f"{sandbox.lab.namespaces}/"
    own = Path("/proc/self/ns/mnt").readlink()
    with subprocess.Popen(["unshare", "--mount", "sleep", "600"]) as holder:
        try:
            copied = Path(f"/proc/{holder.pid}/ns/mnt")
            eventually(lambda: copied.readlink() != own, "it has a mount namespace of its own")
            mounts = f"/proc/{holder.pid}/mountinfo"
            assert any(namespaces in line for line in lines(mounts))
            sandbox.down()
            assert not any(namespaces in line for line in lines(mounts))
        finally:
            holder.kill()


def test_it_starts_in_whatever_mount_namespace_it_is_called_from(sandbox: Sandbox) -> None:
    # As in a container or a chroot: which namespace may hold which is the kernel's to say, and
    # says otherwise from CPU to CPU.
    apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    both = f"{ROOT / 'lab'} daemon start && {ROOT / 'lab'} daemon stop"
    for _ in range(5):
        done = subprocess.run(
            [*apart, "sh", "-c", both], env=sandbox.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_a_plain_shell_reaches_it_and_a_stranger_does_not(directory: Path) -> None:
    sandbox = Sandbox(directory, owner=OWNER)
    (directory / "cache").mkdir()
    try:
        sandbox.start()

        def connects(user: int) -> bool:
            command = ["virsh", "--quiet", "--connect", sandbox.lab.uri, "list"]
            done = subprocess.run(
                command, user=user, group=user, extra_groups=[], capture_output=True, cwd="/"
            )
            return done.returncode == 0

        assert connects(0)
        assert connects(OWNER)
        assert not connects(STRANGER)
        for path in (sandbox.lab.backend, sandbox.lab.pulumi_home):
            assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (OWNER, 0o700)
        # Mapped containers pass through it to the one log that is bound into them.
        found = sandbox.lab.consoles.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (OWNER, 0, 0o731)
    finally:
        sandbox.down()


def test_without_root_nothing_starts_and_the_way_is_said(directory: Path) -> None:
    environment = {**Sandbox(directory).environment, "LAB_CACHE": str(directory / "cache")}
    for command in (["daemon", "start"], ["up"], ["down"], ["client", "unikernel", "--", "true"]):
        done = subprocess.run(
            [ROOT / "lab", *command],
            env=environment,
            user=STRANGER,
            group=STRANGER,
            extra_groups=[],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 77, done.stderr
        assert "sudo" in done.stderr


def test_doctor_and_status_need_no_root_and_change_nothing(directory: Path) -> None:
    environment = {**Sandbox(directory).environment, "LAB_CACHE": str(directory / "cache")}
    for command in ("doctor", "status"):
        done = subprocess.run(
            [ROOT / "lab", command, "--json"],
            env=environment,
            user=STRANGER,
            group=STRANGER,
            extra_groups=[],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode in {0, 69}, done.stderr
        assert json.loads(done.stdout)
    assert list(directory.iterdir()) == []


def test_a_busy_directory_is_a_clear_error(directory: Path) -> None:
    blocked = directory / "state"
    blocked.write_text("not a directory")
    done = Sandbox(directory).run("daemon", "start")
    assert done.returncode not in {0, 64}
    assert "Traceback" not in done.stderr
    assert str(blocked) in done.stderr


def test_a_place_that_containers_cannot_enter_is_refused(directory: Path) -> None:
    directory.chmod(0o700)
    done = Sandbox(directory).run("daemon", "start")
    assert done.returncode == 70
    assert f"{directory} " in done.stderr
    assert "LAB_STATE" in done.stderr


def test_a_broken_libvirtd_is_told_with_its_log(sandbox: Sandbox) -> None:
    broken = sandbox.directory / "bin"
    broken.mkdir()
    program = textwrap.dedent(
        """
        from pathlib import Path
        import sys
        from sandbox import daemon, paths, process
        from sandbox.errors import LabError

        lab = paths.find()
        daemon.START_SECONDS = 5.0
        daemon.SYSTEM_PATH = sys.argv[1] + ":" + process.SYSTEM_PATH
        try:
            daemon.start(lab)
        except LabError as error:
            sys.exit(error.describe())
        """
    )
    (broken / "libvirtd").write_text("#!/bin/sh\necho 'no such driver' >&2\nexit 3\n")
    (broken / "libvirtd").chmod(0o755)
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "-c", program, broken],
        env={**sandbox.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "did not start" in done.stderr
    assert "no such driver" in done.stderr
    assert not traces(sandbox.directory / "run", sandbox.lab.cgroup)
