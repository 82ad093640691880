"""What each command of `lab` does, in order; `cli` knows how it is called."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from . import (
    accelerator,
    daemon,
    doctor,
    environment,
    figures,
    install,
    lock,
    process,
    stacks,
    status,
    suite,
)
from .errors import LabError, UsageError
from .figures import Figure
from .install import Tools
from .paths import Lab
from .progress import Progress
from .replies import Replies, targets

__all__ = ["COMMANDS"]

Plan: TypeAlias = dict[str, Any]  # what `topology plan --json` prints
Command = Callable[[Lab, argparse.Namespace, Progress], int]


def _locked(lab: Lab, name: str, progress: Progress) -> contextlib.AbstractContextManager[None]:
    daemon.require_root(f"`lab {name}`")
    return lock.hold(lab.lock, name, lambda holder: progress(f"waiting for {holder}"))


def _show(value: object) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def _start(lab: Lab, progress: Progress) -> None:
    """Start the daemon if needed, choose the accelerator, and say what was done."""
    with progress.step("private libvirt"):
        if daemon.start(lab):
            progress(f"started the private libvirt at {lab.uri}")
    known = accelerator.remembered(lab)
    with progress.step("accelerator"):
        choice = accelerator.choose(lab)
    if choice != known:
        progress(f"accelerator {choice.accelerator}: {choice.reason}")


def _ready(lab: Lab, tools: Tools, progress: Progress) -> dict[str, str]:
    """Return the environment of a lab that runs and whose stacks exist and are idle."""
    _start(lab, progress)
    variables = environment.exports(lab, tools.directories, os.environ.get("PATH", ""))
    child = environment.child(lab, variables)
    with progress.step("stacks"):
        stacks.clear_interrupted(lab, child, progress)
        stacks.prepare(lab, child, progress)
    return variables


def up(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Deploy a variant, probe it and print the figures."""
    stack = stacks.variant(options.variant)
    with _locked(lab, f"up {stack}", progress):
        tools = _prepare(lab, options, progress)
        variables = _ready(lab, tools, progress)
        child = environment.child(lab, variables)
        with progress.step("images and plan"):
            plan = _plan(lab, child, stack)
        code, seconds, measured = _deploy(lab, stack, plan, child, progress)
        if code != 0:
            _explain(lab, stack)
            raise LabError(f"`pulumi up --stack {stack}` ended with {code}", code=1)
    probed = 0
    if not options.no_probe:
        probed = process.run(
            ["topology", "probe", "--stack", stack],
            environment=environment.privileged(lab, variables),
            cwd=lab.root,
            quiet=options.json,
        )
    if options.json:
        _show(
            {
                "stack": stack,
                "nodes": [asdict(figure) for figure in measured],
                "pulumi_up_seconds": seconds,
                "set_up_seconds": progress.timings,
                "probe": probed,
            }
        )
    else:
        print(figures.describe(stack, measured, seconds, progress.timings))
    return probed


def _deploy(
    lab: Lab, stack: str, plan: Plan, child: Mapping[str, str], progress: Progress
) -> tuple[int, float, tuple[Figure, ...]]:
    """Run `pulumi up`; return its exit code, its wall time in seconds, and what was measured."""
    before = stacks.read(lab, stack)
    refresh = bool(before.nodes) and stacks.needs_refresh(lab, before)
    if refresh:
        progress("a node that was deployed does not run: refreshing first")
    # Of a node that is replaced the old generation would reply.
    fresh = frozenset(str(domain["node"]) for domain in plan["domains"]) - set(before.nodes)
    begin = time.monotonic()
    with (
        figures.Consoles(lab.consoles) as consoles,
        Replies(lab, targets(plan, fresh)) as replies,
    ):
        code = stacks.up(lab, child, stack, refresh=refresh)
        seconds = time.monotonic() - begin
    measured = []
    for domain in plan["domains"]:
        console = Path(domain["console"])
        measured.append(
            Figure(
                node=domain["node"],
                kind=domain["kind"],
                image_bytes=domain["image"]["size"],
                memory_mib=domain["memory"],
                ready_seconds=consoles.ready(console),
                reply_seconds=consoles.since(console, replies.times.get(domain["node"])),
            )
        )
    return code, seconds, tuple(measured)


def _prepare(
    lab: Lab, options: argparse.Namespace, progress: Progress, *, dev: bool = False
) -> Tools:
    daemon.prepare_state(lab)
    return install.ensure(lab, progress, yes=options.yes, dev=dev)


def _explain(lab: Lab, stack: str) -> None:
    """Print why the nodes of a stack that failed are dead or started again, where they said it."""
    for node in status.observe(lab).nodes:
        if node.stack == stack and node.reason:
            print(f"{node.node} ({node.domain}) is {node.state}: {node.reason}", file=sys.stderr)


def _plan(lab: Lab, child: Mapping[str, str], stack: str) -> Plan:
    """Build the images that are missing, and return the plan of a stack."""
    done = process.capture(
        ["topology", "plan", stacks.topology_file(lab, stack), "--variant", stack, "--json"],
        environment=child,
        cwd=lab.root,
        owner=lab.owner,
        seconds=1800.0,
        quiet=False,
    )
    if done.returncode != 0:
        raise LabError(f"the stack {stack} cannot be planned", code=done.returncode)
    plan: Plan = json.loads(done.stdout)
    return plan


def down(lab: Lab, _: argparse.Namespace, progress: Progress) -> int:
    """End everything and remove what described it."""
    with _locked(lab, "down", progress):
        stacks.await_idle(lab, progress)
        ended = daemon.stop(lab)
        stacks.end_helpers(lab)
        daemon.erase(lab)
    progress("the lab is down" if ended else "the lab was down already")
    return 0


def show_status(lab: Lab, options: argparse.Namespace, _: Progress) -> int:
    """Show what runs."""
    seen = status.observe(lab)
    if options.json:
        _show(asdict(seen))
    else:
        print(status.describe(seen))
    return 0


def env(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Print the environment; only exports go to standard output."""
    variables = _environment(lab, options, progress)
    if options.json:
        _show(variables)
    else:
        print(environment.shell(variables))
    return 0


def _environment(lab: Lab, options: argparse.Namespace, progress: Progress) -> dict[str, str]:
    """Return the environment; starts the lab for root, finds a running one for its owner."""
    if os.geteuid() == 0:
        with _locked(lab, options.command, progress):
            tools = _prepare(lab, options, progress)
            return _ready(lab, tools, progress)
    if not daemon.answers(lab):
        daemon.require_root("starting the lab")
    tools = install.find(lab)
    return environment.exports(lab, tools.directories, os.environ.get("PATH", ""))


def client(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Become a command that runs where the outside client stands."""
    stack = stacks.ALIASES.get(options.stack, options.stack)
    daemon.require_root("`lab client`")
    if not daemon.answers(lab):
        raise LabError("the lab does not run", hint=f"./lab up {stack}")
    if stack not in stacks.names(lab):
        known = ", ".join(stacks.names(lab)) or "none"
        raise UsageError(f"there is no stack {stack!r}", hint=f"there is: {known}")
    tools = install.find(lab)
    variables = environment.exports(lab, tools.directories, os.environ.get("PATH", ""))
    program = tools.directories[0] / "topology"
    arguments = [str(program), "client", "--stack", stack, "--", *options.words]
    # The terminal, the signals and the exit code are the command's own.
    os.execve(program, arguments, environment.privileged(lab, variables))  # noqa: S606 - no shell


def examine(lab: Lab, options: argparse.Namespace, _: Progress) -> int:
    """Say what this host can do."""
    findings = doctor.examine(lab)
    bad = any(one.verdict is doctor.Verdict.BAD for one in findings)
    if options.json:
        _show({"ready": not bad, "findings": [asdict(one) for one in findings]})
    else:
        print(doctor.describe(findings))
    return 69 if bad else 0


def test(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Set everything up and run every test."""
    with _locked(lab, "test", progress):
        tools = _prepare(lab, options, progress, dev=True)
        install.install_packages(install.missing_linters(), progress, yes=options.yes)
        variables = _ready(lab, tools, progress)
    return _suite(lab, suite.tests(full=options.full), variables, progress)


def check(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Run the checks that need no privilege."""
    tools = install.ensure(lab, progress, yes=options.yes, dev=True, privileged=False)
    install.install_packages(install.missing_linters(), progress, yes=options.yes)
    variables = {"PATH": environment.path(tools.directories, os.environ.get("PATH", ""))}
    return _suite(lab, suite.checks(), variables, progress)


def fuzz(lab: Lab, options: argparse.Namespace, _: Progress) -> int:
    """Fuzz for a while, or try one input again."""
    command = [sys.executable, "-m", "sandbox.fuzz", *options.targets]
    command += ["--seconds", str(options.seconds)]
    if options.input is not None:
        command += ["--input", str(Path(options.input).absolute())]
    variables = {**os.environ, **suite.cargo_environment(lab)}
    return process.run(command, environment=variables, cwd=lab.root, owner=lab.owner)


def _suite(
    lab: Lab, steps: tuple[suite.Step, ...], variables: Mapping[str, str], progress: Progress
) -> int:
    cargo = suite.cargo_environment(lab)
    # Live tests run copies of the project, whose bytecode nobody reads after them.
    with tempfile.TemporaryDirectory(prefix="lab-bytecode-") as bytecode:
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
        outcomes = suite.run(
            lab,
            steps,
            progress,
            owned={**environment.child(lab, variables), **cargo},
            privileged={**environment.privileged(lab, variables), **cargo, **kept},
        )
    print(suite.describe(outcomes))
    return 0 if all(one.code == 0 for one in outcomes) else 1


def lone_daemon(lab: Lab, options: argparse.Namespace, progress: Progress) -> int:
    """Start or stop the private libvirt alone."""
    with _locked(lab, f"daemon {options.action}", progress):
        if options.action == "start":
            progress("started" if daemon.start(lab) else "it was running")
        else:
            progress("stopped" if daemon.stop(lab) else "it was not running")
    return 0


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "check": check,
        "client": client,
        "daemon": lone_daemon,
        "doctor": examine,
        "down": down,
        "env": env,
        "fuzz": fuzz,
        "status": show_status,
        "test": test,
        "up": up,
    }
)
