"""One of several pollers of a cluster, in a process of its own: `python -m tests.soak.poller JOB`.

It watches under a lease, with a checkpoint and a budget in PostgreSQL or Redis. On PostgreSQL its rows are in the
transaction of the acknowledgement, on Redis in a SQLite file.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.checkpoint import CheckpointConflict, CheckpointError
from ev_energy_async.lease import LeaseError

from .rows import INSERT, TABLES, row_of, values_of
from .timing import START

if TYPE_CHECKING:
    from ev_energy_async.fleet import Role, Watch, WatchEvent

__all__ = ["PacedClock", "PollerJob", "POSTGRES_TABLE", "stores_of"]

POSTGRES_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS delivered (number bigserial PRIMARY KEY, life bigint, key text, vehicle text, at text,"
    " late boolean, seen text, cycle text)"
)
_POSTGRES_INSERT: Final = INSERT.replace("?", "%s")


class PacedClock:
    """A clock that runs faster than the machine's, the same in all processes but for a skew.

    Args:
        began: Its start by the machine's monotonic clock.
        speed: How much faster it runs.
        skew: How far it is off, in seconds.
    """

    def __init__(self, began: float, speed: float, skew: float = 0.0) -> None:
        self._began = began
        self._speed = speed
        self._skew = skew

    def now(self) -> dt.datetime:
        """Return the time, in UTC."""
        return START + dt.timedelta(seconds=self.monotonic() + self._skew)

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        return (time.monotonic() - self._began) * self._speed

    async def sleep(self, delay: float) -> None:
        """Wait for some seconds of this clock."""
        await asyncio.sleep(delay / self._speed)


@attrs.frozen(kw_only=True)
class PollerJob:
    """The configuration of a poller.

    Attributes:
        base_url: Base URL of the sandbox.
        token_url: Its token endpoint.
        database: DSN or URL of the database.
        sink: The file for its events, where they are not in the database.
        roles: The file for its roles.
        life: Number of this process.
        began: The start of the clock.
        speed: The clock's speed.
        skew: How far this process's clock is off, in seconds.
        every: Seconds between cycles.
        complete_within: Seconds within which every log is delivered.
        ttl: Seconds of a term, by the machine's clock.
        limit: Requests per hour.
    """

    base_url: str
    token_url: str
    database: str
    sink: str
    roles: str
    life: int
    began: float
    speed: float
    skew: float
    every: float
    complete_within: float
    ttl: float
    limit: int


def stores_of(database: str, ttl: float, limit: int, clock: PacedClock) -> tuple[Any, Any, Any]:
    """Return checkpoint, lease and budget in a database; calls count their deadlines by the clock of the budget."""
    if database.startswith("redis"):
        from ev_energy_async.backends.redis import RedisBudget, RedisCheckpoint, RedisLease  # noqa: PLC0415  # only when it is needed

        return (
            RedisCheckpoint(database),
            RedisLease(database, ttl=ttl),
            RedisBudget(database, processes=4, limit=limit, clock=clock),
        )
    from ev_energy_async.backends.postgres import PostgresBudget, PostgresCheckpoint, PostgresLease  # noqa: PLC0415  # only when it is needed

    return (
        PostgresCheckpoint(database),
        PostgresLease(database, ttl=ttl),
        PostgresBudget(database, processes=4, limit=limit, clock=clock),
    )


class _Poller:
    def __init__(self, job: PollerJob) -> None:
        self._job = job
        self._clock = PacedClock(job.began, job.speed, job.skew)
        self._true_clock = PacedClock(job.began, job.speed)
        self._checkpoint, self._lease, self._budget = stores_of(
            job.database, job.ttl, job.limit, PacedClock(job.began, job.speed)
        )
        self._term = 0
        self._sink: sqlite3.Connection | None = None

    async def run(self) -> None:
        """Watch until killed; what a database that restarts interrupts is begun again."""
        job = self._job
        ev = EvEnergy(
            ClientCredentials("sandbox-client", "sandbox-secret", token_url=job.token_url),
            base_url=job.base_url,
            clock=self._clock,
            budget=self._budget,
            timeout=2,
            deadline=20 * job.speed,
        )
        async with ev:
            while True:
                watch = ev.fleet.watch(
                    every=job.every,
                    logs={"status"},
                    checkpoint=self._checkpoint,
                    complete_within=job.complete_within,
                    ack="explicit",
                    lease=self._lease,
                    on_role_change=self._note,
                )
                try:
                    async with watch:
                        await self._consume(watch)
                except (CheckpointError, LeaseError, psycopg.Error) as error:
                    sys.stderr.write(f"{job.life} begins again: {error}\n")
                    if "lost the checkpoint" in str(error):
                        sys.exit(3)
                    await asyncio.sleep(0.1)

    def _note(self, role: Role) -> None:
        self._term = role.epoch or self._term
        with Path(self._job.roles).open("a") as file:
            file.write(f"{time.monotonic()} {self._job.life} {role.name} {role.epoch}\n")

    async def _consume(self, watch: Watch) -> None:
        async for event in watch:
            try:
                await self._store(event)
            except CheckpointConflict as conflict:
                sys.stderr.write(f"{self._job.life} was succeeded: {conflict}\n")

    async def _store(self, event: WatchEvent) -> None:
        # What one term delivers and does not acknowledge, the next may deliver again.
        row = row_of(event, self._term, self._true_clock.now())
        if not self._job.sink:
            async with self._checkpoint.transaction() as connection:
                await connection.execute(_POSTGRES_INSERT, values_of(row))
                await event.ack()
            return
        if self._sink is None:
            self._sink = sqlite3.connect(self._job.sink, isolation_level=None, timeout=30)
            self._sink.execute("PRAGMA journal_mode = WAL")
            for table in TABLES:
                self._sink.execute(table)
        self._sink.execute(INSERT, values_of(row))
        await event.ack()
        self._sink.execute("INSERT INTO acknowledged VALUES (?, ?)", (row.life, event.key))


if __name__ == "__main__":
    asyncio.run(_Poller(PollerJob(**json.loads(sys.argv[1]))).run())
