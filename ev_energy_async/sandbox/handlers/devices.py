"""Vehicles and charge points."""

from http import HTTPStatus

from ev_energy_async.sandbox.calls import Call
from ev_energy_async.sandbox.handlers.common import found_evse, found_vehicle, narrowed, one, page
from ev_energy_async.sandbox.listing import Filtered
from ev_energy_async.sandbox.messages import Reply
from ev_energy_async.sandbox.problems import invalid

_BATTERY_STEP = 10  # Wh, in which a user's own figure is stored


def list_vehicles(call: Call) -> Reply:
    """Vehicles, narrowed to the user's."""
    return page(call, narrowed(call, call.world.vehicles, lambda user: user.vehicles), call.view.vehicle)


def get_vehicle(call: Call) -> Reply:
    """One vehicle."""
    return one(call, found_vehicle(call), call.view.vehicle)


def update_vehicle(call: Call) -> Reply:
    """Changes what the body names, and nothing else."""
    vehicle, body = found_vehicle(call), call.body
    if "battery_size_watt_hours" in body:
        if vehicle.integrated != "UNINTEGRATED":
            raise invalid({"battery_size_watt_hours": ["The vehicle's integration tells this."]})
        vehicle.battery_watt_hours = body["battery_size_watt_hours"] // _BATTERY_STEP * _BATTERY_STEP
    vehicle.charge_limit = body.get("maximum_charge_limit_percentage", vehicle.charge_limit)
    vehicle.smart_charging = body.get("smart_charging_enabled", vehicle.smart_charging)
    vehicle.vehicle_class = body.get("vehicle_class", vehicle.vehicle_class)
    vehicle.life.wish(call.now, target=vehicle.charge_limit, smart=vehicle.smart_charging)
    return one(call, vehicle, call.view.vehicle)


def delete_vehicle(call: Call) -> Reply:
    """Takes a vehicle off the platform."""
    call.world.remove_vehicle(found_vehicle(call))
    return Reply(HTTPStatus.NO_CONTENT)


def list_evses(call: Call) -> Reply:
    """Charge points, narrowed to the user's."""
    cpid = call.query.text("cpid")
    evses = narrowed(call, call.world.evses, lambda user: user.evses)
    return page(call, Filtered(evses, lambda evse: cpid in {None, evse.cpid}), call.view.evse)


def get_evse(call: Call) -> Reply:
    """One charge point."""
    return one(call, found_evse(call), call.view.evse)
