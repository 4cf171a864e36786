"""Acknowledging: after a crash the stream resumes with the first unacknowledged event; no other is redelivered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.checkpoint import (
    CheckpointConflict,
    CheckpointError,
    CheckpointMismatch,
    MemoryCheckpoint,
    Owner,
    SqliteCheckpoint,
)
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.events import CycleFinished, StatusLogged

from .watch_kit import OWNER, ModelFleet, cycle, fleet, keys, names, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ev_energy_async.checkpoint import Advance
    from ev_energy_async.fleet import Watch
    from ev_energy_async.fleet.events import WatchEvent


def with_logs(count: int = 3, logs: int = 4) -> ModelFleet:
    api, cars, _ = fleet(count)
    for car in cars:
        for minutes in range(1, logs + 1):
            car.log(minutes)
    return api


def watch(api: ModelFleet, **options: Any) -> Watch:
    return api.watch(**{"every": 300, "logs": {"status"}, "order": "time", **options})


async def some(stream: Watch, count: int) -> list[WatchEvent]:
    return [await anext(stream) for _ in range(count)]


async def until_the_end_of(stream: Watch, number: int) -> list[WatchEvent]:
    events: list[WatchEvent] = []
    async for event in stream:
        events.append(event)
        if isinstance(event, CycleFinished) and event.cycle == number:
            break
    return events


@pytest.mark.parametrize("crash_after", range(18))
async def test_asking_for_the_next_event_acknowledges_the_last_one(crash_after: int) -> None:
    whole = [event.key for event in await until_the_end_of(watch(with_logs()), 2)]
    api = with_logs()
    first = await some(watch(api), crash_after)
    second = await until_the_end_of(watch(api), 2)
    given = [event.key for event in first]
    assert given == whole[:crash_after]
    # The one that was being worked on comes again, and nothing else.
    assert [event.key for event in second] == whole[max(0, crash_after - 1) :]


@pytest.mark.parametrize("acknowledged", [0, 1, 3, 5, 9, 14])
async def test_an_acknowledgement_holds_for_all_before_it(acknowledged: int) -> None:
    whole = [event.key for event in await until_the_end_of(watch(with_logs()), 2)]
    api = with_logs()
    first = await until_the_end_of(watch(api, ack="explicit"), 2)
    await first[acknowledged].ack()
    second = await until_the_end_of(watch(api, ack="explicit"), 2)
    # What was not, comes again; logs come before the end of the first cycle, as there are some by now.
    assert sorted(event.key for event in second) == sorted(whole[acknowledged + 1 :])
    await second[-1].ack()
    await second[0].ack()
    assert names(await cycle(watch(api))) == ["CycleFinished"]


async def test_nothing_is_acknowledged_by_itself_if_it_is_to_be_explicit() -> None:
    api = with_logs()
    first = await cycle(watch(api, ack="explicit"))
    second = await cycle(watch(api, ack="explicit"))
    assert [event.key for event in first] == [event.key for event in second]


async def test_a_batch_is_acknowledged_as_one() -> None:
    api = with_logs()
    batches = watch(api, ack="explicit").batches(max_items=6, max_age=1e6)
    first = await anext(batches)
    second = await anext(batches)
    await first.ack()
    await batches.aclose()
    again = watch(api, ack="explicit").batches(max_items=6, max_age=1e6)
    assert [event.key for event in await anext(again)] == [event.key for event in second]
    await again.aclose()


async def test_what_is_written_in_the_transaction_of_an_acknowledgement_is_there_just_once(tmp_path: Path) -> None:
    api = with_logs()
    path = tmp_path / "fleet.db"
    rows: list[tuple[Any, ...]] = []
    for crash in (4, 7, 9, None):
        async with SqliteCheckpoint(path) as checkpoint:
            await checkpoint.open(OWNER)
            async with checkpoint.transaction() as db:
                await db.execute("CREATE TABLE IF NOT EXISTS logs (key TEXT)")
            count = 0
            async for event in watch(api, checkpoint=checkpoint, ack="explicit"):
                count += 1
                with contextlib.suppress(ZeroDivisionError):
                    async with checkpoint.transaction() as db:
                        if isinstance(event, StatusLogged):
                            await db.execute("INSERT INTO logs VALUES (?)", (event.key,))
                        await event.ack()
                        _ = 1 / (count - crash if crash else 1)
                if count == crash:
                    break
                if isinstance(event, CycleFinished) and event.cycle >= 2:
                    async with checkpoint.transaction() as db:
                        rows = await db.execute("SELECT key FROM logs")
                    break
    told = [row[0] for row in rows]
    assert len(told) == len(set(told)) == 12


async def test_a_checkpoint_that_cannot_be_written_acknowledges_nothing_and_can_be_tried_again() -> None:
    class Full(MemoryCheckpoint):
        is_full = False

        async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
            if self.is_full:
                raise CheckpointError("disk full")
            return await super().advance_all(changes)

    api = with_logs()
    checkpoint = Full()
    stream = watch(api, checkpoint=checkpoint, ack="explicit")
    events = await until_the_end_of(stream, 2)
    checkpoint.is_full = True
    with pytest.raises(CheckpointError):
        await events[5].ack()
    checkpoint.is_full = False
    await events[3].ack()
    again = await until_the_end_of(watch(api, checkpoint=checkpoint), 2)
    assert [event.key for event in again] == [event.key for event in events[4:]]


@pytest.mark.parametrize("is_carried_out", [False, True])
async def test_an_acknowledgement_that_is_cancelled_may_be_repeated(is_carried_out: bool) -> None:
    class Slow(MemoryCheckpoint):
        is_slow = False

        async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
            made: Sequence[int] = ()
            if is_carried_out or not self.is_slow:
                made = await super().advance_all(changes)
            if self.is_slow:
                await asyncio.Event().wait()
            return made

    api = with_logs()
    checkpoint = Slow()
    stream = watch(api, checkpoint=checkpoint, ack="explicit")
    events = await until_the_end_of(stream, 2)
    checkpoint.is_slow = True
    task = asyncio.create_task(events[5].ack())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    checkpoint.is_slow = False
    await events[8].ack()
    again = await until_the_end_of(watch(api, checkpoint=checkpoint), 2)
    assert [event.key for event in again] == [event.key for event in events[9:]]


async def test_two_watches_on_one_checkpoint_do_not_undo_each_other() -> None:
    api = with_logs()
    first, second = watch(api, ack="explicit"), watch(api, ack="explicit")
    mine, theirs = await cycle(first), await cycle(second)
    await mine[-1].ack()
    with pytest.raises(CheckpointConflict):
        await theirs[-1].ack()
    assert names(await cycle(watch(api, ack="explicit")))[-1] == "CycleFinished"


async def test_a_watch_that_was_overtaken_loads_the_checkpoint_again_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = with_logs()
    stream = watch(api)
    await cycle(stream)
    ahead = await until_the_end_of(watch(api, ack="explicit"), 2)
    await ahead[-2].ack()
    rest = await until_the_end_of(stream, 3)
    told = keys([*ahead[:-1], *rest])
    assert len(told) == len(set(told)) >= 12
    assert [record.getMessage() for record in caplog.records if "another process" in record.getMessage()] == [
        "another process has advanced the checkpoint; the watch loads it again and goes on"
    ]


async def test_an_event_from_before_the_checkpoint_was_loaded_again_is_not_acknowledged() -> None:
    api = with_logs()
    first, second = watch(api, ack="explicit"), watch(api, ack="explicit")
    mine, theirs = await cycle(first), await cycle(second)
    await mine[-1].ack()
    with pytest.raises(CheckpointConflict):
        await theirs[-1].ack()
    await anext(second)
    with pytest.raises(CheckpointError, match="comes again"):
        await theirs[-1].ack()


async def test_two_watches_that_get_in_each_others_way_end_with_the_conflict() -> None:
    api = with_logs()
    first, second = watch(api), watch(api)

    async def alternate() -> None:
        for _ in range(100):
            await anext(first)
            await anext(second)

    with pytest.raises(CheckpointConflict):
        await alternate()


async def test_two_watches_of_different_names_share_a_checkpoint() -> None:
    api = with_logs()
    first, second = watch(api), watch(api, name="other")
    await cycle(first)
    await cycle(second)
    assert len(keys(await cycle(first))) == 12
    assert len(keys(await cycle(second))) == 12
    assert names(await cycle(watch(api))) == names(await cycle(watch(api, name="other"))) == ["CycleFinished"]


async def test_the_checkpoint_of_another_client_is_refused() -> None:
    api = with_logs()
    await cycle(watch(api))
    other = Fleet(api, Owner(OWNER.base_url, "another app")).watch(checkpoint=api.checkpoint)
    with pytest.raises(CheckpointMismatch):
        await anext(other)


async def test_waiting_can_be_cancelled_at_every_step_and_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cancels at each await in turn."""
    whole = keys(await until_the_end_of(watch(with_logs()), 2))
    for steps in range(60):
        api = with_logs()
        original = api.send

        async def send(request: Any, original: Any = original) -> Any:
            await asyncio.sleep(0)
            answer = await original(request)
            await asyncio.sleep(0)
            return answer

        monkeypatch.setattr(api, "send", send)
        stream = watch(api)
        told: list[WatchEvent] = []

        async def consume(stream: Watch = stream, told: list[WatchEvent] = told) -> None:
            async for event in stream:
                told.append(event)
                if isinstance(event, CycleFinished) and event.cycle == 2:
                    break

        task = asyncio.create_task(consume())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not (told and isinstance(told[-1], CycleFinished) and told[-1].cycle == 2):
            await consume()
        assert keys(told) == whole, steps
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_after_a_restart_the_logs_of_the_downtime_come() -> None:
    api = with_logs()
    cars = list(api.cars.values())
    await until_the_end_of(watch(api), 2)
    for minutes in range(6, 600, 3):
        cars[0].log(minutes)
    api.clock.elapsed += 36_000
    events = await cycle(watch(api))
    assert keys(events) == [f"{cars[0].id}/status/{text(minutes)}" for minutes in range(6, 600, 3)]
    assert api.reads(cars[0]) == 1 + 2
