"""Load a fleet into Parquet files: its past once, and from now on all that happens.

    python -m examples.warehouse.load lake 2026-11-01

Credentials are those of `EvEnergy.from_env`. Stop it and start it again with the same arguments as often as you like:
it goes on where it was. `fleet.ipynb` reads the files while it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import logging
from pathlib import Path
from typing import Literal

from ev_energy_async import EvEnergy, SqliteCheckpoint
from ev_energy_async.tables import ParquetSink

_LOG = logging.getLogger("warehouse")
_LOGS: tuple[Literal["status", "error"], ...] = ("status", "error")


async def load(ev: EvEnergy, lake: Path, since: dt.datetime, *, cycles: int | None = None) -> None:
    """Write vehicles, the logs of the past, and those that a watch delivers; forever, unless `cycles` is given.

    All three write at the same time, each with a name of its own. Where past and watch overlap, both write the same
    keys, of which the views keep one row.

    Args:
        ev: The client.
        lake: The folder of the files; the progress of the watch is kept beside it.
        since: Where the past begins. Keep it for as long as you keep the folder.
        cycles: After how many snapshots of the watch to end.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(ev, lake, cycles))
        tasks.create_task(_vehicles(ev, lake))
        for log in _LOGS:
            tasks.create_task(_past(ev, lake, log, since))


async def _watch(ev: EvEnergy, lake: Path, cycles: int | None) -> None:
    async with SqliteCheckpoint(f"{lake}.db") as checkpoint, ParquetSink(lake, name="watch") as sink:
        await sink.write(ev.fleet.watch(checkpoint=checkpoint, ack="explicit", cycles=cycles))


async def _vehicles(ev: EvEnergy, lake: Path) -> None:
    async with ParquetSink(lake, name="vehicles") as sink:
        await sink.write(ev.vehicles.list())


async def _past(ev: EvEnergy, lake: Path, log: Literal["status", "error"], since: dt.datetime) -> None:
    async with ParquetSink(lake, name=f"past-{log}") as sink:
        written = await sink.write(ev.fleet.logs(log, since=since, cursor=sink.cursor))
    _LOG.info("past of the %s logs: %s rows, %s vehicles could not be read", log, written.rows, written.failed)


async def _main(lake: Path, since: dt.datetime) -> None:
    async with EvEnergy.from_env() as ev:
        await load(ev, lake, since)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Load a fleet into Parquet files.")
    parser.add_argument("lake", type=Path, help="folder of the files")
    parser.add_argument("since", type=dt.date.fromisoformat, help="the day on which the past begins, as in 2026-11-01")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    asyncio.run(_main(given.lake, dt.datetime.combine(given.since, dt.time(), dt.UTC)))
