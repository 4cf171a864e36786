"""Watch a fleet of which a share reports in each cycle, and measure the cost of a cycle.

    python -m benchmarks.watch BASE_URL VEHICLES CYCLES [--share 0.05] [--limit 9000] [--logs status,error]
        [--stages 1] [--core N]

The client's clock skips its waits, so that nobody waits for five-minute cycles; the budget and the watch's schedule see
the full time. The first cycle, in which all vehicles are new, does not count. A block of the event loop is the longest
time of the processor between two turns of a task that asks for one all the time. With `--stages 1` it is seen which
modules the cycles spend their time in, which costs some time too.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from benchmarks import placing
from benchmarks.endurance import resident
from benchmarks.sampling import Sampler
from ev_energy_async import Budget, ClientCredentials, EvEnergy
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.fleet.events import CycleFinished, StatusLogged

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["EVERY", "FIRST", "SkippingClock", "control", "main"]

EVERY: Final = 300
_LIMIT: Final = 1_000_000
_MOST_MISSING: Final = 100  # a page
FIRST: Final = 10  # number of the first log that arrives during the watch; earlier ones exist at its start
_DEPTH: Final = 3  # fleet/watch/look
_EPOCH: Final = dt.datetime(2026, 3, 14, tzinfo=dt.UTC)


class SkippingClock:
    """A clock that skips waits."""

    def __init__(self) -> None:
        self._jumped = EVERY * (FIRST - 1.0)
        self._started = time.monotonic()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started + self._jumped

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return _EPOCH + dt.timedelta(seconds=self._elapsed())

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary start."""
        return self._elapsed()

    async def sleep(self, delay: float) -> None:
        """Skip some seconds."""
        self._jumped += max(0.0, delay)
        await asyncio.sleep(0)


class _Turns:
    """The turns of a task that asks for one all the time.

    Attributes:
        longest: The longest time of the processor between two of them, in seconds.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def take(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.002)
            now = time.thread_time()
            self.longest = max(self.longest, now - before)
            before = now


async def control(session: aiohttp.ClientSession, base_url: str, **wanted: Any) -> dict[str, Any]:
    """Change what the server serves, and return its counters."""
    async with session.post(base_url.removesuffix("/v2") + "/control", data=json.dumps(wanted)) as response:
        response_body: dict[str, Any] = json.loads(await response.read())
        return response_body


async def _watch(options: argparse.Namespace) -> dict[str, Any]:
    clock, turns, base_url = SkippingClock(), _Turns(), options.base_url
    sampler, sampling = Sampler(_DEPTH), ExitStack()
    costs: list[float] = []
    requests: list[int] = []
    durations: list[float] = []
    blocks: list[float] = []
    delivered = expected = missing = 0
    auth = ClientCredentials("a-client", "a-secret")
    budget = Budget(options.limit, clock=clock)
    logs: Any = set(options.logs.split(","))
    async with (
        EvEnergy(auth, base_url=base_url, budget=budget, clock=clock) as ev,
        aiohttp.ClientSession() as session,
    ):
        await control(session, base_url, limit=options.limit)
        beside = asyncio.create_task(turns.take())
        started = time.process_time()
        stream = ev.fleet.watch(every=EVERY, checkpoint=MemoryCheckpoint(), logs=logs)
        number = FIRST
        async for event in stream:
            delivered += isinstance(event, StatusLogged)
            if not isinstance(event, CycleFinished):
                continue
            costs.append(time.process_time() - started)
            sampling.close()
            blocks.append(turns.longest)
            durations.append(event.duration)
            requests.append(event.spent.total)
            # The first page of a cycle may have been asked for before the change; what it has missed comes in the next.
            missing = expected - delivered
            if not 0 <= missing <= _MOST_MISSING:
                raise AssertionError(f"{delivered} logs were delivered, {expected} were expected")
            if len(costs) > options.cycles:
                break
            found = await control(session, base_url, change=options.share, number=number, reset=True)
            delivered, expected = 0, found["changed"] + missing
            number += 1
            gc.collect()
            await asyncio.sleep(0.01)
            turns.longest = 0.0
            if options.stages:
                sampling.enter_context(sampler)
            started = time.process_time()
        await stream.aclose()
        beside.cancel()
        await asyncio.wait([beside])
    return {
        "cycles": costs[1:],
        "first": costs[0],
        "blocks": blocks[1:],
        "first_block": blocks[0],
        "durations": durations[1:],
        "requests": requests[1:],
        "missing": missing,
        "resident": resident(),
        "vehicles": options.vehicles,
        "stages": sampler.shares(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Watch, and print the cost as JSON."""
    options = placing.arguments(
        __doc__, arguments, {"vehicles": int, "cycles": int}, share=0.05, limit=_LIMIT, logs="status", stages=0
    )
    print(json.dumps(asyncio.run(_watch(options))))


if __name__ == "__main__":
    main()
