"""The toolchain that a lab would use, used."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pulumi_libvirt
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

import toolchain
from toolchain import parts, python

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("LAB_CACHE") or "/var/cache/topology-lab")
PATIENCE = 30.0
"""Seconds in which anything here has long happened."""

PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("one", {"number": props["number"] + 1})

class Counted(Resource):
    number: pulumi.Output[int]
    def __init__(self, name, number):
        super().__init__(Provider(), name, {"number": number})

print("the program speaks")
pulumi.export("number", Counted("counted", pulumi.Config().require_int("number")).number)
"""

WAITING = """
import os, pathlib, signal
pathlib.Path("running").write_text(str(os.getpid()))
signal.pause()
"""


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    return toolchain.ensure(CACHE)


@pytest.fixture(scope="module")
def venv() -> Path:
    return python.ensure_venv(CACHE, ROOT)


@pytest.fixture
def environment(tools: toolchain.Toolchain, venv: Path, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    toolchain.link_plugins(tools, home)
    (tmp_path / "state").mkdir()
    return {
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join((str(venv / "bin"), str(tools.bin), "/usr/bin", "/bin")),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }


class Project:
    """A project with one stack."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def write(self, program: str) -> None:
        (self.root / "__main__.py").write_text(program)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 4,
        )

    def done(self, *arguments: str) -> str:
        done = self.pulumi(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()
        return done.stdout


@pytest.fixture
def project(environment: dict[str, str], tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: trivial\nruntime: python\n")
    made = Project(root, environment)
    made.write(PROGRAM)
    made.done("stack", "init", "test")
    made.done("config", "set", "number", "41")
    return made


def test_the_engine_says_its_version(project: Project) -> None:
    said = project.done("version").strip()
    assert said.startswith("v3.")
    assert project.done("about", "--json")


def test_a_program_with_a_dynamic_resource_is_applied(project: Project) -> None:
    assert "the program speaks" in project.done("up", "--yes", "--stack", "test")
    assert json.loads(project.done("stack", "output", "--json")) == {"number": 42}
    steps = json.loads(project.done("preview", "--json"))["steps"]
    assert {step["op"] for step in steps} == {"same"}
    project.done("refresh", "--yes")
    project.done("destroy", "--yes")


def test_a_failing_program_fails_the_command_and_says_why_once(project: Project) -> None:
    project.write("print('before')\nraise LookupError('no such thing')\n")
    done = project.pulumi("preview")
    assert done.returncode != 0
    assert done.stdout.count("LookupError: no such thing") == 1
    project.write("import os\nos._exit(9)\n")
    done = project.pulumi("preview")
    assert done.returncode != 0
    assert "exited with status 9" in done.stdout


def test_the_plugin_knows_the_published_sdk(project: Project) -> None:
    schema = json.loads(project.done("package", "get-schema", "libvirt"))
    listed = json.loads(project.done("plugin", "ls", "--json"))
    assert [(it["name"], it["version"]) for it in listed] == [("libvirt", parts.plugin_version())]
    assert "libvirt:index/domain:Domain" in schema["resources"]
    # Every input that the SDK can send is one that the plugin knows.
    for token, resource in schema["resources"].items():
        kind = getattr(pulumi_libvirt, token.rpartition(":")[2])
        names = set(inspect.signature(kind._internal_init).parameters)
        sent = {camel_case(it) for it in names - {"__props__", "__self__", "opts", "resource_name"}}
        assert sent
        assert sent <= set(resource["inputProperties"])


def camel_case(name: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait(happened: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, what
        threading.Event().wait(0.02)


def children(process: int) -> list[int]:
    """The direct ones; each thread lists those that it started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_engine(project: Project, number: signal.Signals) -> None:
    project.write(WAITING)
    running = project.root / "running"
    with subprocess.Popen(
        ["pulumi", "preview", "--non-interactive"],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as engine:
        wait(lambda: running.exists() and running.read_text(), "the program does not run")
        family = children(engine.pid)
        program = int(running.read_text())
        assert family
        engine.send_signal(number)
        wait(lambda: all(gone(it) for it in (*family, program)), f"{family} {program} live on")
        said = engine.communicate()[0]
    assert engine.returncode != 0
    assert "Traceback" not in said


@pytest.fixture
def language_host(tools: toolchain.Toolchain, environment: dict[str, str]) -> Iterator[int]:
    """The port of a host whose engine is never there."""
    with subprocess.Popen(
        [str(tools.bin / parts.HOST), "127.0.0.1:9"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_the_host_shakes_hands(language_host: int, tmp_path: Path) -> None:
    info = language_pb2.ProgramInfo(
        root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point="."
    )
    with grpc.insecure_channel(f"127.0.0.1:{language_host}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        stub.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:9"))
        assert stub.GetPluginInfo(empty_pb2.Empty()).version == parts.engine_version()
        said = stub.About(language_pb2.AboutRequest(info=info))
        assert said.version.startswith("3.")
        needed = stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info))
        assert [(it.name, it.version) for it in needed.packages] == [("libvirt", "0.5.4")]
        found = stub.GetProgramDependencies(
            language_pb2.GetProgramDependenciesRequest(info=info)
        ).dependencies
        assert {"pulumi", "libvirt-python"} <= {it.name for it in found}
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.InstallDependencies(language_pb2.InstallDependenciesRequest(info=info)))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
