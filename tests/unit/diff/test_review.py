"""Where reviewers are: the comment, git's own diff, the hook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.gitlab import Notes, gitlab
from tests.support.golden import PROJECT
from tests.unit.diff.test_sides import git
from topology.cli.main import run

REVIEW = PROJECT / ".github" / "scripts" / "topology-review"

GH = """#!/bin/sh
printf '%s\\n' "$*" >>{log}
case "$*" in *--jq*) cat {known} ;; esac
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a topology that was edited, and `topology` and `gh` on PATH."""
    folder, programs = tmp_path / "clone", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    for name in ("poc.yaml", ".gitattributes", "topology.gitconfig"):
        shutil.copy(PROJECT / name, folder)
    for name in ("content", "examples"):
        shutil.copytree(PROJECT / name, folder / name)
    git(folder, "init", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    text = (folder / "poc.yaml").read_text()
    (folder / "poc.yaml").write_text(text.replace("web-in, permit: http", "web-in, permit: any"))
    program = programs / "topology"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m topology "$@"\n')
    gh = programs / "gh"
    gh.write_text(GH.format(log=tmp_path / "log", known=tmp_path / "known"))
    (tmp_path / "known").write_text("")
    program.chmod(0o755)
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.chdir(folder)
    return folder


def done(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_one_comment_is_posted_and_then_updated(clone: Path, tmp_path: Path) -> None:
    done(str(REVIEW), "compare", "main", "c.md", "poc.yaml", "examples/open.yaml")
    comment = (clone / "c.md").read_text()
    assert comment.startswith("<!-- topology-review -->\n")
    assert "`rule edge/web-in`" in comment or "rule `edge/web-in`" in comment
    assert "**newly broken** | `nothing-else`" in comment
    assert "open.yaml" not in comment
    done(str(REVIEW), "post", "o/r", "7", "c.md")
    (tmp_path / "known").write_text("42\n")
    done(str(REVIEW), "post", "o/r", "7", "c.md")
    said = (tmp_path / "log").read_text().splitlines()
    assert said[1].startswith("api repos/o/r/issues/7/comments -F body=@c.md")
    assert said[3].startswith("api --method PATCH repos/o/r/issues/comments/42 ")


def on_gitlab(clone: Path, server: Notes, *, token: str) -> subprocess.CompletedProcess[str]:
    """The documented job in a merge request's environment, without what it installs."""
    text = (PROJECT / "docs/review.md").read_text().partition("**GitLab.**")[2]
    job = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])["topology"]
    script = [line for line in job["script"] if not line.startswith(("apt-get", "pip"))]
    assert len(script) == 2
    for name in (".github/scripts/topology-review", ".gitlab/topology-note"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, clone / name)
    environment = {
        **os.environ,
        "CI_API_V4_URL": server.url,
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": "main",
        "REVIEW_TOKEN": token,
        "no_proxy": "127.0.0.1",
    }
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def test_gitlab_gets_one_note_that_is_updated(clone: Path) -> None:
    with gitlab("/projects/12/merge_requests/7/notes", "secret") as server:
        said = [f"note {number}" for number in range(130)]
        server.bodies = list(said)
        assert on_gitlab(clone, server, token="secret").returncode == 0
        assert server.bodies[:-1] == said
        first = server.bodies[-1]
        assert first.startswith("<!-- topology-review -->\n")
        assert "**newly broken** | `nothing-else`" in first
        git(clone, "checkout", "poc.yaml")
        server.bodies.append("and another")
        assert on_gitlab(clone, server, token="secret").returncode == 0
        assert server.bodies[:130] == said
        assert server.bodies[130].endswith("No topology changes by this.\n")
        assert server.bodies[131:] == ["and another"]
        assert server.asked == ["GET", "GET", "POST", "GET", "GET", "PUT"]


def test_gitlab_hears_nothing_of_no_change_and_its_refusal_fails_the_job(clone: Path) -> None:
    with gitlab("/projects/12/merge_requests/7/notes", "secret") as server:
        refused = on_gitlab(clone, server, token="wrong")
        assert refused.returncode == 1
        assert "HTTP Error 401" in refused.stderr
        git(clone, "checkout", "poc.yaml")
        assert on_gitlab(clone, server, token="secret").returncode == 0
        assert server.bodies == []


def test_a_change_of_no_topology_makes_no_comment(clone: Path, tmp_path: Path) -> None:
    git(clone, "checkout", "poc.yaml")
    done(str(REVIEW), "compare", "main", "c.md", "poc.yaml")
    done(str(REVIEW), "post", "o/r", "7", "c.md")
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_an_invalid_topology_is_commented_on_and_a_fault_is_not(clone: Path) -> None:
    (clone / "poc.yaml").write_text(
        (clone / "poc.yaml").read_text().replace("kind: dns", "kind: x")
    )
    done(str(REVIEW), "compare", "main", "c.md", "poc.yaml")
    assert "TOP106" in (clone / "c.md").read_text()
    shutil.copy(clone / "poc.yaml", clone / "new.yaml")
    done(str(REVIEW), "compare", "main", "c.md", "new.yaml")
    assert "New topology" in (clone / "c.md").read_text()


def test_git_shows_what_a_change_means(clone: Path) -> None:
    git(clone, "config", "--local", "include.path", "../topology.gitconfig")
    said = done("git", "--no-pager", "diff")
    assert "~ rule edge/web-in  [a/poc.yaml:52 → b/poc.yaml:52]" in said
    assert "nothing-else: newly broken" in said
    lines = done("git", "--no-pager", "diff", "--no-ext-diff")
    assert "-  rule web-in: action permit; service http; from outside; to web" in lines
    git(clone, "commit", "-am", "two")
    assert "+  rule web-in: action permit; service any" in done("git", "log", "-p", "-1")


def test_reordering_is_nothing_to_git(clone: Path) -> None:
    git(clone, "config", "--local", "include.path", "../topology.gitconfig")
    git(clone, "checkout", "poc.yaml")
    document = yaml.safe_load((clone / "poc.yaml").read_text())
    document["nodes"] = dict(reversed(document["nodes"].items()))
    (clone / "poc.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    assert not done("git", "--no-pager", "diff", "--no-ext-diff")


def test_git_shows_what_is_no_topology_as_it_is(
    clone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (clone / "bad.yaml").write_text("}\n")
    assert run(["textconv", "bad.yaml"]) == 0
    assert capfd.readouterr().out == "}\n"
    assert run(["gitdiff", "poc.yaml"]) == 0
    assert "unmerged" in capfd.readouterr().out
    assert run(["gitdiff", "poc.yaml", "/dev/null", ".", ".", "poc.yaml", "x", "100644"]) == 0
    assert "cannot be read at all" in capfd.readouterr().out


def test_the_hook_validates_and_proves(clone: Path) -> None:
    (hook,) = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text())
    shell = f"{hook['entry']} "
    assert subprocess.run(shell + "examples/open.yaml", shell=True).returncode == 0
    broken = subprocess.run(shell + "examples/open.yaml poc.yaml", shell=True, capture_output=True)
    assert broken.returncode == 1


def test_the_workflow_runs_what_is_tested_here() -> None:
    text = (PROJECT / ".github/workflows/topology.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["review"]["steps"]
    scripts = "\n".join(step.get("run", "") for step in steps)
    assert "topology-review compare" in scripts
    assert "topology-review post" in scripts
    # Nothing that a contributor may name is written into a script.
    assert "${{" not in scripts
    assert json.dumps(steps).count("fetch-depth") == 1
