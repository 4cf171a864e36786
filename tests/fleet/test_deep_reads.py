"""Reads that count as having looked for late logs: those that reach down to where such logs may still turn up."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

import attrs

from ev_energy_async.devices import DEVICES, LogKind, ServerTime
from ev_energy_async.errors import DecodeError
from ev_energy_async.fleet.allotment import Demand, allot
from ev_energy_async.fleet.watch.emitter import Emitter, state_after
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.fleet.watch.reads import Reads
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.settings import Expenses, Provision
from ev_energy_async.fleet.watch.state import DeviceState, FleetState
from ev_energy_async.instants import SECOND, SKEW

from .watch_kit import at, cycle, fleet, keys, status_settings

HOUR: Final = 3_600 * SECOND
PAST: Final = 72 * HOUR
READ: Final = 1_000 * HOUR
STATE: Final = DeviceState.new("ACTIVE", None, 0).with_ledger("status", Ledger.after(READ, READ))


@attrs.frozen
class Read:
    """A read that is through and found nothing new."""

    read_at: int
    reach: int
    log: str = "status"
    logs: tuple[Any, ...] = ()
    is_cut: bool = False
    row: LogKind = DEVICES["vehicles"].regular


def deep_at_after(*reads: Read) -> int:
    state = STATE
    for read in reads:
        state = state_after(state, read, past=PAST)  # type: ignore[arg-type]  # what it uses of a Reading
    return state.ledger("status").deep_at


def test_a_read_that_stops_above_the_past_is_no_turn_of_the_rotation() -> None:
    assert deep_at_after(Read(READ + HOUR, reach=READ)) == READ
    assert deep_at_after(Read(READ + HOUR, reach=READ - PAST - SKEW + 2)) == READ


def test_a_read_that_reaches_the_whole_past_is_one() -> None:
    assert deep_at_after(Read(READ + HOUR, reach=READ - PAST - SKEW)) == READ + HOUR


def test_the_past_is_measured_from_the_last_deep_read_and_not_from_the_last_read() -> None:
    shallow = Read(READ + 10 * HOUR, reach=READ + 9 * HOUR)
    almost = Read(READ + 20 * HOUR, reach=READ + 10 * HOUR - PAST - SKEW)

    assert deep_at_after(shallow, almost) == READ
    assert deep_at_after(shallow, attrs.evolve(almost, reach=READ - PAST - SKEW)) == READ + 20 * HOUR


async def test_a_long_past_takes_little_more_requests_than_it_has_pages() -> None:
    api, [car, *_], _ = fleet()
    # Every five minutes for five days: more than is read back before it is read from its beginning.
    for minutes in range(-5 * 24 * 60, 0, 5):
        car.log(minutes)
    watch = api.watch(logs={"status"}, since=at(-4 * 24 * 60), order="time")
    logs, found = 4 * 24 * 12, set[str]()
    while len(found) < logs:
        found.update(key for key in keys(await cycle(watch)) if key.startswith(car.id))
    assert api.reads(car) <= 1.4 * math.ceil(logs / 100) + 2


async def test_a_read_goes_back_to_what_a_read_has_seen_and_not_to_what_snapshots_delivered() -> None:
    api, [car, *_], _ = fleet(1, page_size=3)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    for minutes in range(1, 21):
        car.log(minutes, late=21 - minutes)
    for _ in range(4):
        await cycle(watch)
    events = await cycle(watch)
    assert len(keys(events)) == 20


def test_a_log_of_a_meter_that_comes_hours_late_is_told_from_those_that_were_delivered() -> None:
    meter, start = DEVICES["boundary_meters"], READ
    state = DeviceState.new("", None, start, kind=meter.kind).with_ledger("status", Ledger.since(start))
    logs: list[Seen] = []
    for number in range(300):
        read_at = start + number * 600 * SECOND
        logs.append(Seen(read_at, None))
        page = tuple(logs[-20:])
        read = Read(read_at, reach=page[0].at, logs=page, row=meter.regular)
        state = state_after(state, read, past=PAST)  # type: ignore[arg-type]  # as above
    ledger = state.ledger("status")
    assert ledger.unseen(logs) == [False] * 300
    assert ledger.unseen([Seen(start + 20 * 600 * SECOND + 1, None)]) == [True], "two days late, within the past"


@attrs.frozen
class Reader:
    """The reads of one vehicle, with what is around them."""

    reads: Reads
    scheduler: Scheduler
    emitter: Emitter
    device_id: str

    @classmethod
    def wanting_both(cls) -> Reader:
        """Return one that has to read the vehicle for what is new and for its past."""
        api, [car, *_], clock = fleet(1)
        client: Any = api
        settings = status_settings(PAST)
        state = FleetState()
        state.apply({car.id: STATE})
        scheduler = Scheduler(0.0)
        scheduler.follow(allot(Demand(devices=10, every=300, budget=10_000)), 1, 0.0)
        emitter = Emitter(Journal(api.checkpoint, "watch"), state, deque())
        provision = Provision(settings, clock, Expenses(api.budget))
        reads = Reads(client, ServerTime(clock), settings, state, scheduler, provision, emitter)
        scheduler.late.append(car.id)
        scheduler.history.want(car.id, 0)
        return cls(reads, scheduler, emitter, car.id)


def test_a_read_that_fails_for_two_purposes_is_wanted_again_for_both() -> None:
    reader = Reader.wanting_both()
    [job] = reader.reads.due(0.0, 4)
    assert (job.purpose, reader.scheduler.waiting) == ("late", 0)

    assert list(reader.reads.note([(job, DecodeError("no number", "$[0]"))], None, 0.0)) == [("late", 0)]

    reader.reads.retry()
    assert reader.device_id in reader.emitter.late.soon
    assert reader.device_id in reader.scheduler.history


def test_a_read_for_two_purposes_takes_the_turn_of_both_whatever_is_left_for_the_second() -> None:
    reader = Reader.wanting_both()
    reader.scheduler.spend("late", 1_000, 0.0)
    [job] = reader.reads.due(0.0, 4)
    assert (job.purpose, job.is_wanted) == ("late", True)
    assert list(reader.scheduler.late) == []
