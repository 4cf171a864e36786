"""A watch that is written into a sink by processes that are killed: `python -m tests.tables.crash_watch PLAN`.

As in `crash`, every life is a fork, and is killed between one step and the next. Here the source is a real watch of a
sandbox, whose checkpoint is a file: to write there is a step too.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ev_energy_async import EvEnergy, SqliteCheckpoint, StaticToken
from ev_energy_async.clock import SystemClock
from ev_energy_async.tables import ParquetSink

from . import crash

if TYPE_CHECKING:
    from collections.abc import Callable

# Lives that end, after those that were killed: what a watch has not read in one cycle it reads in a later one.
_ENDING = 2


class _Hurried(SystemClock):
    """A clock by which every sleep is over at once: a watch spreads its reads over a cycle."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._slept

    async def sleep(self, delay: float) -> None:
        self._slept += delay
        await asyncio.sleep(0)


def _count_writes() -> None:
    """Take every write into the checkpoint for two steps too."""
    advance: Any = SqliteCheckpoint.advance_all

    async def counting(self: SqliteCheckpoint, changes: Any) -> Any:
        crash.Steps.step()
        made = await advance(self, changes)
        crash.Steps.step()
        return made

    setattr(SqliteCheckpoint, "advance_all", counting)  # noqa: B010  # mypy takes no assignment to a method


async def _watch(root: Path, base_url: str, token: str, since: str) -> None:
    async with (
        EvEnergy(StaticToken(token), base_url=base_url, clock=_Hurried()) as ev,
        SqliteCheckpoint(root / "fleet.db") as checkpoint,
        ParquetSink(root / "lake", rows=60) as sink,
    ):
        begin = dt.datetime.fromisoformat(since)
        await sink.write(ev.fleet.watch(cycles=1, since=begin, checkpoint=checkpoint, ack="explicit"))


def live(root: Path, last: int, **given: str) -> bool:
    """Live once, to the end or to a step; return whether it was the end."""
    return crash.forked(partial(_watch, root, **given), last, _count_writes)


def every_step(folder: Path, *, first: int, stride: int, **given: str) -> int:
    """Kill the first life of one sink at each step in turn, the second soon after; return how many sinks there were."""
    for last in range(first, 10_000, stride):
        root = folder / f"{last}"
        root.mkdir()
        is_over = live(root, last, **given)
        live(root, last // 2 + 5, **given)
        _end(root, **given)
        if is_over:
            return 1 + (last - first) // stride
    raise AssertionError


def at_random(folder: Path, *, seed: int, kills: int, **given: str) -> int:
    """Kill life after life of one sink at random steps; return how many were killed."""
    chance = random.Random(seed)
    root = folder / f"seed-{seed}"
    root.mkdir()
    killed = sum(not live(root, chance.randrange(1, 60), **given) for _ in range(kills))
    _end(root, **given)
    return killed


def _end(root: Path, **given: str) -> None:
    for _ in range(_ENDING):
        assert live(root, 0, **given)


def keys(root: Path) -> list[str]:
    """Return the keys of all rows that were written; no file is left that was being written."""
    assert not list(root.rglob("*.tmp"))
    return [row["_ev_key"] for _, row in crash.found(root)]


if __name__ == "__main__":
    crash.warm()
    plan: dict[str, Any] = json.loads(sys.argv[1])
    plans: dict[str, Callable[..., int]] = {"every_step": every_step, "at_random": at_random}
    kind = plans[plan.pop("plan")]
    print(kind(Path(plan.pop("folder")), **plan))  # noqa: T201  # for the process that started it
