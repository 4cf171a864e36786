"""Run the warehouse's notebook on a fleet of the sandbox.

`python -m tests.examples.notebook` writes it anew, with its pictures: look at them before you commit it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.sandbox import Logged, Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from examples import warehouse
from examples.warehouse.load import load

__all__ = ["BEGAN", "CYCLES", "FOLDER", "fill", "kept", "pictures", "run"]

FOLDER: Final = Path(warehouse.__file__).parent
NOTEBOOK: Final = FOLDER / "fleet.ipynb"
_FORMAT: Final[Any] = nbformat  # its functions have no types
_VEHICLES: Final = 60
CYCLES: Final = 4
_PATIENCE: Final = 120  # seconds for a cell
BEGAN: Final = dt.datetime(2026, 3, 16, 7, tzinfo=dt.UTC)
_SINCE: Final = BEGAN - dt.timedelta(days=5)


async def fill(folder: Path, vehicles: int, *, runs: int = 1) -> list[Logged]:
    """Load a fleet of the sandbox into `lake` below a folder, and return its status logs."""
    async with Sandbox(vehicles=vehicles, seed=7, clock=SteppedClock(BEGAN)) as sandbox:
        for _ in range(runs):
            auth = StaticToken(sandbox.issue_token())
            async with EvEnergy(auth, base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev:
                await load(ev, folder / "lake", _SINCE, cycles=CYCLES)
        return sandbox.fleet.logs("status_logs", since=_SINCE)


def kept() -> Any:
    """Return the notebook as it is in the repository, with its pictures."""
    return _FORMAT.read(NOTEBOOK, as_version=4)


async def run(folder: Path) -> Any:
    """Run the notebook beside a `lake`, in a kernel of its own, and return it with what it printed and drew."""
    shutil.copy(FOLDER / "views.sql", folder)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(kept(), kernel_name="python3", timeout=_PATIENCE, resources=resources, record_timing=False)
    return await client.async_execute()


def pictures(notebook: Any) -> list[str]:
    """Return the pictures of a notebook, as SVG."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data["image/svg+xml"] for output in outputs if "image/svg+xml" in output.get("data", {})]


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await fill(Path(folder), _VEHICLES)
        _FORMAT.write(await run(Path(folder)), NOTEBOOK)


if __name__ == "__main__":
    asyncio.run(_main())
