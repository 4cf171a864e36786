"""A budget that several processes share: its contract, and what becomes of it when the store is down."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import Budget, InvalidArgument
from ev_energy_async.budget import NotInTime, RequestBudget, SharedBudget
from ev_energy_async.budget.ledger import Second
from ev_energy_async.messages import RateLimit
from ev_energy_async.testing import FakeClock, check_budget
from tests.budget.budget_kit import Store

if TYPE_CHECKING:
    from ev_energy_async.budget import Spending


async def turns() -> None:
    """Let exchanges that have begun end."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)


class Process:
    """A process with its budget, and an API that counts the requests of all."""

    def __init__(self, store: Store, clock: FakeClock, sent: list[float], name: str) -> None:
        self.budget = SharedBudget(store, processes=4, limit=100, reserve=0, holder=name, clock=clock)
        self._clock = clock
        self._sent = sent

    async def send(self, priority: int = 0) -> None:
        self.end(await self.budget.acquire(priority=priority))

    def end(self, spending: Spending) -> None:
        now = self._clock.monotonic()
        self._sent.append(now)
        recent = sum(each > now - 3_600 for each in self._sent)
        assert recent <= 100, "never more than the limit"
        spending.settle(RateLimit(100, 100 - recent))

    async def send_what_it_can(self) -> int:
        count = 0
        with contextlib.suppress(NotInTime):
            while True:
                self.end(await self.budget.acquire(deadline=self._clock.monotonic() + 5))
                count += 1
        return count


async def test_local_and_shared_budgets_keep_the_contract(clock: FakeClock, store: Store) -> None:
    local = Budget(20, clock=clock)
    await check_budget(lambda: local, clock=clock)
    names = iter("abc")
    await check_budget(lambda: SharedBudget(store, processes=3, limit=20, holder=next(names), clock=clock), clock=clock)
    assert isinstance(local, RequestBudget)


async def test_without_the_store_each_process_has_its_part_of_what_is_left(
    clock: FakeClock, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[float] = []
    processes = [Process(store, clock, sent, name) for name in "abcd"]
    for process in processes:
        await process.send()
    for _ in range(36):
        await processes[0].send()
    await asyncio.gather(*(process.send() for process in processes[1:]))  # they learn what the first has spent
    assert len(sent) == 43
    store.is_down = True
    counts = [await process.send_what_it_can() for process in processes]
    newcomer = Process(store, clock, sent, "newcomer")
    await newcomer.send()
    assert all(process.budget.is_down for process in [*processes, newcomer])
    # The first has spent more than its part already.
    assert counts[0] <= 1
    assert all(10 <= count <= 15 for count in counts[1:])
    assert len(sent) <= 100
    told = [record.message for record in caplog.records if "is down" in record.message]
    assert len(told) == len(processes) + 1
    assert "25 requests an hour" in told[0]
    # For ten hours: what all spend in any hour is asserted with each request.
    for _ in range(20):
        clock.advance(1_800)
        for process in processes:
            await process.send_what_it_can()
    assert len(sent) > 5 * 100
    for process in [*processes, newcomer]:
        await process.budget.close()


@pytest.mark.parametrize("spent", [0, 40, 90])
async def test_a_process_that_starts_while_the_store_is_down_takes_its_part_and_no_more(
    clock: FakeClock, store: Store, caplog: pytest.LogCaptureFixture, spent: int
) -> None:
    sent: list[float] = []
    others = [Process(store, clock, sent, name) for name in "abc"]
    for number in range(spent):
        await others[number % 3].send()
    store.is_down = True
    newcomer = Process(store, clock, sent, "newcomer")
    counts = [await process.send_what_it_can() for process in (newcomer, *others)]
    assert newcomer.budget.is_down
    assert counts[0] <= 25
    assert counts[0] >= (20 if spent == 0 else 1)
    told = [record.message for record in caplog.records if "25 requests an hour until it is back" in record.message]
    assert len(told) == len(counts)
    for _ in range(10):  # in any hour, which `Process.end` asserts with each request
        clock.advance(1_800)
        for process in (*others, newcomer):
            await process.send_what_it_can()
    assert len(sent) > spent + 200
    for process in (*others, newcomer):
        await process.budget.close()


async def test_when_the_store_is_back_it_learns_what_was_spent(clock: FakeClock, store: Store) -> None:
    sent: list[float] = []
    one, two = (Process(store, clock, sent, name) for name in "ab")
    await one.send()
    await two.send()
    store.is_down = True
    assert await one.send_what_it_can() > 10
    store.is_down = False
    clock.advance(5)
    await one.send()
    await turns()
    assert not one.budget.is_down
    await two.send()
    await turns()
    assert two.budget.used == len(sent)
    assert not two.budget.is_down
    for process in (one, two):
        await process.budget.close()


async def test_what_was_spent_without_the_store_leaves_the_share_an_hour_after_each_request(
    clock: FakeClock, store: Store
) -> None:
    sent: list[float] = []
    process = Process(store, clock, sent, "a")
    store.is_down = True
    for wait in (0, 1_000, 1_000, 995):
        clock.advance(wait)
        for _ in range(4):
            await process.send()
    store.is_down = False
    clock.advance(5)
    await process.send()
    await turns()
    assert not process.budget.is_down
    clock.advance(610)
    store.is_down = True
    began = clock.monotonic()
    assert await process.send_what_it_can() == 25 - 13, "four of seventeen are an hour ago"
    clock.advance(1_000 - (clock.monotonic() - began))
    assert await process.send_what_it_can() == 4
    await process.budget.close()


async def test_what_a_process_keeps_in_mind_does_not_grow_with_its_age(clock: FakeClock, store: Store) -> None:
    async def hours(count: int) -> int:
        for _ in range(60 * count):
            await process.send()
            await turns()
            clock.advance(60)
        return sum(isinstance(each, Second) for each in gc.get_objects())

    process = Process(store, clock, [], "one")
    young, old = await hours(2), await hours(3)
    assert 60 <= young <= old < young + 60


async def test_a_web_call_passes_polls_that_wait_in_other_processes(clock: FakeClock, store: Store) -> None:
    budgets = [SharedBudget(store, processes=2, limit=20, reserve=2, holder=name, clock=clock) for name in "ab"]
    poller, web = budgets
    sent = 0
    while sent < 18:
        (await poller.acquire(priority=-1)).settle(RateLimit(20, 19 - sent))
        sent += 1
    polls = [asyncio.create_task(poller.acquire(priority=-1)) for _ in range(5)]
    await asyncio.sleep(0)
    before = clock.monotonic()
    (await web.acquire(priority=1)).settle(RateLimit(20, 1))
    assert clock.monotonic() - before < 1
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    for budget in budgets:
        await budget.close()


async def test_permits_of_a_process_that_vanished_count_as_spent(clock: FakeClock, store: Store) -> None:
    gone, other = (SharedBudget(store, processes=2, limit=10, reserve=0, holder=name, clock=clock) for name in "ab")
    (await gone.acquire()).settle(RateLimit(10, 9))
    for _ in range(4):
        await gone.acquire()
    clock.advance(400)
    (await other.acquire()).settle(RateLimit(10, 4))
    assert other.used == 6
    await other.close()


def test_a_part_of_nothing_is_refused(clock: FakeClock, store: Store) -> None:
    for wrong in (0, -1, 1.5, 11, True):
        with pytest.raises(InvalidArgument, match="processes"):
            SharedBudget(store, processes=wrong, limit=10, holder="a", clock=clock)  # type: ignore[arg-type]  # wrong on purpose


async def test_a_pause_that_the_store_knows_of_ends_in_time_while_it_is_down(clock: FakeClock, store: Store) -> None:
    budget = SharedBudget(store, processes=4, limit=100, reserve=0, holder="a", clock=clock)
    (await budget.acquire()).refused(RateLimit(100, 50), 60)
    await turns()
    store.is_down = True
    with pytest.raises(NotInTime):
        await budget.acquire(deadline=clock.monotonic() + 5)
    await turns()
    clock.advance(61)
    (await budget.acquire(deadline=clock.monotonic() + 5)).settle(RateLimit(100, 50))
    assert budget.is_down
    await budget.close()
