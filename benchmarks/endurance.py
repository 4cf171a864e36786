"""Many calls, and many users: 10,000 calls at once on 100 connections, 200,000 in a row, 20,000 views of one client.

    python -m benchmarks.endurance BASE_URL {waiting,queued,growth,views} CONTENDER COUNT [--core N]

- `waiting`: the memory of a waiting call, its task included, while the server holds back its responses.
- `queued`: the number of failed calls if `timeout` is half a second, a response takes 50 ms, and the last call waits
  some five seconds for a connection.
- `growth`: the memory left behind by many calls after a warm-up, measured by tracemalloc and by the system.
- `views`: the time to make a view with a token of its own for each user, and the memory of one after its first call.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import resource
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from benchmarks import documents, placing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmarks.contenders.protocol import Contender

__all__ = ["main", "resident"]

_IDS: Final = documents.item_ids(100)
_WARM: Final = 5_000
_AT_ONCE: Final = 50
_TIMEOUT_SECONDS: Final = 0.5
_RESPONSE_SECONDS: Final = 0.05


def resident() -> int:
    """Return the resident set of this process, in bytes."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def _control(base_url: str, **wanted: Any) -> None:
    url = base_url.removesuffix("/v2") + "/control"
    async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(wanted)) as response:
        response.raise_for_status()


async def _waiting(contender: Contender, base_url: str, count: int) -> dict[str, float]:
    await contender.get_vehicle(_IDS[0])
    await _control(base_url, hold=True)
    gc.collect()
    tracemalloc.start(1)
    calls = [asyncio.create_task(_get(contender, number)) for number in range(count)]
    await asyncio.sleep(2)  # until every call is waiting
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not any(call.done() for call in calls)
    await _control(base_url, hold=False)
    await asyncio.gather(*calls)
    return {"waiting": held / count}


async def _queued(contender: Contender, base_url: str, count: int) -> dict[str, float]:
    ours: Any = contender
    view = ours.client.with_options(timeout=_TIMEOUT_SECONDS, deadline=120)
    await _control(base_url, delay=_RESPONSE_SECONDS)
    calls = [asyncio.create_task(view.vehicles.get(_IDS[number % len(_IDS)])) for number in range(count)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    await _control(base_url, delay=0)
    return {"failed": sum(isinstance(each, BaseException) for each in ended)}


async def _growth(contender: Contender, count: int) -> dict[str, float]:
    async def many(numbers: range) -> None:
        waiting = iter(numbers)

        async def work() -> None:
            for number in waiting:
                await _get(contender, number)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

    tracemalloc.start(1)
    await many(range(_WARM))
    gc.collect()
    traced, before = tracemalloc.get_traced_memory()[0], resident()
    await many(range(count))
    gc.collect()
    return {"traced": tracemalloc.get_traced_memory()[0] - traced, "resident": resident() - before}


async def _views(contender: Contender, count: int) -> dict[str, float]:
    from ev_energy_async import StaticToken

    ours: Any = contender
    tokens = [f"the-token-of-user-{number}" for number in range(count)]
    await _get(contender, 0)
    gc.collect()
    grants = [StaticToken(token) for token in tokens]
    pauses, collecting = [0.0], 0.0

    def note(phase: str, _: object) -> None:
        nonlocal collecting
        if phase == "start":
            collecting = time.perf_counter()
        else:
            pauses.append(time.perf_counter() - collecting)

    gc.callbacks.append(note)
    began = time.perf_counter()
    views = [ours.client.with_auth(grant) for grant in grants]
    made = time.perf_counter() - began
    gc.callbacks.remove(note)
    del views
    gc.collect()
    tracemalloc.start(1)
    before = tracemalloc.get_traced_memory()[0]
    views = [ours.client.with_auth(grant) for grant in grants]
    new = tracemalloc.get_traced_memory()[0] - before
    for start in range(0, count, _AT_ONCE):
        await asyncio.gather(*(view.vehicles.get(_IDS[0]) for view in views[start : start + _AT_ONCE]))
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    return {"made": made, "stall": max(pauses), "new": new / count, "used": used / count}


async def _get(contender: Contender, number: int) -> None:
    await contender.get_vehicle(_IDS[number % len(_IDS)])


async def _run(options: argparse.Namespace) -> dict[str, float]:
    contender: Contender = importlib.import_module(f"benchmarks.contenders.{options.contender}").make(options.base_url)
    try:
        match options.what:
            case "waiting":
                return await _waiting(contender, options.base_url, options.count)
            case "queued":
                return await _queued(contender, options.base_url, options.count)
            case "views":
                return await _views(contender, options.count)
            case "growth":
                return await _growth(contender, options.count)
            case unknown:
                raise ValueError(unknown)
    finally:
        await contender.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the four and print the result as JSON."""
    options = placing.arguments(__doc__, arguments, {"what": str, "contender": str, "count": int})
    print(json.dumps(asyncio.run(_run(options))))


if __name__ == "__main__":
    main()
