"""Makes, models and trims: the public catalogue."""

from collections.abc import Callable
from typing import Final, TypeVar

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import Write, customer, found, one, page
from ev_energy_async.sandbox.handlers.listing import ByName, Filtered, Named
from ev_energy_async.sandbox.protocol import Reply
from ev_energy_async.sandbox.world import Collection, User, VehicleMake

N = TypeVar("N", bound=Named)


def list_vehicle_makes(call: Call) -> Reply:
    """List vehicle makes, optionally those sold where a user lives."""
    buyer = customer(call)
    return _catalogue_page(
        call, call.world.vehicle_makes, lambda make: _is_sold_to(buyer, make), call.view.vehicle_make
    )


def get_vehicle_make(call: Call) -> Reply:
    """Return one vehicle make."""
    return one(call, found(call.world.vehicle_makes, call.path["vehicle_make_id"]), call.view.vehicle_make)


def list_vehicle_models(call: Call) -> Reply:
    """List vehicle models, optionally of one make."""
    buyer, make_id = customer(call), call.query.text("make_id")
    return _catalogue_page(
        call,
        call.world.vehicle_models,
        lambda model: not model.hidden and make_id in {None, model.make.id} and _is_sold_to(buyer, model.make),
        call.view.vehicle_model,
    )


def get_vehicle_model(call: Call) -> Reply:
    """Return one vehicle model."""
    return one(call, found(call.world.vehicle_models, call.path["vehicle_model_id"]), call.view.vehicle_model)


def list_vehicle_trims(call: Call) -> Reply:
    """List vehicle trims, optionally of one model."""
    model_id = call.query.text("model_id")
    return _catalogue_page(
        call,
        call.world.vehicle_trims,
        lambda trim: not trim.hidden and model_id in {None, trim.model.id},
        call.view.vehicle_trim,
    )


def get_vehicle_trim(call: Call) -> Reply:
    """Return one vehicle trim."""
    return one(call, found(call.world.vehicle_trims, call.path["vehicle_trim_id"]), call.view.vehicle_trim)


def list_evse_makes(call: Call) -> Reply:
    """List charge point makes; all are sold everywhere."""
    customer(call)
    return page(call, call.world.evse_makes, call.view.evse_make)


def get_evse_make(call: Call) -> Reply:
    """Return one charge point make."""
    return one(call, found(call.world.evse_makes, call.path["evse_make_id"]), call.view.evse_make)


def list_evse_models(call: Call) -> Reply:
    """List charge point models, optionally of one make."""
    customer(call)
    make_id = call.query.text("make_id")
    models = Filtered(call.world.evse_models, lambda model: make_id in {None, model.make.id})
    return page(call, models, call.view.evse_model)


def get_evse_model(call: Call) -> Reply:
    """Return one charge point model."""
    return one(call, found(call.world.evse_models, call.path["evse_model_id"]), call.view.evse_model)


def _catalogue_page(call: Call, things: Collection[N], fits: Callable[[N], bool], write: Write[N]) -> Reply:
    ordering = call.query.text("ordering")
    if ordering is None:
        return page(call, Filtered(things, fits), write)
    return page(call, ByName([thing for thing in things if fits(thing)], descending=ordering == "-name"), write)


def _is_sold_to(buyer: User | None, make: VehicleMake) -> bool:
    if buyer is None or not make.data.markets:
        return True
    return buyer.place is not None and buyer.place.country in make.data.markets


HANDLERS: Final[dict[str, Handler]] = {
    "vehicle_makes.list": list_vehicle_makes,
    "vehicle_makes.get": get_vehicle_make,
    "vehicle_models.list": list_vehicle_models,
    "vehicle_models.get": get_vehicle_model,
    "vehicle_trims.list": list_vehicle_trims,
    "vehicle_trims.get": get_vehicle_trim,
    "evse_makes.list": list_evse_makes,
    "evse_makes.get": get_evse_make,
    "evse_models.list": list_evse_models,
    "evse_models.get": get_evse_model,
}
