"""Whoever may use the reserve does not wait while it suffices, however many polls do, here and in other processes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.budget import Budget, SharedBudget
from tests.budget.budget_kit import HOUR, HeldClock, Server, Store, start, stop

# A request leaves the window a second late in a local budget, and ten seconds later still in a shared one.
WINDOW = HOUR + 20
GAPS = st.one_of(st.sampled_from([0.0, 1.0, 30.0, 360.0, 1_200.0, HOUR]), st.floats(0, 2_000, allow_nan=False))


def budgets_of(kind: str, clock: HeldClock, limit: int, reserve: int) -> list[Budget]:
    """Return the budget of the web service, and those of three pollers."""
    if kind == "local":
        return [Budget(limit, reserve=reserve, clock=clock)] * 4
    store = Store(clock)
    return [SharedBudget(store, processes=4, limit=limit, reserve=reserve, holder=name, clock=clock) for name in "wabc"]


async def send(budget: Budget, server: Server, clock: HeldClock, priority: int) -> None:
    with await budget.acquire(priority=priority) as spending:
        answer = server.handle(clock.monotonic())
        assert answer.retry_after is None, "more than the limit was sent"
        spending.settle(answer.rate)


async def poll(budget: Budget, server: Server, clock: HeldClock) -> None:
    while True:
        await send(budget, server, clock, -1)


@pytest.mark.parametrize("kind", ["local", "shared"])
@settings(max_examples=8, deadline=None)
@given(reserve=st.integers(1, 12), others=st.integers(4, 8), gaps=st.lists(GAPS, min_size=12, max_size=16))
def test_web_calls_within_the_reserve_are_served_at_once(
    kind: str, reserve: int, others: int, gaps: list[float]
) -> None:
    asyncio.run(_serve(kind, reserve, others, gaps))


async def _serve(kind: str, reserve: int, others: int, gaps: list[float]) -> None:
    clock, server = HeldClock(), Server(reserve + others)
    web, *rest = budgets = budgets_of(kind, clock, reserve + others, reserve)
    polls = [await start(poll(budget, server, clock)) for budget in rest for _ in range(2)]
    await clock.pass_time(10)
    calls: list[float] = []
    for gap in gaps:
        earliest = calls[-reserve] + WINDOW if len(calls) >= reserve else 0.0
        await clock.pass_time(max(gap, earliest - clock.monotonic()))
        came = clock.monotonic()
        call = await start(send(web, server, clock, 1))
        if not call.done():
            await clock.pass_time(1)
        assert call.done(), f"the call {len(calls) + 1} waits"
        calls.append(came)
    sent = len(server.counted) - len(calls)
    assert sent >= others * int(clock.monotonic() / (2 * HOUR)), "polls go on"
    await stop(*polls)
    await _close(budgets)


@pytest.mark.parametrize(("kind", "hours"), [("local", 20), ("shared", 4)])
async def test_web_calls_that_use_up_everything_leave_a_turn_in_ten_to_polls(kind: str, hours: int) -> None:
    clock, server = HeldClock(), Server(5)
    web, other, *_ = budgets = budgets_of(kind, clock, 5, 2)
    order: list[str] = []

    async def send_on(budget: Budget, name: str, priority: int) -> None:
        while True:
            await send(budget, server, clock, priority)
            order.append(name)

    calls = [await start(send_on(web, "web", 1)) for _ in range(3)]
    polls = [await start(send_on(other, "poll", -1)) for _ in range(3)]
    await clock.pass_time(hours * WINDOW)
    assert server.refusals == 0
    contested = order[5:]
    assert len(contested) >= 5 * (hours - 2)
    # Of five that free up together three go to calls that waited, and two to new ones, which count for nobody.
    assert len(contested) // 20 <= contested.count("poll") <= len(contested) / 10
    assert "poll" in contested
    await stop(*calls, *polls)
    await _close(budgets)


async def test_a_call_that_was_cancelled_holds_up_no_other_process() -> None:
    clock, server = HeldClock(), Server(4)
    web, other, third, _ = budgets = budgets_of("shared", clock, 4, 0)
    for _ in range(3):
        await send(web, server, clock, 0)
    held = await third.acquire()
    await stop(await start(web.acquire()))
    waits = await start(send(other, server, clock, -1))
    assert not waits.done()
    held.release()
    await clock.pass_time(121)
    assert waits.done()
    await _close(budgets)


async def _close(budgets: list[Any]) -> None:
    for budget in dict.fromkeys(budgets):
        await budget.close()
