"""A process that is killed, a full disk, and how long a large state takes to read."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async.checkpoint import Advance, Owner, SqliteCheckpoint
from tests.systems import posix

if TYPE_CHECKING:
    from pathlib import Path

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fleet.db"


_CHILD: Final = """
import asyncio, resource, sys
from ev_energy_async.checkpoint import *

async def main(path, limit):
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(Owner("https://api.ev.energy/v2", "my-app"))
        async with checkpoint.transaction() as db:
            await db.execute("CREATE TABLE IF NOT EXISTS mine (number INTEGER PRIMARY KEY, text)")
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        entry = await checkpoint.get("count") or Entry("0", 0)
        number, version = int(entry.value), entry.version
        while True:
            number += 1
            try:
                async with checkpoint.transaction() as db:
                    await db.execute("INSERT INTO mine VALUES (?, ?)", (number, "x" * 500))
                    version = await checkpoint.advance("count", version, str(number))
            except Exception as error:
                assert int((await checkpoint.get("count")).value) == number - 1
                print("full", type(error).__name__, flush=True)
                if limit:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                    entry = await checkpoint.get("count")
                    await checkpoint.advance("count", entry.version, entry.value)
                return
            print(number, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def child(path: Path, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path), str(limit)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )


async def count_in(path: Path) -> int:
    """Return how far it got, after checking the complete file."""
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        async with checkpoint.transaction() as db:
            assert await db.execute("PRAGMA integrity_check") == [("ok",)]
            [(rows, last)] = await db.execute("SELECT count(*), max(number) FROM mine")
        entry = await checkpoint.get("count")
        count = int(entry.value) if entry is not None else 0
        assert rows == count == (last or 0), "both or neither"
        return count


@posix
async def test_a_process_that_is_killed_loses_nothing_and_goes_on(path: Path) -> None:
    count = 0
    for after in (1, 40, 90):
        process = child(path)
        assert process.stdout is not None
        said = count
        for line in process.stdout:
            said = int(line)
            if said >= count + after:
                process.send_signal(signal.SIGKILL)
                break
        # What it said while the signal was on its way was done too.
        said = max([said, *map(int, process.stdout.read().splitlines())])
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL

        count = await count_in(path)

        assert said <= count <= said + 1, "it may die between writing and saying so"


@posix
@pytest.mark.parametrize("limit", [300_000, 301_234, 800_000])
async def test_a_full_disk_is_an_error_and_harms_nothing(path: Path, limit: int) -> None:
    process = child(path, limit)
    out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    *numbers, full = out.splitlines()

    assert process.returncode == 0, "it goes on when there is room again"
    assert full in {"full CheckpointError", "full OperationalError"}
    assert len(numbers) > 5
    assert await count_in(path) == len(numbers)


async def test_the_state_of_a_hundred_thousand_vehicles_is_read_in_moments(path: Path) -> None:
    value = "x" * 300
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        await checkpoint.advance_all([Advance(f"vhcl{number:026}/status", 0, value) for number in range(100_000)])

    began = time.perf_counter()
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        state = {key: entry async for key, entry in checkpoint.entries("vhcl")}
    took = time.perf_counter() - began

    assert len(state) == 100_000
    assert took < 2 * 5, "2 s where nothing else runs"


async def test_rows_of_devices_share_the_pages_of_the_file(path: Path) -> None:
    value = "x" * 1_200
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        await checkpoint.advance_all([Advance(f"vhcl{number:026}", 0, value) for number in range(2_000)])

    size = (await asyncio.to_thread(path.stat)).st_size
    assert size < 2 * 2_000 * len(value), "a page for each would be more than three times as much"
