"""Deliveries that are handled once, however often they come."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.webhooks import Deduplicator, MemoryDeduplicationStore
from tests.conftest import START, FakeClock
from tests.webhooks.delivery_kit import SharedStore, Worker, settle


async def test_work_is_done_once_for_each_key() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    assert [await once(key, worker) for key in ("a", "b", "a", "a", "b")] == [True, True, False, False, False]
    assert len(worker.done) == 2


async def test_work_that_fails_is_done_at_the_next_delivery() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.failures = 1
    with pytest.raises(RuntimeError, match="the database is away"):
        await once("a", worker)
    assert await once("a", worker) is True
    assert await once("a", worker) is False
    assert len(worker.done) == 1


async def test_close_deliveries_of_one_event_wait_for_the_first() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.may_end.clear()
    tasks = [asyncio.create_task(once("a", worker)) for _ in range(5)]
    await settle()
    assert not any(task.done() for task in tasks)
    worker.may_end.set()
    assert await asyncio.gather(*tasks) == [True, False, False, False, False]
    assert len(worker.done) == 1


async def test_a_delivery_that_waited_for_one_that_failed_does_the_work_itself() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.failures = 2
    worker.may_end.clear()
    tasks = [asyncio.create_task(once("a", worker)) for _ in range(4)]
    await settle()
    worker.may_end.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:2]] == [RuntimeError, RuntimeError]
    assert outcomes[2:] == [True, False]
    assert len(worker.done) == 1


async def test_cancelled_work_does_not_count_as_done_and_blocks_no_other() -> None:
    deduplicator, worker = Deduplicator(clock=FakeClock()), Worker()
    worker.may_end.clear()
    first, waiting, third = (asyncio.create_task(deduplicator.once("a", worker)) for _ in range(3))
    await settle()
    waiting.cancel()
    first.cancel()
    worker.may_end.set()
    outcomes = await asyncio.gather(first, waiting, third, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, asyncio.CancelledError, bool]
    assert len(worker.done) == 1


async def test_events_do_not_wait_for_each_other() -> None:
    once, slow, quick = Deduplicator(clock=FakeClock()).once, Worker(), Worker()
    slow.may_end.clear()
    task = asyncio.create_task(once("slow", slow))
    await slow.started.wait()
    assert await once("quick", quick) is True
    slow.may_end.set()
    assert await task is True


async def test_nothing_is_kept_of_the_events_under_way_once_they_are_done() -> None:
    deduplicator, worker = Deduplicator(clock=FakeClock()), Worker()
    await asyncio.gather(*(deduplicator.once(str(n % 10), worker) for n in range(50)))
    locks = deduplicator._locks  # pyright: ignore[reportPrivateUsage]  # what is kept shows nowhere else
    assert len(locks) == 0


async def test_what_is_done_is_forgotten_in_time() -> None:
    clock, worker = FakeClock(), Worker()
    deduplicator = Deduplicator(remember=dt.timedelta(hours=1), clock=clock)
    assert await deduplicator.once("a", worker) is True
    clock.advance(3_599)
    assert await deduplicator.once("a", worker) is False
    clock.advance(1)
    assert await deduplicator.once("a", worker) is True


async def test_by_default_what_is_done_outlasts_the_repetitions_of_a_day_and_a_half() -> None:
    clock, worker = FakeClock(), Worker()
    deduplicator = Deduplicator(clock=clock)
    await deduplicator.once("a", worker)
    clock.advance(36 * 3_600)
    assert await deduplicator.once("a", worker) is False


async def test_the_memory_is_bounded_and_the_first_make_room() -> None:
    clock = FakeClock()
    store = MemoryDeduplicationStore(3, clock=clock)
    later = START + dt.timedelta(hours=1)
    for key in "abcd":
        assert await store.add(key, later) is True
    assert [await store.contains(key) for key in "abcd"] == [False, True, True, True]
    assert await store.add("d", later) is False
    assert len(store) == 3
    clock.advance(3_600)
    assert await store.contains("d") is False
    assert await store.add("e", later + dt.timedelta(hours=1)) is True
    assert len(store) == 1, "what has expired takes no room"


async def test_an_expired_key_can_be_added_again_and_is_then_the_newest() -> None:
    clock = FakeClock()
    store = MemoryDeduplicationStore(2, clock=clock)
    assert await store.add("a", START + dt.timedelta(seconds=1)) is True
    assert await store.add("b", START + dt.timedelta(seconds=9)) is True
    clock.advance(1)
    assert await store.add("a", START + dt.timedelta(seconds=5)) is True
    assert [await store.contains(key) for key in "ab"] == [True, True]
    assert await store.add("c", START + dt.timedelta(seconds=9)) is True
    assert [await store.contains(key) for key in "abc"] == [True, False, True]


@pytest.mark.parametrize("expires_in", [0, -1])
async def test_a_key_that_expires_at_once_is_not_kept(expires_in: int) -> None:
    store = MemoryDeduplicationStore(clock=FakeClock())
    assert await store.add("a", START + dt.timedelta(seconds=expires_in)) is True
    assert len(store) == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_memory_for_nothing_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match=r"^max_size: "):
        MemoryDeduplicationStore(size)


async def test_two_services_with_one_store_know_what_the_other_has_done() -> None:
    store, worker = SharedStore(), Worker()
    one, other = (Deduplicator(store, remember=60, clock=FakeClock()) for _ in range(2))
    assert await one.once("a", worker) is True
    assert await other.once("a", worker) is False
    assert store.kept == {"a": START + dt.timedelta(seconds=60)}


async def test_work_done_by_two_services_at_the_same_time_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    store, worker = SharedStore(), Worker()
    worker.may_end.clear()
    tasks = [asyncio.create_task(Deduplicator(store, clock=FakeClock()).once("a", worker)) for _ in range(2)]
    await settle()
    worker.may_end.set()
    assert await asyncio.gather(*tasks) == [True, True]
    assert [record.getMessage() for record in caplog.records] == ["webhook a was also handled by another process"]
