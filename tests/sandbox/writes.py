"""A call of each operation that changes something, as a client would make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .places import ROUTE, SQUARE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .places import Places

    Write = Callable[[Places], Awaitable[tuple[str, Any, dict[str, str]]]]

GROUP = {"name": "North", "regions": [{"name": "Leeds", "geometries": [SQUARE]}]}


def _at(name: str, body: object = None) -> Write:
    """The operation on the first thing it can be called on."""

    async def write(places: Places) -> tuple[str, Any, dict[str, str]]:
        operation = places.document.operations[name]
        return places.paths(operation)[0], body, {}

    return write


def _made(path: str, body: Callable[[Places], Any], *, of_user: bool = False) -> Write:
    """A POST to a path, with a body that depends on what there is."""

    async def write(places: Places) -> tuple[str, Any, dict[str, str]]:
        return path, body(places), {"EvEnergy-User": places.user.id} if of_user else {}

    return write


async def _boost(places: Places) -> tuple[str, Any, dict[str, str]]:
    return f"/charging_sessions/{places.under_way('SMART').id}/boost_start", None, {}


async def _end_boost(places: Places) -> tuple[str, Any, dict[str, str]]:
    path = f"/charging_sessions/{places.under_way('SMART').id}"
    await places.client.call("POST", f"{path}/boost_start")
    places.sandbox.advance(600)
    return f"{path}/boost_end", None, {}


async def _recalculate(places: Places) -> tuple[str, Any, dict[str, str]]:
    sub = places.world.sessions.sub_sessions(places.sessions()[-1], places.now)[0]
    return f"/charging_sub_sessions/{sub.id}/recalculate_energy_usages", {"dry_run": True}, {}


async def _complete(places: Places) -> tuple[str, Any, dict[str, str]]:
    make = places.url("vehicle_makes").rpartition("/")[2]
    query = f"client_id=sandbox-client&user_id={places.user.id}&response_type=json&make_id={make}"
    begun = await places.client.get(f"/vehicle_onboarding?{query}")
    body = {"authorization_request_uid": begun.body["authorization_request_id"], "auth_code": "code"}
    return "/vehicle_onboarding/complete", body, {}


async def _accept(places: Places) -> tuple[str, Any, dict[str, str]]:
    places.client.token = places.sandbox.issue_token(user=places.user.id)
    operation = places.document.operations["programs.accept_participation_agreement_version"]
    return places.paths(operation)[0], {}, {}


async def _join(places: Places) -> tuple[str, Any, dict[str, str]]:
    return f"/programs/{places.first('programs')}/join", None, {"EvEnergy-User": places.user.id}


def _verify(segment: str) -> Write:
    async def write(places: Places) -> tuple[str, Any, dict[str, str]]:
        headers = {"EvEnergy-User": places.user.id}
        return f"/programs/{places.first('programs')}/{segment}", {"account": "12345"}, headers

    return write


async def _evidence(places: Places) -> tuple[str, Any, dict[str, str]]:
    rebate_type = (await places.client.get("/rebate_types")).body[0]
    body = {
        "rebate_type": rebate_type["url"],
        "evidence_type": rebate_type["required_evidence"][0],
        "evidence_data": [{"id": 1, "value": "499.00"}, {"id": 2, "value": "A-17"}],
    }
    return f"/user_rebates/{places.first('user_rebates')}", body, {}


WRITES: dict[str, Write] = {
    "auth.request_password_reset": _made("/auth/password_reset", lambda _: {"email": "nobody@example.com"}),
    "charging_sessions.boost_start": _boost,
    "charging_sessions.boost_end": _end_boost,
    "charging_sub_sessions.recalculate_energy_usages": _recalculate,
    "dispatch_coordinators.cancel_dispatch_event": _at("dispatch_coordinators.cancel_dispatch_event"),
    "dispatch_coordinators.create_dispatch_event": _at(
        "dispatch_coordinators.create_dispatch_event",
        {"start_time": "2026-03-15T00:00:00Z", "end_time": "2026-03-15T01:00:00Z", "import_limit_watts": 0},
    ),
    "evse_onboarding.import_evse": _made(
        "/evse_onboarding/import", lambda _: {"provider": "Easee", "serial_number": "EH123456"}
    ),
    "evse_waitlist.join": _made(
        "/evse_waitlist",
        lambda _: {"email": "a@example.com", "evse_make_name": "Foo", "evse_model_name": "Bar"},
    ),
    "evses.delete": _at("evses.delete"),
    "evses.reconnect": _at("evses.reconnect"),
    "evses.update": _at("evses.update", {"location": {"latitude": 51.5, "longitude": -0.1}}),
    "inverters.create": _made("/inverters", lambda places: {"model": places.url("inverter_models")}, of_user=True),
    "notifications.update": _at("notifications.update", {"read_at": "2026-03-14T21:00:00Z"}),
    "programs.accept_participation_agreement_version": _accept,
    "programs.join": _join,
    "programs.submit_post_enrollment_verification": _verify("post-enrollment-verification"),
    "programs.submit_user_verification": _verify("user_verification"),
    "rebate_evidence_files.finish_upload": _at("rebate_evidence_files.finish_upload"),
    "rebate_evidence_files.start_upload": _made(
        "/rebate_evidence_files:start_upload",
        lambda places: {"file_name": "a.pdf", "rebate_evidence_type": places.url("rebate_evidence_types")},
    ),
    "region_groups.create": _made("/region_groups", lambda _: GROUP),
    "region_groups.validate": _made("/region_groups:validate", lambda _: GROUP),
    "regions.create": _made("/regions", lambda _: {"name": "Leeds", "geometries": [SQUARE]}),
    "solar_arrays.create": _made("/solar_arrays", lambda _: {"capacity_watts": 3_000}),
    "solar_arrays.update": _at("solar_arrays.update", {"capacity_watts": 5_000}),
    "support_tickets.update": _at("support_tickets.update", {"human_verified_category": "SOLAR"}),
    "user_rebates.create": _made("/user_rebates", lambda places: {"rebate_type": places.url("rebate_types")}),
    "user_rebates.submit": _at("user_rebates.submit"),
    "user_rebates.update": _evidence,
    "users.create": _made("/users", lambda _: {"email": "new@example.com"}),
    "users.create_saved_route": _at("users.create_saved_route", ROUTE),
    "users.delete_payout_method": _at("users.delete_payout_method"),
    "users.delete_saved_route": _at("users.delete_saved_route"),
    "users.update": _at("users.update", {"email": "changed@example.com"}),
    "users.update_notification_preferences": _at(
        "users.update_notification_preferences", {"groups": {"deals_and_offers": True}}
    ),
    "users.update_payout_method": _at(
        "users.update_payout_method", {"receiver_wallet": "PAYPAL", "receiver": "a@example.com"}
    ),
    "users.update_route_planner_preferences": _at(
        "users.update_route_planner_preferences", {"arrive_with_min_percent": 15}
    ),
    "users.update_saved_route": _at("users.update_saved_route", {"favourite": True}),
    "vehicle_models.create": _made(
        "/vehicle_models", lambda places: {"make": places.url("vehicle_makes"), "name": "X1"}
    ),
    "vehicle_models.create_connector": _at(
        "vehicle_models.create_connector", {"region": "NORTH_AMERICA", "connector_type": "NACS"}
    ),
    "vehicle_models.update": _at("vehicle_models.update", {"default_connector_type": "NACS"}),
    "vehicle_models.update_connector": _at("vehicle_models.update_connector", {"confidence": "HIGH"}),
    "vehicle_onboarding.complete": _complete,
    "vehicle_onboarding.send_link": _made(
        "/vehicle_onboarding/onboarding_link",
        lambda places: {"email": "a@example.com", "make": places.url("vehicle_makes").rpartition("/")[2]},
    ),
    "vehicle_trims.create": _made(
        "/vehicle_trims",
        lambda places: {"model": places.url("vehicle_models"), "name": "Long", "battery_size_watt_hours": 70_000},
    ),
    "vehicle_waitlist.join": _made(
        "/vehicle_waitlist",
        lambda places: {"email": "a@example.com", "vehicle_model_id": places.url("vehicle_models").rpartition("/")[2]},
    ),
    "vehicles.create": _made("/vehicles", lambda places: {"model": places.url("vehicle_models")}, of_user=True),
    "vehicles.delete": _at("vehicles.delete"),
    "vehicles.disconnect": _at("vehicles.disconnect"),
    "vehicles.reconnect": _at("vehicles.reconnect"),
    "vehicles.update": _at("vehicles.update", {"smart_charging_enabled": False}),
    "vehicles.update_connectors": _at(
        "vehicles.update_connectors", {"adaptors": ["NACS", "CHADEMO"], "native_connector": "CCS"}
    ),
    "vehicles.update_state_of_charge": _at("vehicles.update_state_of_charge", {"state_of_charge_percentage": 50}),
}
