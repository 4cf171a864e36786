"""A consumer of a watch, in a process of its own that may be killed at any moment: `python -m tests.soak.consumer JOB`.

It writes events to a SQLite file, and acknowledges them in one of several ways. Events that it has not acknowledged
when it dies must be redelivered to its successor.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import SqliteCheckpoint

from .rows import INSERT, TABLES, row_of, values_of
from .timing import SharedClock

if TYPE_CHECKING:
    from ev_energy_async.devices import WatchedLog
    from ev_energy_async.fleet import Watch

__all__ = ["Job"]

_BATCH = 250


@attrs.frozen(kw_only=True)
class Job:
    """The configuration of a consumer.

    Attributes:
        base_url: Base URL of the sandbox.
        token_url: Its token endpoint.
        clock: The file with the shared clock.
        checkpoint: The checkpoint file.
        sink: The file for its events.
        mode: One of `MODES`.
        life: The number of its predecessors.
        seed: The seed of its random source.
        every: Seconds between cycles.
        complete_within: Seconds within which every log is delivered.
        logs: The kinds of logs.
        limit: Requests per hour.
        timeout: Seconds for an attempt, by the machine's clock.
        deadline: Seconds for a call.
    """

    base_url: str
    token_url: str
    clock: str
    checkpoint: str
    sink: str
    mode: str
    life: int
    seed: int
    every: float
    complete_within: float
    logs: tuple[WatchedLog, ...]
    limit: int
    timeout: float
    deadline: float


async def consume(job: Job) -> None:
    """Consume until killed."""
    clock = SharedClock(Path(job.clock), is_consumer=True)
    ev = EvEnergy(
        ClientCredentials("sandbox-client", "sandbox-secret", token_url=job.token_url),
        base_url=job.base_url,
        clock=clock,
        budget=Budget(job.limit, clock=clock),
        timeout=job.timeout,
        deadline=job.deadline,
        random=random.Random(job.seed + job.life),
    )
    async with ev, SqliteCheckpoint(job.checkpoint) as checkpoint:
        watch = ev.fleet.watch(
            every=job.every,
            logs=job.logs,
            checkpoint=checkpoint,
            ack="next" if job.mode == "next" else "explicit",
            complete_within=job.complete_within,
        )
        if job.mode == "transaction":
            await _in_transactions(job, watch, checkpoint, clock)
            return
        sink = sqlite3.connect(job.sink, isolation_level=None)
        sink.execute("PRAGMA journal_mode = WAL")
        for table in TABLES:
            sink.execute(table)
        if job.mode == "batches":
            await _in_batches(job, watch, sink, clock)
        else:
            await _one_by_one(job, watch, sink, clock)


async def _one_by_one(job: Job, watch: Watch, sink: sqlite3.Connection, clock: SharedClock) -> None:
    async for event in watch:
        sink.execute(INSERT, values_of(row_of(event, job.life, clock.now())))
        if job.mode == "explicit":
            await event.ack()
            # Recorded after the fact, so that nothing counts as acknowledged that was not.
            sink.execute("INSERT INTO acknowledged VALUES (?, ?)", (job.life, event.key))


async def _in_batches(job: Job, watch: Watch, sink: sqlite3.Connection, clock: SharedClock) -> None:
    async for batch in watch.batches(_BATCH, max_age=job.every):
        sink.execute("BEGIN")
        sink.executemany(INSERT, [values_of(row_of(event, job.life, clock.now())) for event in batch])
        sink.execute("COMMIT")
        await batch.ack()
        sink.execute("INSERT INTO acknowledged VALUES (?, ?)", (job.life, batch[-1].key))


async def _in_transactions(job: Job, watch: Watch, checkpoint: SqliteCheckpoint, clock: SharedClock) -> None:
    has_tables = False
    async for event in watch:
        async with checkpoint.transaction() as database:
            if not has_tables:
                for table in TABLES:
                    await database.execute(table)
                has_tables = True
            await database.execute(INSERT, values_of(row_of(event, job.life, clock.now())))
            await event.ack()


if __name__ == "__main__":
    asyncio.run(consume(Job(**json.loads(sys.argv[1]))))
