"""Watch a fleet of which 5 % report in each cycle, and measure the cost of a cycle.

    python -m benchmarks.watch BASE_URL VEHICLES CYCLES [--core N]

The client's clock skips its waits, so that nobody waits for five-minute cycles; the budget and the watch's schedule see
the full time. The first cycle, in which all vehicles are new, does not count.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from benchmarks import placing
from benchmarks.endurance import resident
from ev_energy_async import Budget, ClientCredentials, EvEnergy
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.fleet.events import CycleFinished, StatusLogged

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_EVERY: Final = 300
_SHARE: Final = 0.05
_LIMIT: Final = 1_000_000
_FIRST: Final = 10  # number of the first log that arrives during the watch; earlier ones exist at its start
_EPOCH: Final = dt.datetime(2026, 3, 14, tzinfo=dt.UTC)


class _Clock:
    """A clock that skips waits."""

    def __init__(self) -> None:
        self._jumped = _EVERY * (_FIRST - 1.0)
        self._started = time.monotonic()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started + self._jumped

    def now(self) -> dt.datetime:
        return _EPOCH + dt.timedelta(seconds=self._elapsed())

    def monotonic(self) -> float:
        return self._elapsed()

    async def sleep(self, delay: float) -> None:
        self._jumped += max(0.0, delay)
        await asyncio.sleep(0)


async def _change(session: aiohttp.ClientSession, base_url: str, number: int) -> int:
    wanted = json.dumps({"change": _SHARE, "number": number, "reset": True})
    async with session.post(base_url.removesuffix("/v2") + "/control", data=wanted) as response:
        response_body: dict[str, Any] = json.loads(await response.read())
        changed: int = response_body["changed"]
        return changed


async def _watch(base_url: str, size: int, cycles: int) -> dict[str, Any]:
    clock = _Clock()
    costs: list[float] = []
    delivered = expected = 0
    auth = ClientCredentials("a-client", "a-secret")
    budget = Budget(_LIMIT, clock=clock)
    async with (
        EvEnergy(auth, base_url=base_url, budget=budget, clock=clock) as ev,
        aiohttp.ClientSession() as session,
    ):
        started = time.process_time()
        stream = ev.fleet.watch(every=_EVERY, checkpoint=MemoryCheckpoint(), logs={"status"})
        number = _FIRST
        async for event in stream:
            delivered += isinstance(event, StatusLogged)
            if not isinstance(event, CycleFinished):
                continue
            costs.append(time.process_time() - started)
            if delivered != expected:
                raise AssertionError(f"{delivered} logs were delivered, {expected} were expected")
            if len(costs) > cycles:
                break
            delivered, expected = 0, await _change(session, base_url, number)
            number += 1
            gc.collect()
            started = time.process_time()
        await stream.aclose()
    return {"cycles": costs[1:], "first": costs[0], "resident": resident(), "vehicles": size}


def main(arguments: Sequence[str] | None = None) -> None:
    """Watch, and print the cost as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("vehicles", type=int)
    parser.add_argument("cycles", type=int)
    parser.add_argument("--core", type=int, default=None)
    options = parser.parse_args(arguments)
    placing.pin(options.core)
    found = asyncio.run(_watch(options.base_url, options.vehicles, options.cycles))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
