"""Parquet sinks that are killed between every two steps, and again and again at random: nothing lost, nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from tests.tables import crash

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Result", "run"]

_ROWS = 12
_COUNT = 36
_LONG = 600


@attrs.frozen
class Result:
    """What came of a number of sinks.

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


def _crash(folder: str, **plan: Any) -> int:
    command = [sys.executable, "-m", "tests.tables.crash", json.dumps({**plan, "folder": folder})]
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
