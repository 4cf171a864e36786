"""The cost of starting a watch from its checkpoint, until its first request.

    python -m benchmarks.restart BASE_URL VEHICLES ROUNDS FILE [--core N]

With 0 rounds it makes the checkpoint instead: it watches until all vehicles are known and some have reported.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from benchmarks import placing
from benchmarks.endurance import resident
from benchmarks.watch import EVERY, FIRST, SkippingClock, control
from ev_energy_async import Budget, ClientCredentials, EvEnergy
from ev_energy_async.checkpoint import SqliteCheckpoint
from ev_energy_async.fleet.events import CycleFinished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.messages.request import Handler, RawResponse, Request

__all__ = ["main"]

_LIMIT: Final = 1_000_000
_SHARE: Final = 0.05
_CYCLES: Final = 3


class _Started(Exception):
    """The first request is about to leave."""


async def _start(base_url: str, file: str) -> float:
    """Return the CPU time from the making of a watch to its first request."""

    async def stop(request: Request[Any], following: Handler) -> RawResponse:
        if request.path == "/vehicles":
            raise _Started
        return await following(request)

    clock = SkippingClock()
    ev = EvEnergy(
        ClientCredentials("a-client", "a-secret"),
        base_url=base_url,
        clock=clock,
        budget=Budget(_LIMIT, clock=clock),
        middleware=[stop],
    )
    async with ev:
        gc.collect()
        started = time.process_time()
        try:
            async with ev.fleet.watch(every=EVERY, checkpoint=SqliteCheckpoint(file), logs={"status"}) as watch:
                await anext(watch)
        except _Started:
            return time.process_time() - started
    raise AssertionError("no request was made")


async def _fill(base_url: str, file: str) -> None:
    clock = SkippingClock()
    ev = EvEnergy(
        ClientCredentials("a-client", "a-secret"), base_url=base_url, clock=clock, budget=Budget(_LIMIT, clock=clock)
    )
    async with ev, aiohttp.ClientSession() as session:
        checkpoint, cycles = SqliteCheckpoint(file), 0
        async with ev.fleet.watch(every=EVERY, checkpoint=checkpoint, logs={"status"}, ack="explicit") as watch:
            async for batch in watch.batches(max_items=5_000):
                await batch[-1].ack()
                if any(isinstance(event, CycleFinished) for event in batch):
                    cycles += 1
                    if cycles == _CYCLES:
                        return
                    await control(session, base_url, change=_SHARE, number=FIRST + cycles)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start, and print the costs as JSON."""
    options = placing.arguments(__doc__, arguments, {"vehicles": int, "rounds": int, "file": str})
    if not options.rounds:
        asyncio.run(_fill(options.base_url, options.file))
    starts = [asyncio.run(_start(options.base_url, options.file)) for _ in range(options.rounds)]
    print(json.dumps({"starts": starts, "resident": resident()}))


if __name__ == "__main__":
    main()
