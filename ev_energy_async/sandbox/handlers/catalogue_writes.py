"""Additions to the catalogue of vehicles: models, trims, and a model's connectors by region."""

from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found, numbered_page, one, referred
from ev_energy_async.sandbox.instants import text
from ev_energy_async.sandbox.protocol import JsonObject, Reply, invalid, not_found
from ev_energy_async.sandbox.world import ModelData, VehicleModel, VehicleTrim

_CONSUMPTION: Final = 170  # Wh per km, of a model without a figure
_FIELDS: Final = ("connector_type", "source", "confidence", "verified_at")


def create_model(call: Call) -> Reply:
    """Add a model, which is not listed until it is reviewed."""
    make = referred(call.world.vehicle_makes, "make", call.body["make"])
    id_ = call.world.records.new_id("vmod", call.now)
    model = VehicleModel(id_, ModelData(call.body["name"], None, _CONSUMPTION, ()), make, hidden=True)
    call.world.vehicle_models.add(model)
    return Reply(HTTPStatus.CREATED, call.view.vehicle_model(model, call.expand))


def update_model(call: Call) -> Reply:
    """Change a connector of a model."""
    model = _model(call)
    model.connector = call.body.get("default_connector_type", model.connector)
    return one(call, model, call.view.vehicle_model)


def create_trim(call: Call) -> Reply:
    """Return a trim that is in no list."""
    model = referred(call.world.vehicle_models, "model", call.body["model"])
    id_ = call.world.records.new_id("trim", call.now)
    trim = VehicleTrim(id_, call.body["name"], call.body["battery_size_watt_hours"], model, hidden=True)
    call.world.vehicle_trims.add(trim)
    return Reply(HTTPStatus.CREATED, call.view.vehicle_trim(trim, call.expand))


def list_connectors(call: Call) -> Reply:
    """Return the plugs of a model, one for each region."""
    model = _model(call)
    return numbered_page(call, sorted(model.connectors), lambda region: _write(call, model, region))


def get_connector(call: Call) -> Reply:
    """Return the plug of a model in one region."""
    model, region = _model(call), call.path["region"]
    if region not in model.connectors:
        raise not_found("Nothing is known of this region.")
    return Reply(HTTPStatus.OK, _write(call, model, region))


def create_connector(call: Call) -> Reply:
    """Report the plug of a model in a region of which nothing was known."""
    model, region = _model(call), call.body["region"]
    if region in model.connectors:
        raise invalid({"region": ["The plug of this region is known already."]})
    model.connectors[region] = {
        **{name: call.body.get(name) for name in _FIELDS},
        "updated_at": text(call.now),
    }
    return Reply(HTTPStatus.CREATED, _write(call, model, region))


def update_connector(call: Call) -> Reply:
    """Change the members that the body names."""
    model, region = _model(call), call.path["region"]
    if region not in model.connectors:
        raise not_found("Nothing is known of this region.")
    changes = {name: call.body[name] for name in _FIELDS if name in call.body}
    if changes:
        model.connectors[region] |= changes | {"updated_at": text(call.now)}
    return Reply(HTTPStatus.OK, _write(call, model, region))


def _model(call: Call) -> VehicleModel:
    return found(call.world.vehicle_models, call.path["vehicle_model_id"])


def _write(call: Call, model: VehicleModel, region: str) -> JsonObject:
    url = call.view.url("vehicle_models", model.id)
    return {"url": f"{url}/connectors/{region}", "vehicle_model": url, "region": region, **model.connectors[region]}


HANDLERS: Final[dict[str, Handler]] = {
    "vehicle_models.create": create_model,
    "vehicle_models.update": update_model,
    "vehicle_trims.create": create_trim,
    "vehicle_models.list_connectors": list_connectors,
    "vehicle_models.get_connector": get_connector,
    "vehicle_models.create_connector": create_connector,
    "vehicle_models.update_connector": update_connector,
}
