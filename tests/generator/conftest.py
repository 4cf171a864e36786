"""A run of mypy on generated code."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def mypy(pytestconfig: pytest.Config) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run mypy in a folder. All processes of all test runs share what it knows of libraries, one after another."""
    cache = pytestconfig.cache.mkdir("mypy")

    def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            "--cache-dir",
            cache,
        ]
        env = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)}
        with FileLock(f"{cache}.lock"):
            return subprocess.run(
                [*command, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
            )

    return run
