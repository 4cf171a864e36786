"""The workflow of continuous integration: it leaves nothing out unnoticed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None or os.name == "nt", reason="needs make and a shell")


def planned(command: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Show what a command of make would do, with no program on the path but those in a folder."""
    assert MAKE is not None
    words = command.replace("make ", f"{MAKE} --dry-run ", 1)
    env = {"PATH": str(path), "HOME": str(path)}
    return subprocess.run(["/bin/sh", "-c", words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def commands(text: str) -> set[tuple[str, ...]]:
    """The calls of make, word by word; `make "test-$AT"` is one for each value of the matrix.

    Which Python is meant by which name, and who may install services, depends on the machine.
    """
    values = [each for found in re.findall(r"^ +at: \[(.*)\]", text, re.MULTILINE) for each in found.split(", ")]
    lines = re.findall(r"(?:^|run: (?:sudo )?)(make .+)", text, re.MULTILINE)
    calls = (shlex.split(line.replace("$AT", value), comments=True) for line in lines for value in (values or [""]))
    return {tuple(word for word in call if not word.startswith("PYTHON")) for call in calls}


def test_the_workflow_runs_each_command_that_one_machine_runs() -> None:
    here, there = commands((ROOT / ".ci/run").read_text("utf-8")), commands(WORKFLOW)
    assert len(here) >= 12
    assert here - there == set()


def test_windows_runs_the_tests_of_the_core() -> None:
    [core] = re.findall(r"^CORE := \$\(addprefix tests/,(.*)\)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    [run] = re.findall(r"python -m pytest -q -n auto (.+)", WORKFLOW)
    assert run.split() == [f"tests/{each}" for each in core.split()]
    assert all((ROOT / each).exists() for each in run.split())


def test_the_workflow_never_leaves_out_home_assistant_for_want_of_its_python(tmp_path: Path) -> None:
    [command] = re.findall(r"run: (make examples.*)", WORKFLOW)
    done = planned(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NOT RUN:" not in done.stdout.replace("echo 'NOT RUN:", "")


def test_a_machine_without_that_python_runs_the_other_examples_and_says_so(tmp_path: Path) -> None:
    done = planned("make examples", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nNOT RUN: examples/home_assistant" in done.stdout
