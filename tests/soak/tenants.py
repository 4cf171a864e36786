"""A run of many tenants: three workers on PostgreSQL and Redis Streams, of which some are killed.

By hand: `python -m tests.soak.tenants`, with 2,000 tenants.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ev_energy_async.backends.postgres import migrate
from ev_energy_async.sandbox import Sandbox
from ev_energy_async.tenants.postgres import PostgresTenants
from tests.services.servers import PostgresServer, RedisServer

from .poller import PacedClock
from .tenant_worker import TABLES, WorkerJob

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["TenantOptions", "TenantVerdict", "run"]

# By the sandbox's clock: what is stored later is found when the past is read again, by and by.
_LATE: Final = dt.timedelta(minutes=30)
_ROOT: Final = Path(__file__).parents[2]


@attrs.frozen(kw_only=True)
class TenantOptions:
    """The options of a run; seconds by the machine's clock.

    Attributes:
        tenants: How many vehicles there are; a user with several is one tenant.
        every: How often each is polled.
        seconds: How long the run takes, after the first interval.
        kills: How many workers are killed, and replaced.
        speed: The speed of the sandbox's clock.
        ttl: Seconds of a term of a tenant's lease.
        at_once: How many tenants a worker polls at once.
    """

    tenants: int = 2_000
    every: float = 120.0
    seconds: float = 300.0
    kills: int = 2
    speed: float = 5.0
    ttl: float = 6.0
    at_once: int = 20


@attrs.frozen(kw_only=True)
class TenantVerdict:
    """The result of a run.

    Attributes:
        cycles: Finished cycles.
        logs: Delivered logs.
        lost: Logs that the API had and that were not delivered.
        pending: The same for logs that the API stored late, which a later cycle reads.
        twice: Events that were stored twice.
        late: The longest time between two cycles of a tenant, as a multiple of its interval.
        idle: Tenants that were not polled at all.
        tokens: The most requests at the token endpoint within a second.
        requests: All requests.
    """

    cycles: int
    logs: int
    lost: tuple[str, ...]
    pending: int
    twice: tuple[str, ...]
    late: float
    idle: int
    tokens: int
    requests: int


async def run(
    options: TenantOptions, seed: int, folder: Path, postgres: PostgresServer, redis: RedisServer
) -> TenantVerdict:
    """Run workers for a while, and judge what they stored.

    Args:
        options: The options of the run.
        seed: The seed of all randomness.
        folder: The folder for its files.
        postgres: A server that holds nothing of another run.
        redis: The same for the queue.
    """
    began, chance = time.monotonic(), random.Random(seed)
    clock = PacedClock(began, options.speed)
    async with Sandbox(
        vehicles=options.tenants, seed=seed, clock=clock, rate_limit=1_000_000, kept_requests=None
    ) as sandbox:
        users = list(dict.fromkeys(vehicle.user.id for vehicle in sandbox.world.vehicles))
        tokens = {user: sandbox.issue_refresh_token(user=user) for user in users}
        (folder / "tokens.json").write_text(json.dumps(tokens))
        await migrate(postgres.dsn)
        async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as connection:
            await connection.execute(TABLES)
        async with PostgresTenants(postgres.dsn, _no_grant) as registry:
            for user in users:
                await registry.add(user, options.every)
        job = WorkerJob(
            base_url=sandbox.base_url,
            token_url=sandbox.token_url,
            dsn=postgres.dsn,
            redis=redis.url,
            refresh_tokens=str(folder / "tokens.json"),
            began=began,
            speed=options.speed,
            ttl=options.ttl,
            at_once=options.at_once,
        )
        workers = [await _start(job, folder) for _ in range(3)]
        try:
            await asyncio.sleep(options.every)
            for _ in range(options.kills):
                await asyncio.sleep(options.seconds / (options.kills + 1))
                victim = chance.randrange(len(workers))
                workers[victim].kill()
                await workers[victim].wait()
                workers[victim] = await _start(job, folder)
            await asyncio.sleep(options.seconds / (options.kills + 1))
        finally:
            for worker in workers:
                if worker.returncode is None:
                    worker.kill()
                await worker.wait()
        return await _judge(options, sandbox, postgres, users)


async def _no_grant(tenant: str) -> Any:
    raise AssertionError(tenant)


async def _start(job: WorkerJob, folder: Path) -> Process:
    with (folder / "said.txt").open("ab") as said:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.tenant_worker", json.dumps(attrs.asdict(job))), cwd=_ROOT, stderr=said
        )


async def _judge(options: TenantOptions, sandbox: Sandbox, postgres: PostgresServer, users: list[str]) -> TenantVerdict:
    async with await psycopg.AsyncConnection.connect(postgres.dsn) as connection:
        cursor = await connection.execute("SELECT tenant, key, is_cycle, at FROM tenant_event ORDER BY number")
        rows = await cursor.fetchall()
    ends: dict[str, list[float]] = defaultdict(list)
    for tenant, _, is_cycle, at in rows:
        if is_cycle:
            ends[tenant].append(at.timestamp())
    keys = {key for _, key, _, _ in rows}
    seen = Counter((tenant, key) for tenant, key, _, _ in rows)
    now, real = sandbox.now(), time.time()
    owners = {vehicle.id: vehicle.user.id for vehicle in sandbox.world.vehicles}
    lost: list[str] = []
    pending: list[str] = []
    for log in sandbox.fleet.logs("status_logs"):
        times = ends.get(owners[log.device], [])
        visible = real - (now - log.visible_at).total_seconds() / options.speed
        # What the API stored after the first cycle began, and well before the last one ended.
        is_due = len(times) > 1 and times[0] < visible < times[-1] - 5
        if not is_due or f"{log.device}/status/{log.at}" in keys:
            continue
        is_late = log.visible_at - dt.datetime.fromisoformat(log.at) > _LATE
        (pending if is_late else lost).append(f"{log.device}/status/{log.at}")
    gaps = [after - before for times in ends.values() for before, after in pairwise(times)]
    gaps += [max(real - times[-1], 0.0) for times in ends.values()]
    per_second = Counter(
        int(request.at.timestamp() / options.speed)
        for request in sandbox.requests
        if request.path.startswith("/o/token")
    )
    return TenantVerdict(
        cycles=sum(map(len, ends.values())),
        logs=sum("/status/" in key for key in keys),
        lost=tuple(lost),
        pending=len(pending),
        twice=tuple(f"{tenant} {key}" for (tenant, key), count in seen.items() if count > 1),
        late=max(gaps, default=0.0) / options.every,
        idle=len(users) - len(ends),
        tokens=max(per_second.values(), default=0),
        requests=len(sandbox.requests),
    )


def main() -> None:
    """Run 2,000 tenants, and print the result."""
    with PostgresServer() as postgres, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(TenantOptions(), 1, Path(folder), postgres, redis))
        sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
