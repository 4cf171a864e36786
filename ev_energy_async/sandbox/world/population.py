"""The initial population of a sandbox, drawn from a source of chance. No I/O, no clock."""

from collections.abc import Callable
from random import Random
from typing import Final

from ev_energy_async.sandbox.instants import DAY, HOUR, parse
from ev_energy_async.sandbox.world import catalogue
from ev_energy_async.sandbox.world.catalogue import PLACES, Place
from ev_energy_async.sandbox.world.entities import (
    EvseMake,
    EvseModel,
    EvseSite,
    Supplier,
    Tariff,
    User,
    VehicleMake,
    VehicleModel,
    VehicleTrim,
    new_id,
)
from ev_energy_async.sandbox.world.stock import Stock

_ESTABLISHED: Final = parse("2021-01-01T00:00:00Z")  # the catalogue's creation
_JOINING: Final = 4 * 365 * DAY  # the time over which users joined
_NO_HOME_EVERY: Final = 20  # one user in so many has not entered a home location
_CONSENTING: Final = 0.95  # shares of the users
_WITH_TARIFF: Final = 0.8
_UNUSUAL_FROM: Final = 10  # a fleet this large has at least one car of each unusual kind


def fill_catalogue(stock: Stock, chance: Random) -> None:
    """Add the catalogue."""
    created = _ESTABLISHED

    def following(prefix: str) -> str:
        nonlocal created
        created += chance.randrange(HOUR, DAY)
        return new_id(prefix, created, chance)

    for make_data in catalogue.VEHICLE_MAKES:
        make = stock.vehicle_makes.add(VehicleMake(following("vmak"), make_data))
        for model_data in make_data.models:
            model = stock.vehicle_models.add(VehicleModel(following("vmod"), model_data, make, model_data.connector))
            for trim in model_data.trims:
                made = VehicleTrim(following("trim"), trim.name, trim.watt_hours, model)
                model.trims.append(stock.vehicle_trims.add(made))
    for charger_make_data in catalogue.CHARGER_MAKES:
        charger_make = stock.evse_makes.add(EvseMake(following("emak"), charger_make_data))
        for charger_data in charger_make_data.models:
            stock.evse_models.add(EvseModel(following("emod"), charger_data, charger_make))
    for name, country in catalogue.SUPPLIERS:
        supplier = stock.suppliers.add(Supplier(following("supl"), name))
        place = next(place for place in PLACES if place.country == country)
        _add_tariffs(stock, supplier, place, following)
    stock.evse_sites.add(EvseSite(following("site")))


def _add_tariffs(stock: Stock, supplier: Supplier, place: Place, following: Callable[[str], str]) -> None:
    night = None
    for sold in catalogue.TARIFFS:
        for group in catalogue.GSP_GROUPS if sold.by_region and place.country == "GB" else (None,):
            tariff = Tariff(
                id=following("tari"),
                name=sold.name,
                currency=place.currency,
                timezone=place.timezone,
                day_price=sold.day_price,
                night_price=sold.night_price,
                supplier=supplier,
                country=place.country,
                type=sold.type,
                highlighted=sold.highlighted,
                gsp_group=group,
                valid_until=sold.valid_until,
                scheduler=night if sold.planned_by_night else None,
            )
            stock.tariffs.add(tariff)
            night = night or tariff


def fill_users(stock: Stock, count: int, chance: Random) -> None:
    """Add a number of users."""
    tariffs = {tariff.currency: tariff for tariff in reversed(list(stock.tariffs))}
    site = next(iter(stock.evse_sites))
    for number in range(count):
        joined_at = _ESTABLISHED + chance.randrange(_JOINING)
        first, last = chance.choice(catalogue.FIRST_NAMES), chance.choice(catalogue.LAST_NAMES)
        place = chance.choice(PLACES)
        stock.users.add(
            User(
                id=new_id("user", joined_at, chance),
                full_name=f"{first} {last}",
                email=f"{first}.{last}.{number}@example.com".lower(),
                joined_at=joined_at,
                consented=chance.random() < _CONSENTING,
                place=None if number % _NO_HOME_EVERY == _NO_HOME_EVERY - 1 else place,
                house_number=chance.randrange(1, 200),
                tariff=tariffs[place.currency] if chance.random() < _WITH_TARIFF else None,
                site=site if number % 25 == 1 else None,
            )
        )


def fill_vehicles(stock: Stock, count: int, chance: Random) -> None:
    """Add a number of vehicles; some users have two."""
    users, trims = list(stock.users), list(stock.vehicle_trims)
    at_least = 1 if count >= _UNUSUAL_FROM else 0
    unusual = chance.sample(range(count), count)
    quotas = [max(at_least, round(count * part)) for part in (0.03, 0.04, 0.02)]
    inactive = set(unusual[: quotas[0]])
    unintegrated = set(unusual[quotas[0] : quotas[0] + quotas[1]])
    disabled = set(unusual[quotas[0] + quotas[1] : sum(quotas)])
    for number in range(count):
        user = users[number % len(users)]
        country = user.place.country if user.place else None
        trim = chance.choice([trim for trim in trims if not trim.model.make.data.markets or country == "US"])
        integrated = "INACTIVE" if number in inactive else "UNINTEGRATED" if number in unintegrated else "ACTIVE"
        stock.build_vehicle(user, trim, integrated, chance, disabled=number in disabled)


def fill_evses(stock: Stock, count: int, chance: Random) -> None:
    """Add a number of charge points, a user's first one for the user's first vehicle."""
    users, models = list(stock.users), list(stock.evse_models)
    integrated = [model for model in models if model.data.integrated]
    for number in range(count):
        user = users[number % len(users)]
        vehicle = user.vehicles[0] if user.vehicles and not user.evses else None
        stock.build_evse(user, chance.choice(integrated), vehicle, number, chance)
