"""pytest finds the fixtures by an entry point, which costs a run without them nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

USES_FIXTURES: Final = """
import sys
import pytest

@pytest.fixture
def ev_options():
    return {"label": "mine", "read_only": True}

def test_nothing_heavy_is_imported():
    heavy = {"aiohttp", "aioresponses", "cattrs", "msgspec", "polyfactory", "ev_energy_async.client"}
    assert not heavy & sys.modules.keys()

async def test_a_client(ev, ev_sandbox):
    assert ev.label == "mine"
    assert len(await ev.vehicles.list()) == 20
"""


def run(folder: Path, text: str, *arguments: str) -> str:
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    # Plugins of this environment that import what a user's may not have.
    without = ["-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:jsonschema", "-p", "no:cacheprovider"]
    made = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *without, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return made.stdout + made.stderr


def test_fixtures_are_found_and_a_run_without_them_imports_as_good_as_nothing(tmp_path: Path) -> None:
    assert "2 passed" in run(tmp_path, USES_FIXTURES)


def test_they_can_be_turned_off(tmp_path: Path) -> None:
    assert "fixture 'ev' not found" in run(tmp_path, USES_FIXTURES, "-p", "no:ev_energy")


def test_a_run_without_pytest_asyncio_is_left_alone(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, "def test_it(): pass", "-p", "no:asyncio", "-W", "default")
