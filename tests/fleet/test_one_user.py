"""One user's devices, charging and logs: the API itself lists them, which saves the requests for all others."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async import ClientCredentials, EvEnergy, models
from ev_energy_async.checkpoint import CheckpointMismatch, MemoryCheckpoint
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import CycleFinished, Fleet, SubSessionEnded, SubSessionStarted, VehicleAdded
from ev_energy_async.ids import reference_id
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

from .session_kit import ModelSessions
from .watch_kit import OWNER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(
        vehicles=120, evses=10, seed=11, rate_limit=5_000, clock=SteppedClock(START), token_lifetime=7 * 86_400
    ) as running:
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
    async with EvEnergy(credentials, base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as client:
        yield client


def sampled_at(car: models.Vehicle) -> dt.datetime:
    log = car.latest_status_log
    found = log.sampled_at if isinstance(log, models.VehicleStatusLog) else None
    return found or START - dt.timedelta(days=365)


def asked(sandbox: Sandbox) -> Counter[str]:
    return Counter(str(served.operation) for served in sandbox.requests if served.status == 200)


async def test_the_devices_of_one_user_take_one_page_where_all_take_two(sandbox: Sandbox, live: EvEnergy) -> None:
    everyone = await live.fleet.snapshot().all()
    assert asked(sandbox)["vehicles.list"] == 2
    owners = Counter(reference_id(vehicle.user) for vehicle in everyone if vehicle.user)
    since = START - dt.timedelta(days=1)
    has_logs = {reference_id(car.user) for car in everyone if car.user and sampled_at(car) > since}
    user = next(each for each, count in owners.items() if each and count == 1 and each in has_logs)
    [car] = [vehicle for vehicle in everyone if vehicle.user and reference_id(vehicle.user) == user]
    assert [vehicle.id for vehicle in await live.fleet.snapshot(user=user)] == [car.id]
    checkpoint = MemoryCheckpoint()
    events: list[Any] = [event async for event in live.fleet.watch(cycles=2, user=user, checkpoint=checkpoint)]
    assert [event.vehicle_id for event in events if isinstance(event, VehicleAdded)] == [car.id]
    assert [event.spent.snapshot for event in events if isinstance(event, CycleFinished)] == [1, 1]
    url = f"{live.base_url}/users/{user}"
    mine = {item.device_id async for item in live.fleet.logs("status", since=since, user=url)}
    assert mine == {car.id}
    assert asked(sandbox)["vehicles.list"] == 2 + 1 + 2 + 1
    assert asked(sandbox)["vehicles.list_status_logs"] < 10
    # The checkpoint is the user's, as that of a client in their context is.
    rows = (await live.as_user(user).fleet.coverage(checkpoint)).rows
    assert {row.vehicle_id for row in rows} == {car.id}
    assert {row.vehicle_id for row in (await live.fleet.coverage()).rows} == {car.id}, "that of the last watch"
    assert (await live.fleet.audit(since, sandbox.now())).collections == 2
    with pytest.raises(CheckpointMismatch):
        await live.with_options(priority=0).fleet.coverage(checkpoint)


async def test_the_charging_of_one_user_is_that_of_their_cars(sandbox: Sandbox, live: EvEnergy) -> None:
    begin = sandbox.now() - dt.timedelta(hours=20)
    ended = await live.charging_sub_sessions.list(is_finished=True, end_gt=begin).all()
    session = next(each for each in ended if each.vehicle)
    vehicle = await live.vehicles.get(str(session.vehicle).rpartition("/")[2])
    user = reference_id(vehicle.user) if vehicle.user else None
    assert user
    expected = {each.id for each in ended if each.vehicle and each.vehicle == session.vehicle}
    found: set[str] = set()
    event: Any = None
    async for event in live.fleet.sub_sessions(since=begin, user=user, expand=["energy_usage"]):
        if isinstance(event, SubSessionEnded):
            found.add(event.sub_session_id)
            usage = event.session.energy_usage
            assert isinstance(usage, models.EnergyUsage)
            intervals: list[Any] = usage.to_dict("json")["intervals"]
            assert intervals
            total = sum(each["total_energy_delivered_watt_hours"] for each in intervals)
            assert total == event.session.energy_delivered_watt_hours, "intervals add up"
        if expected <= found:
            break
    assert isinstance(event, SubSessionStarted | SubSessionEnded)


async def test_a_sub_session_is_in_one_session_with_all_others_of_the_same_plug_in(
    live: EvEnergy, sandbox: Sandbox
) -> None:
    begin = sandbox.now() - dt.timedelta(hours=20)
    [first, *_] = [each async for each in live.charging_sub_sessions.list(end_gt=begin, page_size=5)]
    vehicle = str(first.vehicle).rpartition("/")[2]
    car = await live.vehicles.get(vehicle)
    assert car.user
    driver = live.as_user(str(reference_id(car.user)))
    sessions = await driver.charging_sessions.list(expand=["sub_sessions"]).all()
    homes = [session for session in sessions if first.id in {each.id for each in expanded_of(session)}]
    assert len(homes) == 1
    parts = sorted(expanded_of(homes[0]), key=lambda each: each.start)
    assert parts[0].start == homes[0].start
    assert all(one.end == following.start for one, following in pairwise(parts))
    assert parts[-1].end == homes[0].end


def expanded_of(session: models.ChargingSession) -> list[models.ChargingSubSession]:
    return [each for each in session.sub_sessions or () if isinstance(each, models.ChargingSubSession)]


async def test_what_is_no_user_is_refused(live: EvEnergy) -> None:
    for stream in (live.fleet.watch, live.fleet.snapshot, live.fleet.sub_sessions):
        with pytest.raises(InvalidArgument, match="user"):
            stream(user="vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")
    with pytest.raises(InvalidArgument, match="knows no users"):
        Fleet(ModelSessions([]), OWNER).snapshot(user="user01HN2NJ9NMRZBXT1H6FT9N7735")
