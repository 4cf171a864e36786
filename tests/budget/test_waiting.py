"""Waiting for the budget: the order, the end of a wait, and its log lines."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import pickle
import tracemalloc
from typing import Any

import pytest

from ev_energy_async.budget import ANONYMOUS_LIMIT, Budget, BudgetClosed, NotInTime
from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.messages.request import RateLimit
from tests.budget.budget_kit import BOOKED, NOON, HeldClock, Server, call, hear, spent, start, stop, turns


@pytest.fixture
def held() -> HeldClock:
    return HeldClock()


# -- whose turn ------------------------------------------------------------------------------------------------------


async def note(budget: Budget, name: str, order: list[str], priority: int = 0) -> None:
    spending = await budget.acquire(priority=priority)
    order.append(name)
    spending.settle(RateLimit(1, 0))


async def test_who_came_first_goes_first(held: HeldClock) -> None:
    budget, order = await spent(held, 1), list[str]()
    tasks = [await start(note(budget, str(number), order)) for number in range(5)]
    for _ in range(5):
        await held.pass_time(BOOKED)
    assert order == ["0", "1", "2", "3", "4"]
    assert all(task.done() for task in tasks)


async def test_a_command_passes_before_polls_that_have_waited_for_long(held: HeldClock) -> None:
    budget, order = await spent(held, 1), list[str]()
    tasks = [await start(note(budget, "poll", order)) for _ in range(3)]
    await held.pass_time(1800)
    tasks.append(await start(note(budget, "command", order, priority=1)))
    tasks.append(await start(note(budget, "urgent command", order, priority=2)))
    for _ in range(5):
        await held.pass_time(BOOKED)
    assert order == ["urgent command", "command", "poll", "poll", "poll"]
    assert all(task.done() for task in tasks)


async def test_commands_without_end_leave_the_tenth_turn_to_who_has_waited_longest(held: HeldClock) -> None:
    budget, order = await spent(held, 1), list[str]()
    polls = [await start(note(budget, f"poll {number}", order)) for number in range(2)]
    commands = [await start(note(budget, "command", order, priority=1)) for _ in range(30)]
    for _ in range(25):
        await held.pass_time(BOOKED)
    assert [order.index("poll 0"), order.index("poll 1")] == [9, 19]
    await stop(*polls, *commands)


async def test_a_newcomer_does_not_pass_before_those_who_wait_even_if_they_are_not_awake_yet(held: HeldClock) -> None:
    budget = await spent(held, 1)
    first = await start(budget.acquire())
    held.seconds = BOOKED
    second = await start(budget.acquire())
    assert first.done()
    assert not second.done()
    await stop(second)


async def test_the_reserve_is_for_commands(held: HeldClock) -> None:
    budget, server = Budget(10, reserve=3, clock=held), Server(10)
    for _ in range(7):
        await call(budget, server, held)
    assert budget.remaining == 0
    poll = await start(call(budget, server, held))
    for _ in range(3):
        await call(budget, server, held, priority=1)
    assert not poll.done()
    assert server.refusals == 0
    await stop(poll)


async def test_commands_that_eat_the_reserve_without_end_leave_the_tenth_turn_to_polls_all_the_same(
    held: HeldClock,
) -> None:
    budget, server, order = Budget(4, reserve=3, clock=held), Server(4), list[str]()

    async def send(name: str, priority: int) -> None:
        await call(budget, server, held, priority=priority)
        order.append(name)

    for _ in range(4):
        await send("command", 1)
    poll = await start(send("poll", 0))
    commands = [await start(send("command", 1)) for _ in range(30)]
    for _ in range(3):
        await held.pass_time(BOOKED)
    assert len(order) == 16
    assert order.index("poll") == 4 + 9
    assert server.refusals == 0
    await stop(poll, *commands)


async def test_a_limit_lowered_below_the_reserve_leaves_one_request_to_polls(held: HeldClock) -> None:
    budget = Budget(1000, reserve=500, clock=held)
    await hear(budget, 100, limit=100)
    await held.pass_time(BOOKED)
    assert budget.remaining == 1


# -- cancelling, deadlines, closing ----------------------------------------------------------------------------------


async def test_the_turn_of_a_cancelled_call_goes_to_the_next(held: HeldClock) -> None:
    budget = Budget(4, clock=held)
    under_way = [await budget.acquire() for _ in range(4)]
    first, second = await start(budget.acquire()), await start(budget.acquire())
    under_way[0].release()
    # The first has been given its turn, and has not run since.
    await stop(first)
    await turns()
    assert second.done()
    assert budget.used == 4


async def test_a_call_cancelled_before_its_turn_is_skipped(held: HeldClock) -> None:
    budget = Budget(4, clock=held)
    under_way = [await budget.acquire() for _ in range(4)]
    first, second = await start(budget.acquire()), await start(budget.acquire())
    first.cancel()
    under_way[0].release()
    await turns()
    assert first.cancelled()
    assert second.done()


async def test_a_budget_without_waiters_has_no_task_and_no_timer(held: HeldClock) -> None:
    budget = await spent(held)
    before = asyncio.all_tasks()
    waiting = [await start(budget.acquire()) for _ in range(3)]
    assert len(asyncio.all_tasks()) == len(before) + 3 + 1
    assert len(held.asleep) == 1
    await stop(*waiting)
    await turns()
    assert asyncio.all_tasks() == before
    assert not held.asleep
    assert budget.waiting == 0


async def test_asyncio_timeout_ends_a_wait(held: HeldClock) -> None:
    budget = await spent(held)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await budget.acquire()
    assert budget.waiting == 0


async def test_a_budget_that_frees_up_only_after_the_deadline_says_so_at_once(held: HeldClock) -> None:
    budget = await spent(held)
    with pytest.raises(NotInTime) as caught:
        await budget.acquire(deadline=60)
    assert caught.value.retry_at == NOON + dt.timedelta(seconds=BOOKED)
    assert caught.value.retry_at_monotonic == BOOKED
    assert budget.waiting == 0


async def test_those_ahead_are_counted_when_a_deadline_is_looked_at(held: HeldClock) -> None:
    budget, server = Budget(2, clock=held), Server(2)
    await call(budget, server, held)
    await held.pass_time(100)
    await call(budget, server, held)
    ahead = await start(budget.acquire(deadline=BOOKED + 50))
    assert not ahead.done()
    with pytest.raises(NotInTime) as caught:
        await budget.acquire(deadline=BOOKED + 50)
    assert caught.value.retry_at_monotonic == BOOKED + 100
    assert budget.next_free == NOON + dt.timedelta(seconds=BOOKED + 100)
    await held.pass_time(BOOKED - 100)
    assert ahead.done()


async def test_a_wait_that_only_a_response_could_end_lasts_until_the_deadline(held: HeldClock) -> None:
    budget = Budget(clock=held)
    for _ in range(4):
        await budget.acquire()
    waiting = await start(budget.acquire(deadline=30))
    await held.pass_time(29.9)
    assert not waiting.done()
    await held.pass_time(0.1)
    assert isinstance(waiting.exception(), NotInTime)
    assert not held.asleep


async def test_a_429_ends_at_once_the_waits_that_it_makes_hopeless(held: HeldClock) -> None:
    budget = Budget(clock=held)
    under_way = [await budget.acquire() for _ in range(4)]
    short, long = await start(budget.acquire(deadline=60)), await start(budget.acquire(deadline=600))
    under_way[0].refused(RateLimit(1000, 0), 120)
    await turns()
    error = short.exception()
    assert isinstance(error, NotInTime)
    assert error.retry_at == NOON + dt.timedelta(seconds=120)
    assert not long.done()
    await held.pass_time(120)
    assert long.done()


async def test_closing_wakes_all_waiters_and_admits_none(held: HeldClock) -> None:
    budget = await spent(held)
    waiting = [await start(budget.acquire()) for _ in range(3)]
    await budget.close()
    assert not held.asleep
    await turns()
    assert all(isinstance(task.exception(), BudgetClosed) for task in waiting)
    with pytest.raises(BudgetClosed, match="the request budget is closed"):
        await budget.acquire()


async def test_a_request_under_way_when_the_budget_closes_ends_in_peace(held: HeldClock) -> None:
    budget = Budget(clock=held)
    spending = await budget.acquire()
    await budget.close()
    spending.settle(RateLimit(1000, 999))
    assert budget.used == 1


async def test_a_timer_that_is_cancelled_from_outside_is_set_again(held: HeldClock) -> None:
    budget = await spent(held)
    waiting = await start(budget.acquire())
    (timer,) = [task for task in asyncio.all_tasks() if "budget" in task.get_name()]
    timer.cancel()
    await held.pass_time(BOOKED)
    assert waiting.done()


async def test_a_failing_clock_wakes_the_waiters(held: HeldClock, monkeypatch: Any) -> None:
    async def fail(_: float) -> None:
        raise OSError("no clock")

    budget = await spent(held)
    monkeypatch.setattr(held, "sleep", fail)
    with pytest.raises(OSError, match="no clock"):
        await budget.acquire()


# -- log lines -------------------------------------------------------------------------------------------------------


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "ev_energy_async"]


async def test_a_wait_over_a_minute_is_logged_once_as_soon_as_it_is_known(
    held: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    budget = await spent(held)
    waiting = await start(budget.acquire())
    said = "request budget: a call waits for about 3601 s, until 2026-03-14T13:00:01+00:00; 10 of 10 used, 1 waiting"
    assert warnings(caplog) == [said]
    assert caplog.records[-1].levelno == logging.WARNING
    await held.pass_time(BOOKED)
    assert waiting.done()
    assert warnings(caplog) == [said]


async def test_a_wait_that_turns_out_to_last_over_a_minute_is_logged_then(
    held: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget(clock=held)
    for _ in range(4):
        await budget.acquire()
    waiting = await start(budget.acquire())
    await held.pass_time(59.9)
    assert warnings(caplog) == []
    await held.pass_time(1000)
    assert warnings(caplog) == ["request budget: a call has waited for 60 s; 4 of 1000 used, 1 waiting"]
    await stop(waiting)


async def test_a_shorter_wait_is_not_logged(held: HeldClock, caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(clock=held)
    (await budget.acquire()).refused(None, 59)
    waiting = await start(budget.acquire())
    await held.pass_time(59)
    assert waiting.done()
    assert warnings(caplog) == []


async def test_a_free_budget_says_so(held: HeldClock) -> None:
    budget = Budget(ANONYMOUS_LIMIT, clock=held)
    assert budget.next_free is None
    assert repr(budget) == "<Budget, 0 of 50 used, 0 waiting>"


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 2.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"share": 0}, "share"),
        ({"share": 1.5}, "share"),
        ({"share": float("nan")}, "share"),
        ({"reserve": -1}, "reserve"),
        ({"reserve": 1000}, "reserve"),
        ({"share": 0.1, "reserve": 100}, "reserve"),
        ({"reserve": 1.5}, "reserve"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Budget(**options)
    assert caught.value.argument == argument


@pytest.mark.parametrize("error", [NotInTime(NOON, 12.5), BudgetClosed()])
def test_errors_share_the_root_and_travel_between_processes(error: EvEnergyError) -> None:
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  # made in the same line
    assert isinstance(error, EvEnergyError)
    assert (str(copied), vars(copied)) == (str(error), vars(error))


# -- many ------------------------------------------------------------------------------------------------------------


async def test_an_earlier_deadline_resets_the_timer(held: HeldClock) -> None:
    budget = Budget(clock=held)
    for _ in range(4):
        await budget.acquire()
    waiting = [await start(budget.acquire(deadline=deadline)) for deadline in (50, 40, 30)]
    assert len(held.asleep) == 1

    await held.pass_time(50)

    assert all(isinstance(task.exception(), NotInTime) for task in waiting)
    assert held.asleep == []


async def test_ten_thousand_who_wait_share_one_timer_and_little_memory(
    held: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "ev_energy_async")
    loop = asyncio.get_running_loop()
    loop.set_debug(False)  # it keeps a traceback of each task
    budget, server = await spent(held), Server(1_000_000)
    tracemalloc.start()
    try:
        waiting = [asyncio.create_task(call(budget, server, held)) for _ in range(10_000)]
        await turns()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert budget.waiting == 10_000
    assert len(held.asleep) == 1
    assert size < 40_000_000, "with their tasks"
    await held.pass_time(BOOKED)
    # The first answer says that there is room for all.
    assert sum(task.done() for task in waiting) == 10_000


async def test_those_who_leave_leave_nothing_behind(held: HeldClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "ev_energy_async")
    asyncio.get_running_loop().set_debug(False)
    budget = await spent(held)
    staying = await start(budget.acquire())
    tracemalloc.start()
    try:
        for _ in range(1_000):
            leaving = asyncio.create_task(budget.acquire(deadline=BOOKED + 1))
            await asyncio.sleep(0)
            await stop(leaving)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert budget.waiting == 1
    assert size < 100_000
    await stop(staying)
