"""A run of many tenants: three workers on PostgreSQL and Redis Streams, of which some are killed.

At the end the past of each tenant is read again, so that every log counts that the API has stored by then.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import resource
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ev_energy_async.backends.postgres import migrate
from ev_energy_async.fleet import Coverage
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import Latency
from ev_energy_async.tenants.postgres import PostgresTenants

from .harness import ConsumerFailed
from .judge import Cost, judge
from .poller import PacedClock
from .rows import parsed
from .tenant_worker import TABLE, WorkerJob
from .world import arrivals

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from ev_energy_async.sandbox import Logged
    from tests.services.servers import PostgresServer, RedisServer

    from .rows import Row

__all__ = ["TenantOptions", "TenantVerdict", "run"]

_ROOT: Final = Path(__file__).parents[2]
_WORKERS: Final = 3
_LATE: Final = 1.2
_STUCK: Final = 20.0
_LOOK: Final = 1.0
# A response of the token endpoint takes so many seconds, so that those that are asked for together overlap.
_TOKEN_TAKES: Final = 0.2
_TOKEN: Final = "/o/token/"
# A user with two cars: their past is read in turn, one a cycle.
_CYCLES: Final = 2


@attrs.frozen(kw_only=True)
class TenantOptions:
    """The options of a run; seconds by the machine's clock.

    Attributes:
        vehicles: How many there are; a user with several is one tenant.
        every: How often each is polled.
        kills: How many workers are killed, and replaced.
        speed: The speed of the sandbox's clock.
        ttl: Seconds of a term of a tenant's lease.
        at_once: How many tenants a worker polls at once.
    """

    vehicles: int = 2_222
    every: float = 600.0
    kills: int = 2
    speed: float = 5.0
    ttl: float = 6.0
    at_once: int = 20


@attrs.frozen(kw_only=True)
class TenantVerdict:
    """The result of a run.

    Attributes:
        users: How many tenants there were.
        cycles: Finished cycles.
        logs: Delivered logs.
        lost: Logs that the API had and that were not delivered.
        twice: Events that were stored twice.
        wrong: Whatever else was not as promised.
        late: The longest time between the ends of two cycles of a tenant, as a multiple of its interval.
        idle: Tenants that were not polled at all.
        tokens: The most requests at the token endpoint at a time.
        most_tokens: How many there may be: as many as tenants are polled at a time.
        most_refreshes: How many there may be of those: one a user, and what died with a worker before it was stored.
        refreshes: All requests at the token endpoint.
        requests: All requests.
        cpu: Seconds of the processor that a cycle took in a worker.
    """

    users: int
    cycles: int
    logs: int
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    wrong: tuple[str, ...]
    late: float
    idle: int
    tokens: int
    most_tokens: int
    refreshes: int
    most_refreshes: int
    requests: int
    cpu: float

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""
        is_storm = self.tokens > self.most_tokens or self.refreshes > self.most_refreshes
        return not (self.lost or self.twice or self.wrong or self.idle or is_storm) and self.late <= _LATE


@attrs.define
class _Workers:
    """Three workers, each in a process of its own."""

    job: WorkerJob
    folder: Path
    running: list[Process] = attrs.field(factory=list["Process"])

    async def start(self) -> None:
        """Start one more."""
        with (self.folder / "said.txt").open("ab") as said:
            command = (sys.executable, "-m", "tests.soak.tenant_worker", json.dumps(attrs.asdict(self.job)))
            self.running.append(await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stderr=said))

    async def kill(self, process: Process) -> None:
        """Kill one."""
        self.running.remove(process)
        if process.returncode is None:
            process.kill()
        await process.wait()

    def check(self) -> None:
        """Fail if one has ended by itself."""
        if any(process.returncode is not None for process in self.running):
            raise ConsumerFailed((self.folder / "said.txt").read_text()[-4_000:])


async def run(
    options: TenantOptions, seed: int, folder: Path, postgres: PostgresServer, redis: RedisServer
) -> TenantVerdict:
    """Run workers until the past of each tenant was read again after the last kill, and judge what they stored.

    Args:
        options: The options of the run.
        seed: The seed of all randomness.
        folder: The folder for its files.
        postgres: A server that holds nothing of another run.
        redis: The same for the queue.

    Raises:
        ConsumerFailed: A worker ended by itself, or they do not go on.
    """
    began, chance = time.monotonic(), random.Random(seed)
    clock = PacedClock(began, options.speed)
    within = 0.5 * options.every * options.speed
    faults = FaultPlan((*arrivals(), Rule(Latency(_TOKEN_TAKES), path=_TOKEN)), seed)
    async with Sandbox(
        vehicles=options.vehicles, seed=seed, clock=clock, rate_limit=1_000_000, faults=faults, kept_requests=None
    ) as sandbox:
        users = list(dict.fromkeys(vehicle.user.id for vehicle in sandbox.world.vehicles))
        tokens = {user: sandbox.issue_refresh_token(user=user) for user in users}
        (folder / "tokens.json").write_text(json.dumps(tokens))
        await migrate(postgres.dsn)
        async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as connection:
            await connection.execute(TABLE)
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
            complete_within=within,
        )
        workers = _Workers(job, folder)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            for _ in range(_WORKERS):
                await workers.start()
            await _cycles(workers, postgres, users, options, clock.now(), 1)
            for _ in range(options.kills):
                await asyncio.sleep(chance.uniform(0.1, 0.4) * options.every)
                await workers.kill(chance.choice(workers.running))
                await workers.start()
            until = clock.now()
            read_again = until + dt.timedelta(seconds=within)
            await _cycles(workers, postgres, users, options, read_again, _CYCLES)
        finally:
            for process in list(workers.running):
                await workers.kill(process)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        return _judge(options, sandbox, await _rows(postgres), users, until, cpu)


async def _no_grant(tenant: str) -> Any:
    raise AssertionError(tenant)


async def _cycles(
    workers: _Workers,
    postgres: PostgresServer,
    users: list[str],
    options: TenantOptions,
    since: dt.datetime,
    wanted: int,
) -> None:
    """Wait until each tenant has finished so many cycles that began after a moment."""
    limit = time.monotonic() + _STUCK * options.every
    async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(
                "SELECT count(*) FROM (SELECT tenant FROM tenant_event WHERE cycle IS NOT NULL AND cycle_began > %s"
                " GROUP BY tenant HAVING count(*) >= %s) AS done",
                (since, wanted),
            )
            found = await cursor.fetchone()
            assert found is not None
            if found[0] == len(users):
                return
            workers.check()
            if time.monotonic() > limit:
                raise ConsumerFailed(f"{len(users) - found[0]} of {len(users)} tenants are stuck")
            await asyncio.sleep(_LOOK)


async def _rows(postgres: PostgresServer) -> dict[str, list[tuple[Row, float]]]:
    """Return what was stored of each tenant, with the time of the transaction."""
    rows: dict[str, list[tuple[Row, float]]] = defaultdict(list)
    async with await psycopg.AsyncConnection.connect(postgres.dsn) as connection:
        cursor = await connection.execute(
            "SELECT tenant, stored_at, life, key, vehicle, at, late, seen, cycle FROM tenant_event ORDER BY number"
        )
        for tenant, stored_at, *row in await cursor.fetchall():
            rows[tenant].append((attrs.evolve(parsed(*row), acknowledged=True), stored_at.timestamp()))
    return rows


def _judge(
    options: TenantOptions,
    sandbox: Sandbox,
    rows: dict[str, list[tuple[Row, float]]],
    users: list[str],
    until: dt.datetime,
    cpu: float,
) -> TenantVerdict:
    truth: dict[str, list[Logged]] = defaultdict(list)
    owners = {vehicle.id: vehicle.user.id for vehicle in sandbox.world.vehicles}
    for log in sandbox.fleet.logs("status_logs"):
        truth[owners[log.device]].append(log)
    # Each tenant is a fleet of its own, with the promises of one.
    verdicts = {
        user: judge(
            [row for row, _ in rows[user]],
            truth[user],
            until=until,
            began={},
            removed={},
            coverage=Coverage(),
            cost=Cost(),
        )
        for user in users
    }
    found = verdicts.values()
    ends = [[stored_at for row, stored_at in rows[user] if row.cycle is not None] for user in users]
    gaps = [after - before for times in ends for before, after in pairwise(times)]
    refreshes = [served.at.timestamp() / options.speed for served in sandbox.requests if served.path.startswith(_TOKEN)]
    return TenantVerdict(
        users=len(users),
        cycles=sum(map(len, ends)),
        logs=sum(verdict.logs for verdict in found),
        lost=tuple(key for verdict in found for key in verdict.lost),
        twice=tuple(key for verdict in found for key in verdict.twice),
        wrong=tuple(key for verdict in found for key in (*verdict.disorder, *verdict.invented, *verdict.unfit)),
        late=max(gaps, default=0.0) / options.every,
        idle=sum(not times for times in ends),
        tokens=max(
            (bisect_right(refreshes, at + _TOKEN_TAKES) - place for place, at in enumerate(refreshes)), default=0
        ),
        most_tokens=_WORKERS * options.at_once,
        refreshes=len(refreshes),
        most_refreshes=len(users) + options.kills * options.at_once,
        requests=len(sandbox.requests),
        cpu=cpu / max(1, sum(map(len, ends))),
    )
