"""Time limits that share one timer count as `asyncio.timeout` does."""

from __future__ import annotations

import asyncio

import pytest

from ev_energy_async.http.limits import Limits


async def _forever(limits: Limits, seconds: float, owner: object = None) -> None:
    with limits.within(seconds, owner):
        await asyncio.Event().wait()


async def test_a_block_that_takes_too_long_is_a_timeout_and_its_task_is_not_cancelled() -> None:
    with pytest.raises(TimeoutError):
        await _forever(Limits(), 0)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_cancellation_from_elsewhere_passes_through() -> None:
    task = asyncio.create_task(_forever(Limits(), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whoever_cancels_in_the_moment_of_the_timeout_is_heard() -> None:
    limits = Limits()
    task = asyncio.create_task(_forever(limits, 60))
    await asyncio.sleep(0)
    limits.end()
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_outer_of_two_limits_runs_out_and_the_inner_lets_it_pass() -> None:
    limits = Limits()
    passed: list[str] = []

    async def nested() -> None:
        with limits.within(0):
            try:
                await _forever(limits, 60)
            except asyncio.CancelledError:
                passed.append("the inner one")
                raise

    with pytest.raises(TimeoutError):
        await nested()
    assert passed


async def test_each_of_many_limits_runs_out_at_its_own_time() -> None:
    limits = Limits()
    tasks = [asyncio.create_task(_forever(limits, seconds)) for seconds in (60, 0, 60, 0.001)]
    done, waiting = await asyncio.wait(tasks[1::2])
    assert {type(task.exception()) for task in done} == {TimeoutError}
    assert not waiting
    assert not tasks[0].done()
    assert not tasks[2].done()
    limits.end()
    ended = await asyncio.gather(*tasks[::2], return_exceptions=True)
    assert [type(each) for each in ended] == [TimeoutError] * 2


async def test_the_limits_of_one_owner_end_and_no_others() -> None:
    limits = Limits()
    mine, other = object(), object()
    tasks = [asyncio.create_task(_forever(limits, 60, owner)) for owner in (mine, other)]
    await asyncio.sleep(0)
    assert limits.count(mine) == 1
    limits.end(mine)
    with pytest.raises(TimeoutError):
        await tasks[0]
    assert not tasks[1].done()
    limits.end()
    with pytest.raises(TimeoutError):
        await tasks[1]
    assert limits.count(other) == 0


async def test_a_block_that_ends_in_time_is_left_alone() -> None:
    limits = Limits()
    with limits.within(0.001):
        pass
    await asyncio.sleep(0.002)
    assert limits.count(None) == 0


async def test_a_block_that_is_left_in_the_moment_its_limit_is_ended_is_left_alone() -> None:
    limits = Limits()

    async def leave() -> str:
        with limits.within(60):
            limits.end()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "not cancelled"

    assert await asyncio.create_task(leave()) == "not cancelled"
