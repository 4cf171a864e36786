"""A short `make soak`: delivery keeps its promises while consumers die and the API fails."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

import attrs
import pytest

from ev_energy_async.fleet import Coverage
from ev_energy_async.sandbox import Logged

from .soak import harness, stepped
from .soak.judge import Cost, judge
from .soak.mutants import MUTANTS
from .soak.rows import Finished, Row
from .soak.timing import START
from .soak.world import Options

if TYPE_CHECKING:
    from pathlib import Path

# Seeds whose consumers acknowledge in a transaction with their rows, and one by one.
IN_TRANSACTIONS, ONE_BY_ONE = 5, 4
SMALL = Options(vehicles=24, minutes=40, complete_within=1_800, kills=3, pauses=2, timeout=0.4, stall=0.1)
# Enough for each mutant to do harm.
FEW = attrs.evolve(SMALL, vehicles=12)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Connections are cut on purpose, which should not be logged."""
    caplog.set_level(logging.CRITICAL, "aiohttp.server")


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_watch_that_is_cancelled_and_abandoned_delivers_each_log_once_at_little_cost(seed: int) -> None:
    verdict = await stepped.run(SMALL, seed)
    assert verdict.is_good, verdict
    assert verdict.logs > 100
    assert verdict.late > 0
    assert 1 <= verdict.cost.ratio <= 1.1
    assert verdict.cost.requests < verdict.cost.naive / 2


@pytest.mark.parametrize("name", list(MUTANTS))
async def test_a_broken_watch_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, found = MUTANTS[name]
    mutate(monkeypatch)

    verdict = await stepped.run(FEW, 2)

    assert getattr(verdict, found), verdict
    assert not verdict.is_good


async def test_error_logs_are_delivered_once_too() -> None:
    options = attrs.evolve(SMALL, logs=("status", "error"), limit=2_000, kills=1)
    verdict = await stepped.run(options, 3)
    assert verdict.is_good, verdict


async def test_a_killed_and_paused_consumer_gets_no_committed_event_twice(tmp_path: Path) -> None:
    options = attrs.evolve(SMALL, kills=2, pauses=1, minutes=20, complete_within=900)
    verdict = await harness.run(options, IN_TRANSACTIONS, tmp_path)
    assert verdict.is_good, verdict
    assert verdict.repeated == verdict.trouble
    assert verdict.logs > 50


def row(name: str, *, life: int = 0, late: bool = False, acknowledged: bool = True, minute: int = 1) -> Row:
    """Return a log of the vehicle `v`, received in some minute."""
    seen = START + dt.timedelta(minutes=minute)
    return Row(life, f"v/status/{name}", "v", name, late, seen, None, acknowledged)


def added(acknowledged: bool = True) -> Row:
    return Row(0, "v/added/1", "v", "", False, START, None, acknowledged)


def log(name: str, minute: int) -> Logged:
    """Return a log that has existed since some minute."""
    return Logged("v", "status_logs", name, START + dt.timedelta(minutes=minute))


FIRST, SECOND = "2026-03-14T07:06:00.000000Z", "2026-03-14T07:07:00.000000Z"
TRUTH = [log(FIRST, 2), log(SECOND, 3)]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([row(FIRST), row(SECOND)], ""),
        ([row(FIRST)], "lost"),
        ([row(FIRST), row(SECOND), row(SECOND, life=1, late=True)], "twice"),
        ([row(FIRST), row(SECOND, acknowledged=False), row(SECOND, life=1)], ""),
        ([row(SECOND), row(FIRST)], "disorder"),
        ([row(SECOND), row(FIRST, late=True)], ""),
        ([row(SECOND, acknowledged=False), row(FIRST, life=1), row(SECOND, life=1)], ""),
        ([row(FIRST), row(SECOND), row("2026-03-14T07:08:00.000000Z")], "invented"),
    ],
)
def test_the_judge_finds_each_violation(rows: list[Row], wrong: str) -> None:
    until = START + dt.timedelta(hours=1)
    finished = Finished(1, START, START, 1, 0)
    rows = [added(), *rows, Row(1, "fleet/cycle/1", "", "", False, until, finished, True)]
    verdict = judge(rows, TRUTH, until=until, began={}, removed={}, coverage=Coverage(), cost=Cost())
    found = {name for name in ("lost", "twice", "disorder", "invented", "unfit") if getattr(verdict, name)}
    assert found == ({wrong} if wrong else set())


@pytest.mark.parametrize(("minute", "lost"), [(20, False), (41, True)])
def test_a_vehicle_that_came_before_the_first_cycle_counts_from_that_cycle_on(minute: int, lost: bool) -> None:
    came = {"v": START + dt.timedelta(minutes=10)}
    until = START + dt.timedelta(hours=1)
    # The life in which it came was over before its first cycle was; the next one begins with the first cycle again.
    cycle = Finished(1, START + dt.timedelta(minutes=40), START + dt.timedelta(minutes=42), 1, 0)
    rows = [
        attrs.evolve(added(), life=1, seen=START + dt.timedelta(minutes=41, seconds=30)),
        Row(1, "fleet/cycle/1", "", "", False, cycle.ended, cycle, True),
    ]

    verdict = judge(rows, [log(FIRST, minute)], until=until, began=came, removed={}, coverage=Coverage(), cost=Cost())

    assert bool(verdict.lost) == lost


def test_all_logs_of_a_vehicle_that_came_after_the_first_cycle_count() -> None:
    came = {"v": START + dt.timedelta(minutes=10)}
    cycle = Finished(1, START, START + dt.timedelta(minutes=1), 1, 0)
    rows = [
        Row(0, "fleet/cycle/1", "", "", False, cycle.ended, cycle, True),
        attrs.evolve(added(), life=1, seen=START + dt.timedelta(minutes=40)),
    ]

    verdict = judge(
        rows,
        [log(FIRST, 20)],
        until=START + dt.timedelta(hours=1),
        began=came,
        removed={},
        coverage=Coverage(),
        cost=Cost(),
    )

    assert verdict.lost
