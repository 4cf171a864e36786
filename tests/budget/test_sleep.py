"""A machine that goes to sleep, and the default reserve for commands."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

import pytest

from ev_energy_async.budget import ANONYMOUS_LIMIT, Budget
from ev_energy_async.clock import SystemClock
from ev_energy_async.messages import RateLimit
from tests.budget.budget_kit import HeldClock, Server, call, hear, spent, start


class SleepingClock(HeldClock):
    """A clock whose monotonic time stands still while the machine sleeps, as that of Linux does."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = dt.timedelta()

    def now(self) -> dt.datetime:
        return super().now() + self.slept


@pytest.fixture
def held() -> SleepingClock:
    return SleepingClock()


async def test_after_a_sleep_an_exhausted_budget_is_free_again_at_once(held: SleepingClock) -> None:
    budget = await spent(held)
    assert budget.remaining == 0

    held.slept = dt.timedelta(hours=8)

    assert budget.next_free is None
    assert budget.used == 0
    async with asyncio.timeout(5):
        (await budget.acquire()).settle(RateLimit(10, 9))


async def test_a_block_by_a_429_ends_while_the_machine_sleeps(held: SleepingClock) -> None:
    budget = Budget(clock=held)
    (await budget.acquire()).refused(RateLimit(1000, 0), 1800)

    held.slept = dt.timedelta(minutes=31)

    assert budget.next_free is None


async def test_a_short_sleep_frees_what_is_an_hour_old_and_no_more(held: SleepingClock) -> None:
    budget, server = Budget(10, reserve=0, clock=held), Server(10)
    await call(budget, server, held)
    await held.pass_time(1800)
    for _ in range(9):
        await call(budget, server, held)

    held.slept = dt.timedelta(minutes=35)

    assert budget.used == 9


async def test_waiters_are_served_when_a_new_one_arrives_after_the_sleep(held: SleepingClock) -> None:
    budget = await spent(held)
    waiting = await start(call(budget, Server(10), held))
    assert not waiting.done()

    held.slept = dt.timedelta(hours=2)
    async with asyncio.timeout(5):
        await call(budget, Server(10), held)
        await waiting


async def test_a_wall_clock_that_was_set_sends_a_few_requests_and_asks_the_api(held: SleepingClock) -> None:
    budget = Budget(1000, clock=held)
    await hear(budget, 0)

    held.slept = dt.timedelta(days=365)

    assert 0 < budget.remaining <= 4
    await hear(budget, 0)
    assert budget.remaining == 0


async def test_a_wall_clock_that_is_corrected_by_seconds_changes_nothing(held: SleepingClock) -> None:
    budget = await spent(held)

    for seconds in (50, 0, -3600):
        held.slept = dt.timedelta(seconds=seconds)
        assert budget.remaining == 0


# --- The system's clock


async def test_a_sleep_ends_soon_after_the_machine_wakes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, naps = 0.0, list[float]()
    gettime, sleep = time.clock_gettime, asyncio.sleep

    async def nap(delay: float) -> None:
        nonlocal slept
        naps.append(delay)
        slept += 3600  # while the timer of the loop stood still
        await sleep(0)

    def read(which: int) -> float:
        return gettime(which) + slept

    monkeypatch.setattr(time, "clock_gettime", read)
    monkeypatch.setattr(asyncio, "sleep", nap)
    await SystemClock().sleep(3000)

    assert naps == [10.0], "and not fifty minutes of a machine that is awake"


# --- The reserve


@pytest.mark.parametrize(
    ("options", "polls"), [({}, 980), ({"limit": ANONYMOUS_LIMIT}, 49), ({"limit": 10}, 10), ({"share": 0.5}, 490)]
)
def test_two_percent_of_the_limit_are_for_commands(options: dict[str, Any], polls: int) -> None:
    assert Budget(**options).allowance == polls


async def test_the_reserve_follows_the_limit_that_the_api_reports(held: SleepingClock) -> None:
    budget = Budget(clock=held)
    await hear(budget, 5000, limit=5000)
    assert budget.allowance == 4900


async def test_a_command_passes_when_polls_have_used_up_the_rest(held: SleepingClock) -> None:
    budget = Budget(clock=held)
    await hear(budget, 20)
    poll = await start(budget.acquire())

    (await budget.acquire(priority=1)).release()

    assert not poll.done()
    poll.cancel()
