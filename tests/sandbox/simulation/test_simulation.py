"""The clockwork: what the fleet's days look like, and what is seen of them when."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, Instant, instant
from ev_energy_async.sandbox.simulation.habits import PLUGGED, Activity, Stage
from ev_energy_async.sandbox.simulation.life import RETAINED_DAYS
from ev_energy_async.sandbox.simulation.vehicle_logs import LocationLog, StatusLog
from ev_energy_async.sandbox.world.entities import Evse, Vehicle
from ev_energy_async.sandbox.world.world import HISTORY, World

NOW = instant(datetime(2026, 3, 14, 21, 5, tzinfo=UTC))


@pytest.fixture(scope="module")
def world() -> World:
    return World(vehicles=60, evses=None, seed=11, start=NOW)


def _days(world: World) -> Iterator[tuple[Vehicle, list[Stage]]]:
    for vehicle in world.vehicles:
        today = vehicle.life.day_of(NOW)
        for day in range(vehicle.life.first_day, today + 3):
            yield vehicle, vehicle.life.stages(day)


def _devices(world: World) -> list[Vehicle | Evse]:
    return [*world.vehicles, *world.evses]


def test_a_seed_and_a_start_give_the_same_world_in_whatever_order_it_is_looked_at(world: World) -> None:
    twin = World(vehicles=60, evses=None, seed=11, start=NOW)
    assert [vehicle.id for vehicle in twin.vehicles] == [vehicle.id for vehicle in world.vehicles]
    late = NOW + 3 * DAY
    for ours, theirs in reversed(list(zip(_devices(world), _devices(twin), strict=True))):
        for kind, timeline in ours.logs.items():
            expected = [(log.at, log.logged_at, log.fields()) for log in timeline.newest_first(late)]
            assert [(log.at, log.logged_at, log.fields()) for log in theirs.logs[kind].newest_first(late)] == expected


def test_another_seed_gives_another_world(world: World) -> None:
    other = World(vehicles=60, evses=None, seed=12, start=NOW)
    assert {vehicle.id for vehicle in other.vehicles}.isdisjoint(vehicle.id for vehicle in world.vehicles)


def test_a_day_has_no_gap_and_hands_its_state_on(world: World) -> None:
    for vehicle in world.vehicles:
        today = vehicle.life.day_of(NOW)
        stages = [stage for day in range(vehicle.life.first_day, today + 3) for stage in vehicle.life.stages(day)]
        assert stages[0].start <= NOW - HISTORY
        for before, after in pairwise(stages):
            assert before.start < before.end == after.start
            assert (before.charge_end, before.odometer_end, before.meter_end) == (
                after.charge,
                after.odometer,
                after.meter,
            )


def test_batteries_stay_within_their_limits_and_energy_adds_up(world: World) -> None:
    charged = driven = 0
    for vehicle, stages in _days(world):
        for stage in stages:
            assert 0 < stage.charge_end <= vehicle.battery_watt_hours
            gained = stage.charge_end - stage.charge
            if stage.activity is Activity.CHARGING:
                charged += 1
                hours = (stage.end - stage.start) / HOUR
                assert gained == pytest.approx(stage.watts * 0.92 * hours, abs=1)
                metered = stage.meter_end - stage.meter
                assert metered == (pytest.approx(gained / 0.92, abs=1) if stage.at_home else 0)
            elif stage.activity is Activity.DRIVING:
                driven += 1
                assert gained <= 0 < stage.odometer_end - stage.odometer
            else:
                assert gained == 0
    assert charged > 60
    assert driven > 200


def test_cars_charge_up_to_the_limit_their_owners_set(world: World) -> None:
    complete = [
        (vehicle, stage) for vehicle, stages in _days(world) for stage in stages if stage.activity is Activity.COMPLETE
    ]
    assert complete
    for vehicle, stage in complete:
        assert stage.charge >= vehicle.battery_watt_hours * vehicle.charge_limit // 100


def test_logs_are_ordered_unique_and_seen_only_once_logged(world: World) -> None:
    for device in _devices(world):
        for timeline in device.logs.values():
            logs = list(timeline.newest_first(NOW))
            stamps = [log.at for log in logs]
            assert stamps == sorted(set(stamps), reverse=True)
            assert all(NOW - HISTORY <= log.at <= log.logged_at <= NOW for log in logs)
            assert list(timeline.oldest_first(NOW, NOW - HISTORY - 1)) == logs[::-1]


def test_a_late_log_appears_between_older_ones_when_it_is_logged(world: World) -> None:
    found = 0
    for vehicle in world.vehicles:
        timeline = vehicle.logs["status_logs"]
        for log in timeline.newest_first(NOW + 6 * HOUR):
            if log.at < NOW - HOUR and NOW < log.logged_at < NOW + 5 * HOUR:
                found += 1
                assert timeline.at(log.logged_at - 1, log.at) is None
                assert timeline.at(log.logged_at, log.at) == log
                newest = timeline.latest(log.logged_at)
                assert newest is not None
                assert newest.at > log.at
    assert found


def test_most_logs_are_prompt_and_a_few_are_hours_late(world: World) -> None:
    lags = [
        log.logged_at - log.at for vehicle in world.vehicles for log in vehicle.logs["status_logs"].newest_first(NOW)
    ]
    assert sum(lag < 2 * MINUTE for lag in lags) > 0.9 * len(lags)
    assert 0 < sum(lag > HOUR for lag in lags) < 0.03 * len(lags)


def test_the_latest_log_is_the_first_of_the_list_at_every_moment(world: World) -> None:
    for device in list(world.vehicles)[:12] + list(world.evses)[:6]:
        for kind, timeline in device.logs.items():
            moment: Instant = NOW
            while moment < NOW + DAY + 12 * HOUR:
                assert timeline.latest(moment) == next(timeline.newest_first(moment), None), kind
                moment += 17 * MINUTE


def test_a_severed_vehicle_sends_errors_and_nothing_else(world: World) -> None:
    inactive = [vehicle for vehicle in world.vehicles if vehicle.integrated == "INACTIVE"]
    assert inactive
    for vehicle in inactive:
        status = next(vehicle.logs["status_logs"].newest_first(NOW), None)
        errors = list(vehicle.logs["error_logs"].newest_first(NOW))
        assert status is None or status.at < NOW - 2 * HOUR
        assert errors[0].at > NOW - 12 * HOUR
        assert errors[0].fields()["status_code"] == 401
        assert vehicle.logs["status_logs"].latest(NOW + 20 * DAY) == status


def test_a_vehicle_without_integration_has_no_logs(world: World) -> None:
    unintegrated = [vehicle for vehicle in world.vehicles if vehicle.integrated == "UNINTEGRATED"]
    assert unintegrated
    for vehicle in unintegrated:
        assert all(timeline.latest(NOW) is None for timeline in vehicle.logs.values())


def test_a_refused_command_is_tied_to_its_error() -> None:
    world = World(vehicles=200, evses=0, seed=5, start=NOW)
    tied = 0
    for vehicle in world.vehicles:
        commands = {log.fields()["internal_command_id"]: log for log in vehicle.logs["command_logs"].newest_first(NOW)}
        for error in vehicle.logs["error_logs"].newest_first(NOW):
            if (command_id := error.fields()["internal_command_id"]) is not None:
                tied += 1
                assert commands[command_id].at < error.at
                assert commands[command_id].fields()["command"] == error.fields()["command"] == "START_CHARGE"
    assert tied


def test_a_charger_says_the_same_as_the_car_that_is_plugged_into_it(world: World) -> None:
    compared = 0
    for evse in world.evses:
        if not evse.user.vehicles or evse is not evse.user.evses[0]:
            continue
        life = evse.user.vehicles[0].life
        meter = 0
        for log in evse.logs["status_logs"].oldest_first(NOW, 0):
            stage = next(stage for stage in life.stages(life.day_of(log.at)) if stage.start <= log.at < stage.end)
            fields = log.fields()
            assert fields["is_plugged_in"] == (stage.at_home and stage.activity in PLUGGED)
            assert fields["is_charging"] == (stage.at_home and stage.activity is Activity.CHARGING)
            reading = fields["meter_reading_watt_hours"]
            assert isinstance(reading, int)
            assert reading >= meter
            meter = reading
            compared += 1
    assert compared > 500


def test_every_state_of_a_vehicle_occurs(world: World) -> None:
    states = {
        log.fields()["state"] for vehicle in world.vehicles for log in vehicle.logs["status_logs"].newest_first(NOW)
    }
    assert states == {
        "DRIVING",
        "PLUGGED_IN_ALMOST_COMPLETE",
        "PLUGGED_IN_CHARGING",
        "PLUGGED_IN_COMPLETE",
        "PLUGGED_IN_NOT_CHARGING",
        "RECENTLY_FINISHED_DRIVING",
        "STATIONARY",
    }


def test_a_wish_holds_from_the_next_departure_on() -> None:
    world = World(vehicles=1, evses=0, seed=1, start=NOW)
    (vehicle,) = world.vehicles
    before = vehicle.life.stages(vehicle.life.day_of(NOW))
    vehicle.life.wish(NOW, target=55)
    today = vehicle.life.day_of(NOW)
    assert vehicle.life.stages(today) == before
    assert vehicle.life.dawn(today + 1).target == 55


def test_memory_stays_bounded_over_a_long_time() -> None:
    world = World(vehicles=2, evses=2, seed=1, start=NOW)
    for device in _devices(world):
        for timeline in device.logs.values():
            timeline.latest(NOW + 400 * DAY)
    for vehicle in world.vehicles:
        assert vehicle.life.day_of(NOW + 400 * DAY) - vehicle.life.first_day < RETAINED_DAYS
        newest_first = list(vehicle.logs["status_logs"].newest_first(NOW + 400 * DAY))
        assert newest_first[0].at > NOW + 399 * DAY
        assert newest_first[-1].at > NOW + (400 - RETAINED_DAYS - 1) * DAY
        assert vehicle.logs["status_logs"].at(NOW + 400 * DAY, NOW) is None


def test_there_is_something_of_everything_in_a_fleet_of_ten() -> None:
    world = World(vehicles=10, evses=None, seed=2, start=NOW)
    assert {vehicle.integrated for vehicle in world.vehicles} == {"ACTIVE", "INACTIVE", "UNINTEGRATED"}
    assert any(vehicle.disabled for vehicle in world.vehicles)
    assert len(world.evses) == 6


@pytest.mark.parametrize(("vehicles", "evses"), [(0, 0), (1, 0), (0, 3), (2, 9)])
def test_unusual_sizes_of_a_world(vehicles: int, evses: int) -> None:
    world = World(vehicles=vehicles, evses=evses, seed=2, start=NOW)
    assert (len(world.vehicles), len(world.evses)) == (vehicles, evses)
    assert sum(len(user.vehicles) for user in world.users) == vehicles
    assert sum(len(user.evses) for user in world.users) == evses
    for evse in world.evses:
        assert evse.logs["status_logs"].latest(NOW) is not None


def test_a_location_is_home_or_not_or_unknown(world: World) -> None:
    told = {
        log.at_home
        for vehicle in world.vehicles
        for log in vehicle.logs["location_logs"].newest_first(NOW)
        if isinstance(log, LocationLog)
    }
    assert told == {True, False, None}


def test_some_telematics_report_less(world: World) -> None:
    fields = [
        log.fields()
        for vehicle in world.vehicles
        for log in vehicle.logs["status_logs"].newest_first(NOW)
        if isinstance(log, StatusLog)
    ]
    assert {entry["is_plugged_in"] for entry in fields} == {True, False, None}
    assert any(entry["odometer_meters"] is None for entry in fields) == (
        any(not vehicle.trim.model.make.data.telematics.tells_odometer for vehicle in world.vehicles)
    )
