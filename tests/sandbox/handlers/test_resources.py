"""Users, vehicles, charge points, their catalogues and logs."""

from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from ev_energy_async.sandbox import Sandbox
from tests.sandbox.conftest import Client


def _vehicle(sandbox: Sandbox, integrated: str = "ACTIVE") -> str:
    return next(vehicle.id for vehicle in sandbox.world.vehicles if vehicle.integrated == integrated)


async def _refused(client: Client, target: str) -> dict[str, list[str]]:
    answer = await client.get(target)
    assert answer.status == 400
    errors: dict[str, list[str]] = answer.body["field_errors"]
    return errors


async def test_the_root_lists_the_collections(client: Client) -> None:
    for target in ("/", ""):
        body = (await client.get(target)).body
        assert body["vehicles"] == client.sandbox.base_url + "/vehicles"


async def test_all_vehicles_are_walked_once(client: Client) -> None:
    vehicles = await client.walk("/vehicles?page_size=7")
    assert [vehicle["id"] for vehicle in vehicles] == [vehicle.id for vehicle in client.sandbox.world.vehicles]
    answer = await client.get("/vehicles")
    assert len(answer.body) == 25
    assert answer.previous is None
    second = await client.get(answer.next or "")
    assert second.next is None
    assert (await client.get(second.previous or "")).body == answer.body


async def test_references_are_urls_that_lead_to_what_they_name(client: Client) -> None:
    vehicle = (await client.get(f"/vehicles/{_vehicle(client.sandbox)}")).body
    for name in ("url", "user", "trim", "latest_status_log"):
        referred = await client.get(vehicle[name])
        assert referred.status == 200
        assert referred.body["url"] == vehicle[name]
    model = (await client.get((await client.get(vehicle["trim"])).body["model"])).body
    make = (await client.get(model["make"])).body
    assert model["id"] in [entry["id"] for entry in (await client.get(make["models"])).body]
    assert vehicle["trim"] in [entry["url"] for entry in (await client.get(model["vehicle_trims"])).body]


async def test_expand_replaces_references_however_deep(client: Client) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox)}"
    plain = (await client.get(url)).body
    vehicle = (await client.get(f"{url}?expand=trim.model.make&expand=user&expand=latest_status_log")).body
    assert vehicle["trim"] == (await client.get(plain["trim"] + "?expand=model.make")).body
    assert vehicle["trim"]["model"]["make"]["name"]
    assert vehicle["user"]["url"] == plain["user"]
    assert vehicle["latest_status_log"] == (await client.get(plain["latest_status_log"])).body
    log = (await client.get(plain["latest_status_log"] + "?expand=vehicle.trim.model")).body
    assert log["vehicle"]["trim"]["model"]["make"].startswith(client.sandbox.base_url)
    assert log["vehicle"]["user"] == plain["user"]


@pytest.mark.parametrize(
    "target",
    [
        "/vehicles?expand=trim,user",
        "/vehicles?expand=trim.make",
        "/vehicles?expand=",
        "/vehicles?expand=user&expand=moon",
        "/vehicle_makes?expand=models",
        "/users?expand=default_location",
    ],
)
async def test_what_the_document_does_not_let_expand_is_400(client: Client, target: str) -> None:
    assert "expand" in await _refused(client, target)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=ten", "page_size"),
        ("page_size=5.5", "page_size"),
        ("page_size=1_0", "page_size"),
        ("page_size=", "page_size"),
        ("page_after=vhcl1", "page_after"),
        ("page_after=2026-03-14T00:00:00Z", "page_after"),
        ("page_before=nothing", "page_before"),
    ],
)
async def test_what_pages_of_vehicles_refuse(client: Client, query: str, field: str) -> None:
    assert list(await _refused(client, f"/vehicles?{query}")) == [field]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sampled_at__gte=yesterday", "sampled_at__gte"),
        ("sampled_at__gte=2026-03-14", "sampled_at__gte"),
        ("sampled_at__lte=2026-03-14T07:05:00", "sampled_at__lte"),
        ("sampled_at__lte=2026-13-14T07:05:00Z", "sampled_at__lte"),
        ("sampled_at__lte=2026-03-14T07:05:00+00:00", "sampled_at__lte"),  # a plus is a space in a query
        ("page_after=vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", "page_after"),
    ],
)
async def test_what_pages_of_logs_refuse(client: Client, query: str, field: str) -> None:
    assert list(await _refused(client, f"/vehicles/{_vehicle(client.sandbox)}/status_logs?{query}")) == [field]


@pytest.mark.parametrize(
    ("owner", "kind", "key"),
    [
        ("vehicles", "status_logs", "sampled_at"),
        ("vehicles", "error_logs", "logged_at"),
        ("vehicles", "command_logs", "logged_at"),
        ("vehicles", "location_logs", "sampled_at"),
        ("evses", "status_logs", "sampled_at"),
        ("evses", "error_logs", "sampled_at"),
        ("evses", "command_logs", "logged_at"),
        ("evses", "ocpp_logs", "sampled_at"),
    ],
)
async def test_logs_are_newest_first_bounded_inclusively_and_found_by_their_time(
    client: Client, owner: str, kind: str, key: str
) -> None:
    devices = getattr(client.sandbox.world, owner)
    now = int(client.sandbox.now().timestamp() * 1_000_000)
    device = max(devices, key=lambda device: sum(1 for _ in device.logs[kind].newest_first(now)))
    path = f"/{owner}/{device.id}/{kind}"
    logs = await client.walk(f"{path}?page_size=100")
    stamps = [log[key] for log in logs]
    assert len(stamps) >= 3
    assert all(newer > older for newer, older in pairwise(stamps))
    newest, oldest = stamps[1], stamps[-2]
    assert await client.walk(f"{path}?page_size=2&{key}__gte={oldest}&{key}__lte={newest}") == logs[1:-1]
    for written in (stamps[1], quote(stamps[1]), quote(stamps[1].replace("Z", "+00:00"))):
        answer = await client.get(f"{path}/{written}")
        assert (answer.status, answer.body) == (200, logs[1])
    assert logs[1]["url"] == f"{client.sandbox.base_url}{path}/{stamps[1]}"
    assert (await client.get(f"{path}/2026-03-14T00:00:00.000001Z")).status == 404
    assert list(await _refused(client, f"{path}/today")) == [key]


async def test_a_walk_through_logs_while_time_goes_on_loses_and_repeats_nothing(client: Client) -> None:
    path = f"/vehicles/{_vehicle(client.sandbox)}/status_logs?page_size=10"
    there = [log["url"] for log in await client.walk(path)]
    seen: list[str] = []
    following: str | None = path
    while following is not None:
        answer = await client.get(following)
        seen += [log["url"] for log in answer.body]
        client.sandbox.advance(1_800)
        following = answer.next
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)
    newer: list[str] = []
    back: str | None = f"{path}&page_before={there[0].rpartition('/')[2]}"
    while back is not None:
        answer = await client.get(back)
        newer = [*(log["url"] for log in answer.body), *newer]
        back = answer.previous
    everything = [log["url"] for log in await client.walk(path)]
    assert newer == everything[: everything.index(there[0])]


@pytest.mark.parametrize("cursor", ["0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59.999999999-23:59"])
async def test_cursors_far_off_are_cursors(client: Client, cursor: str) -> None:
    path = f"/vehicles/{_vehicle(client.sandbox)}/status_logs"
    answers = [await client.get(f"{path}?{name}={cursor}") for name in ("page_after", "page_before")]
    assert [answer.status for answer in answers] == [200, 200]
    assert sorted(len(answer.body) for answer in answers) == [0, 25]


async def test_the_newest_log_moves_on_with_time(client: Client) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox)}?expand=latest_status_log"
    before = (await client.get(url)).body["latest_status_log"]["sampled_at"]
    client.sandbox.advance(3_600)
    assert (await client.get(url)).body["latest_status_log"]["sampled_at"] > before


async def test_filters_of_the_catalogue(client: Client) -> None:
    makes = (await client.get("/vehicle_makes?ordering=name")).body
    names = [make["name"] for make in makes]
    assert names == sorted(names)
    assert [make["name"] for make in await client.walk("/vehicle_makes?ordering=-name&page_size=4")] == names[::-1]
    models = (await client.get(f"/vehicle_models?make_id={makes[0]['id']}&expand=make")).body
    assert models
    assert all(model["make"] == makes[0] for model in models)
    assert (await client.get("/vehicle_models?make_id=vmak0")).body == []
    trims = (await client.get(f"/vehicle_trims?model_id={models[0]['id']}")).body
    assert trims
    assert all(trim["model"] == models[0]["url"] for trim in trims)
    evse_make = (await client.get("/evse_makes")).body[0]
    evse_models = (await client.get(evse_make["evse_models"])).body
    assert evse_models
    assert all(model["make"] == evse_make["url"] for model in evse_models)
    assert "ordering" in await _refused(client, "/vehicle_makes?ordering=id")


async def test_makes_are_those_that_a_user_can_buy(client: Client) -> None:
    users = [user for user in client.sandbox.world.users if user.place]
    names: dict[str, set[str]] = {}
    for country in ("US", "GB"):
        user = next(user for user in users if user.place and user.place.country == country)
        makes = (await client.get(f"/vehicle_makes?available_for_user_id={user.id}")).body
        names[country] = {make["name"] for make in makes}
    assert names["US"] - names["GB"] == {"Rivian"}
    unknown = "available_for_user_id=user00000000000000000000000000"
    for target in ("/vehicle_makes", "/vehicle_models", "/evse_makes", "/evse_models"):
        assert "available_for_user_id" in await _refused(client, f"{target}?{unknown}")


async def test_users_by_email_and_their_locations(client: Client) -> None:
    user = next(user for user in client.sandbox.world.users if user.tariff)
    (listed,) = (await client.get(f"/users?email={user.email.upper()}")).body
    assert listed["id"] == user.id
    assert "current_carbon_intensity_grams_per_kilowatt_hour" not in listed["default_location"]
    single = (await client.get(f"/users/{user.id}?expand=default_location.tariff.supplier")).body
    assert isinstance(single["default_location"]["current_carbon_intensity_grams_per_kilowatt_hour"], int)
    assert single["default_location"]["tariff"]["supplier"]["name"]
    assert "email" in await _refused(client, "/users?email=nobody")
    assert (await client.get("/users?email=nobody@example.com")).body == []


async def test_evses_by_cpid(client: Client) -> None:
    evse = list(client.sandbox.world.evses)[3]
    (found,) = (await client.get(f"/evses?cpid={evse.cpid}")).body
    assert found["id"] == evse.id


async def test_filters_of_ocpp_logs(client: Client) -> None:
    evse = next(evse for evse in client.sandbox.world.evses if evse.model.make.data.speaks_ocpp)
    path = f"/evses/{evse.id}/ocpp_logs?page_size=100"
    everything: list[dict[str, Any]] = await client.walk(path)

    async def check(query: str, expected: list[dict[str, Any]]) -> None:
        assert expected
        assert len(expected) < len(everything)
        assert await client.walk(f"{path}&{query}") == expected

    await check("action=Heartbeat", [log for log in everything if log["action"] == "Heartbeat"])
    chosen = {"Heartbeat", "StatusNotification"}
    await check(f"action__in={','.join(chosen)}", [log for log in everything if log["action"] in chosen])
    await check("direction=SENT", [log for log in everything if log["direction"] == "Sent"])
    well = [log for log in everything if log["response"] and log["response"]["error_code"] == "NoError"]
    await check("error_code=NoError", well)
    await check(
        "error_code__in=NoError,GenericError&action=Heartbeat", [log for log in well if log["action"] == "Heartbeat"]
    )
    for query, field in (
        ("action=Nap", "action"),
        ("action__in=Heartbeat,Nap", "action__in"),
        ("direction=Sent", "direction"),
        ("error_code__in=", "error_code__in"),
    ):
        assert list(await _refused(client, f"{path}&{query}")) == [field]


async def test_patch_changes_what_is_named_and_nothing_else(client: Client) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox)}"
    before = (await client.get(url)).body
    assert (await client.call("PATCH", url, json={})).body == before
    change = {"maximum_charge_limit_percentage": 60, "vehicle_class": None, "id": "ignored"}
    after = (await client.call("PATCH", url, json=change)).body
    assert after == {**before, "maximum_charge_limit_percentage": 60, "vehicle_class": None}
    assert (await client.get(url)).body == after
    client.sandbox.advance(3 * 86_400)
    client.token = client.sandbox.issue_token()
    log = (await client.get(f"{url}?expand=latest_status_log")).body["latest_status_log"]
    assert log["target_charge_level_percentage"] == 60


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"maximum_charge_limit_percentage": 49}, "maximum_charge_limit_percentage"),
        ({"maximum_charge_limit_percentage": None}, "maximum_charge_limit_percentage"),
        ({"smart_charging_enabled": "yes"}, "smart_charging_enabled"),
        ({"vehicle_class": "TANK"}, "vehicle_class"),
        ({"battery_size_watt_hours": 50_000}, "battery_size_watt_hours"),
    ],
)
async def test_what_patch_refuses_it_names(client: Client, body: dict[str, object], field: str) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox)}"
    before = (await client.get(url)).body
    answer = await client.call("PATCH", url, json=body)
    assert answer.status == 400
    assert list(answer.body["field_errors"]) == [field]
    assert (await client.get(url)).body == before


@pytest.mark.parametrize(
    ("data", "content_type"), [(b"{", "application/json"), (b"[]", "application/json"), (b"a=b", "text/plain")]
)
async def test_a_body_that_is_no_json_object_is_400(client: Client, data: bytes, content_type: str) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox)}"
    answer = await client.call("PATCH", url, data=data, headers={"Content-Type": content_type})
    assert answer.status == 400
    assert answer.body["detail"]


async def test_the_battery_of_an_unintegrated_vehicle_is_stored_in_tens(client: Client) -> None:
    url = f"/vehicles/{_vehicle(client.sandbox, 'UNINTEGRATED')}"
    answer = await client.call("PATCH", url, json={"battery_size_watt_hours": 50_007})
    assert answer.body["battery_size_watt_hours"] == 50_000
    assert answer.body["latest_status_log"] is None


async def test_a_deleted_vehicle_is_gone(client: Client) -> None:
    vehicle_id = _vehicle(client.sandbox)
    owner = (await client.get(f"/vehicles/{vehicle_id}")).body["user"]
    answer = await client.call("DELETE", f"/vehicles/{vehicle_id}")
    assert (answer.status, answer.body) == (204, None)
    for target in (f"/vehicles/{vehicle_id}", f"/vehicles/{vehicle_id}/status_logs"):
        assert (await client.get(target)).status == 404
    assert (await client.call("DELETE", f"/vehicles/{vehicle_id}")).status == 404
    assert vehicle_id not in [vehicle["id"] for vehicle in await client.walk("/vehicles")]
    assert not [url for url in (await client.get(owner)).body["vehicles"] if url.endswith(vehicle_id)]
    assert len((await client.get(f"/vehicles?page_after={vehicle_id}")).body) == 25


@pytest.mark.parametrize(
    "target", ["/vehicles/vhcl1", "/vehicles/vhcl00000000000000000000000000", "/evses/me", "/users/x"]
)
async def test_ids_that_name_nothing_are_404(client: Client, target: str) -> None:
    assert (await client.get(target)).status == 404
