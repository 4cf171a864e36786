"""What answers each operation, by the operation's name.

An operation without an entry is answered with 501. A handler gets a checked `Call` and gives a `Reply`; it does no I/O.
"""

from ev_energy_async.sandbox.calls import Handler
from ev_energy_async.sandbox.handlers import catalogue, devices, logs, users

HANDLERS: dict[str, Handler] = {
    "root.get": users.get_root,
    "users.list": users.list_users,
    "users.get": users.get_user,
    "vehicles.list": devices.list_vehicles,
    "vehicles.get": devices.get_vehicle,
    "vehicles.update": devices.update_vehicle,
    "vehicles.delete": devices.delete_vehicle,
    "evses.list": devices.list_evses,
    "evses.get": devices.get_evse,
    "vehicle_makes.list": catalogue.list_vehicle_makes,
    "vehicle_makes.get": catalogue.get_vehicle_make,
    "vehicle_models.list": catalogue.list_vehicle_models,
    "vehicle_models.get": catalogue.get_vehicle_model,
    "vehicle_trims.list": catalogue.list_vehicle_trims,
    "vehicle_trims.get": catalogue.get_vehicle_trim,
    "evse_makes.list": catalogue.list_evse_makes,
    "evse_makes.get": catalogue.get_evse_make,
    "evse_models.list": catalogue.list_evse_models,
    "evse_models.get": catalogue.get_evse_model,
    **logs.HANDLERS,
}

__all__ = ["HANDLERS"]
