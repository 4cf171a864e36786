"""The steps of a watch: whatever cuts them short, none is skipped, none spins, and what is to be read is read."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest

from ev_energy_async.checkpoint import CheckpointConflict, CheckpointError, MemoryCheckpoint
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import CycleFinished, StatusLogged
from ev_energy_async.fleet.watch.scheduler import Queue
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import instant_of
from ev_energy_async.lease import MemoryLease
from ev_energy_async.messages import RateLimit
from tests.devices.follow_kit import FOREVER, QuickClock

from .test_newest_first import cycles, scarce, told
from .watch_kit import OWNER, Car, Log, ModelFleet, at, cycle, end, fleet, keys, let_time_pass, text, vehicle_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ev_energy_async.checkpoint import Entry, Owner
    from ev_energy_async.fleet import Watch
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.watch.ledger import Ledger
    from ev_energy_async.messages.request import Request, Response

T = TypeVar("T")


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


async def overtaken(checkpoint: Slow) -> tuple[Watch, list[str], int]:
    """A watch whose unacknowledged events are to come again, for another has advanced its checkpoint.

    Args:
        checkpoint: Its checkpoint.

    Returns:
        The watch, what was acknowledged, and how many logs there are.
    """
    api, cars, _ = fleet(4)
    api.checkpoint = checkpoint
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
    watch, found, count = await overtaken(Slow())
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
    kept = Slow()
    watch, found, count = await overtaken(kept)
    kept.fails_at = row
    with pytest.raises(CheckpointError, match="away"):
        await anext(watch)
    async for event in until(watch, 4):
        found += keys([event])
        await event.ack()
    assert len(found) == len(set(found)) == count


async def test_a_first_look_that_came_second_leaves_the_progress_of_the_first_as_it_is() -> None:
    api, _, _ = fleet()
    first, second = (api.watch(every=300, logs={"status"}, ack="explicit") for _ in range(2))
    await second.load()
    await cycles(first, 2)
    kept = [(await api.checkpoint.get("watch/fleet"))]
    await anext(second)
    kept.append(await api.checkpoint.get("watch/fleet"))
    assert kept[0] == kept[1] is not None


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
    let_time_pass(monkeypatch, clock)
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


async def test_what_a_read_brings_is_out_of_order_if_a_snapshot_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    api, [car, *_], clock = fleet()
    watch = api.watch(every=0.05, logs={"status"}, ack="explicit")
    await cycles(watch, 1)
    shown = car.log(1 / 60)
    original, free, later = api.send, asyncio.Event(), list[Log]()

    async def send(request: Any) -> Any:
        if request.path.endswith("status_logs"):
            await free.wait()
        elif api.asked["/vehicles"] == 2 and not later:
            later.extend([car.log(2 / 60), car.log(3 / 60)])
        elif api.asked["/vehicles"] > 3:
            free.set()
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    let_time_pass(monkeypatch, clock)
    clock.elapsed = 5
    events: list[WatchEvent] = []
    while len(told(events)) < 3:
        events += await cycles(watch, 1)
    between, newest = later
    assert told(events) == [
        (shown.text, "snapshot", False, False),
        (newest.text, "snapshot", False, False),
        (between.text, "read", False, True),
    ]


class Viewed(ModelFleet):
    """A fleet that notes with what priority it is asked for what."""

    priority: int | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.noted: set[tuple[str, int | None]] = set()

    def with_options(self, *, priority: int | None = None, keep_body: bool | None = None) -> Self:  # noqa: ARG002  # it takes no notice of bodies
        view = copy(self)
        view.priority = priority
        return view

    async def send(self, request: Request[T]) -> Response[T]:
        self.noted.add((request.path.rpartition("/")[2], self.priority))
        return await super().send(request)


async def test_reads_pass_after_snapshots_and_these_after_the_calls_of_the_application() -> None:
    clock = QuickClock()
    car = Car(vehicle_id(1))
    api = Viewed(clock, [car])
    car.log(-1)
    car.log(3)
    car.error(4)
    await cycles(api.watch(every=300, ack="explicit"), 3)
    priorities = dict(api.noted)
    assert len(api.noted) == len(priorities) == 3
    first, history, errors = (priorities[each] for each in ("vehicles", "status_logs", "error_logs"))
    assert first is not None
    assert history is not None
    assert history == errors
    assert history < first < 0, "as a call of the application has"


async def test_a_watch_starts_from_a_large_state_without_a_look_at_what_was_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, cars = scarce()
    for car in cars:
        car.log(3)
        car.log(8)
    await cycles(api.watch(logs={"status"}, ack="explicit"), 3)
    unpacked: list[str] = []
    wanted: list[str] = []
    honest_ledger, honest_want = DeviceState.ledger, Queue.want

    def ledger(state: DeviceState, log: str) -> Ledger:
        unpacked.append(log)
        return honest_ledger(state, log)

    def want(queue: Queue, device_id: str, due: int) -> None:
        wanted.append(device_id)
        honest_want(queue, device_id, due)

    monkeypatch.setattr(DeviceState, "ledger", ledger)
    monkeypatch.setattr(Queue, "want", want)
    watch = await api.watch(logs={"status"}, ack="explicit").load()
    assert len(watch.state) == 300
    assert 200 < len(wanted) == len(set(wanted)) < 300, "those that are behind, once each"
    assert unpacked == [], "which takes most of the time"
