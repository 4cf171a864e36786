"""`FakeClock`: time moves when somebody sleeps, or when the test says so."""

from __future__ import annotations

import asyncio
import datetime as dt

from ev_energy_async.testing import (
    START,
    FakeClock,
)


async def test_a_sleep_takes_no_real_time_and_is_recorded() -> None:
    clock = FakeClock()

    await asyncio.gather(clock.sleep(90), clock.sleep(30))

    assert clock.now() == START + dt.timedelta(seconds=90)
    assert clock.monotonic() == 90
    assert clock.naps == [90, 30]


async def test_shorter_sleeps_end_earlier() -> None:
    clock, woken = FakeClock(), list[tuple[int, float]]()

    async def nap(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    await asyncio.gather(nap(90), nap(30), nap(60))

    assert woken == [(30, 30), (60, 60), (90, 90)]


async def test_a_sleep_does_not_take_back_time_that_a_test_let_pass() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    for _ in range(5):
        await asyncio.sleep(0)
    clock.advance(100)
    await sleeper

    assert clock.monotonic() == 100


async def test_a_clock_that_does_not_move_by_itself_waits_for_advance() -> None:
    clock = FakeClock(moves_by_itself=False)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(9)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(1)
    await sleeper

    assert clock.monotonic() == 10
