"""Five processes with one budget in PostgreSQL or Redis, four pollers and a web service, for hours of a still clock."""

from __future__ import annotations

import asyncio
import json
import sys
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.sandbox import Sandbox

from .harness import ConsumerFailed
from .spender import SpenderJob
from .still import Conductor

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["SpendingOptions", "SpendingVerdict", "run"]

_ROOT: Final = Path(__file__).parents[2]
_HOUR: Final = 3_600.0
_PROMPT: Final = 1.0
_OK: Final = 200
_GRACE: Final = 10_000.0


@attrs.frozen(kw_only=True)
class SpendingOptions:
    """The options of a run.

    Attributes:
        hours: How long it goes on by the clock of the sandbox.
        limit: Requests per hour.
        reserve: Requests that only the web service may take.
        web: Its calls an hour: below the reserve, in any hour.
        pollers: How many processes poll.
        at_once: How many calls each of them makes at once.
    """

    hours: float = 10.0
    limit: int = 1_000
    reserve: int = 100
    web: int = 60
    pollers: int = 4
    at_once: int = 3


@attrs.frozen(kw_only=True)
class SpendingVerdict:
    """The result of a run.

    Attributes:
        requests: Requests of all.
        busiest: The most requests in any rolling hour.
        limit: How many there may be.
        refused: Responses other than 200.
        web: Calls of the web service.
        slowest: The longest that one of them waited, in seconds.
        polls: The longest that a poll waited.
    """

    requests: int
    busiest: int
    limit: int
    refused: int
    web: int
    slowest: float
    polls: float

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept, and the polls had to wait."""
        return not self.refused and self.busiest <= self.limit and self.slowest <= _PROMPT < self.polls


async def run(options: SpendingOptions, folder: Path, database: str) -> SpendingVerdict:
    """Run the processes to their end, and judge them.

    Args:
        options: The options of the run.
        folder: The folder for its files.
        database: DSN or URL of a database that holds nothing of another run.

    Raises:
        ConsumerFailed: A process failed.
    """
    processes = options.pollers + 1
    clock = Conductor(folder / "clock", processes)
    async with Sandbox(
        clock=clock, vehicles=1, rate_limit=options.limit, token_lifetime=1e7, kept_requests=None
    ) as sandbox:
        job = SpenderJob(
            base_url=sandbox.base_url,
            token=sandbox.issue_token(),
            database=database,
            clock=str(folder / "clock"),
            number=0,
            processes=processes,
            limit=options.limit,
            reserve=options.reserve,
            web=options.web,
            at_once=options.at_once,
            seconds=options.hours * _HOUR,
        )
        jobs = [job, *(attrs.evolve(job, number=number, web=0) for number in range(1, processes))]
        running = [await _start(each) for each in jobs]
        moving = asyncio.create_task(clock.run(job.seconds + _GRACE))
        try:
            waits = await asyncio.gather(*map(_result, running))
        finally:
            moving.cancel()
            for process in running:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        served = [each for each in sandbox.requests if each.operation == "users.list"]
        times = [each.at.timestamp() for each in served]
        return SpendingVerdict(
            requests=len(served),
            busiest=max(place - bisect_right(times, at - _HOUR) + 1 for place, at in enumerate(times)),
            limit=options.limit,
            refused=sum(each.status != _OK for each in served),
            web=len(waits[0]),
            slowest=max(waits[0]),
            polls=max(max(each) for each in waits[1:]),
        )


async def _start(job: SpenderJob) -> Process:
    command = (sys.executable, "-m", "tests.soak.spender", json.dumps(attrs.asdict(job)))
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdout=pipe, stderr=pipe, limit=2**24)


async def _result(process: Process) -> list[float]:
    found, said = await process.communicate()
    if process.returncode:
        raise ConsumerFailed(said.decode()[-4_000:])
    waits: list[float] = json.loads(found)
    return waits
