"""Arguments of a watch, runs of some cycles, and checkpoints of other versions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from ev_energy_async.checkpoint import CheckpointError
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.coverage import Reason
from ev_energy_async.fleet.events import CycleFinished
from ev_energy_async.fleet.watch.ledger import Ledger
from ev_energy_async.instants import instant_of

from .test_newest_first import cycles, state_of, told
from .watch_kit import OWNER, at, end, fleet, keys, names, text, vehicle_id


async def test_the_old_arguments_are_accepted_with_a_warning_and_others_are_not() -> None:
    api, _, _ = fleet()
    with pytest.warns(DeprecationWarning, match=r"reread_share= has no effect any more; .*complete_within="):
        api.watch(reread_share=0.1)
    with pytest.warns(DeprecationWarning, match="read_every="):
        api.watch(read_every=600)
    with pytest.raises(TypeError, match="read_evry"):
        api.watch(read_evry=600)
    with pytest.warns(DeprecationWarning, match='"errors" is now called "error"'):
        api.watch(logs={"errors"})


@pytest.mark.parametrize("count", [1, 3])
async def test_a_watch_of_some_cycles_ends_with_the_reads_that_are_due(count: int) -> None:
    api, cars, _ = fleet(30)
    for car in cars:
        car.log(1)
        car.log(2)
    await cycles(api.watch(logs={"status"}), 1)
    api.clock.elapsed += 300
    events = [event async for event in api.watch(logs={"status"}, cycles=count)]
    assert names(events).count("CycleFinished") == count
    assert isinstance(events[-1], CycleFinished)
    assert len(keys(events)) == 60
    batches = [batch async for batch in api.watch(logs={"status"}, cycles=1).batches(max_items=10)]
    assert names(batches[-1])[-1] == "CycleFinished"


async def test_the_checkpoint_of_the_version_before_is_converted() -> None:
    api, [car, behind, unread], clock = fleet()
    since, now = instant_of(at(-600)), instant_of(at(0))
    seen = Ledger.after(instant_of(at(-1)), since)
    old: dict[str, Any] = {}
    for each in (car, behind, unread):
        ledger = list(msgspec.structs.astuple(seen)[:8])
        ledger[2], ledger[6] = now, -(2**62)
        packed = msgspec.msgpack.encode(ledger)
        row: list[Any] = ["ACTIVE", text(-1), since, True, 1, packed, None, [], [], now if each is behind else 0]
        old[each.id] = msgspec.json.encode(row).decode()
    meta = [7, since, now, 300.0, ["status"]]
    await api.checkpoint.open(OWNER)
    for name, value in {**old, "fleet": msgspec.json.encode(meta).decode()}.items():
        await api.checkpoint.advance(f"watch/{name}", 0, value)
    car.log(2)
    clock.elapsed = 300
    watch = api.watch(logs={"status"}, ack="explicit")
    events = await cycles(watch, 1)
    assert names(events) == ["StatusLogged", "CycleFinished"]
    assert end(events).cycle == 8
    assert api.reads(behind) == 1, "it had logs that were not read"
    entry = await api.checkpoint.get(f"watch/{car.id}")
    assert entry is not None
    assert entry.value.startswith("[2,"), "a row of this version"


@pytest.mark.parametrize("value", ["[]", "{}", "null", '[2,"vehicles",0]', "[9]", '["ACTIVE"]'])
async def test_a_row_that_cannot_be_understood_is_an_error_that_says_what_to_do(value: str) -> None:
    api, _, _ = fleet()
    await api.checkpoint.open(OWNER)
    await api.checkpoint.advance(f"watch/{vehicle_id(0)}", 0, value)
    with pytest.raises(CheckpointError, match=r"cannot be understood.*Restore"):
        await anext(api.watch())


async def test_without_history_only_newest_logs_come_and_nothing_is_read() -> None:
    api, [car, *_], _ = fleet()
    for minutes in range(1, 600):
        car.log(minutes)
    watch = api.watch(logs={"status"}, complete_within=None, ack="explicit")
    events = await cycles(watch, 110)
    assert [each for each, *_ in told(events)] == [text(minutes) for minutes in range(5, 546, 5)]
    assert api.reads(car) == 0
    [row] = (await Fleet(api, OWNER).coverage(api.checkpoint)).of(car.id)
    assert [gap.reason for gap in row.gaps] == [Reason.UNREAD]
    state = await state_of(api, car)
    assert len(state.ledger("status").direct) < 300


@pytest.mark.parametrize(
    "given",
    [
        {"every": 0},
        {"every": "60"},
        {"complete_within": -1},
        {"logs": {"statuses"}},
        {"ack": "later"},
        {"concurrency": 0},
        {"error_share": 1.5},
        {"order": "oldest"},
        {"cycles": 0},
        {"since": dt.datetime(2026, 1, 1)},  # noqa: DTZ001  # the naive time is the point
    ],
)
async def test_bad_arguments_are_refused_before_anything_is_asked(given: dict[str, Any]) -> None:
    api, _, _ = fleet()
    [name] = given
    with pytest.raises(InvalidArgument, match=name):
        api.watch(**given)
    assert api.count == 0
