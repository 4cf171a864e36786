"""The things of the world as the JSON objects of the API, references as URLs or expanded."""

from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlencode

import attrs
import msgspec

from ev_energy_async.sandbox.instants import Instant, text
from ev_energy_async.sandbox.protocol import JsonObject, Tree
from ev_energy_async.sandbox.simulation import Log, Timeline
from ev_energy_async.sandbox.world import (
    CtClamp,
    Evse,
    EvseMake,
    EvseModel,
    EvseSite,
    Identified,
    Supplier,
    Tariff,
    User,
    Vehicle,
    VehicleMake,
    VehicleModel,
    VehicleTrim,
)

_DEGRADATION_PER_METER: Final = 4e-10  # a tenth of the battery in 250,000 km
_UNKNOWN_BATTERY: Final = 45_000  # Wh, where a model's trims give no figure

T = TypeVar("T", bound=Identified)


@attrs.frozen
class View:
    """The world as one caller sees it at one moment."""

    base_url: str
    now: Instant
    client_id: str | None
    """The caller's application, None for an anonymous caller."""
    user_id: str | None
    """The user in whose context the call is made."""

    def url(self, collection: str, id_: str) -> str:
        """Return the URL of a thing."""
        return f"{self.base_url}/{collection}/{id_}"

    def user(self, it: User, tree: Tree, *, detailed: bool = False) -> JsonObject:
        """Return a user; `detailed` adds the location members of a single user's response."""
        body: JsonObject = {
            "id": it.id,
            "url": self.url("users", it.id),
            "full_name": it.full_name,
            "email": it.email,
            "joined_at": text(it.joined_at),
            "terms_consent_datetime": text(it.joined_at) if it.consented else None,
            "vehicles": [self.url("vehicles", vehicle.id) for vehicle in it.vehicles],
            "evses": [self.url("evses", evse.id) for evse in it.evses],
        }
        if it.place is not None:
            body["default_location"] = self._location(it, tree.get("default_location", {}), detailed=detailed)
        return body

    def vehicle(self, it: Vehicle, tree: Tree) -> JsonObject:
        """Return a vehicle."""
        timeline = it.logs["status_logs"]
        latest = timeline.latest(self.now)
        url = self.url("vehicles", it.id)
        odometer = it.life.dawn(it.life.first_day).odometer
        return {
            "id": it.id,
            "url": url,
            "user": self._refer("users", it.user, tree, "user", self.user),
            "trim": self._refer("vehicle_trims", it.trim, tree, "trim", self.vehicle_trim),
            "latest_status_log": self._latest(url, timeline, latest, tree),
            "charging_sub_sessions": f"{self.base_url}/charging_sub_sessions?vehicle_id={it.id}",
            "integrated": it.integration(self.now),
            "disabled": it.disabled,
            "description": it.description,
            "battery_size_watt_hours": it.battery_watt_hours,
            "effective_battery_size_watt_hours": round(it.battery_watt_hours * (1 - odometer * _DEGRADATION_PER_METER)),
            "maximum_charge_limit_percentage": it.charge_limit,
            "smart_charging_enabled": it.smart_charging,
            "vehicle_class": it.vehicle_class,
        }

    def vehicle_make(self, it: VehicleMake, _tree: Tree) -> JsonObject:
        """Return a vehicle make."""
        subscription = it.data.subscription
        return {
            "id": it.id,
            "url": self.url("vehicle_makes", it.id),
            "name": it.name,
            "icon": f"https://assets.example.com/vehicles/{it.id}.svg",
            "models": f"{self.base_url}/vehicle_models?make_id={it.id}",
            "onboarding_url": self._onboarding("vehicle", make_id=it.id) if it.data.chosen_by_make else None,
            "subscription_name": f"{it.name} {subscription}" if subscription else None,
            "subscription_package": subscription,
        }

    def vehicle_model(self, it: VehicleModel, tree: Tree) -> JsonObject:
        """Return a vehicle model."""
        sizes = [trim.watt_hours for trim in it.trims]
        return {
            "id": it.id,
            "url": self.url("vehicle_models", it.id),
            "name": it.name,
            "make": self._refer("vehicle_makes", it.make, tree, "make", self.vehicle_make),
            "vehicle_trims": f"{self.base_url}/vehicle_trims?model_id={it.id}",
            "default_battery_size_watt_hours": max(sizes, key=sizes.count) if sizes else _UNKNOWN_BATTERY,
            "default_connector_type": it.connector,
            "onboarding_url": self._onboarding("vehicle", model_id=it.id),
        }

    def vehicle_trim(self, it: VehicleTrim, tree: Tree) -> JsonObject:
        """Return a vehicle trim."""
        return {
            "id": it.id,
            "url": self.url("vehicle_trims", it.id),
            "name": it.name,
            "model": self._refer("vehicle_models", it.model, tree, "model", self.vehicle_model),
            "battery_size_watt_hours": it.watt_hours,
            "onboarding_url": self._onboarding("vehicle", trim_id=it.id),
        }

    def evse(self, it: Evse, tree: Tree) -> JsonObject:
        """Return a charge point."""
        timeline = it.logs["status_logs"]
        url = self.url("evses", it.id)
        return {
            "id": it.id,
            "url": url,
            "cpid": it.cpid,
            "user": self._refer("users", it.user, tree, "user", self.user),
            "model": self._refer("evse_models", it.model, tree, "model", self.evse_model),
            "ct_clamp": None
            if it.clamp is None
            else self._refer("ct_clamps", it.clamp, tree, "ct_clamp", self.ct_clamp),
            "latest_status_log": self._latest(url, timeline, timeline.latest(self.now), tree),
            "charging_sub_sessions": f"{self.base_url}/charging_sub_sessions?evse_id={it.id}",
            "location": None if it.location is None else _coordinates(*it.location),
            "lifecycle_state": it.lifecycle_state,
            "lock_mode": it.lock_mode,
        }

    def evse_make(self, it: EvseMake, _tree: Tree) -> JsonObject:
        """Return a charge point make."""
        return {
            "id": it.id,
            "url": self.url("evse_makes", it.id),
            "name": it.data.name,
            "display_name": it.data.name,
            "icon": f"https://assets.example.com/evses/{it.id}.svg",
            "is_beta": it.data.beta,
            "evse_models": f"{self.base_url}/evse_models?make_id={it.id}",
            "onboarding_url": self._onboarding("evse", make_id=it.id) if it.data.chosen_by_make else None,
        }

    def evse_model(self, it: EvseModel, tree: Tree) -> JsonObject:
        """Return a charge point model."""
        return {
            "id": it.id,
            "url": self.url("evse_models", it.id),
            "name": it.data.name,
            "display_name": f"{it.make.data.name} {it.data.name}",
            "make": self._refer("evse_makes", it.make, tree, "make", self.evse_make),
            "onboarding_url": self._onboarding("evse", model_id=it.id) if it.data.integrated else None,
        }

    def ct_clamp(self, it: CtClamp, tree: Tree) -> JsonObject:
        """Return a CT clamp."""
        url = self.url("ct_clamps", it.id)
        evse = None if it.evse is None else self._refer("evses", it.evse, tree, "evse", self.evse)
        return {"id": it.id, "url": url, "evse": evse, "calibration_factor": 1_000}

    def log(self, device: Vehicle | Evse, timeline: Timeline, log: Log, tree: Tree) -> JsonObject:
        """Return a log of a device."""
        owner: str | JsonObject
        if isinstance(device, Vehicle):
            device_url = self.url("vehicles", device.id)
            owner = self.vehicle(device, tree["vehicle"]) if "vehicle" in tree else device_url
        else:
            device_url = self.url("evses", device.id)
            owner = self.evse(device, tree["evse"]) if "evse" in tree else device_url
        return self._log(device_url, owner, timeline, log)

    def supplier(self, it: Supplier, _tree: Tree) -> JsonObject:
        """Return a supplier."""
        return {
            "id": it.id,
            "url": self.url("suppliers", it.id),
            "name": it.name,
            "icon": None,
            "highlighted": False,
        }

    def tariff(self, it: Tariff, tree: Tree) -> JsonObject:
        """Return a tariff."""
        return {
            "id": it.id,
            "url": self.url("tariffs", it.id),
            "name": it.name,
            "type": it.type,
            "currency": it.currency,
            "timezone_name": it.timezone,
            "supplier": self._refer("suppliers", it.supplier, tree, "supplier", self.supplier),
            "highlighted": it.highlighted,
            "gsp_group": it.gsp_group,
            "price_chart_url": None,
            "valid_from": "2024-01-01",
            "valid_until": it.valid_until,
            "daily_prices": _daily_prices(it),
            "scheduler_tariff": None if it.scheduler is None else self._scheduler(it.scheduler, tree),
        }

    def _scheduler(self, it: Tariff, tree: Tree) -> str | JsonObject:
        """Return the tariff that another one is planned by, with what tariffs have in common."""
        return self._refer("tariffs", it, tree, "scheduler_tariff", self.tariff)

    def evse_site(self, it: EvseSite, _tree: Tree) -> JsonObject:
        """Return a site with shared charge points."""
        return {
            "id": it.id,
            "url": self.url("evse_sites", it.id),
            "cpms_connection": None,
            "cpms_connection_display_name": None,
            "evses": [self.url("evses", evse.id) for evse in it.evses],
            "user_connected": None,
        }

    def _location(self, it: User, tree: Tree, *, detailed: bool) -> JsonObject:
        place = it.place
        if place is None:
            return {}
        body: JsonObject = {
            "address_1": it.street or f"{it.house_number} {place.street}",
            "address_2": it.address_2,
            "city": place.city,
            "state": place.state,
            "postal_code": place.postal_code,
            "country_code": place.country,
            "coordinates": {"latitude": place.latitude, "longitude": place.longitude},
            "tariff": None if it.tariff is None else self._refer("tariffs", it.tariff, tree, "tariff", self.tariff),
            "evse_site": None
            if it.site is None
            else self._refer("evse_sites", it.site, tree, "evse_site", self.evse_site),
        }
        if detailed:
            body["current_carbon_intensity_grams_per_kilowatt_hour"] = 120 + self.now // 900_000_000 * 37 % 200
        return body

    def _refer(
        self, collection: str, it: T, tree: Tree, name: str, write: Callable[[T, Tree], JsonObject]
    ) -> str | JsonObject:
        return write(it, tree[name]) if name in tree else f"{self.base_url}/{collection}/{it.id}"

    def _latest(self, device_url: str, timeline: Timeline, latest: Log | None, tree: Tree) -> str | msgspec.Raw | None:
        if latest is None:
            return None
        if "latest_status_log" in tree:
            # Fleets are polled this way: a hundred newest logs a page, most of them the same as a minute ago.
            if timeline.latest_json is None:
                timeline.latest_json = msgspec.json.encode(self._log(device_url, device_url, timeline, latest))
            return msgspec.Raw(timeline.latest_json)
        return f"{device_url}/{timeline.kind.name}/{text(latest.at)}"

    def _log(self, device_url: str, owner: str | JsonObject, timeline: Timeline, log: Log) -> JsonObject:
        kind = timeline.kind
        at = text(log.at)
        body: JsonObject = {"url": f"{device_url}/{kind.name}/{at}", kind.owner: owner, kind.key: at}
        if kind.tells_logged_at:
            body["logged_at"] = text(log.logged_at)
        return body | log.fields()

    def _onboarding(self, kind: str, **choice: str) -> str:
        """Return the ready-made link that starts onboarding; it says who asked, as far as that is known."""
        asked_by = {"client_id": self.client_id, "user_id": self.user_id}
        query = {name: value for name, value in asked_by.items() if value is not None} | choice
        return f"{self.base_url}/{kind}_onboarding?{urlencode(query)}"


def _daily_prices(it: Tariff) -> JsonObject:
    if it.type == "FLAT_RATE":
        return {"peak": {"price": it.day_price, "times": [{"start": "00:00:00", "end": "24:00:00"}]}}
    return {
        "peak": {"price": it.day_price, "times": [{"start": "05:30:00", "end": "23:30:00"}]},
        "off_peak": {"price": it.night_price, "times": [{"start": "23:30:00", "end": "05:30:00"}]},
    }


def _coordinates(latitude: float, longitude: float) -> JsonObject:
    return {"latitude": latitude, "longitude": longitude}
