"""Vehicles and charge points: lists, reads, changes, and the links to them."""

from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found_evse, found_vehicle, narrowed, one, page, referred
from ev_energy_async.sandbox.handlers.listing import Filtered
from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, text
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, invalid, load
from ev_energy_async.sandbox.simulation import SMART, UNMANAGED_HOME, silent
from ev_energy_async.sandbox.world import Vehicle, VehicleTrim

_BATTERY_STEP: Final = 10  # Wh, in which a user's own figure is stored
_LINK_LIVES: Final = HOUR
_LINK_IS_FOLLOWED_IN: Final = 5 * MINUTE
"""The delay before an owner follows a reconnection link and the device reconnects."""


def list_vehicles(call: Call) -> Reply:
    """List vehicles, narrowed to the user's."""
    return page(call, narrowed(call, call.world.vehicles, lambda user: user.vehicles), call.view.vehicle)


def get_vehicle(call: Call) -> Reply:
    """Return one vehicle."""
    return one(call, found_vehicle(call), call.view.vehicle)


def create_vehicle(call: Call) -> Reply:
    """Return a vehicle without integration, for a car that cannot be connected."""
    user, body = call.user, call.body
    if user is None:
        raise invalid({"EvEnergy-User": ["This operation needs a user."]})
    if "user" in body and referred(call.world.users, "user", body["user"]) is not user:
        raise invalid({"user": ["This is another user than the one in whose context the call is made."]})
    _check_expand(call)
    model = referred(call.world.vehicle_models, "model", body["model"])
    battery = body.get("battery_size_watt_hours")
    battery = None if battery is None else battery // _BATTERY_STEP * _BATTERY_STEP
    trim = next((trim for trim in model.trims if battery in {None, trim.watt_hours}), None)
    if trim is None:
        trim_id = call.world.records.new_id("trim", call.now)
        trim = VehicleTrim(trim_id, "Custom", battery or 45_000, model, hidden=True)
        call.world.vehicle_trims.add(trim)
    vehicle = call.world.add_vehicle(user, trim, "UNINTEGRATED", call.now, battery=battery)
    vehicle.description = body.get("description", f"{user.email} {model.make.name} {model.name}")
    vehicle.vehicle_class = body.get("vehicle_class")
    return Reply(HTTPStatus.CREATED, call.view.vehicle(vehicle, call.expand))


def _check_expand(call: Call) -> None:
    """Check `expand`, which the document leaves open here, against what a single vehicle can expand."""
    known = load().operations["vehicles.get"].placed("query")["expand"].schema["items"]["enum"]
    unknown = [name for name in call.query.words("expand") if name not in known]
    if unknown:
        raise invalid({"expand": [f"{name!r} can't be expanded." for name in unknown]})


def update_vehicle(call: Call) -> Reply:
    """Change the members that the body names."""
    vehicle, body = found_vehicle(call), call.body
    if "battery_size_watt_hours" in body:
        if vehicle.integrated != "UNINTEGRATED":
            raise invalid({"battery_size_watt_hours": ["The vehicle's integration reports this."]})
        vehicle.battery_watt_hours = body["battery_size_watt_hours"] // _BATTERY_STEP * _BATTERY_STEP
    vehicle.charge_limit = body.get("maximum_charge_limit_percentage", vehicle.charge_limit)
    vehicle.vehicle_class = body.get("vehicle_class", vehicle.vehicle_class)
    smart = body.get("smart_charging_enabled", vehicle.smart_charging)
    if smart != vehicle.smart_charging:
        vehicle.smart_charging = smart
        _switch_open_session(call, vehicle)
    if body:
        call.world.wish(vehicle, call.now)
    return one(call, vehicle, call.view.vehicle)


def _switch_open_session(call: Call, vehicle: Vehicle) -> None:
    """Switch the car plugged in at home to the mode that its owner chose."""
    if vehicle.plug is None:
        return
    sessions = call.world.sessions.of_plug(vehicle.plug, call.now - 2 * DAY, call.now + 1, call.now)
    session = next((session for session in sessions if session.end > call.now and session.episode.at_home), None)
    if session is None or session.start == call.now:
        return
    mode = SMART if vehicle.smart_charging else UNMANAGED_HOME
    current = call.world.sessions.sub_sessions(session, call.now)[-1].span
    if current.mode != mode and current.start < call.now:
        reason = "SMART_CHARGE_ENABLED" if vehicle.smart_charging else "SMART_CHARGE_DISABLED"
        call.world.switch_mode(vehicle.plug, call.now, mode, reason)


def delete_vehicle(call: Call) -> Reply:
    """Remove a vehicle from the platform."""
    call.world.remove_vehicle(found_vehicle(call), call.now)
    return Reply(HTTPStatus.NO_CONTENT)


def disconnect_vehicle(call: Call) -> Reply:
    """Break a vehicle's link; the call may be repeated."""
    vehicle = found_vehicle(call)
    call.world.disconnect(vehicle, call.now)
    return one(call, vehicle, call.view.vehicle)


def reconnect_vehicle(call: Call) -> Reply:
    """Return a link for the owner, who follows it within minutes: then the vehicle is connected again."""
    vehicle = found_vehicle(call)
    if vehicle.integrated == "UNINTEGRATED":
        raise Problem(HTTPStatus.BAD_REQUEST, "The vehicle has never been connected.")
    call.world.reconnect(vehicle, call.now + _LINK_IS_FOLLOWED_IN, call.now)
    return Reply(
        HTTPStatus.CREATED,
        {"url": _connect_url(vehicle.id, call), "expires_at": text(call.now + _LINK_LIVES)},
    )


def get_connectors(call: Call) -> Reply:
    """Return the DC plugs that a vehicle has."""
    return Reply(HTTPStatus.OK, _connectors(call, found_vehicle(call)))


def update_connectors(call: Call) -> Reply:
    """Change the DC connectors of a vehicle."""
    vehicle, body = found_vehicle(call), call.body
    connector = body.get("native_connector", vehicle.connector)
    adaptors: list[str] = body.get("adaptors", list(vehicle.adaptors))
    if len(set(adaptors)) < len(adaptors):
        raise invalid({"adaptors": ["The same connector is named twice."]})
    if (connector or vehicle.trim.model.connector) in adaptors:
        raise invalid({"adaptors": ["The vehicle's own connector needs no adaptor."]})
    if body:
        vehicle.connector, vehicle.adaptors, vehicle.connectors_updated_at = connector, tuple(adaptors), call.now
    return Reply(HTTPStatus.OK, _connectors(call, vehicle))


def get_state_of_charge(call: Call) -> Reply:
    """Return the latest known state of charge."""
    return Reply(HTTPStatus.OK, _state_of_charge(call, found_vehicle(call)))


def update_state_of_charge(call: Call) -> Reply:
    """Accept the driver's own figure of the state of charge."""
    vehicle, name = found_vehicle(call), "state_of_charge_percentage"
    if name in call.body:
        percentage = call.body[name]
        vehicle.manual_charge = None if percentage is None else (percentage, call.now)
    return Reply(HTTPStatus.OK, _state_of_charge(call, vehicle))


def list_evses(call: Call) -> Reply:
    """List charge points, narrowed to the user's."""
    cpid = call.query.text("cpid")
    evses = narrowed(call, call.world.evses, lambda user: user.evses)
    return page(call, Filtered(evses, lambda evse: cpid in {None, evse.cpid}), call.view.evse)


def get_evse(call: Call) -> Reply:
    """Return one charge point."""
    return one(call, found_evse(call), call.view.evse)


def update_evse(call: Call) -> Reply:
    """Correct the location of a charge point."""
    evse = found_evse(call)
    if "location" in call.body:
        evse.location = _point(call.body["location"])
    return one(call, evse, call.view.evse)


def delete_evse(call: Call) -> Reply:
    """Remove a charge point from the platform."""
    call.world.remove_evse(found_evse(call), call.now)
    return Reply(HTTPStatus.NO_CONTENT)


def reconnect_evse(call: Call) -> Reply:
    """Return a link for the owner, who follows it within minutes: then the charge point reports again."""
    evse = found_evse(call)
    call.world.revive(evse, call.now + _LINK_IS_FOLLOWED_IN, call.now)
    return Reply(HTTPStatus.CREATED, {"url": _connect_url(evse.id, call)})


def get_vehicle_modes(call: Call) -> Reply:
    """Return the control modes of a vehicle."""
    vehicle = found_vehicle(call)
    return _modes(target=False, limit=False, charge=vehicle.integrated != "UNINTEGRATED")


def get_evse_modes(call: Call) -> Reply:
    """Return the control modes of a charge point."""
    speaks_ocpp = found_evse(call).model.make.data.speaks_ocpp
    return _modes(target=speaks_ocpp, limit=speaks_ocpp, charge=True)


def get_connectivity(call: Call) -> Reply:
    """Return the connectivity of a charge point."""
    evse = found_evse(call)
    charger = evse.reporter.charger
    mobile = charger.speaks_ocpp
    body: JsonObject = {
        "signal_strength_rssi_dbm": charger.signal_dbm if mobile else None,
        "lowest_signal_strength_rssi_dbm_7d": charger.signal_dbm - 4 if mobile else None,
        "highest_signal_strength_rssi_dbm_7d": charger.signal_dbm + 4 if mobile else None,
        "connection_reliability_30d": 62 if silent(charger.silences, call.now) else 99,
        "ip_address": f"10.0.{len(evse.cpid)}.{-charger.signal_dbm}" if mobile else None,
        "iccid": f"8944{sum(evse.id.encode()):015d}" if mobile else None,
        "firmware_version": next(iter(call.world.records["evse_firmware_versions"])).data["version"],
        "latest_status_log": call.view.evse(evse, call.expand)["latest_status_log"],
    }
    return Reply(HTTPStatus.OK, body)


def _connectors(call: Call, vehicle: Vehicle) -> JsonObject:
    url, at = call.view.url("vehicles", vehicle.id), vehicle.connectors_updated_at
    return {
        "url": f"{url}/connectors",
        "vehicle": url,
        "native_connector": vehicle.connector or vehicle.trim.model.connector,
        "adaptors": list(vehicle.adaptors),
        "updated_at": None if at is None else text(at),
    }


def _state_of_charge(call: Call, vehicle: Vehicle) -> JsonObject:
    url = call.view.url("vehicles", vehicle.id)
    latest = vehicle.logs["status_logs"].latest(call.now)
    value: object = None
    source: str | None = None
    at = None
    if latest is not None:
        value, source, at = latest.fields()["state_of_charge_percentage"], "CONNECTED", latest.at
    if vehicle.manual_charge is not None and (at is None or vehicle.manual_charge[1] > at):
        (value, at), source = vehicle.manual_charge, "MANUAL"
    return {
        "url": f"{url}/state_of_charge",
        "vehicle": url,
        "state_of_charge_percentage": value,
        "source": source,
        "updated_at": None if at is None else text(at),
    }


def _point(location: dict[str, float] | None) -> tuple[float, float] | None:
    if location is None:
        return None
    most = {"latitude": 90, "longitude": 180}
    errors = {
        f"location.{name}": [f"This is not between -{bound} and {bound}."]
        for name, bound in most.items()
        if abs(location[name]) > bound
    }
    if errors:
        raise invalid(errors)
    return location["latitude"], location["longitude"]


def _modes(*, target: bool, limit: bool, charge: bool) -> Reply:
    body = {"target_power": target, "import_max_power": limit, "export_max_power": False, "charge_mode": charge}
    return Reply(HTTPStatus.OK, body)


def _connect_url(device_id: str, call: Call) -> str:
    return f"https://connect.example.com/{device_id}?token={call.world.records.chance.getrandbits(96):024x}"


HANDLERS: Final[dict[str, Handler]] = {
    "vehicles.list": list_vehicles,
    "vehicles.get": get_vehicle,
    "vehicles.create": create_vehicle,
    "vehicles.update": update_vehicle,
    "vehicles.delete": delete_vehicle,
    "vehicles.disconnect": disconnect_vehicle,
    "vehicles.reconnect": reconnect_vehicle,
    "vehicles.get_connectors": get_connectors,
    "vehicles.update_connectors": update_connectors,
    "vehicles.get_state_of_charge": get_state_of_charge,
    "vehicles.update_state_of_charge": update_state_of_charge,
    "vehicles.get_vpp_modes": get_vehicle_modes,
    "evses.list": list_evses,
    "evses.get": get_evse,
    "evses.update": update_evse,
    "evses.delete": delete_evse,
    "evses.reconnect": reconnect_evse,
    "evses.get_vpp_modes": get_evse_modes,
    "evses.get_connectivity": get_connectivity,
}
