"""Homes with energy devices: solar arrays, inverters, batteries, meters, and the forecasts for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.sandbox.instants import DAY, HOUR, parse, text
from ev_energy_async.sandbox.simulation import Household
from ev_energy_async.sandbox.world import PLACES

if TYPE_CHECKING:
    from random import Random

    from ev_energy_async.sandbox.world import Archive, Stock, User

KINDS: Final = (
    "boundary_meters",
    "hem_systems",
    "home_batteries",
    "inverters",
    "solar_arrays",
    "solar_forecasts",
    "subscriptions",
    "notifications",
)

_EVERY: Final = 3  # one home in so many has devices
_MOST: Final = 600
_ESTABLISHED: Final = parse("2022-03-01T00:00:00Z")

_MESSAGES: Final = (
    (
        "ERR0023",
        "ACTIONABLE",
        "Please reconnect your car",
        "We can't reach your car any more.",
        "Why cars lose their link",
    ),
    ("INF0007", "SERVICE", "Charging is done", "Your car has reached its limit.", "How charging ends"),
    ("INF0011", "SERVICE", "Your week of charging", "See what you have saved.", "How savings are worked out"),
    ("MKT0002", "MARKETING", "A greener tariff", "There is a new night tariff.", "What tariffs there are"),
)


def fill(stock: Stock, archive: Archive, chance: Random) -> None:
    """Fill this group's kinds with their initial records."""
    for place in PLACES:
        location = {"latitude": place.latitude, "longitude": place.longitude}
        archive["solar_forecasts"].new(
            _ESTABLISHED + chance.randrange(DAY),
            chance,
            {"location": location},
            hidden={"key": chance.getrandbits(32), "utc_hours": place.utc_hours},
        )
    users = [user for user in stock.users if user.place is not None][: _MOST * _EVERY]
    for number, user in enumerate(users):
        if number % _EVERY == 0:
            _equip(user, archive, chance)
        if number % _EVERY == 1:
            data = {"user": user, "offering": chance.choice(list(archive["subscription_offerings"]))}
            archive["subscriptions"].new(user.joined_at + 2 * DAY, chance, data, user=user)
        for _ in range(chance.randrange(3)):
            _notify(user, stock.start - chance.randrange(HOUR, 20 * DAY), archive, chance)


def _equip(user: User, archive: Archive, chance: Random) -> None:
    utc_hours = user.place.utc_hours if user.place else 0
    household = Household(
        key=chance.getrandbits(32),
        utc_hours=utc_hours,
        solar_watts=chance.choice((2_400, 3_600, 4_800, 6_000)),
        battery_watt_hours=chance.choice((5_000, 9_500, 13_500)),
        base_watts=chance.randrange(180, 420),
    )
    at = user.joined_at + chance.randrange(DAY, 40 * DAY)
    created: dict[str, Any] = {"created_at": text(at)}
    hidden = {"household": household, "since": at}

    def model(device: str) -> Any:
        return chance.choice(list(archive[f"{device}_models"]))

    inverter = archive["inverters"].new(
        at, chance, {**created, "model": model("inverter")}, user=user, hidden=dict(hidden)
    )
    archive["solar_arrays"].new(
        at,
        chance,
        {"capacity_watts": household.solar_watts, "inverter": inverter, "user": user},
        user=user,
        hidden=dict(hidden),
    )
    for device, kind in (("home_battery", "home_batteries"), ("boundary_meter", "boundary_meters")):
        archive[kind].new(at, chance, {**created, "model": model(device)}, user=user, hidden=dict(hidden))
    archive["hem_systems"].new(at, chance, dict(created), user=user, hidden=dict(hidden))


def _notify(user: User, at: int, archive: Archive, chance: Random) -> None:
    code, category, title, body, page = chance.choice(_MESSAGES)
    data: dict[str, Any] = {
        "message_id": code,
        "category": category,
        "event_time": text(at),
        "short_text_title": title,
        "short_text_body": body,
        "detail_page_title": page,
        "detail_page_body": f"{page}, in a few words: {body}",
        "external_link": f"https://www.example.com/help/{code.lower()}",
        "external_button_label": "Read more",
    }
    if chance.random() < 0.3:  # noqa: PLR2004  # some have been read
        data["read_at"] = text(at + chance.randrange(HOUR))
    archive["notifications"].new(at, chance, data, user=user)
