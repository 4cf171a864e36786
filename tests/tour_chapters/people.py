"""Users: registration, preferences and notifications."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tests.tour_kit import Tour, known

if TYPE_CHECKING:
    from ev_energy_async.models import RoutePointFields, User

HOME: RoutePointFields = {"name": "Home", "latitude": 51.5, "longitude": -0.1}
COAST: RoutePointFields = {"name": "The coast", "latitude": 50.8, "longitude": -0.14}


async def arrive(tour: Tour) -> User:
    """Read the root of the API, and create a user."""
    ev = tour.ev
    root = await ev.root.get()
    tour.check("names the collection of vehicles", root.vehicles == f"{ev.base_url}/vehicles")
    user = await ev.users.create(email="nerys@example.com")
    tour.check("has the address given", user.email == "nerys@example.com")
    page = await ev.users.list(email="nerys@example.com")
    tour.check("finds the new user by address", [each.id for each in page] == [user.id])
    await ev.users.update(
        user,
        default_location={"address_1": "1 Quay", "city": "Cardiff", "postal_code": "CF10 4LN", "country_code": "GB"},
    )
    found = await ev.users.get(user)
    tour.check("shows the new address", known(found.default_location).city == "Cardiff")
    return found


async def preferences(tour: Tour, user: User) -> None:
    """Set the user's notifications and payout method."""
    users = tour.ev.users
    await users.update_notification_preferences(user, groups={"deals_and_offers": True, "charging_flow": False})
    told = known((await users.get_notification_preferences(user)).groups)
    tour.check("shows what was set", (told.deals_and_offers, told.charging_flow) == (True, False))
    await users.update_route_planner_preferences(user, arrive_with_min_percent=25)
    planner = await users.get_route_planner_preferences(user)
    tour.check("shows what was set", planner.arrive_with_min_percent == 25)
    await users.update_payout_method(user, receiver_wallet="PAYPAL", receiver="nerys@example.com")
    payout = await users.get_payout_method(user)
    tour.check("shows what was set", payout.receiver == "nerys@example.com")
    await users.delete_payout_method(user)
    deleted = tour.visits["users.delete_payout_method"]
    payout = await users.get_payout_method(user)
    tour.check("forgotten afterwards", payout.receiver is None, visit=deleted)


async def saved_routes(tour: Tour, user: User) -> None:
    """Save a route to the coast, and delete it."""
    users = tour.ev.users
    route = await users.create_saved_route(
        user, name="To the sea", origin=HOME, destination=COAST, arrive_with_min_percent=20
    )
    tour.check("has the destination given", route.destination.name == "The coast")
    await users.update_saved_route(user, route, favourite=True)
    found = await users.get_saved_route(user, route)
    tour.check("shows what was changed, and the rest", (found.favourite, found.name) == (True, "To the sea"))
    routes = await users.list_saved_routes(user).all()
    tour.check("holds the new route alone", [each.id for each in routes] == [route.id])
    await users.delete_saved_route(user, route)
    await tour.gone(lambda: users.get_saved_route(user, route))


async def messages(tour: Tour) -> None:
    """Read notifications, send an e-mail, and find the webhook portal."""
    ev = tour.ev
    notification = await tour.list_and_get(ev.notifications.list(), ev.notifications.get)
    read_at = dt.datetime(2026, 3, 14, 20, tzinfo=dt.UTC)
    await ev.notifications.update(notification, read_at=read_at)
    tour.check("read again as read", (await ev.notifications.get(notification)).read_at == read_at)
    answer = await ev.auth.request_password_reset(email="nerys@example.com")
    tour.check("says that a mail was sent", answer.status.is_known)
    portal = await ev.webhook_portal.get()
    tour.check("leads to the portal", known(portal.url).startswith("https://"))
