"""One of several processes that spend from one budget, to poll or as a web service: `python -m tests.soak.spender JOB`.

It prints how long its calls have waited for the budget, by the shared clock.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.budget import shared

from .still import StillClock

if TYPE_CHECKING:
    from ev_energy_async.budget import SharedBudget

__all__ = ["SpenderJob"]


@attrs.frozen(kw_only=True)
class SpenderJob:
    """The configuration of a process.

    Attributes:
        base_url: Base URL of the sandbox.
        token: An access token.
        database: DSN or URL of the database.
        clock: The file of the clock.
        number: Which of the processes it is.
        processes: How many there are.
        limit: Requests per hour.
        reserve: Requests that only the web service may take.
        web: Calls an hour of the web service; 0 for a poller.
        at_once: How many calls a poller makes at once.
        seconds: How long it goes on.
    """

    base_url: str
    token: str
    database: str
    clock: str
    number: int
    processes: int
    limit: int
    reserve: int
    web: int
    at_once: int
    seconds: float


async def _budget(job: SpenderJob, clock: StillClock) -> tuple[SharedBudget, Any]:
    """Return the budget, and the connections to close in the end; these wait longer than those of its own."""
    settings: dict[str, Any] = {"processes": job.processes, "limit": job.limit, "reserve": job.reserve, "clock": clock}
    if job.database.startswith("redis"):
        from redis.asyncio import Redis  # noqa: PLC0415  # only when it is needed

        from ev_energy_async.backends.redis import RedisBudget  # noqa: PLC0415  # only when it is needed

        client: Any = Redis.from_url(job.database)  # pyright: ignore[reportUnknownMemberType]  # it has no types
        return RedisBudget(client, **settings), client.aclose
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415  # only when it is needed

    from ev_energy_async.backends.postgres import PostgresBudget  # noqa: PLC0415  # only when it is needed

    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(job.database, min_size=1, open=False)
    await pool.open()
    return PostgresBudget(pool, **settings), pool.close


async def _spend(job: SpenderJob) -> list[float]:
    shared._PATIENCE = 60  # type: ignore[misc]  # a busy machine is no store that is down
    clock, chance, waits = StillClock(Path(job.clock), job.number), random.Random(job.number), list[float]()
    budget, close = await _budget(job, clock)
    store: Any = vars(budget)["_store"]  # the clock stands still while it is asked
    store.update = clock.still(store.update)
    async with EvEnergy(StaticToken(job.token), base_url=job.base_url, budget=budget, clock=clock) as ev:
        transport = vars(ev)["_core"].shared.transport
        transport.exchange = clock.still(transport.exchange)
        calls = ev.with_options(priority=1 if job.web else -1, deadline=2 * 3_600)

        async def go_on() -> None:
            await clock.sleep(chance.uniform(0, 600))
            while clock.monotonic() < job.seconds:
                if job.web:
                    await clock.sleep(chance.uniform(0, 2 * 3_600 / job.web))
                began = clock.monotonic()
                await calls.users.list(page_size=1).page()
                waits.append(clock.monotonic() - began)

        ticking = asyncio.create_task(clock.run())
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(1 if job.web else job.at_once):
                    tasks.create_task(go_on())
        finally:
            await budget.close()
            ticking.cancel()
    await close()
    return waits


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_spend(SpenderJob(**json.loads(sys.argv[1]))))))  # noqa: T201  # the result
