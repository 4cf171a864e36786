"""The workflow of continuous integration: it leaves nothing out unnoticed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None or os.name == "nt", reason="needs make and a shell")


def planned(command: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Show what a command of make would do, with no program on the path but those in a folder."""
    assert MAKE is not None
    words = command.replace("make ", f"{MAKE} --dry-run ", 1)
    env = {"PATH": str(path), "HOME": str(path)}
    return subprocess.run(["/bin/sh", "-c", words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_the_workflow_never_leaves_out_home_assistant_for_want_of_its_python(tmp_path: Path) -> None:
    [command] = re.findall(r"run: (make examples.*)", (ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    done = planned(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NOT RUN:" not in done.stdout.replace("echo 'NOT RUN:", "")


def test_a_machine_without_that_python_runs_the_other_examples_and_says_so(tmp_path: Path) -> None:
    done = planned("make examples", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nNOT RUN: examples/home_assistant" in done.stdout
