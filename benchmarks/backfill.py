"""The cost of a log of a backfill, in batches and one by one, and that of the same pages without a backfill.

    python -m benchmarks.backfill BASE_URL VEHICLES ROUNDS [--core N]

Each vehicle has a page of logs, so that pages, and with them requests, are as many in all three.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
import time
from typing import TYPE_CHECKING, Final

from benchmarks import documents, placing
from benchmarks.contenders.ours import make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ev_energy_async import EvEnergy

__all__ = ["main"]

_CONCURRENCY: Final = 20
_SINCE: Final = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
_UNTIL: Final = _SINCE + dt.timedelta(days=31)


async def _in_batches(ev: EvEnergy, ids: list[str]) -> AsyncIterator[int]:
    logs = ev.fleet.logs("status", ids, since=_SINCE, until=_UNTIL, concurrency=_CONCURRENCY)
    async for items in logs.batches():
        yield len(items)


async def _one_by_one(ev: EvEnergy, ids: list[str]) -> AsyncIterator[int]:
    async for _ in ev.fleet.logs("status", ids, since=_SINCE, until=_UNTIL, concurrency=_CONCURRENCY):
        yield 1


async def _pages(ev: EvEnergy, ids: list[str]) -> AsyncIterator[int]:
    for first in range(0, len(ids), _CONCURRENCY):
        calls = [ev.vehicles.list_status_logs(each, page_size=100) for each in ids[first : first + _CONCURRENCY]]
        for page in await asyncio.gather(*(call.page() for call in calls)):
            yield len(page)


async def _costs(base_url: str, vehicles: int, rounds: int) -> dict[str, list[float]]:
    contender = make(base_url)
    ids = documents.item_ids(vehicles)
    ways = {"batches": _in_batches, "single": _one_by_one, "pages": _pages}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            gc.collect()
            started = time.process_time()
            logs = sum([each async for each in way(contender.client, ids)])
            if number:  # the first loads what it needs
                found[name].append((time.process_time() - started) / logs)
    await contender.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the costs of a log as JSON, in seconds."""
    options = placing.arguments(__doc__, arguments, {"vehicles": int, "rounds": int})
    print(json.dumps(asyncio.run(_costs(options.base_url, options.vehicles, options.rounds))))


if __name__ == "__main__":
    main()
