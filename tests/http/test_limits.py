"""The time limits of calls: as `asyncio.timeout`, with one timer for all of one length."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ev_energy_async.http.limits import Limits

if TYPE_CHECKING:
    from ev_energy_async.http.limits import Limit

SOON = 0.01
NEVER = 1_000.0


async def wait(limit: Limit) -> str:
    with limit:
        await asyncio.Event().wait()
    return "unreachable"


async def test_what_takes_too_long_is_ended() -> None:
    limit = Limits().within(SOON)

    with pytest.raises(TimeoutError):
        await wait(limit)

    assert limit.expired


async def test_what_is_quick_enough_is_left_alone() -> None:
    limits = Limits()
    with limits.within(SOON) as limit:
        await asyncio.sleep(0)

    await asyncio.sleep(2 * SOON)

    assert not limit.expired
    limits.close()


async def test_each_of_many_ends_in_its_own_time() -> None:
    limits = Limits()
    ended: list[str] = []

    async def one(name: str, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            await wait(limits.within(seconds))
        ended.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(one("third", 5 * SOON))
        group.create_task(one("first", SOON))
        await asyncio.sleep(SOON / 2)
        group.create_task(one("second", SOON))

    assert ended == ["first", "second", "third"]


async def test_the_inner_of_two_limits_ends_only_what_is_in_it() -> None:
    limits = Limits()

    with limits.within(NEVER) as outer:
        with pytest.raises(TimeoutError):
            await wait(limits.within(SOON))
        await asyncio.sleep(0)

    assert not outer.expired
    limits.close()


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    limits = Limits()
    task = asyncio.create_task(wait(limits.within(NEVER)))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    limits.close()


async def test_a_cancellation_in_the_same_moment_wins() -> None:
    limit = Limits().within(NEVER)
    task = asyncio.create_task(wait(limit))
    await asyncio.sleep(0)

    limit.expire()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_limit_can_be_ended_early() -> None:
    limit = Limits().within(NEVER)
    task = asyncio.create_task(wait(limit))
    await asyncio.sleep(0)

    limit.expire()

    with pytest.raises(TimeoutError):
        await task
    limit.expire()  # it is over: nothing is left to end


async def test_an_error_of_the_block_passes_through() -> None:
    with pytest.raises(KeyError), Limits().within(NEVER):
        raise KeyError


async def test_lengths_that_are_no_longer_used_take_no_room() -> None:
    limits = Limits()
    for number in range(100):
        with limits.within(SOON + number * 1e-6):
            pass

    await asyncio.sleep(3 * SOON)
    limits.within(NEVER)

    assert len(vars(limits)["_rows"]) == 1


async def test_ten_thousand_limits_share_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    call_at = loop.call_at

    def counted(when: float, *rest: object) -> object:
        timers.append(when)
        return call_at(when, *rest)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(loop, "call_at", counted)
    limits = Limits()
    for _ in range(10_000):
        with limits.within(NEVER):
            pass

    assert len(timers) == 1
    limits.close()
