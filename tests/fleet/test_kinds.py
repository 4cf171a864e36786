"""Chargers, batteries, meters, inverters and clamps beside vehicles: one watch, the same promises."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from ev_energy_async import EvEnergy, StaticToken, api, models
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.codec import decode
from ev_energy_async.devices import DEVICES
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import LogRead
from ev_energy_async.fleet.events import CycleFinished, DeviceAdded, ErrorLogged, StatusLogged, VehicleAdded
from ev_energy_async.fleet.plan import plan
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.instants import NEVER, SECOND
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.fleet import Watch, WatchEvent

DAY: Final = dt.timedelta(days=1)
HOUR: Final = dt.timedelta(hours=1)
KINDS: Final[frozenset[Any]] = frozenset(DEVICES)
MODELS: Final = {
    "vehicles": models.VehicleStatusLog,
    "evses": models.EVSEStatusLog,
    "home_batteries": models.HomeBatteryStatusLog,
    "boundary_meters": models.BoundaryMeterStatusLog,
    "inverters": models.InverterStatusLog,
    "ct_clamps": models.CTClampLog,
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(
        vehicles=5, evses=3, seed=11, rate_limit=5_000, clock=SteppedClock(START), token_lifetime=7 * DAY, fast=True
    ) as running:
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    async with EvEnergy(
        StaticToken(sandbox.issue_token()), base_url=sandbox.base_url, clock=SandboxClock(sandbox)
    ) as client:
        yield client


async def during(
    watch: Watch, sandbox: Sandbox, length: dt.timedelta, kinds: frozenset[str] = frozenset(DEVICES)
) -> list[WatchEvent]:
    """The events of some time, to the end of a cycle of each kind."""
    end, events, done = sandbox.now() + length, list[Any](), set[str]()
    async for event in watch:
        events.append(event)
        if isinstance(event, CycleFinished) and event.began_at >= end:
            done.add(event.kind)
            if done == kinds:
                break
    return events


async def stored(ev: EvEnergy, kind: str, log: str, since: dt.datetime, until: dt.datetime) -> set[str]:
    """The keys of all logs of a kind of devices that are sampled in a time."""
    row = DEVICES[kind].logs[log]
    found: set[str] = set()
    bounds = {f"{row.time}_gte": since, f"{row.time}_lte": until}
    async for device in getattr(api, DEVICES[kind].list_devices)(ev):
        async for each in getattr(api, row.function)(ev, device.id, **bounds):
            found.add(f"{device.id}/{log}/{each.url.rpartition('/')[2].replace('%3A', ':')}")
    return found


async def test_a_watch_of_all_kinds_delivers_each_log_of_each_device_once(sandbox: Sandbox, live: EvEnergy) -> None:
    checkpoint = MemoryCheckpoint()
    events = await during(live.fleet.watch(kinds=KINDS, every=600, checkpoint=checkpoint), sandbox, 2 * HOUR)
    # A crash on the way, with the last event not acknowledged.
    events += await during(live.fleet.watch(kinds=KINDS, every=600, checkpoint=checkpoint), sandbox, HOUR)
    logs = [event for event in events if isinstance(event, StatusLogged | ErrorLogged)]
    keys = Counter(event.key for event in logs)
    assert set(keys.values()) == {1}
    begin = START + dt.timedelta(minutes=1)
    for kind in KINDS - {"inverters"}:
        for log in DEVICES[kind].watched:
            until = sandbox.now() - (2 * HOUR if log == "error" else HOUR)
            due = await stored(live, kind, log, begin, until)
            assert due <= set(keys), (kind, log)
            assert due or log == "error", f"{kind} have written something"
    for event in logs:
        if isinstance(event, StatusLogged):
            assert isinstance(event.log, MODELS[event.kind])
        assert event.key.startswith(event.device_id)
        assert bool(event.vehicle_id) == (event.kind == "vehicles")
    assert {event.via for event in logs if event.kind == "inverters"} == {"snapshot"}
    assert {event.via for event in logs if event.kind == "ct_clamps"} == {"read"}
    added = Counter(event.kind for event in events if isinstance(event, VehicleAdded | DeviceAdded))
    assert set(added) == KINDS
    coverage = await live.fleet.coverage(checkpoint)
    covered = {row.vehicle_id[:4] for row in coverage.rows}
    assert covered == {"vhcl", "evse", "hoba", "bmet", "ctcl"}, "nothing can be proven of inverters"
    assert coverage.complete_to is not None
    report = await live.fleet.audit(START + HOUR, sandbox.now() - HOUR, checkpoint=checkpoint, logs={"status"})
    assert report.is_clean
    assert report.collections == len({row.vehicle_id for row in coverage.rows})


async def test_the_state_of_every_device_is_at_hand_and_survives_a_restart(sandbox: Sandbox, live: EvEnergy) -> None:
    checkpoint = MemoryCheckpoint()
    watch = live.fleet.watch(kinds=KINDS, checkpoint=checkpoint)
    assert len(watch.state) == 0
    await during(watch, sandbox, HOUR)
    restarted = await live.fleet.watch(kinds=KINDS, checkpoint=checkpoint).load()
    for state in (watch.state, restarted.state):
        assert len(state) >= 15
        async for vehicle in live.fleet.snapshot():
            status = state[vehicle]
            newest = vehicle.latest_status_log
            assert isinstance(newest, models.VehicleStatusLog)
            assert isinstance(status.log, models.VehicleStatusLog)
            assert status.log.state_of_charge_percentage == newest.state_of_charge_percentage
            assert status.log.sampled_at == newest.sampled_at
            assert status.integrated == str(vehicle.integrated)
            assert status.staleness is not None
            assert status.staleness < dt.timedelta(minutes=15)
        assert {state[each].kind for each in state} == KINDS
        meters = [state[each].log for each in state if each.startswith("bmet")]
        assert all(isinstance(log, models.BoundaryMeterStatusLog) for log in meters)
    assert "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H" not in watch.state
    sandbox.advance(HOUR)
    assert all(each.staleness is not None and each.staleness >= HOUR for each in restarted.state.values())


async def test_raw_logs_come_as_the_api_has_sent_them_however_they_come(sandbox: Sandbox, live: EvEnergy) -> None:
    checkpoint = MemoryCheckpoint()
    first = live.fleet.watch(kinds=KINDS, raw=True, checkpoint=checkpoint, ack="explicit")
    events = await during(first, sandbox, HOUR / 2)
    logs = [event for event in events if isinstance(event, StatusLogged | ErrorLogged)]
    assert {event.via for event in logs} == {"snapshot", "read"}
    again = await during(live.fleet.watch(kinds=KINDS, raw=True, checkpoint=checkpoint), sandbox, HOUR / 2)
    repeated = {event.key: event for event in again if isinstance(event, StatusLogged | ErrorLogged)}
    assert repeated.keys() & {event.key for event in logs}, "nothing was acknowledged, so that they come again"
    for event in (*logs, *repeated.values()):
        log: Any = event.log
        assert event.raw is not None
        assert decode(event.raw, log.__class__) == log
        assert b'"sampled_at"' in event.raw or b'"logged_at"' in event.raw
    plain = await during(live.fleet.watch(kinds=KINDS), sandbox, HOUR / 2)
    assert {event.raw for event in plain if isinstance(event, StatusLogged | ErrorLogged)} == {None}


async def test_raw_logs_come_although_the_client_keeps_no_bodies(sandbox: Sandbox, live: EvEnergy) -> None:
    watch = live.with_options(keep_body=False).fleet.watch(kinds=KINDS, raw=True)
    logs = [each for each in await during(watch, sandbox, HOUR / 2) if isinstance(each, StatusLogged | ErrorLogged)]
    assert {event.via for event in logs} == {"snapshot", "read"}
    for event in logs:
        log: Any = event.log
        assert event.raw is not None
        assert decode(event.raw, log.__class__) == log


@pytest.mark.parametrize("kind", sorted(KINDS - {"ct_clamps"}))
async def test_a_snapshot_of_any_kind_shows_newest_logs(sandbox: Sandbox, live: EvEnergy, kind: Any) -> None:
    sandbox.advance(HOUR)
    devices = cast("AsyncIterator[Any]", live.fleet.snapshot(kind))
    shown: list[Any] = [device.latest_status_log async for device in devices]
    assert shown
    assert any(isinstance(log, MODELS[kind]) for log in shown)


async def test_the_past_of_any_kind_is_read_and_resumed(sandbox: Sandbox, live: EvEnergy) -> None:
    sandbox.advance(6 * HOUR)
    for kind, log in (("evses", "ocpp"), ("home_batteries", "status"), ("ct_clamps", "current")):
        bounds = (START, sandbox.now() - HOUR)
        expected = await stored(live, kind, log, *bounds)
        first = live.fleet.logs(log, kind=kind, since=bounds[0], until=bounds[1])
        items = [item async for item in first] if not expected else [await anext(first)]
        rest = [item async for item in live.fleet.logs(log, None, *bounds, kind=kind, cursor=first.cursor)]
        found = [item.key for item in (*items, *rest)]
        assert all(isinstance(item, LogRead) and item.kind == kind for item in (*items, *rest))
        assert sorted(found) == sorted(expected)
    with pytest.raises(InvalidArgument, match="kind"):
        live.fleet.logs("status", kind="inverters")
    with pytest.raises(InvalidArgument, match="log"):
        live.fleet.logs("location", kind="evses")


def test_where_the_api_does_not_say_when_it_stored_a_log_memory_is_exact_over_the_lateness() -> None:
    start, past = 1_000_000 * SECOND, 3 * 86_400 * SECOND
    ledger = Ledger.since(start)
    logs: list[Seen] = []
    read_at = start
    for number in range(400):
        read_at = start + number * 600 * SECOND
        logs.append(Seen(read_at, None))
        page = logs[-100:]
        assert ledger.unseen(page) == [False] * (len(page) - 1) + [True]
        ledger = ledger.with_reading(page, reach=page[0].at, read_at=read_at, exact_from=read_at - past)
    late = Seen(start + 300 * 600 * SECOND + SECOND, None)
    assert ledger.unseen([late]) == [True], "sixteen hours late, and far below the last page"
    assert ledger.unseen(logs) == [False] * 400
    assert ledger.with_reading(logs[-100:], reach=logs[-100].at, read_at=read_at, exact_from=NEVER).floor > late.at


def test_a_plan_of_several_kinds_shares_the_budget_and_names_them() -> None:
    made = plan(1_000, evses=500, home_batteries=300, ct_clamps=100, inverters=10, budget=980)
    assert str(made).startswith("1,000 vehicles, 500 chargers, 300 home batteries, 10 inverters and 100 CT clamps fit")
    assert set(made.kinds) == {"vehicles", "evses", "home_batteries", "inverters", "ct_clamps"}
    assert made.requests.total == pytest.approx(sum(part.requests.total for part in made.kinds.values()))
    assert made.requests.total <= 980
    assert made.kinds["inverters"].complete_within is None
    assert made.kinds["ct_clamps"].requests.history > 100 / 24, "each is read once a day at the least"
    clamps = plan(ct_clamps=300, budget=980)
    assert clamps.headline == "300 CT clamps fit: every log within 43 min 51 s, for 530 of 980 requests an hour"
    assert "no snapshot shows one, so that all are read, 494 pages an hour" in str(clamps)
    assert "no snapshot shows one" in str(made)
    assert plan(evses=1).headline.startswith("1 charger fits")
    assert plan(1_000, evses=500, budget=made.fitting_budget).fits
    with pytest.raises(TypeError, match="solar_arrays"):
        plan(10, solar_arrays=3)  # type: ignore[call-arg]  # there are no such devices
    with pytest.raises(InvalidArgument, match="evses"):
        plan(10, evses=-1)


async def test_kinds_and_vehicles_that_there_are_not_are_refused(live: EvEnergy) -> None:
    for kinds in ({"cars"}, set[str](), 7):
        with pytest.raises(InvalidArgument, match="kinds"):
            live.fleet.watch(kinds=kinds)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(InvalidArgument, match="vehicles"):
        live.fleet.watch(kinds={"evses"}, vehicles=["vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"])
    with pytest.raises(InvalidArgument, match="vehicles"):
        live.fleet.watch(vehicles=["evse01HRFF3SEVSCRAV9B3CHVDFN0H"])
    with pytest.raises(InvalidArgument, match="kind"):
        live.fleet.snapshot("ct_clamps")
