"""A process that writes into a sink and is killed at a chosen step, again and again: `python -m tests.tables.crash`.

Every life is a fork of a process that has imported everything, so that it begins within milliseconds. A step is a call
into the file system, or an acknowledgement: the process is killed between one and the next. The sink knows nothing of
it. What the source has acknowledged is in a file of its own, written in one step, as a checkpoint is.
"""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pyarrow.acero
import pyarrow.dataset
import pyarrow.parquet as pq

from ev_energy_async import models as m
from ev_energy_async.tables import ParquetSink, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

START = dt.datetime(2026, 11, 27, 23, 50, tzinfo=dt.UTC)
# Lives of one sink before it is left in peace: more than any plan has.
_MOST_LIVES = 40


class Steps:
    """Counts steps, and kills the process before the chosen one."""

    done: ClassVar[int] = 0
    last: ClassVar[int] = 0

    @classmethod
    def step(cls) -> None:
        cls.done += 1
        if cls.done == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)

    @classmethod
    def counted(cls, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **named: Any) -> Any:
            cls.step()
            made = call(*arguments, **named)
            cls.step()
            return made

        return counting

    @classmethod
    def watch(cls) -> None:
        """Take every call that the sink makes into the file system for two steps: before it and after it."""
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (pq, "write_table")):
            setattr(owner, name, cls.counted(getattr(owner, name)))


@attrs.frozen
class Event:
    """A log that is delivered until it is acknowledged."""

    number: int
    log: Any
    source: Source
    late: bool = False

    @property
    def key(self) -> str:
        return f"event/{self.number}"

    async def ack(self) -> None:
        Steps.step()
        self.source.keep(self.number + 1)
        Steps.step()


@attrs.define
class Source:
    """Delivers events from the first that was not acknowledged on, some out of order; or keeps a cursor instead."""

    path: Path
    count: int
    has_cursor: bool
    given: int = 0

    def keep(self, number: int) -> None:
        aside = self.path.with_suffix(".aside")
        aside.write_text(str(number), "utf-8")
        os.rename(aside, self.path)  # noqa: PTH104  # `Path.replace` is counted

    @property
    def cursor(self) -> str | None:
        return str(self.given) if self.has_cursor else None

    async def events(self, start: int) -> AsyncIterator[Any]:
        self.given = start
        for number in range(start, self.count):
            self.given = number + 1
            yield log_of(number) if self.has_cursor else Event(number, log_of(number), self)


class Cursored:
    """An iterator with a cursor, as a backfill is."""

    def __init__(self, source: Source, start: int) -> None:
        self._source = source
        self._events = source.events(start)

    @property
    def cursor(self) -> str | None:
        return self._source.cursor

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._events


def log_of(number: int) -> m.VehicleStatusLog | m.VehicleAPIErrorLog:
    """The log of a number: two tables, three vehicles, two days."""
    stored = START + dt.timedelta(minutes=number)
    vehicle = f"https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN{number % 3:02d}"
    if number % 4 == 0:
        return m.VehicleAPIErrorLog(logged_at=stored, vehicle=vehicle, status_code=number)
    return m.VehicleStatusLog(sampled_at=stored, logged_at=stored, vehicle=vehicle, odometer_meters=number)


async def _live(root: Path, count: int, rows: int, *, has_cursor: bool) -> None:
    acknowledged = root / "acknowledged"
    source = Source(acknowledged, count, has_cursor)
    async with ParquetSink(root / "lake", rows=rows) as sink:
        kept = sink.cursor if has_cursor else acknowledged.read_text("utf-8") if acknowledged.exists() else None
        await sink.write(Cursored(source, int(kept or 0)))


def live(root: Path, count: int, rows: int, *, has_cursor: bool, last: int) -> bool:
    """Live once, to the end or to a step; return whether it was the end."""
    return forked(partial(_live, root, count, rows, has_cursor=has_cursor), last)


def forked(life: Callable[[], Coroutine[Any, Any, None]], last: int, prepare: Callable[[], None] | None = None) -> bool:
    """Live once in a process of its own, to the end or to a step; return whether it was the end."""
    child = os.fork()
    if child == 0:
        Steps.done, Steps.last = 0, last
        Steps.watch()
        if prepare is not None:
            prepare()
        asyncio.run(life())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    assert status == 0, f"it ended with {status}"
    return True


def every_step(folder: Path, count: int, rows: int, *, has_cursor: bool, stride: int = 1) -> int:
    """Kill a first life at each step in turn, the second at a later one, and let the third end; return the steps."""
    for last in itertools.count(1, stride):
        root = folder / f"{last}"
        root.mkdir()
        if live(root, count, rows, has_cursor=has_cursor, last=last):
            return last
        if not live(root, count, rows, has_cursor=has_cursor, last=last + 7):
            assert live(root, count, rows, has_cursor=has_cursor, last=0)
    raise AssertionError


def at_random(folder: Path, count: int, rows: int, *, has_cursor: bool, seed: int) -> int:
    """Kill life after life at random steps, and let the last one end; return how many were killed."""
    chance = random.Random(seed)
    folder.mkdir()
    for killed in range(_MOST_LIVES):
        if live(folder, count, rows, has_cursor=has_cursor, last=chance.randrange(1, 120)):
            return killed
    assert live(folder, count, rows, has_cursor=has_cursor, last=0)
    return _MOST_LIVES


def found(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a sink's files, each with the path of its file."""
    for path in sorted((root / "lake").glob("*/date=*/*.parquet")):
        for row in pq.read_table(path, partitioning=None).to_pylist():
            yield path.relative_to(root / "lake").as_posix(), row


def numbers(root: Path) -> list[int]:
    """Return the numbers of the logs that were written, sorted."""
    rows = [row for _, row in found(root)]
    return sorted(row["odometer_meters"] if "odometer_meters" in row else row["status_code"] for row in rows)


def warm() -> None:
    """Import what a life needs, so that a fork has it."""
    assert pyarrow.acero is not None
    assert pyarrow.dataset is not None
    table([log_of(0)])
    table([log_of(1)])
    asyncio.run(asyncio.sleep(0))


if __name__ == "__main__":
    warm()
    plan: dict[str, Any] = json.loads(sys.argv[1])
    plans: dict[str, Callable[..., int]] = {"every_step": every_step, "at_random": at_random}
    kind = plans[plan.pop("plan")]
    print(kind(Path(plan.pop("folder")), **plan))  # noqa: T201  # for the process that started it
