"""Charging sessions: that they say the same as the fleet's logs, add up, and follow what is done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.sandbox.instants import DAY, HOUR, instant, parse
from ev_energy_async.sandbox.world.world import World
from tests.sandbox.conftest import START
from tests.sandbox.places import Places

if TYPE_CHECKING:
    from ev_energy_async.sandbox.world.sessions import Session
    from ev_energy_async.sandbox.world.sub_session_events import SubSessionEvent
    from tests.sandbox.conftest import Client

NOW = instant(START)


async def _session(client: Client, session: Session) -> dict[str, Any]:
    body: dict[str, Any] = (
        await client.get(f"/charging_sessions/{session.id}?expand=sub_sessions&expand=vehicle")
    ).body
    return body


async def test_a_car_that_charges_has_a_session_under_way(client: Client) -> None:
    client.sandbox.advance(8 * 3_600)
    charging = 0
    sessions = await client.walk("/charging_sessions?expand=sub_sessions&page_size=50")
    under_way = {session["vehicle"]: session for session in sessions if session["end"] is None}
    for vehicle in await client.walk("/vehicles?expand=latest_status_log&page_size=100"):
        log = vehicle["latest_status_log"]
        if log is None or not log["is_charging"] or vehicle["integrated"] != "ACTIVE":
            continue
        charging += 1
        newest = under_way[vehicle["url"]]["sub_sessions"][0]
        assert newest["end"] is None
        assert newest["start"] <= log["sampled_at"]
        assert newest["energy_delivered_watt_hours"] >= log["charge_energy_added_watt_hours"]
    assert charging > 3


async def test_the_energy_of_a_sub_session_adds_up_and_is_what_the_logs_say(client: Client) -> None:
    compared = 0
    for sub in await client.walk("/charging_sub_sessions?expand=energy_usage&expand=vehicle&is_finished=true"):
        total = sub["energy_delivered_watt_hours"]
        intervals = sub["energy_usage"]["intervals"]
        assert sum(entry["total_energy_delivered_watt_hours"] for entry in intervals) == total
        merged = (await client.get(f"{sub['url']}/energy_usage?merge_consecutive_intervals=true")).body["intervals"]
        assert sum(entry["total_energy_delivered_watt_hours"] for entry in merged) == total
        assert sum(entry["interval_seconds"] for entry in merged) == 1_800 * len(intervals)
        flowing = (await client.get(f"{sub['url']}/energy_usage?energy_delivered_watt_hours__gt=0")).body["intervals"]
        assert flowing == [entry for entry in intervals if entry["total_energy_delivered_watt_hours"]]
        assert sub["total_co2_grams"] <= total * 300 // 1_000
        if sub["vehicle"] is None or not total:
            continue
        bounds = f"sampled_at__gte={sub['start']}&sampled_at__lte={sub['end']}"
        logs = await client.walk(f"{sub['vehicle']['url']}/status_logs?{bounds}")
        levels = [log["charge_level_watt_hours"] for log in logs]
        if len(levels) > 10:
            compared += 1
            assert levels[0] - levels[-1] == pytest.approx(total, abs=900)
    assert compared > 5


async def test_a_boost_charges_at_once_and_its_end_goes_back_to_waiting(client: Client) -> None:
    places = Places(client)
    session = next(
        session
        for session in places.sessions()
        if session.end > NOW + 5 * HOUR
        and session.plug.vehicle is not None
        and session.plug.vehicle.smart_charging
        and session.episode.stages[0].activity.value == "waiting"
        and session.episode.stages[0].end > NOW + 2 * HOUR
    )
    path = f"/charging_sessions/{session.id}"
    before = await _session(client, session)
    logs_before = await client.walk(f"{before['vehicle']['url']}/status_logs?page_size=100")
    assert (await client.call("POST", f"{path}/boost_end")).status == 409
    answer = await client.call("POST", f"{path}/boost_start")
    assert answer.status == 200
    assert (await client.call("POST", f"{path}/boost_start")).status == 409
    assert len(answer.body["sub_sessions"]) == 2
    assert await client.walk(f"{before['vehicle']['url']}/status_logs?page_size=100") == logs_before
    client.sandbox.advance(1_800)
    boosted = await _session(client, session)
    boost, smart = boosted["sub_sessions"]
    assert (boost["mode"], boost["end"], smart["mode"]) == ("BOOST", None, "SMART")
    assert smart["end"] == boost["start"]
    assert smart["url"] == before["sub_sessions"][0]["url"]
    assert boost["energy_delivered_watt_hours"] > 1_000
    latest = (await client.get(f"{before['vehicle']['url']}?expand=latest_status_log")).body["latest_status_log"]
    assert latest["is_charging"]
    commands = (await client.get(f"/dispatcher_logs?charging_sub_session_id={boost['id']}")).body
    assert "VEHICLE" in {command["device_type"] for command in commands}
    own = await client.walk(f"{before['vehicle']['url']}/command_logs")
    assert {command["internal_command_id"] for command in commands if command["device_type"] == "VEHICLE"} <= {
        command["internal_command_id"] for command in own
    }
    ended = await client.call("POST", f"{path}/boost_end")
    assert ended.status == 200
    client.sandbox.advance(900)
    again, boost, _ = (await _session(client, session))["sub_sessions"]
    assert (again["mode"], boost["mode"]) == ("SMART", "BOOST")
    assert boost["end"] == again["start"]
    listed = await client.walk(f"/charging_sub_sessions?vehicle_id={before['vehicle']['id']}&page_size=1")
    assert [sub["id"] for sub in listed][-3:] == [
        sub["id"] for sub in (await _session(client, session))["sub_sessions"]
    ][::-1]
    everything = await client.walk("/charging_sub_sessions?page_size=7")
    assert [sub["id"] for sub in everything] == sorted(sub["id"] for sub in everything)
    assert {again["id"], boost["id"]} < {sub["id"] for sub in everything}


async def test_a_boost_can_end_in_the_instant_in_which_it_began(client: Client) -> None:
    session = next(
        session
        for session in Places(client).sessions()
        if session.end > NOW + 5 * HOUR
        and session.plug.vehicle is not None
        and session.plug.vehicle.smart_charging
        and session.episode.stages[0].activity.value == "waiting"
        and session.episode.stages[0].end > NOW + 2 * HOUR
    )
    path = f"/charging_sessions/{session.id}"
    before = await _session(client, session)
    for command in ("boost_start", "boost_end", "boost_start", "boost_end"):
        answer = await client.call("POST", f"{path}/{command}")
        assert answer.status == 200, answer.body

    subs = (await _session(client, session))["sub_sessions"][::-1]
    assert [sub["mode"] for sub in subs] == ["SMART", "BOOST", "SMART", "BOOST", "SMART"]
    assert [sub["end"] for sub in subs[:-1]] == [sub["start"] for sub in subs[1:]]
    assert subs[0]["id"] == before["sub_sessions"][0]["id"]
    for sub in subs:
        assert (await client.get(f"/charging_sub_sessions/{sub['id']}")).body["mode"] == sub["mode"]
    client.sandbox.advance(1_800)
    latest = (await client.get(f"{before['vehicle']['url']}?expand=latest_status_log")).body["latest_status_log"]
    assert not latest["is_charging"], "the last word was to wait"


async def test_boosts_that_make_no_sense_are_409(client: Client) -> None:
    places = Places(client)
    over = next(session for session in places.sessions() if session.end <= NOW)
    assert (await client.call("POST", f"/charging_sessions/{over.id}/boost_start")).status == 409
    smart = places.under_way("SMART")
    assert smart.plug.vehicle is not None
    url = f"/vehicles/{smart.plug.vehicle.id}"
    await client.call("PATCH", url, json={"smart_charging_enabled": False})
    answer = await client.call("POST", f"/charging_sessions/{smart.id}/boost_start")
    assert (answer.status, "Smart charging is off" in answer.body["detail"]) == (409, True)
    assert (await _session(client, smart))["sub_sessions"][0]["mode"] == "UNMANAGED_HOME"
    client.sandbox.advance(60)
    await client.call("PATCH", url, json={"smart_charging_enabled": True})
    assert [sub["mode"] for sub in (await _session(client, smart))["sub_sessions"]] == [
        "SMART",
        "UNMANAGED_HOME",
        "SMART",
    ]


async def test_filters_of_sub_sessions(client: Client) -> None:
    everything: list[dict[str, Any]] = await client.walk("/charging_sub_sessions?page_size=100")
    one = next(sub for sub in everything if sub["vehicle"] and sub["evse"] and sub["end"])

    async def check(query: str, expected: list[dict[str, Any]]) -> None:
        assert 0 < len(expected) < len(everything)
        found = await client.walk(f"/charging_sub_sessions?{query}&page_size=9")
        assert [sub["id"] for sub in found] == [sub["id"] for sub in expected]

    await check("mode=SMART", [sub for sub in everything if sub["mode"] == "SMART"])
    await check("is_finished=false", [sub for sub in everything if sub["end"] is None])
    await check(f"start__gt={one['start']}", [sub for sub in everything if sub["start"] > one["start"]])
    await check(f"end__lt={one['end']}", [sub for sub in everything if sub["end"] and sub["end"] < one["end"]])
    await check(
        "energy_delivered_watt_hours__gte=5000",
        [sub for sub in everything if sub["energy_delivered_watt_hours"] >= 5_000],
    )
    vehicle, evse = one["vehicle"], one["evse"]
    await check(f"vehicle_id={vehicle.rpartition('/')[2]}", [it for it in everything if it["vehicle"] == vehicle])
    await check(f"evse_id={evse.rpartition('/')[2]}", [it for it in everything if it["evse"] == evse])
    user = (await client.get(vehicle)).body["user"]
    own = (await client.get(user)).body["vehicles"] + (await client.get(user)).body["evses"]
    theirs = [sub for sub in everything if sub["vehicle"] in own or sub["evse"] in own]
    await check(f"user_id={user.rpartition('/')[2]}", theirs)
    narrowed = await client.get("/charging_sub_sessions", headers={"EvEnergy-User": user})
    assert [sub["id"] for sub in narrowed.body] == [sub["id"] for sub in theirs]


async def test_a_disconnected_vehicle_is_silent_until_its_owner_has_followed_the_link(client: Client) -> None:
    session = Places(client).under_way("SMART")
    vehicle = session.plug.vehicle
    assert vehicle is not None
    url = f"/vehicles/{vehicle.id}"
    for _ in range(2):
        answer = await client.call("POST", f"{url}/disconnect")
        assert (answer.status, answer.body["integrated"]) == (200, "INACTIVE")
    assert (await _session(client, session))["end"] == f"{START.isoformat(timespec='microseconds')[:-6]}Z"
    client.sandbox.advance(4 * 3_600)
    client.token = client.sandbox.issue_token()
    newest = (await client.get(f"{url}?expand=latest_status_log")).body["latest_status_log"]["sampled_at"]
    assert parse(newest) < NOW
    errors = (await client.get(f"{url}/error_logs")).body
    assert errors[0]["status_code"] == 401
    link = await client.call("POST", f"{url}/reconnect")
    assert link.status == 201
    assert parse(link.body["expires_at"]) == NOW + 5 * HOUR
    assert (await client.get(url)).body["integrated"] == "INACTIVE"
    client.sandbox.advance(2 * 3_600)
    body = (await client.get(f"{url}?expand=latest_status_log")).body
    assert body["integrated"] == "ACTIVE"
    assert parse(body["latest_status_log"]["sampled_at"]) > NOW + 4 * HOUR
    logs = await client.walk(f"{url}/status_logs?page_size=100")
    assert not [log for log in logs if NOW <= parse(log["sampled_at"]) < NOW + 4 * HOUR]


async def test_a_vehicle_without_integration_cannot_be_reconnected_and_is_disconnected_already(client: Client) -> None:
    vehicle = next(vehicle for vehicle in client.sandbox.world.vehicles if vehicle.integrated == "UNINTEGRATED")
    assert (await client.call("POST", f"/vehicles/{vehicle.id}/reconnect")).status == 400
    answer = await client.call("POST", f"/vehicles/{vehicle.id}/disconnect")
    assert answer.body["integrated"] == "UNINTEGRATED"


async def test_sessions_of_a_deleted_vehicle_stay_with_its_charger_and_go_with_it(client: Client) -> None:
    session = next(
        session
        for session in Places(client).sessions()
        if session.plug.evse and session.plug.vehicle and session.start_reason == "EVSE_CONNECT"
    )
    vehicle, evse = session.plug.vehicle, session.plug.evse
    assert vehicle is not None
    assert evse is not None
    assert (await client.call("DELETE", f"/vehicles/{vehicle.id}")).status == 204
    left = (await client.get(f"/charging_sessions/{session.id}")).body
    assert (left["vehicle"], left["evse"].rpartition("/")[2]) == (None, evse.id)
    assert (await client.call("DELETE", f"/evses/{evse.id}")).status == 204
    assert (await client.get(f"/charging_sessions/{session.id}")).status == 404
    assert session.id not in [entry["id"] for entry in await client.walk("/charging_sessions?page_size=100")]
    owner = (await client.get(f"/users/{vehicle.user.id}")).body
    assert not [url for url in owner["evses"] if url.endswith(evse.id)]


async def test_schedules_contain_the_charging_times(client: Client) -> None:
    session = Places(client).under_way("SMART")
    sub = client.sandbox.world.sessions.sub_sessions(session, NOW)[0]
    url = f"/charging_sub_sessions/{sub.id}"
    entries = (await client.get(f"{url}/schedules")).body["schedules"]
    assert {entry["interval_seconds"] for entry in entries} == {1_800}
    (plan,) = (await client.get(f"{url}/schedule_plans?expand=price_data")).body["schedule_plans"]
    assert (await client.get(f"{url}/schedules?schedule_plan_id={plan['id']}")).body["schedules"] == entries
    other = f"scpl{'0' * 26}"
    assert (await client.get(f"{url}/schedules?schedule_plan_id={other}")).body["schedules"] == []
    later = (await client.get(f"{url}/schedules?started_at__gte={entries[3]['started_at']}")).body["schedules"]
    assert later == entries[3:]


async def test_only_a_finished_sub_session_is_recalculated(client: Client) -> None:
    places = Places(client)
    under_way, over = places.under_way("SMART"), next(it for it in places.sessions() if it.end <= NOW)
    for session, status in ((under_way, 400), (over, 200)):
        sub = places.world.sessions.sub_sessions(session, NOW)[0]
        answer = await client.call("POST", f"/charging_sub_sessions/{sub.id}/recalculate_energy_usages")
        assert answer.status == status
    assert answer.body["status"] == "recalculation_triggered"


@pytest.mark.parametrize("step", [HOUR // 3, 5 * HOUR, DAY])
def test_the_feed_of_events_is_the_same_read_at_once_or_bit_by_bit(step: int) -> None:
    world, twin = (World(vehicles=30, evses=None, seed=3, start=NOW) for _ in range(2))
    at = NOW
    found: list[SubSessionEvent] = []
    while at < NOW + 3 * DAY:
        until = min(at + step, NOW + 3 * DAY)
        found += world.sub_session_events(at, until)
        at = until
    assert found == twin.sub_session_events(NOW, NOW + 3 * DAY)
    assert len(found) > 60
    assert found == sorted(found)
    for event in found:
        sub = world.sessions.sub_session(event.sub_session_id, at)
        assert sub is not None
        assert event.at == (sub.span.start if event.type.endswith("created") else sub.span.end)


def test_a_boost_is_in_the_feed_once_even_where_time_stands_still() -> None:
    world = World(vehicles=30, evses=None, seed=3, start=NOW)
    world.sub_session_events(NOW - DAY, NOW)
    plug, session = next(
        (plug, session)
        for plug in world.plugs
        for session in world.sessions.of_plug(plug, NOW - DAY, NOW + 1, NOW)
        if session.episode.at_home and session.end > NOW + HOUR
    )
    world.switch_mode(plug, NOW, "BOOST", "BOOST_START")
    found = world.sub_session_events(NOW, NOW)
    assert [event.type.rpartition(".")[2] for event in found] == ["created", "ended"]
    assert {event.sub_session_id for event in found} == {
        sub.id for sub in world.sessions.sub_sessions(session, NOW)[-2:]
    }
    world.switch_mode(plug, NOW, "SMART", "USER_SETTINGS")
    more = world.sub_session_events(NOW, NOW)
    assert [event.type.rpartition(".")[2] for event in more] == ["created", "ended"], "the boost ends, another begins"
    assert not set(found) & set(more)
    later = world.sub_session_events(NOW, NOW + DAY)
    assert not {*found, *more} & set(later)
    [last] = [event for event in later if event.sub_session_id in {it.sub_session_id for it in more}]
    assert last.type == "charging_sub_session.ended"


def test_ids_that_were_made_up_name_no_session() -> None:
    world = World(vehicles=5, evses=None, seed=3, start=NOW)
    for id_ in (f"csub{'0' * 26}", f"csub{'Z' * 26}", f"csub{'U' * 26}", f"cses{'0' * 26}", "csub"):
        assert world.sessions.sub_session(id_, NOW) is None
        assert world.sessions.session(id_, NOW) is None
