"""A poller for several machines: one leads, the others stand by; events go into PostgreSQL with the progress.

    DATABASE=postgresql:///fleet python -m examples.cluster.poller

Credentials are those of `EvEnergy.from_env`. Start it twice, kill the one that leads, and see the other take over. With
`REDIS`, a URL, the budget is there, for web services that know Redis alone; with `METRICS_PORT`, `/metrics` is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from psycopg_pool import AsyncConnectionPool

from ev_energy_async import CheckpointConflict, EvEnergy
from ev_energy_async.backends.postgres import PostgresBudget, PostgresCheckpoint, PostgresLease
from ev_energy_async.metrics import EvEnergyCollector

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ev_energy_async.budget import SharedBudget
    from ev_energy_async.fleet import Role

_LOG = logging.getLogger("cluster")
_TTL = 10
_PROCESSES = 4  # pollers and web services that spend from the budget


def note(role: Role) -> None:
    """Log that this process leads now, or stands by."""
    _LOG.warning("%s%s", role.name, "" if role.epoch is None else f", term {role.epoch}")


def budget_of(pool: AsyncConnectionPool[Any], redis: str | None) -> SharedBudget:
    """Return the budget of all processes."""
    if redis is None:
        return PostgresBudget(pool, processes=_PROCESSES)
    from ev_energy_async.backends.redis import RedisBudget  # noqa: PLC0415  # only where there is a Redis

    return RedisBudget(redis, processes=_PROCESSES)


@contextlib.asynccontextmanager
async def metrics(ev: EvEnergy, port: int | None) -> AsyncGenerator[None]:
    """Serve metrics at `/metrics`, from the loop that the client belongs to."""
    if port is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(EvEnergyCollector(ev))

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()


async def poll(
    dsn: str, every: float = 300, cycles: int | None = None, redis: str | None = None, port: int | None = None
) -> None:
    """Write every event into a table, once, whichever process leads.

    Args:
        dsn: PostgreSQL.
        every: Seconds between snapshots.
        cycles: After how many snapshots to end; None for never.
        redis: Redis, for the budget; None to have it in PostgreSQL too.
        port: The port for `/metrics`; None for none.
    """
    async with (
        AsyncConnectionPool(dsn, open=False) as pool,
        PostgresCheckpoint(pool) as checkpoint,
        budget_of(pool, redis) as budget,
        EvEnergy.from_env(budget=budget, label=socket.gethostname()) as ev,
        metrics(ev, port),
    ):
        async with checkpoint.transaction() as connection:
            # Of two that begin at once, both would see that there is none.
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('event'))")
            await connection.execute("CREATE TABLE IF NOT EXISTS event (key text PRIMARY KEY, vehicle text)")
        async with ev.fleet.watch(
            every=every,
            cycles=cycles,
            checkpoint=checkpoint,
            lease=PostgresLease(pool, ttl=_TTL),
            ack="explicit",
            on_role_change=note,
        ) as watch:
            async for event in watch:
                try:
                    async with checkpoint.transaction() as connection:
                        vehicle = getattr(event, "vehicle_id", None)
                        await connection.execute("INSERT INTO event VALUES (%s, %s)", (event.key, vehicle))
                        await event.ack()
                except CheckpointConflict:
                    _LOG.warning("another process leads now; %s is for it", event.key)


if __name__ == "__main__":
    logging.basicConfig()
    number = os.environ.get("METRICS_PORT")
    asyncio.run(
        poll(os.environ["DATABASE"], redis=os.environ.get("REDIS"), port=None if number is None else int(number))
    )
