"""Parquet sinks that are killed between every two steps, and again and again at random: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.sandbox import Sandbox
from tests.tables import crash, crash_watch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Result", "run"]

_ROWS = 12
_COUNT = 36
_LONG = 600
_VEHICLES = 6
_HOURS = 8
# Of each sink that writes a watch.
_KILLS = 12


@attrs.frozen
class Result:
    """The outcome of a number of sinks.

    Attributes:
        plan: How they were killed.
        source: What the source has: acknowledgements or a cursor.
        sinks: How many there were.
        kills: How often one was killed, at least.
        lost: Sinks with a row missing.
        twice: Sinks with a row too many.
        left: Sinks with a file that was being written.
    """

    plan: str
    source: str
    sinks: int
    kills: int
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""
        return not (self.lost or self.twice or self.left)


def run(seed: int, lives: int) -> Iterator[Result]:
    """Kill sinks, and yield what came of them.

    Args:
        seed: The first seed of the random ones.
        lives: How many of those there are.
    """
    for has_cursor in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            steps = _crash(folder, plan="every_step", count=_COUNT, rows=_ROWS, has_cursor=has_cursor)
            # Two lives of each but the last were killed, or one where the second came to its end.
            yield _judged("every step", Path(folder), _COUNT, steps - 1, has_cursor=has_cursor)
        with tempfile.TemporaryDirectory() as folder:
            kills = sum(
                _crash(f"{folder}/{number}", plan="at_random", count=_LONG, rows=40, has_cursor=has_cursor, seed=number)
                for number in range(seed, seed + lives)
            )
            yield _judged("at random", Path(folder), _LONG, kills, has_cursor=has_cursor)
    for plan in ("every_step", "at_random"):
        with tempfile.TemporaryDirectory() as folder:
            yield asyncio.run(_watched(plan, Path(folder), range(seed, seed + lives)))


async def _watched(plan: str, folder: Path, seeds: range) -> Result:
    """Kill processes that write a watch of a sandbox."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=_HOURS)
    async with Sandbox(vehicles=_VEHICLES, seed=seeds.start, rate_limit=1_000_000) as sandbox:
        given = {"base_url": sandbox.base_url, "token": sandbox.issue_token(), "since": since.isoformat()}
        async with EvEnergy(StaticToken(given["token"]), base_url=sandbox.base_url) as ev:
            expected = {item.key async for item in ev.fleet.logs("status", since=since)}
        plans: list[dict[str, Any]] = [{"first": 1, "stride": 1}]
        if plan == "at_random":
            plans = [{"seed": each, "kills": _KILLS} for each in seeds]
        kills = 0
        for each in plans:
            command = {"plan": plan, "folder": str(folder), **each, **given}
            kills += await asyncio.to_thread(_run, "tests.tables.crash_watch", command)
    found = await asyncio.to_thread(lambda: {root.name: crash_watch.keys(root) for root in folder.iterdir()})
    return Result(
        plan.replace("_", " "),
        "a watch",
        len(found),
        kills,
        tuple(name for name, keys in found.items() if expected - set(keys)),
        tuple(name for name, keys in found.items() if len(keys) > len(set(keys))),
        (),
    )


def _crash(folder: str, **plan: Any) -> int:
    return _run("tests.tables.crash", {**plan, "folder": folder})


def _run(module: str, plan: dict[str, Any]) -> int:
    command = [sys.executable, "-m", module, json.dumps(plan)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _judged(plan: str, folder: Path, count: int, kills: int, *, has_cursor: bool) -> Result:
    sinks = sorted(folder.iterdir())
    numbers = {root.name: crash.numbers(root) for root in sinks}
    return Result(
        plan,
        "cursor" if has_cursor else "acknowledgements",
        len(sinks),
        kills,
        tuple(name for name, found in numbers.items() if set(range(count)) - set(found)),
        tuple(name for name, found in numbers.items() if len(found) > len(set(found))),
        tuple(root.name for root in sinks if list(root.rglob("*.tmp"))),
    )
