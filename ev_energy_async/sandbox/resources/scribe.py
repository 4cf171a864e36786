"""Writes records, and references to whatever there is, as the JSON of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import urlencode

import attrs

from ev_energy_async.sandbox.instants import Instant, text
from ev_energy_async.sandbox.resources import device_logs
from ev_energy_async.sandbox.simulation import STEP
from ev_energy_async.sandbox.world import (
    CtClamp,
    Evse,
    EvseModel,
    EvseSite,
    Record,
    Supplier,
    Tariff,
    User,
    Vehicle,
    VehicleModel,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.sandbox.protocol import JsonObject, Tree
    from ev_energy_async.sandbox.resources.view import View
    from ev_energy_async.sandbox.world import World

_PLACES: Final[dict[type, str]] = {
    CtClamp: "ct_clamps",
    Evse: "evses",
    EvseModel: "evse_models",
    EvseSite: "evse_sites",
    Supplier: "suppliers",
    Tariff: "tariffs",
    User: "users",
    Vehicle: "vehicles",
    VehicleModel: "vehicle_models",
}
_OWNERS: Final = {
    "boundary_meters": "boundary_meter",
    "home_batteries": "home_battery",
    "inverters": "inverter",
}


@attrs.frozen
class Scribe:
    """Writes as one caller sees the world at one moment."""

    world: World
    view: View

    @property
    def now(self) -> Instant:
        """The moment."""
        return self.view.now

    def url(self, thing: Any) -> str:
        """Return the URL of anything."""
        if isinstance(thing, Record):
            above = self.view.base_url if thing.parent is None else self.url(thing.parent)
            return f"{above}/{thing.kind.segment}/{thing.id}"
        return self.view.url(_PLACES[type(thing)], thing.id)

    def write(self, thing: Any, tree: Tree) -> JsonObject:
        """Return any thing in full."""
        if isinstance(thing, Record):
            return self.record(thing, tree)
        writers: dict[type, Callable[[Any, Tree], JsonObject]] = {
            CtClamp: self.view.ct_clamp,
            Evse: self.view.evse,
            EvseModel: self.view.evse_model,
            EvseSite: self.view.evse_site,
            Supplier: self.view.supplier,
            Tariff: self.view.tariff,
            User: self.view.user,
            Vehicle: self.view.vehicle,
            VehicleModel: self.view.vehicle_model,
        }
        return writers[type(thing)](thing, tree)

    def log_url(self, device: Record | CtClamp, at: Instant) -> str:
        """Return the URL of what a device of a home reported at a moment."""
        segment = "logs" if isinstance(device, CtClamp) else "status_logs"
        return f"{self.url(device)}/{segment}/{text(at)}"

    def log(self, device: Record | CtClamp, at: Instant, tree: Tree) -> JsonObject:
        """Return the log of a home device in full."""
        owner = "ct_clamp" if isinstance(device, CtClamp) else _OWNERS[device.kind.name]
        body: JsonObject = {"url": self.log_url(device, at), owner: self.refer(device, tree, owner)}
        return body | device_logs.report(device, at, self.world.records.households)

    def record(self, record: Record, tree: Tree) -> JsonObject:
        """Return a record in full."""
        body: JsonObject = {"id": record.id, "url": self.url(record)}
        for name, value in record.data.items():
            body[name] = self.refer(value, tree, name)
        more = _WORKED_OUT.get(record.kind.name)
        return body | more(self, record, tree) if more else body

    def refer(self, value: Any, tree: Tree, name: str) -> Any:
        """Return a member's value: a thing as its URL, or in full where that was asked for; anything else as it is."""
        if isinstance(value, Record) or type(value) in _PLACES:
            return self.write(value, tree[name]) if name in tree else self.url(value)
        if _is_list(value):
            return [self.refer(entry, tree, name) for entry in value]
        return value

    def onboarding(self, device: str, **choice: str) -> str:
        """Return the ready-made link that starts onboarding."""
        asked_by = {"client_id": self.view.client_id, "user_id": self.view.user_id}
        query = {name: value for name, value in asked_by.items() if value is not None} | choice
        return f"{self.view.base_url}/{device}_onboarding?{urlencode(query)}"


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _make(device: str, models: str) -> Callable[[Scribe, Record, Tree], JsonObject]:
    def write(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
        body: JsonObject = {
            "icon": f"https://assets.example.com/{device}/{record.id}.svg",
            models: f"{scribe.view.base_url}/{device}_models?make_id={record.id}",
            "onboarding_url": None,
        }
        if device == "inverter":
            body["onboarding_url"] = scribe.onboarding(device, make_id=record.id)
        return body

    return write


def _inverter_model(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
    make: Record = record.data["make"]
    return {"onboarding_url": scribe.onboarding("inverter", make_id=make.id)}


def _nowhere(_scribe: Scribe, _record: Record, _tree: Tree) -> JsonObject:
    return {"onboarding_url": None}


def _device(scribe: Scribe, record: Record, tree: Tree) -> JsonObject:
    logs = device_logs.series(record, scribe.world, scribe.now)
    at = next(logs.following(None), None)
    if at is None:
        return {"latest_status_log": None}
    if "latest_status_log" in tree:
        return {"latest_status_log": scribe.log(record, at, {})}
    return {"latest_status_log": scribe.log_url(record, at)}


def _inverter(scribe: Scribe, record: Record, tree: Tree) -> JsonObject:
    body = _device(scribe, record, tree)
    return body | {"onboarding_url": scribe.onboarding("inverter", inverter_id=record.id)}


def _solar_array(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
    household = record.hidden.get("household")
    if household is None:
        return {}
    day = household.day_of(scribe.now)
    flows = scribe.world.records.households.day(household, day)
    left = flows[(scribe.now - household.starts(day)) // STEP :]
    return {
        "forecast": {
            "solar_watt_hours_until_midnight": sum(flow.totals["generation"] for flow in left),
            "percent_vehicle_battery_charge_until_midnight": None,
            "last_updated_at": text(scribe.now // STEP * STEP),
        }
    }


def _tier(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
    program = record.parent
    user = scribe.world.users.get(scribe.view.user_id or "")
    if user is None or not isinstance(program, Record):
        return {"eligible": None}
    return {"eligible": user.place is not None and user.place.country == program.hidden["country"]}


def _ticket(scribe: Scribe, record: Record, tree: Tree) -> JsonObject:
    messages = scribe.world.records["messages"].below(record)
    return {"messages": [scribe.refer(message, tree, "messages") for message in messages]}


def _coordinator(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
    return {"dispatch_logs": f"{scribe.url(record)}/dispatch_logs"}


def _group(scribe: Scribe, record: Record, _tree: Tree) -> JsonObject:
    return {"regions_collection": f"{scribe.view.base_url}/regions?region_group_id={record.id}"}


_WORKED_OUT: Final[dict[str, Callable[[Scribe, Record, Tree], JsonObject]]] = {
    "boundary_meters": _device,
    "dispatch_coordinators": _coordinator,
    "home_batteries": _device,
    "home_battery_makes": _make("home_battery", "models"),
    "home_battery_models": _nowhere,
    "inverter_makes": _make("inverter", "inverter_models"),
    "inverter_models": _inverter_model,
    "inverters": _inverter,
    "region_groups": _group,
    "solar_arrays": _solar_array,
    "support_tickets": _ticket,
    "tiers": _tier,
}
