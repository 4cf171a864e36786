"""The steps of a watch: whatever cuts them short, none is skipped, none spins, and what is to be read is read."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.checkpoint import CheckpointConflict, CheckpointError, MemoryCheckpoint
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import CycleFinished, StatusLogged
from ev_energy_async.instants import instant_of
from ev_energy_async.lease import MemoryLease
from ev_energy_async.messages import RateLimit
from tests.devices.follow_kit import FOREVER

from .test_newest_first import cycles, told
from .watch_kit import OWNER, Log, at, cycle, end, fleet, keys, text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ev_energy_async.checkpoint import Entry, Owner
    from ev_energy_async.fleet import Watch
    from ev_energy_async.fleet.events import WatchEvent


class Slow(MemoryCheckpoint):
    """A checkpoint whose rows take a turn of the loop each, and which may fail at one of them."""

    fails_at: int | None = None

    async def open(self, owner: Owner) -> None:
        await asyncio.sleep(0)
        await super().open(owner)

    async def entries(self, prefix: str = "") -> AsyncGenerator[tuple[str, Entry]]:
        count = 0
        async for each in super().entries(prefix):
            await asyncio.sleep(0)
            if count == self.fails_at:
                self.fails_at = None
                raise CheckpointError("the disk is away for a moment")
            yield each
            count += 1


async def overtaken() -> tuple[Watch, list[str], int]:
    """A watch whose unacknowledged events are to come again, for another has advanced its checkpoint.

    Returns:
        The watch, what was acknowledged, and how many logs there are.
    """
    api, cars, _ = fleet(4)
    api.checkpoint = Slow()
    for car in cars:
        car.log(1)
        car.log(6)
    first, second = (api.watch(every=300, logs={"status"}, ack="explicit") for _ in range(2))
    events = await cycle(first)
    await events[-1].ack()
    [theirs] = [event for event in await cycle(second) if isinstance(event, CycleFinished)]
    mine = [event async for event in until(first, 3)]
    await theirs.ack()
    with pytest.raises(CheckpointConflict):
        await mine[-1].ack()
    return first, keys(events), 2 * len(cars)


async def until(watch: Watch, number: int) -> AsyncGenerator[WatchEvent]:
    async for event in watch:
        yield event
        if isinstance(event, CycleFinished) and event.cycle >= number:
            return


@pytest.mark.parametrize("steps", range(13))
async def test_a_loading_that_is_cancelled_at_any_step_is_begun_anew(steps: int) -> None:
    watch, found, count = await overtaken()
    task = asyncio.create_task(cycle(watch))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    async for event in until(watch, 4):
        found += keys([event])
        await event.ack()
    assert len(found) == len(set(found)) == count


@pytest.mark.parametrize("row", range(5))
async def test_a_loading_that_fails_at_any_row_is_begun_anew(row: int) -> None:
    watch, found, count = await overtaken()
    kept = watch._driver._journal._checkpoint  # its checkpoint
    assert isinstance(kept, Slow)
    kept.fails_at = row
    with pytest.raises(CheckpointError, match="away"):
        await anext(watch)
    async for event in until(watch, 4):
        found += keys([event])
        await event.ack()
    assert len(found) == len(set(found)) == count


async def test_who_stands_by_may_load_the_checkpoint_and_writes_nothing() -> None:
    api, _, _ = fleet()
    lease = MemoryLease(ttl=30, holder="one")
    first, second = (api.watch(logs={"status"}, lease=each) for each in (lease, lease.rival("two")))
    await second.load()
    assert [key async for key, _ in api.checkpoint.entries()] == []
    await anext(first)
    await second.load()
    await (third := api.watch(logs={"status"}, lease=lease.rival("three"))).load()
    assert len(third.state) == len(second.state) == 0, "for nothing was acknowledged yet"
    await anext(first)
    await first.aclose()


async def test_a_cycle_that_waits_for_the_budget_beyond_its_interval_does_not_spin() -> None:
    api, cars, clock = fleet(3, limit=2_000)
    watch = api.watch(every=60, logs={"status"}, cycles=2, ack="explicit")
    await cycles(watch, 1)
    for car in cars:
        car.log(clock.elapsed / 60)
        car.log(clock.elapsed / 60 + 0.5)

    def exhaust(_: int, request: Any) -> None:
        if request.path == "/vehicles":
            free.settle(RateLimit(limit=2_000, remaining=0))

    free = await api.budget.acquire()
    api.fail = exhaust
    naps = len(clock.naps)
    await asyncio.wait_for(cycles(watch, 1), 5)
    assert len(clock.naps) - naps < 60 * 60 / 5 + 10


async def test_devices_to_look_up_hold_up_no_snapshot_while_a_read_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    api, cars, clock = fleet(8)
    watch = api.watch(every=0.05, logs={"status"}, max_shrink=1.0, concurrency=2, ack="explicit")
    await cycles(watch, 1)
    gone, stays = cars[:5], cars[5]
    for car in gone:
        car.until = at(0)
    stays.log(0)
    original, free, turns = api.send, asyncio.Event(), 0

    async def send(request: Any) -> Any:
        nonlocal turns
        turns += 1
        if request.path.endswith("status_logs"):
            await free.wait()
        elif api.asked["/vehicles"] > 2:
            free.set()
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    began = time.monotonic()
    # While nobody sleeps, time passes by itself.
    monkeypatch.setattr(clock, "monotonic", lambda: clock.elapsed + time.monotonic() - began)
    clock.elapsed = 1
    events = await cycles(watch, 2)
    assert {event.key.split("/")[1] for event in events} >= {"removed"}
    assert turns < 20


async def test_a_copy_that_lags_is_read_again_in_the_next_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    api, [car, *_], _ = fleet()
    between = car.log(3)
    car.log(4)
    watch = api.watch(every=300, logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    listed, original = api.listed, api.send

    def lagging(logs: list[Log]) -> list[Log]:
        return [log for log in listed(logs) if log.at < instant_of(at(2))]

    async def send(request: Any) -> Any:
        monkeypatch.setattr(api, "listed", lagging if request.path.endswith("status_logs") else listed)
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    assert [each[0] for each in told(await cycles(watch, 1))] == [text(4)]
    monkeypatch.setattr(api, "send", original)
    monkeypatch.setattr(api, "listed", listed)
    # Its newest log stays what it was.
    assert [each[0] for each in told(await cycles(watch, 1))] == [between.text]
    assert not [
        gap for _, gap in (await Fleet(api, OWNER).coverage(api.checkpoint)).gaps() if gap.reason == Reason.UNREAD
    ]


async def test_a_vehicle_that_was_removed_before_it_was_read_is_read_when_it_comes_back() -> None:
    api, cars, _ = fleet(300, limit=200)
    for car in cars:
        car.log(3)
        car.log(4)
    watch = api.watch(every=300, logs={"status"}, max_shrink=1.0, ack="explicit")
    events = await cycles(watch, 2)
    read = {event.device_id for event in events if isinstance(event, StatusLogged) and event.via == "read"}
    unread = next(car for car in reversed(cars) if car.id not in read)
    unread.until = api.clock.true
    unread_key = f"{unread.id}/status/{text(3)}"
    events = await cycles(watch, 2)
    assert f"{unread.id}/removed/2" in {event.key for event in events}
    assert unread_key not in keys(events)
    unread.until = FOREVER
    while end(events).waiting:
        events += await cycles(watch, 1)
    assert unread_key in keys(events)
