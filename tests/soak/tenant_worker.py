"""A worker that polls tenants, in a process of its own: `python -m tests.soak.tenant_worker JOB`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs
from psycopg_pool import AsyncConnectionPool
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from ev_energy_async import EvEnergy
from ev_energy_async.auth import RefreshToken
from ev_energy_async.backends.postgres import PostgresCheckpoint, PostgresLease, PostgresTokenStore
from ev_energy_async.tenants import Tenants
from ev_energy_async.tenants.postgres import PostgresTenants

from .poller import PacedClock
from .rows import row_of, values_of

if TYPE_CHECKING:
    from ev_energy_async.auth import Grant
    from ev_energy_async.fleet import WatchEvent

__all__ = ["TABLE", "WorkerJob"]

TABLE: Final = (
    "CREATE TABLE tenant_event (number bigserial, tenant text, life bigint, key text, vehicle text, at text,"
    " late boolean, seen text, cycle text, cycle_began timestamptz,"
    " stored_at timestamptz NOT NULL DEFAULT clock_timestamp())"
)
_INSERT: Final = (
    "INSERT INTO tenant_event (tenant, cycle_began, life, key, vehicle, at, late, seen, cycle)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@attrs.frozen(kw_only=True)
class WorkerJob:
    """The configuration of a worker.

    Attributes:
        base_url: Base URL of the sandbox.
        token_url: Its token endpoint.
        dsn: PostgreSQL.
        redis: Redis.
        refresh_tokens: The file with the refresh token of each tenant.
        began: The start of the clock.
        speed: The clock's speed.
        ttl: Seconds of a term of a lease, by the machine's clock.
        at_once: How many tenants are polled at once.
        complete_within: Seconds within which every log is delivered, by the sandbox's clock.
    """

    base_url: str
    token_url: str
    dsn: str
    redis: str
    refresh_tokens: str
    began: float
    speed: float
    ttl: float
    at_once: int
    complete_within: float


async def _work(job: WorkerJob) -> None:
    with open(job.refresh_tokens, encoding="utf-8") as file:  # noqa: ASYNC230, PTH123  # before there is any work
        tokens: dict[str, str] = json.load(file)
    clock = PacedClock(job.began, job.speed)
    async with (
        AsyncConnectionPool(job.dsn, min_size=1, max_size=12, open=False) as pool,
        EvEnergy(base_url=job.base_url, clock=clock, deadline=30 * job.speed) as app,
    ):

        async def grant_of(tenant: str) -> Grant:
            store = PostgresTokenStore(pool, tenant)
            return RefreshToken(
                "sandbox-client", tokens[tenant], "sandbox-secret", token_url=job.token_url, store=store
            )

        async def keep(tenant: str, events: list[WatchEvent], connection: Any) -> None:
            async with connection.cursor() as cursor:
                for event in events:
                    row = row_of(event, os.getpid(), clock.now())
                    await cursor.execute(_INSERT, (tenant, row.cycle and row.cycle.began, *values_of(row)))

        tenants = Tenants(
            app,
            PostgresTenants(pool, grant_of, claim=2 * job.ttl),
            checkpoint=lambda tenant: PostgresCheckpoint(pool, name=f"tenant {tenant}"),
            lease=lambda tenant: PostgresLease(pool, f"tenant {tenant}", ttl=job.ttl),
            sink=keep,
            look=0.5 * job.speed,
            logs={"status"},
            complete_within=job.complete_within,
        )
        broker = RedisStreamBroker(job.redis, xread_block=200, maxlen=10_000)
        tenants.register(broker)
        await broker.startup()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tenants.run())
            tasks.create_task(run_receiver_task(broker, max_async_tasks=job.at_once, run_startup=False))


if __name__ == "__main__":
    asyncio.run(_work(WorkerJob(**json.loads(sys.argv[1]))))
