"""Onboarding of devices and people: links, imports, compatibility checks, waitlists, passwords."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found, referred
from ev_energy_async.sandbox.handlers.generic import found_record, scribe, written
from ev_energy_async.sandbox.instants import HOUR, parse, text
from ev_energy_async.sandbox.protocol import FieldErrors, JsonObject, Problem, Reply, invalid, not_found
from ev_energy_async.sandbox.world import EvseModel, VehicleModel, VehicleTrim

_CONNECT: Final = "https://connect.example.com"
_REQUEST_LIVES: Final = HOUR
_REFUSED_CODE: Final = "refused"
_NO_DEVICE: Final = "0"
_RANKED: Final = 5
_IMPORTABLE: Final = {"Easee": "Easee", "Wallbox": "Wallbox"}
"""The catalogue's make for each provider of an import."""


def start_vehicle_onboarding(call: Call) -> Reply:
    """Redirect a browser to connect a car; with `response_type=json`, return the URL instead."""
    choice = _choice(call, "make_id", "model_id", "trim_id")
    user_id = _known_user(call)
    model = _vehicle_model(call, choice)
    request_id = str(UUID(int=call.world.records.chance.getrandbits(128), version=4))
    url = f"{_CONNECT}/vehicles?{urlencode({'state': request_id, **choice})}"
    if call.query.text("response_type") != "json":
        return Reply(HTTPStatus.FOUND, headers={"Location": url})
    if model is None:
        raise invalid({"make_id": ["One of make_id, model_id and trim_id is needed."]})
    requests = call.world.records.settings("vehicle_onboarding", "", {})
    requests[request_id] = {"user": user_id, "trim": model, "at": call.now}
    body: JsonObject = {
        "authorization_request_id": request_id,
        "url": url,
        "auth_method": "api",
        "scopes": None,
        "single_select": None,
    }
    return Reply(HTTPStatus.OK, body)


def complete_vehicle_onboarding(call: Call) -> Reply:
    """Exchange the request of an onboarding for the car that was connected; works once."""
    requests = call.world.records.settings("vehicle_onboarding", "", {})
    request: dict[str, Any] | None = requests.pop(call.body["authorization_request_uid"].lower(), None)
    if request is None or call.now > request["at"] + _REQUEST_LIVES:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The authorization request is not known, spent, or expired.")
    if call.body["auth_code"] == _REFUSED_CODE:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The provider has refused the code.")
    user = call.world.users[request["user"]]
    vehicle = call.world.add_vehicle(user, request["trim"], "ACTIVE", call.now)
    entry = {"id": vehicle.id, "url": call.view.url("vehicles", vehicle.id)}
    return Reply(HTTPStatus.CREATED, {"vehicles": [entry]})


def send_onboarding_link(call: Call) -> Reply:
    """Mail an onboarding link."""
    referred(call.world.vehicle_makes, "make", call.body["make"])
    return Reply(HTTPStatus.NO_CONTENT)


def start_evse_onboarding(call: Call) -> Reply:
    """Redirect a browser to connect a charge point; with `response_type=json`, return the URL instead."""
    choice = _choice(call, "make_id", "model_id")
    _known_user(call)
    if "make_id" in choice:
        found(call.world.evse_makes, choice["make_id"])
    if "model_id" in choice:
        found(call.world.evse_models, choice["model_id"])
    url = f"{_CONNECT}/evses?{urlencode(choice)}"
    if call.query.text("response_type") != "json":
        return Reply(HTTPStatus.FOUND, headers={"Location": url})
    if not choice:
        raise invalid({"make_id": ["One of make_id and model_id is needed."]})
    return Reply(HTTPStatus.OK, {"url": url})


def start_inverter_onboarding(call: Call) -> Reply:
    """Redirect a browser to log in at an inverter's maker."""
    choice = _choice(call, "make_id", "inverter_id")
    _known_user(call)
    for name, kind in (("make_id", "inverter_makes"), ("inverter_id", "inverters")):
        if name in choice and choice[name] not in call.world.records[kind]:
            raise not_found()
    return Reply(HTTPStatus.FOUND, headers={"Location": f"{_CONNECT}/inverters?{urlencode(choice)}"})


def import_evse(call: Call) -> Reply:
    """Return a charge point that its provider knows by its serial number."""
    serial, provider = call.body["serial_number"], call.body["provider"]
    if any(evse.cpid == serial for evse in call.world.evses):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The charge point is registered already.")
    models = [
        model
        for model in call.world.evse_models
        if model.make.data.name == _IMPORTABLE.get(provider, model.make.data.name) and model.data.integrated
    ]
    if serial.strip(_NO_DEVICE) == "":
        raise not_found("The provider knows no device of this serial number.")
    user = call.user or next(iter(call.world.users))
    evse = call.world.add_evse(user, models[0], serial, call.now)
    return Reply(HTTPStatus.CREATED, call.view.evse(evse, call.expand))


def check_vehicle(call: Call) -> Reply:
    """Return whether a vehicle model is supported in a country."""
    model = found(call.world.vehicle_models, call.query.text("vehicle_model_id") or "")
    markets, country = model.make.data.markets, _country(call)
    compatible = not model.hidden and (not markets or country in markets)
    return Reply(HTTPStatus.OK, {"compatible": compatible, "recommendation_rank": _rank(model.make.id, call)})


def check_evse(call: Call) -> Reply:
    """Return whether and how far a charge point model is supported in a country."""
    model: EvseModel = found(call.world.evse_models, call.query.text("evse_model_id") or "")
    _country(call)
    compatible = model.data.integrated
    return Reply(
        HTTPStatus.OK,
        {
            "compatible": compatible,
            "beta": compatible and model.make.data.beta,
            "recommendation_rank": _rank(model.make.id, call),
        },
    )


def join_waitlist(device: str) -> Handler:
    """Return a handler that notes who waits for a device to be supported."""

    def handle(call: Call) -> Reply:
        body = call.body
        by_id, by_name = f"{device}_model_id", (f"{device}_make_name", f"{device}_model_name")
        given = [name for name in by_name if body.get(name)]
        errors: FieldErrors = {}
        if body.get(by_id) is not None and given:
            errors = {by_id: ["Give this or the names of make and model, not both."]}
        elif body.get(by_id) is None and len(given) < len(by_name):
            errors = {by_id: ["This, or the names of make and model, is needed."]}
        if errors:
            raise invalid(errors)
        models = call.world.evse_models if device == "evse" else call.world.vehicle_models
        if body.get(by_id) is not None and body[by_id] not in models:
            raise invalid({by_id: ["There is no such model."]})
        entry = call.world.records.add(f"{device}_waitlist", call.now, dict(body))
        return Reply(HTTPStatus.CREATED, {"id": entry.id})

    return handle


def request_password_reset(_call: Call) -> Reply:
    """Say the same whether or not there is an account."""
    return Reply(HTTPStatus.OK, {"status": "password_reset_email_sent"})


def get_webhook_portal(call: Call) -> Reply:
    """Return a link to where webhooks are set up, for one use."""
    return Reply(
        HTTPStatus.OK, {"url": f"https://portal.example.com/login#{call.world.records.chance.getrandbits(128):032x}"}
    )


def update_notification(call: Call) -> Reply:
    """Note when a notification was read."""
    notification = found_record(call, "notifications", "notification_id")
    if "read_at" in call.body:
        notification.data["read_at"] = text(parse(call.body["read_at"]))
    return Reply(HTTPStatus.OK, {"Notification": scribe(call).record(notification, {})})


def create_dispatch_event(call: Call) -> Reply:
    """Return an operation of a virtual power plant."""
    coordinator = found_record(call, "dispatch_coordinators", "dispatch_coordinator_id")
    start, end = parse(call.body["start_time"]), parse(call.body["end_time"])
    if end <= start:
        raise invalid({"end_time": ["This is not after the start."]})
    limits = ("import_limit_watts", "export_limit_watts", "target_power_watts")
    data = {
        "dispatch_coordinator": coordinator,
        "start_time": text(start),
        "end_time": text(end),
        **{name: call.body.get(name) for name in limits},
    }
    event = call.world.records.add("dispatch_events", call.now, data, parent=coordinator)
    return written(call, event, HTTPStatus.CREATED)


def cancel_dispatch_event(call: Call) -> Reply:
    """Cancel an operation, under way or planned."""
    coordinator = found_record(call, "dispatch_coordinators", "dispatch_coordinator_id")
    event = found_record(call, "dispatch_events", "dispatch_event_id", coordinator)
    event.hidden["cancelled_at"] = call.now
    return Reply(HTTPStatus.OK, {"status": "CANCELLED"})


def _choice(call: Call, *names: str) -> dict[str, str]:
    """Return the choices that the query already carries."""
    redirect = call.query.text("redirect_uri")
    if redirect is not None and urlsplit(redirect).scheme not in {"http", "https"}:
        raise invalid({"redirect_uri": ["This is not one of the application's."]})
    return {name: value for name in names if (value := call.query.text(name)) is not None}


def _known_user(call: Call) -> str:
    user_id = call.query.text("user_id") or ""
    if user_id not in call.world.users:
        raise not_found("There is no such user.")
    return user_id


def _vehicle_model(call: Call, choice: dict[str, str]) -> VehicleTrim | None:
    """Return the trim for a choice of make, model or trim; None if nothing is chosen."""
    if "trim_id" in choice:
        return found(call.world.vehicle_trims, choice["trim_id"])
    model: VehicleModel | None = None
    if "model_id" in choice:
        model = found(call.world.vehicle_models, choice["model_id"])
    elif "make_id" in choice:
        make = found(call.world.vehicle_makes, choice["make_id"])
        model = next((model for model in call.world.vehicle_models if model.make is make and model.trims), None)
    if model is None:
        return None
    if not model.trims:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "No provider supports this model.")
    return model.trims[0]


def _country(call: Call) -> str:
    """Return the country of a check: the program's, the one asked for, the caller's, or the US."""
    program_id = call.query.text("program_id")
    if program_id is not None:
        program = call.world.records["programs"].get(program_id)
        if program is None:
            raise not_found("There is no such program.")
        country: str = program.hidden["country"]
        return country
    asked = call.query.text("country")
    if asked is not None:
        return asked.upper()
    language = call.headers.get("Accept-Language", "").split(",")[0].partition(";")[0]
    region = language.strip().partition("-")[2]
    return region.upper() if region else "US"


def _rank(make_id: str, call: Call) -> int | None:
    """Return the first few makes are recommended, in their order."""
    makes = [make.id for make in (*call.world.vehicle_makes, *call.world.evse_makes)]
    rank = makes.index(make_id) % len(call.world.vehicle_makes) + 1
    return rank if rank <= _RANKED else None


HANDLERS: Final[dict[str, Handler]] = {
    "vehicle_onboarding.start": start_vehicle_onboarding,
    "vehicle_onboarding.complete": complete_vehicle_onboarding,
    "vehicle_onboarding.send_link": send_onboarding_link,
    "evse_onboarding.start": start_evse_onboarding,
    "evse_onboarding.import_evse": import_evse,
    "inverter_onboarding.start": start_inverter_onboarding,
    "vehicle_compatibility.check": check_vehicle,
    "evse_compatibility.check": check_evse,
    "vehicle_waitlist.join": join_waitlist("vehicle"),
    "evse_waitlist.join": join_waitlist("evse"),
    "auth.request_password_reset": request_password_reset,
    "webhook_portal.get": get_webhook_portal,
    "notifications.update": update_notification,
    "dispatch_coordinators.create_dispatch_event": create_dispatch_event,
    "dispatch_coordinators.cancel_dispatch_event": cancel_dispatch_event,
}
