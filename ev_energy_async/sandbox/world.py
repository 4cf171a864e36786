"""The sandbox's world: who and what there is at the start, drawn from a seed.

IDs, names and the catalogue depend on the seed alone; what the cars do depends on the date as well. No I/O, no clock.
"""

from random import Random

from ev_energy_async.sandbox import catalogue
from ev_energy_async.sandbox.catalogue import PLACES, Place
from ev_energy_async.sandbox.entities import (
    Collection,
    CtClamp,
    Evse,
    EvseMake,
    EvseModel,
    EvseSite,
    Supplier,
    Tariff,
    User,
    Vehicle,
    VehicleMake,
    VehicleModel,
    VehicleTrim,
    new_id,
)
from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, Instant, parse
from ev_energy_async.sandbox.simulation.chance import mix
from ev_energy_async.sandbox.simulation.days import Habits
from ev_energy_async.sandbox.simulation.evse_logs import Charger, EvseReporter
from ev_energy_async.sandbox.simulation.life import Days, Life
from ev_energy_async.sandbox.simulation.timeline import Timeline, Written
from ev_energy_async.sandbox.simulation.vehicle_logs import Connection, VehicleReporter

HISTORY = 2 * DAY
"""How far the logs reach back when the sandbox starts."""

_ESTABLISHED = parse("2021-01-01T00:00:00Z")  # the catalogue's creation
_JOINING = 4 * 365 * DAY  # the time over which users joined
_SHARED = 10  # every tenth car is somebody's second
_EVSES_PER_VEHICLE = 0.6
_SECOND_CAR_CHARGER_WATTS = 3_600
_NO_HOME_EVERY = 20  # one user in so many has told no home location
_OFFLINE_EVERY = 12  # one charge point in so many is not heard of any more
_RECENT_DAYS, _RECENT_LOGS = 4_000, 400  # days and log lists kept worked out
_UNUSUAL_FROM = 10  # a fleet this large has at least one car of each unusual kind


class World:
    """Everything there is. Collections iterate in the order of IDs.

    Example:
        >>> world = World(vehicles=20, evses=None, seed=7, start=parse("2026-03-14T12:00:00Z"))
        >>> len(world.vehicles), len(world.evses)
        (20, 12)
    """

    def __init__(self, *, vehicles: int, evses: int | None, seed: int, start: Instant) -> None:
        """A world of that many vehicles and charge points (by default three for every five vehicles) as of `start`."""
        self.start = start
        self.origin = start - HISTORY
        self.users = Collection[User]()
        self.vehicles = Collection[Vehicle]()
        self.vehicle_makes = Collection[VehicleMake]()
        self.vehicle_models = Collection[VehicleModel]()
        self.vehicle_trims = Collection[VehicleTrim]()
        self.evses = Collection[Evse]()
        self.evse_makes = Collection[EvseMake]()
        self.evse_models = Collection[EvseModel]()
        self.ct_clamps = Collection[CtClamp]()
        self.tariffs = Collection[Tariff]()
        self.suppliers = Collection[Supplier]()
        self.evse_sites = Collection[EvseSite]()
        self._days: Days = Days(_RECENT_DAYS)
        self._written: Written = Written(_RECENT_LOGS)
        self._seed = seed
        self._lives = 0
        chance = Random(mix(seed))
        self._fill_catalogue(chance)
        self._fill_users(max(1, vehicles - vehicles // _SHARED), chance)
        self._fill_vehicles(vehicles, chance)
        self._fill_evses(round(vehicles * _EVSES_PER_VEHICLE) if evses is None else evses, chance)

    def remove_vehicle(self, vehicle: Vehicle) -> None:
        """Takes a vehicle off the platform; its charge point goes on."""
        self.vehicles.remove(vehicle.id)
        vehicle.user.vehicles.remove(vehicle)

    def _fill_catalogue(self, chance: Random) -> None:
        created = _ESTABLISHED

        def following(prefix: str) -> str:
            nonlocal created
            created += chance.randrange(HOUR, DAY)
            return new_id(prefix, created, chance)

        for make_data in catalogue.VEHICLE_MAKES:
            make = self.vehicle_makes.add(VehicleMake(following("vmak"), make_data))
            for model_data in make_data.models:
                model = self.vehicle_models.add(VehicleModel(following("vmod"), model_data, make))
                for trim in model_data.trims:
                    made = VehicleTrim(following("trim"), trim.name, trim.watt_hours, model)
                    model.trims.append(self.vehicle_trims.add(made))
        for charger_make_data in catalogue.CHARGER_MAKES:
            charger_make = self.evse_makes.add(EvseMake(following("emak"), charger_make_data))
            for charger_data in charger_make_data.models:
                self.evse_models.add(EvseModel(following("emod"), charger_data, charger_make))
        for name, country in catalogue.SUPPLIERS:
            supplier = self.suppliers.add(Supplier(following("supl"), name))
            place = next(place for place in PLACES if place.country == country)
            tariff = Tariff(following("tari"), "Night Saver", place.currency, place.timezone, "0.29", "0.09", supplier)
            self.tariffs.add(tariff)
        self.evse_sites.add(EvseSite(following("site")))

    def _fill_users(self, count: int, chance: Random) -> None:
        tariffs = {tariff.currency: tariff for tariff in self.tariffs}
        site = next(iter(self.evse_sites))
        for number in range(count):
            joined_at = _ESTABLISHED + chance.randrange(_JOINING)
            first, last = chance.choice(catalogue.FIRST_NAMES), chance.choice(catalogue.LAST_NAMES)
            place = chance.choice(PLACES)
            self.users.add(
                User(
                    id=new_id("user", joined_at, chance),
                    full_name=f"{first} {last}",
                    email=f"{first}.{last}.{number}@example.com".lower(),
                    joined_at=joined_at,
                    consented=_happens(0.95, chance),
                    place=None if number % _NO_HOME_EVERY == _NO_HOME_EVERY - 1 else place,
                    house_number=chance.randrange(1, 200),
                    tariff=tariffs[place.currency] if _happens(0.8, chance) else None,
                    site=site if number % 25 == 1 else None,
                )
            )

    def _fill_vehicles(self, count: int, chance: Random) -> None:
        users, trims = list(self.users), list(self.vehicle_trims)
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
            home_watts = _SECOND_CAR_CHARGER_WATTS if user.vehicles else 7_400
            self._add_vehicle(user, trim, integrated, home_watts, chance, disabled=number in disabled)

    def _add_vehicle(
        self, user: User, trim: VehicleTrim, integrated: str, home_watts: int, chance: Random, *, disabled: bool
    ) -> None:
        make = trim.model.make
        charge_limit, smart = chance.choice((80, 80, 80, 90, 100)), _happens(0.85, chance)
        habits = self._draw_habits(
            trim.watt_hours, trim.model.data.watt_hours_per_kilometer, home_watts, user.place, chance
        )
        life = self._new_life(habits, charge_limit, smart=smart)
        connection = Connection(
            telematics=make.data.telematics,
            integrated=integrated != "UNINTEGRATED",
            severed_at=self.start - chance.randrange(2 * HOUR, 30 * HOUR) if integrated == "INACTIVE" else None,
            error_rate=4.0 if _happens(0.06, chance) else 0.15,  # a few links are bad
            knows_home=user.place is not None,
        )
        vehicle = Vehicle(
            id=new_id("vhcl", user.joined_at + chance.randrange(MINUTE, 30 * DAY), chance),
            user=user,
            trim=trim,
            description=f"{user.full_name}'s {make.name} {trim.model.name}",
            battery_watt_hours=trim.watt_hours,
            integrated=integrated,
            disabled=disabled,
            smart_charging=smart,
            charge_limit=charge_limit,
            vehicle_class=chance.choice(("PASSENGER", "PASSENGER", "PASSENGER", "COMMERCIAL", None)),
            life=life,
            logs={
                kind.name: Timeline(kind, life, self.origin, write, self._written)
                for kind, write in VehicleReporter(life, connection).kinds()
            },
        )
        self.vehicles.add(vehicle)
        user.vehicles.append(vehicle)

    def _fill_evses(self, count: int, chance: Random) -> None:
        users, models = list(self.users), list(self.evse_models)
        integrated = [model for model in models if model.data.integrated]
        for number in range(count):
            user = users[number % len(users)]
            if user.vehicles and not user.evses:
                life = user.vehicles[0].life
            else:  # a charger whose car is not on the platform
                habits = self._draw_habits(60_000, 170, 7_400, user.place, chance)
                life = self._new_life(habits, 90, smart=True)
            self._add_evse(user, chance.choice(integrated), life, number, chance)

    def _add_evse(self, user: User, model: EvseModel, life: Life, number: int, chance: Random) -> None:
        make = model.make.data
        offline = number % _OFFLINE_EVERY == _OFFLINE_EVERY - 1
        charger = Charger(
            controller=make.controller,
            speaks_ocpp=make.speaks_ocpp,
            watts=life.habits.home_watts,
            delay_seconds=3 if make.speaks_ocpp else 45,
            offline_since=self.start - chance.randrange(HOUR, 20 * HOUR) if offline else None,
            signal_dbm=-chance.randrange(45, 85),
            error_rate=0.2,
        )
        evse = Evse(
            id=new_id("evse", user.joined_at + chance.randrange(MINUTE, 60 * DAY), chance),
            cpid=f"{make.name[:3].upper()}{chance.randrange(10**7):07d}-{number}",
            user=user,
            model=model,
            lock_mode=chance.choice(("UNLOCKED", "SMART", "SMART", None)),
            lifecycle_state=chance.choice(("ENROLLED", "COMMISSIONED", "INSTALLED", None)),
            located=user.place is not None,
            logs={
                kind.name: Timeline(kind, life, self.origin, write, self._written)
                for kind, write in EvseReporter(life, charger).kinds()
            },
        )
        self.evses.add(evse)
        user.evses.append(evse)
        if user.site is not None:
            user.site.evses.append(evse)
        if number % 3 == 0:
            evse.clamp = self.ct_clamps.add(CtClamp(new_id("ctcl", user.joined_at + 61 * DAY, chance), evse))

    def _draw_habits(
        self, battery: int, consumption: int, home_watts: int, place: Place | None, chance: Random
    ) -> Habits:
        longest = battery * 1_000 // consumption // 8  # metres; there and back three times on one charge
        local = place.utc_hours if place else 0
        return Habits(
            battery_watt_hours=battery,
            watt_hours_per_kilometer=consumption,
            home_watts=home_watts,
            leg_meters=min(longest, chance.randrange(6_000, 38_000)),
            leaves=int(chance.uniform(6.5, 9) * HOUR) - local * HOUR,
            plugs_in=chance.uniform(0.35, 1),
        )

    def _new_life(self, habits: Habits, target: int, *, smart: bool) -> Life:
        self._lives += 1
        return Life(mix(self._seed, self._lives), habits, self.origin, self._days, target=target, smart=smart)


def _happens(share: float, chance: Random) -> bool:
    return chance.random() < share
