"""The root and the users with what they have set: addresses, preferences, payouts, saved routes."""

from http import HTTPStatus
from typing import Any, Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found, narrowed, page, referred
from ev_energy_async.sandbox.handlers.generic import Paged, found_record, listed, scribe, written
from ev_energy_async.sandbox.handlers.listing import Filtered
from ev_energy_async.sandbox.instants import text
from ev_energy_async.sandbox.protocol import FieldErrors, JsonObject, Reply, invalid, not_found
from ev_energy_async.sandbox.world import PLACES, Place, User

_COLLECTIONS: Final = (
    "users",
    "carbon_feeds",
    "evses",
    "evse_models",
    "evse_makes",
    "vehicles",
    "vehicle_trims",
    "vehicle_models",
    "vehicle_makes",
    "suppliers",
    "tariffs",
    "support_tickets",
    "dispatch_coordinators",
    "grid_feeds",
)
_ADDRESS: Final = ("address_1", "address_2", "city", "state", "postal_code", "country_code", "coordinates")
_NEEDED: Final = ("address_1", "city", "postal_code", "country_code")
_MOST_ROUTES: Final = 50
_ROUTE_FIELDS: Final = (
    *("name", "origin", "destination", "waypoints", "favourite"),
    *("arrive_with_min_percent", "preferred_departure_minutes", "last_used_at"),
)
_GROUPS: Final = {
    "charging_flow": True,
    "charging_issues": True,
    "charging_optimisation": True,
    "deals_and_offers": False,
    "power_supply_notifications": True,
}
_ROUTE_PLANNER: Final = {"preferred_vehicle": None, "min_charger_power_watts": 50_000, "arrive_with_min_percent": 10}
_RECEIVER_TYPES: Final = {"PAYPAL": "EMAIL", "VENMO": "PHONE", "BILL_CREDITS": "ACCOUNT_NUMBER"}


def get_root(call: Call) -> Reply:
    """Return the collections to start from."""
    return Reply(HTTPStatus.OK, {name: f"{call.view.base_url}/{name}" for name in _COLLECTIONS})


def list_users(call: Call) -> Reply:
    """List users, narrowed to the caller's."""
    email = call.query.text("email")
    users = narrowed(call, call.world.users, lambda user: [user])
    return page(call, Filtered(users, lambda user: email is None or user.email == email.lower()), call.view.user)


def get_user(call: Call) -> Reply:
    """Return one user; `me` is the user whose token it is."""
    return Reply(HTTPStatus.OK, call.view.user(_user(call), call.expand, detailed=True))


def create_user(call: Call) -> Reply:
    """Return a new user."""
    email = call.body.get("email")
    if email is None:
        raise invalid({"email": ["This field is required."]})
    if any(user.email == email.lower() for user in call.world.users):
        raise invalid({"email": ["There is a user with this address."]})
    user = call.world.add_user(email.lower(), call.now)
    _locate(call, user)
    return Reply(HTTPStatus.CREATED, call.view.user(user, call.expand, detailed=True))


def update_user(call: Call) -> Reply:
    """Change the members that the body names."""
    user = _user(call)
    email = call.body.get("email", user.email).lower()
    if any(other.email == email and other is not user for other in call.world.users):
        raise invalid({"email": ["There is a user with this address."]})
    _locate(call, user)
    user.email = email
    return Reply(HTTPStatus.OK, call.view.user(user, call.expand, detailed=True))


def _locate(call: Call, user: User) -> None:
    """Apply the body's location to a user."""
    location: dict[str, Any] = call.body.get("default_location") or {}
    given: dict[str, Any] = {name: location[name] for name in _ADDRESS if name in location}
    if any(value is not None for value in given.values()):
        errors: FieldErrors = {
            f"default_location.{name}": ["This is needed for an address."]
            for name in _NEEDED
            if given.get(name) is None
        }
        if errors:
            raise invalid(errors)
    tariff: Any = location.get("tariff", user.tariff)
    site: Any = location.get("evse_site", user.site)
    if isinstance(tariff, str | dict):
        tariff = referred(call.world.tariffs, "default_location.tariff", _reference(tariff))
    if isinstance(site, str | dict):
        site = referred(call.world.evse_sites, "default_location.evse_site", _reference(site))
    if given:
        user.place, user.street = _place(given), given.get("address_1")
        user.address_2 = given.get("address_2")
    user.tariff, user.site = tariff, site


def _reference(written: Any) -> str:
    """Return the URL of a reference; an expanded one is written back as an object that holds it."""
    return written if isinstance(written, str) else str(written.get("url", ""))


def _place(given: dict[str, Any]) -> Place | None:
    """Return an address as a place; where it is on earth is as somewhere else in its country."""
    if given.get("address_1") is None:
        return None
    country = given["country_code"]
    like = next((place for place in PLACES if place.country == country), PLACES[0])
    point = given.get("coordinates") or {"latitude": like.latitude, "longitude": like.longitude}
    return like._replace(
        country=country,
        city=given["city"],
        state=given.get("state"),
        postal_code=given["postal_code"],
        street=given["address_1"],
        latitude=point["latitude"],
        longitude=point["longitude"],
    )


def get_notification_preferences(call: Call) -> Reply:
    """Return a user's notification preferences."""
    return _notification_preferences(call, {})


def update_notification_preferences(call: Call) -> Reply:
    """Change a user's notification preferences."""
    return _notification_preferences(call, call.body.get("groups", {}))


def _notification_preferences(call: Call, changes: dict[str, bool]) -> Reply:
    user = _user(call)
    groups = call.world.records.settings("notification_preferences", user.id, _GROUPS)
    groups.update(changes)
    return Reply(HTTPStatus.OK, {"url": _below(call, user, "notification_preferences"), "groups": groups})


def get_route_planner_preferences(call: Call) -> Reply:
    """Return a user's route planner preferences."""
    return _route_planner_preferences(call, {})


def update_route_planner_preferences(call: Call) -> Reply:
    """Change a user's route planner preferences."""
    return _route_planner_preferences(call, call.body)


def _route_planner_preferences(call: Call, changes: dict[str, Any]) -> Reply:
    user = _user(call)
    if isinstance(changes.get("preferred_vehicle"), str):
        vehicle = referred(call.world.vehicles, "preferred_vehicle", changes["preferred_vehicle"])
        if vehicle.user is not user:
            raise invalid({"preferred_vehicle": ["This is not the user's vehicle."]})
        changes = {**changes, "preferred_vehicle": vehicle}
    kept = call.world.records.settings(
        "route_planner_preferences", user.id, {**_ROUTE_PLANNER, "updated_at": text(call.now)}
    )
    changes = {name: value for name, value in changes.items() if name in _ROUTE_PLANNER}
    if changes:
        kept |= {**changes, "updated_at": text(call.now)}
    told = {name: scribe(call).refer(value, {}, name) for name, value in kept.items()}
    return Reply(HTTPStatus.OK, {"url": _below(call, user, "route_planner_preferences"), **told})


def get_payout_method(call: Call) -> Reply:
    """Return a user's payout method."""
    user = _user(call)
    return _payout_method(call, user, call.world.records.settings("payout_method", user.id, {}))


def update_payout_method(call: Call) -> Reply:
    """Change a user's payout method."""
    user = _user(call)
    wallet, receiver = call.body["receiver_wallet"], call.body.get("receiver")
    if wallet == "BILL_CREDITS" and "receiver" in call.body:
        raise invalid({"receiver": ["Bill credits go to the account that is on file."]})
    if wallet != "BILL_CREDITS" and not receiver:
        raise invalid({"receiver": ["This field is required."]})
    if wallet == "PAYPAL" and "@" not in (receiver or ""):
        raise invalid({"receiver": ["This is not an email address."]})
    kept = call.world.records.settings("payout_method", user.id, {})
    kept |= {"receiver_wallet": wallet, "receiver": receiver or ""}
    return _payout_method(call, user, kept)


def delete_payout_method(call: Call) -> Reply:
    """Forget how a user wants to be paid."""
    call.world.records.settings("payout_method", _user(call).id, {}).clear()
    return Reply(HTTPStatus.NO_CONTENT)


def _payout_method(call: Call, user: User, kept: dict[str, Any]) -> Reply:
    wallet: str | None = kept.get("receiver_wallet")
    body: JsonObject = {
        "url": _below(call, user, "payout_method"),
        "receiver_wallet": wallet,
        "receiver": kept.get("receiver"),
        "receiver_type": None if wallet is None else _RECEIVER_TYPES[wallet],
    }
    return Reply(HTTPStatus.OK, body)


def list_saved_routes(call: Call) -> Reply:
    """Return the routes that a user has saved."""
    return listed(call, call.world.records["saved_routes"].below(_user(call)), Paged.BY_CURSOR)


def get_saved_route(call: Call) -> Reply:
    """Return one route that a user has saved."""
    return written(call, found_record(call, "saved_routes", "saved_route_id", _user(call)))


def create_saved_route(call: Call) -> Reply:
    """Save a route, up to the limit per user."""
    user = _user(call)
    if len(call.world.records["saved_routes"].below(user)) >= _MOST_ROUTES:
        raise invalid({"user": [f"No more than {_MOST_ROUTES} routes can be saved."]})
    data: dict[str, Any] = {
        "user": user,
        "waypoints": [],
        "favourite": False,
        "preferred_departure_minutes": None,
        "last_used_at": text(call.now),
        "created_at": text(call.now),
        **{name: call.body[name] for name in _ROUTE_FIELDS if name in call.body},
    }
    return written(
        call, call.world.records.add("saved_routes", call.now, data, user=user, parent=user), HTTPStatus.CREATED
    )


def update_saved_route(call: Call) -> Reply:
    """Change the members that the body names."""
    route = found_record(call, "saved_routes", "saved_route_id", _user(call))
    route.data |= {name: call.body[name] for name in _ROUTE_FIELDS if name in call.body}
    return written(call, route)


def delete_saved_route(call: Call) -> Reply:
    """Forget a route."""
    route = found_record(call, "saved_routes", "saved_route_id", _user(call))
    call.world.records["saved_routes"].remove(route.id)
    return Reply(HTTPStatus.NO_CONTENT)


def _user(call: Call) -> User:
    """Return the user that the path names; `me` is the user whose token it is."""
    wanted = call.path["user_id"]
    if wanted == "me":
        if call.user is None:
            raise not_found("Only a user's own token has a user to call `me`.")
        wanted = call.user.id
    user = found(call.world.users, wanted)
    if call.user is not None and user is not call.user:
        raise not_found()
    return user


def _below(call: Call, user: User, name: str) -> str:
    return f"{call.view.url('users', user.id)}/{name}"


HANDLERS: Final[dict[str, Handler]] = {
    "root.get": get_root,
    "users.list": list_users,
    "users.get": get_user,
    "users.create": create_user,
    "users.update": update_user,
    "users.get_notification_preferences": get_notification_preferences,
    "users.update_notification_preferences": update_notification_preferences,
    "users.get_route_planner_preferences": get_route_planner_preferences,
    "users.update_route_planner_preferences": update_route_planner_preferences,
    "users.get_payout_method": get_payout_method,
    "users.update_payout_method": update_payout_method,
    "users.delete_payout_method": delete_payout_method,
    "users.list_saved_routes": list_saved_routes,
    "users.get_saved_route": get_saved_route,
    "users.create_saved_route": create_saved_route,
    "users.update_saved_route": update_saved_route,
    "users.delete_saved_route": delete_saved_route,
}
