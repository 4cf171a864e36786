"""Users and what they set, the devices they add, and how they come onto the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.places import ROUTE, Places

if TYPE_CHECKING:
    from tests.sandbox.conftest import Answer, Client


def _errors(answer: Answer, status: int = 400) -> list[str]:
    assert answer.status == status, answer.body
    return list(answer.body["field_errors"])


async def test_a_user_is_created_found_and_changed(client: Client) -> None:
    made = await client.call("POST", "/users", json={"email": "New@Example.com"})
    assert made.status == 201
    url = made.body["url"]
    assert (await client.get("/users?email=new@example.com")).body[0]["url"] == url
    assert _errors(await client.call("POST", "/users", json={"email": "new@example.com"})) == ["email"]
    assert _errors(await client.call("POST", "/users", json={})) == ["email"]
    tariff = (await client.get("/tariffs")).body[0]["url"]
    address = {"address_1": "1 Lane", "city": "Leeds", "postal_code": "LS1 1AA", "country_code": "GB"}
    changed = await client.call("PATCH", url, json={"default_location": {**address, "tariff": tariff}})
    location = changed.body["default_location"]
    assert {name: location[name] for name in address} == address
    assert location["tariff"] == tariff
    assert (await client.get(url)).body == changed.body
    partial = await client.call("PATCH", url, json={"default_location": {"city": "York"}})
    assert set(_errors(partial)) == {
        "default_location.address_1",
        "default_location.postal_code",
        "default_location.country_code",
    }
    assert (await client.call("PATCH", url, json={})).body == changed.body
    cleared = await client.call("PATCH", url, json={"default_location": dict.fromkeys((*address, "coordinates"))})
    assert "default_location" not in cleared.body


async def test_preferences_keep_what_is_not_named(client: Client) -> None:
    user = Places(client).user
    url = f"/users/{user.id}/notification_preferences"
    before = (await client.get(url)).body["groups"]
    changed = (await client.call("PATCH", url, json={"groups": {"deals_and_offers": True}})).body["groups"]
    assert changed == {**before, "deals_and_offers": True}
    assert (await client.call("PATCH", url, json={})).body["groups"] == changed
    assert (await client.get(url)).body["groups"] == changed
    assert (await client.call("PATCH", url, json={"groups": {"moon": True}})).status == 400

    url = f"/users/{user.id}/route_planner_preferences"
    vehicle = f"{client.sandbox.base_url}/vehicles/{user.vehicles[0].id}"
    assert (await client.get(url)).body["preferred_vehicle"] is None
    assert (await client.call("PATCH", url, json={"preferred_vehicle": vehicle})).body["preferred_vehicle"] == vehicle
    other = next(it for it in client.sandbox.world.vehicles if it.user is not user)
    wrong = await client.call("PATCH", url, json={"preferred_vehicle": f"/vehicles/{other.id}"})
    assert wrong.status == 400
    assert (await client.call("PATCH", url, json={"min_charger_power_watts": 3})).status == 400
    await client.call("DELETE", vehicle)
    assert (await client.get(url)).body["preferred_vehicle"] is None


async def test_payouts(client: Client) -> None:
    url = f"/users/{Places(client).user.id}/payout_method"
    nothing = (await client.get(url)).body
    assert (nothing["receiver"], nothing["receiver_type"], nothing["receiver_wallet"]) == (None, None, None)
    for body in (
        {"receiver_wallet": "PAYPAL"},
        {"receiver_wallet": "PAYPAL", "receiver": "nobody"},
        {"receiver_wallet": "BILL_CREDITS", "receiver": "1"},
        {"receiver": "a@example.com"},
    ):
        assert (await client.call("PATCH", url, json=body)).status == 400
    paypal = {"receiver_wallet": "PAYPAL", "receiver": "a@example.com"}
    assert (await client.call("PATCH", url, json=paypal)).body["receiver_type"] == "EMAIL"
    assert (await client.get(url)).body["receiver"] == "a@example.com"
    for _ in range(2):
        assert (await client.call("DELETE", url)).status == 204
    assert (await client.get(url)).body == nothing


async def test_fifty_routes_can_be_saved_and_no_more(client: Client) -> None:
    url = f"/users/{Places(client).user.id}/saved_routes"
    made = [await client.call("POST", url, json=ROUTE) for _ in range(50)]
    assert {answer.status for answer in made} == {201}
    assert (await client.call("POST", url, json=ROUTE)).status == 400
    first = made[0].body
    assert len(await client.walk(url)) == 50
    changed = (await client.call("PATCH", first["url"], json={"favourite": True})).body
    assert changed == {**first, "favourite": True}
    assert (await client.call("DELETE", first["url"])).status == 204
    assert (await client.get(first["url"])).status == 404
    assert (await client.call("POST", url, json=ROUTE)).status == 201
    other = list(client.sandbox.world.users)[1]
    below_another = first["url"].replace(Places(client).user.id, other.id)
    assert (await client.get(below_another)).status == 404
    assert (await client.call("POST", url, json={**ROUTE, "arrive_with_min_percent": 101})).status == 400


async def test_me_is_understood_below_users_too(client: Client) -> None:
    user = Places(client).user
    client.token = client.sandbox.issue_token(user=user.id)
    assert (await client.call("POST", "/users/me/saved_routes", json=ROUTE)).status == 201
    (route,) = (await client.get(f"/users/{user.id}/saved_routes")).body
    assert route["user"].endswith(user.id)


async def test_a_vehicle_that_cannot_be_connected_is_created(client: Client) -> None:
    places = Places(client)
    headers = {"EvEnergy-User": places.user.id}
    body = {"model": places.url("vehicle_models"), "battery_size_watt_hours": 61_234}
    made = await client.call("POST", "/vehicles?expand=trim", json=body, headers=headers)
    assert made.status == 201
    assert made.body["integrated"] == "UNINTEGRATED"
    assert made.body["battery_size_watt_hours"] == 61_230
    assert made.body["trim"]["url"] not in [trim["url"] for trim in await client.walk("/vehicle_trims")]
    assert (await client.get(made.body["trim"]["url"])).status == 200
    assert (await client.get(made.body["url"])).status == 200
    assert made.body["url"] in (await client.get(made.body["user"])).body["vehicles"]
    assert (await client.walk("/vehicles"))[-1]["url"] == made.body["url"]
    assert (await client.get(f"{made.body['url']}/state_of_charge")).body["source"] is None
    assert _errors(await client.call("POST", "/vehicles", json={}, headers=headers)) == ["model"]
    assert _errors(await client.call("POST", "/vehicles", json=body)) == ["EvEnergy-User"]
    unknown = {"model": f"{client.sandbox.base_url}/vehicle_models/vmod{'0' * 26}"}
    assert _errors(await client.call("POST", "/vehicles", json=unknown, headers=headers)) == ["model"]
    wrong = await client.call("POST", "/vehicles?expand=moon", json=body, headers=headers)
    assert _errors(wrong) == ["expand"]


async def test_a_level_typed_in_by_a_driver_counts_until_the_car_reports(client: Client) -> None:
    kinds = {it.integrated: it for it in client.sandbox.world.vehicles}
    url = f"/vehicles/{kinds['UNINTEGRATED'].id}/state_of_charge"
    typed = await client.call("PATCH", url, json={"state_of_charge_percentage": 42})
    assert (typed.body["state_of_charge_percentage"], typed.body["source"]) == (42, "MANUAL")
    assert (await client.call("PATCH", url, json={})).body == typed.body
    cleared = await client.call("PATCH", url, json={"state_of_charge_percentage": None})
    assert (cleared.body["state_of_charge_percentage"], cleared.body["source"]) == (None, None)
    url = f"/vehicles/{kinds['ACTIVE'].id}/state_of_charge"
    assert (await client.get(url)).body["source"] == "CONNECTED"
    await client.call("PATCH", url, json={"state_of_charge_percentage": 1})
    assert (await client.get(url)).body["state_of_charge_percentage"] == 1
    client.sandbox.advance(5 * 3_600)
    assert (await client.get(url)).body["source"] == "CONNECTED"


async def test_connectors_of_vehicles_and_of_models(client: Client) -> None:
    places = Places(client)
    url = f"/vehicles/{next(iter(places.world.vehicles)).id}/connectors"
    own = (await client.call("PATCH", url, json={"native_connector": "NACS"})).body
    assert (own["native_connector"], own["adaptors"]) == ("NACS", [])
    for adaptors in (["CCS", "CCS"], ["NACS"]):
        assert _errors(await client.call("PATCH", url, json={"adaptors": adaptors})) == ["adaptors"]
    assert (await client.call("PATCH", url, json={"adaptors": ["CCS"]})).body["adaptors"] == ["CCS"]
    inherits = (await client.call("PATCH", url, json={"native_connector": None, "adaptors": []})).body
    model = next(iter(places.world.vehicles)).trim.model
    assert inherits["native_connector"] == model.connector

    rows = f"/vehicle_models/{model.id}/connectors"
    body = {"region": "EUROPE", "connector_type": "CCS"}
    assert (await client.get(f"{rows}/EUROPE")).status == 404
    assert (await client.call("POST", rows, json=body)).status == 201
    assert _errors(await client.call("POST", rows, json=body)) == ["region"]
    changed = await client.call("PATCH", f"{rows}/EUROPE", json={"confidence": "LOW"})
    assert (changed.body["connector_type"], changed.body["confidence"]) == ("CCS", "LOW")
    assert (await client.get(rows)).body == [changed.body]
    assert (await client.get(f"{rows}?page=2")).status == 404


async def test_what_is_added_to_the_catalogue_is_read_but_not_listed(client: Client) -> None:
    make = Places(client).url("vehicle_makes")
    model = (await client.call("POST", "/vehicle_models", json={"make": make, "name": "X"})).body
    assert (await client.get(model["url"])).body["name"] == "X"
    assert model["id"] not in [entry["id"] for entry in await client.walk("/vehicle_models")]
    trim = {"model": model["url"], "name": "Long", "battery_size_watt_hours": 70_000}
    made = (await client.call("POST", "/vehicle_trims", json=trim)).body
    assert (await client.get(made["url"])).body["model"] == model["url"]
    changed = await client.call("PATCH", model["url"], json={"default_connector_type": "NACS"})
    assert (await client.get(model["url"])).body == changed.body


async def test_an_onboarding_is_completed_once(client: Client) -> None:
    places = Places(client)
    make = places.url("vehicle_makes").rpartition("/")[2]
    query = f"client_id=sandbox-client&user_id={places.user.id}&make_id={make}"
    client.token = None
    browser = await client.get(f"/vehicle_onboarding?{query}", headers={"Accept": "text/html, */*"})
    assert (browser.status, browser.headers["Location"].startswith("https://")) == (302, True)
    begun = (await client.get(f"/vehicle_onboarding?{query}&response_type=json")).body
    body: dict[str, Any] = {"authorization_request_uid": begun["authorization_request_id"], "auth_code": "1"}
    done = await client.call("POST", "/vehicle_onboarding/complete", json=body)
    assert done.status == 201
    assert (await client.call("POST", "/vehicle_onboarding/complete", json=body)).status == 422
    client.token = client.sandbox.issue_token()
    (entry,) = done.body["vehicles"]
    vehicle = (await client.get(f"{entry['url']}?expand=trim.model.make")).body
    assert vehicle["integrated"] == "ACTIVE"
    assert vehicle["trim"]["model"]["make"]["id"] == make
    client.sandbox.advance(3_600)
    assert (await client.get(entry["url"])).body["latest_status_log"] is not None
    base = f"client_id=sandbox-client&user_id={places.user.id}"
    assert _errors(await client.get(f"/vehicle_onboarding?{base}&response_type=json")) == ["make_id"]
    assert (await client.get(f"/vehicle_onboarding?{base}&make_id=vmak{'0' * 26}")).status == 404
    assert (await client.get(f"/evse_onboarding?{base}")).status == 302
    assert (await client.get("/evse_onboarding")).status == 400


async def test_an_imported_charge_point_is_there(client: Client) -> None:
    body = {"provider": "Easee", "serial_number": "EH777"}
    made = await client.call("POST", "/evse_onboarding/import?expand=model.make", json=body)
    assert (made.status, made.body["model"]["make"]["name"]) == (201, "Easee")
    assert [evse["id"] for evse in (await client.get("/evses?cpid=EH777")).body] == [made.body["id"]]
    assert (await client.call("POST", "/evse_onboarding/import", json=body)).status == 422
    assert (await client.call("POST", "/evse_onboarding/import", json={**body, "serial_number": "000"})).status == 404
    assert (await client.call("POST", "/evse_onboarding/import", json={**body, "provider": "Acme"})).status == 400
    client.sandbox.advance(7_200)
    assert (await client.get(made.body["url"])).body["latest_status_log"] is not None


async def test_a_silent_charge_point_is_reconnected(client: Client) -> None:
    evse = next(it for it in client.sandbox.world.evses if it.reporter.charger.silences)
    url = f"/evses/{evse.id}?expand=latest_status_log"
    silent = (await client.get(url)).body["latest_status_log"]
    assert (await client.call("POST", f"/evses/{evse.id}/reconnect")).status == 201
    client.sandbox.advance(2 * 3_600)
    assert (await client.get(url)).body["latest_status_log"]["sampled_at"] > silent["sampled_at"]


@pytest.mark.parametrize("latitude", [91, -90.5])
async def test_the_location_of_a_charge_point_is_corrected(client: Client, latitude: float) -> None:
    url = f"/evses/{next(iter(client.sandbox.world.evses)).id}"
    point = {"latitude": 48.1, "longitude": 11.5}
    assert (await client.call("PATCH", url, json={"location": point})).body["location"] == point
    wrong = await client.call("PATCH", url, json={"location": {**point, "latitude": latitude}})
    assert _errors(wrong) == ["location.latitude"]
    assert (await client.get(url)).body["location"] == point
    assert (await client.call("PATCH", url, json={"location": None})).body["location"] is None


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"evse_make_name": "Foo"},
        {"evse_model_id": f"emod{'0' * 26}"},
        {"evse_model_id": "some", "evse_make_name": "Foo", "evse_model_name": "Bar"},
    ],
)
async def test_a_waitlist_wants_a_model_or_two_names(client: Client, more: dict[str, str]) -> None:
    some = next(iter(client.sandbox.world.evse_models)).id
    body = {"email": "a@example.com", **{name: some if value == "some" else value for name, value in more.items()}}
    client.token = None
    assert _errors(await client.call("POST", "/evse_waitlist", json=body))
    picked = {"email": "a@example.com", "evse_model_id": some}
    assert (await client.call("POST", "/evse_waitlist", json=picked)).status == 201


async def test_compatibility_depends_on_the_country(client: Client) -> None:
    rivian = next(it for it in client.sandbox.world.vehicle_models if it.make.name == "Rivian").id
    check = f"/vehicle_compatibility/check?vehicle_model_id={rivian}"
    client.token = None
    for more, compatible in (("&country=us", True), ("&country=GB", False), ("", True)):
        assert (await client.get(check + more)).body["compatible"] is compatible
    programs = (await client.get("/programs")).body
    german = next(program for program in programs if program["sponsor_name"] == "Hanse Strom")
    assert not (await client.get(f"{check}&country=US&program_id={german['id']}")).body["compatible"]
    assert (await client.get(f"/vehicle_compatibility/check?vehicle_model_id=vmod{'0' * 26}")).status == 404


async def test_a_password_reset_does_not_reveal_who_has_an_account(client: Client) -> None:
    client.token = None
    known = Places(client).user.email
    answers = [
        await client.call("POST", "/auth/password_reset", json={"email": email})
        for email in (known, "nobody@example.com")
    ]
    assert [(it.status, it.body) for it in answers] == [(200, {"status": "password_reset_email_sent"})] * 2
    assert _errors(await client.call("POST", "/auth/password_reset", json={"email": "no"}), 422) == ["email"]


async def test_a_tariff_may_be_written_as_the_object_that_was_read(client: Client) -> None:
    user = next(user for user in client.sandbox.world.users if user.tariff is not None)
    other = next(tariff for tariff in client.sandbox.world.tariffs if tariff is not user.tariff)
    url = f"{client.sandbox.base_url}/tariffs/{other.id}"

    read = (await client.get(f"/tariffs/{other.id}")).body

    for tariff, status in ((read, 200), (read | {"url": "https://elsewhere.example"}, 400)):
        changed = await client.call("PATCH", f"/users/{user.id}", json={"default_location": {"tariff": tariff}})
        assert changed.status == status, changed.body

    assert (await client.get(f"/users/{user.id}")).body["default_location"]["tariff"] == url
