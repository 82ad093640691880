#!/usr/bin/env python3
"""Pulumi's language host for Python programs, run by the interpreter that is first on PATH.

The engine starts it with its own address as last argument, reads a port from its first line of
output and then speaks `pulumirpc.LanguageRuntime` to it. It installs nothing: the program's
dependencies are those of the interpreter, which is the one that runs the host, or the one of the
environment that the project's `virtualenv` option names. Installed as `pulumi-language-python`
beside `pulumi-language-python-exec`, the script of Pulumi's SDK that runs a program.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import signal
import site
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from typing import Final

if __name__ == "__main__":
    # The stubs alone are needed, and importing `pulumi` itself costs every command a quarter of a
    # second: let its packages be found without running their initialisation.
    found = importlib.util.find_spec("pulumi")
    if found is None or not found.submodule_search_locations:
        sys.exit(f"Pulumi's SDK is not installed for {sys.executable}: is the environment on PATH?")
    home = Path(found.submodule_search_locations[0])
    for name, path in (("pulumi", home), ("pulumi.runtime", home / "runtime")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

EXECUTOR: Final = Path(__file__).resolve().with_name("pulumi-language-python-exec")

SHOWN: Final = 32
"""The exit status by which the executor says that the user has already been told what failed."""


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine; `stop` ends the program that runs, if one does."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._stopped = False
        self._programs: set[subprocess.Popen[bytes]] = set()

    def stop(self) -> None:
        """Ends running programs and lets no other start."""
        with self._lock:
            self._stopped = True
            for program in self._programs:
                program.terminate()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def About(
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        return language_pb2.AboutResponse(
            executable=interpreter(request.info), version=platform.python_version()
        )

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse(
            packages=required_packages(site_directories(request.info))
        )

    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        # What engines before GetRequiredPackages asked.
        return language_pb2.GetRequiredPluginsResponse(
            plugins=[
                plugin_pb2.PluginDependency(
                    name=package.name,
                    kind=package.kind,
                    version=package.version,
                    server=package.server,
                )
                for package in required_packages(site_directories(request.info))
            ]
        )

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        found = metadata.distributions(path=[str(path) for path in site_directories(request.info)])
        versions = {distribution.metadata["Name"]: distribution.version for distribution in found}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in sorted(versions.items())
            ]
        )

    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        status = self._execute(command(request, self._engine), directory(request), request)
        if status == 0:
            return language_pb2.RunResponse()
        if status == SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program {describe(status)}")

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.stop()
        return empty_pb2.Empty()

    def _execute(
        self, arguments: Sequence[str], where: str, request: language_pb2.RunRequest
    ) -> int:
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        with self._lock:
            if self._stopped:
                return -signal.SIGTERM
            # The program inherits our output, which the engine reads line by line.
            program = subprocess.Popen(
                arguments, cwd=where, env=environment, stdin=subprocess.DEVNULL
            )
            self._programs.add(program)
        try:
            return program.wait()
        finally:
            with self._lock:
                self._programs.discard(program)


def command(request: language_pb2.RunRequest, engine: str) -> list[str]:
    """The command that runs the program of `request`, which talks to `engine` (host:port)."""
    options = {
        "--monitor": request.monitor_address,
        "--engine": engine,
        "--project": request.project,
        "--stack": request.stack,
        "--pwd": directory(request),
        "--root_directory": request.info.root_directory,
        "--dry_run": "true" if request.dryRun else "false",
        "--parallel": str(request.parallel),
        "--organization": request.organization,
    }
    return [
        interpreter(request.info),
        "-u",
        str(EXECUTOR),
        *(part for name, value in options.items() if value for part in (name, value)),
        "--",
        request.info.entry_point or ".",
        *request.args,
    ]


def directory(request: language_pb2.RunRequest) -> str:
    """The directory that the program of `request` runs in."""
    return request.info.program_directory or request.pwd


def environment_root(info: language_pb2.ProgramInfo) -> Path | None:
    """The virtual environment that the project's options name, if they name one."""
    name = str(dict(info.options).get("virtualenv") or "")
    return Path(info.root_directory, name) if name else None


def interpreter(info: language_pb2.ProgramInfo) -> str:
    """The interpreter that runs the project's programs."""
    root = environment_root(info)
    return str(root / "bin" / "python") if root else sys.executable


def site_directories(info: language_pb2.ProgramInfo) -> list[Path]:
    """Where the packages of the project's interpreter lie."""
    root = environment_root(info)
    return [Path(path) for path in site.getsitepackages([str(root)] if root else None)]


def required_packages(directories: Sequence[Path]) -> list[plugin_pb2.PackageDependency]:
    """The provider plugins that the SDKs installed in `directories` say they need."""
    found = {}
    for path in plugin_files(directories):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if said.get("resource"):
            found[said["name"]] = plugin_pb2.PackageDependency(
                name=said["name"],
                kind="resource",
                version=said.get("version", ""),
                server=said.get("server", ""),
            )
    return [found[name] for name in sorted(found)]


def plugin_files(directories: Sequence[Path]) -> Iterator[Path]:
    """The files by which generated SDKs name their plugin."""
    for path in directories:
        yield from sorted(path.glob("*/pulumi-plugin.json"))


def describe(status: int) -> str:
    """How a process ended, in words, from its return code (negative: a signal)."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"exited with status {status}"


def follow(engine: str, stop: SimpleQueue[None]) -> grpc.Channel:
    """Puts into `stop` when the engine at `engine` (host:port), once reached, is gone.

    An engine that is killed interrupts nobody, and its hosts would outlive it.
    """
    channel = grpc.insecure_channel(engine)
    reached = threading.Event()

    def changed(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            reached.set()
        elif reached.is_set() and state is not grpc.ChannelConnectivity.CONNECTING:
            stop.put(None)

    channel.subscribe(changed, try_to_connect=True)
    return channel


def main(arguments: Sequence[str]) -> int:
    """Serves until interrupted or until the engine is gone."""
    if len(arguments) < 2:
        sys.exit("usage: pulumi-language-python [OPTION...] ENGINE_ADDRESS")
    engine = arguments[-1]
    stop: SimpleQueue[None] = SimpleQueue()  # its put() is reentrant, as a signal handler's must be
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.put(None))
    host = Host(engine)
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    with contextlib.closing(follow(engine, stop)):
        stop.get()
        host.stop()
        server.stop(grace=1).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
