"""Builds cars and charge points with all that belongs to them, and keeps the things of the world. No I/O, no clock."""

from random import Random
from typing import Final

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, Instant
from ev_energy_async.sandbox.simulation import (
    Arrivals,
    Charger,
    Connection,
    Days,
    EvseReporter,
    Habits,
    Life,
    LogBook,
    LogKind,
    Reporter,
    Shared,
    VehicleReporter,
    Written,
    evse_logs,
    mix,
    vehicle_logs,
)
from ev_energy_async.sandbox.world.catalogue import Place
from ev_energy_async.sandbox.world.entities import (
    Collection,
    CtClamp,
    Evse,
    EvseMake,
    EvseModel,
    EvseSite,
    Plug,
    Supplier,
    Tariff,
    User,
    Vehicle,
    VehicleMake,
    VehicleModel,
    VehicleTrim,
    new_id,
)
from ev_energy_async.sandbox.world.sessions import SessionBook

HISTORY: Final = 2 * DAY
"""The age of the oldest logs when the sandbox starts."""

_HOME_CHARGER_WATTS: Final = 7_400
_SECOND_CAR_CHARGER_WATTS: Final = 3_600
_SMART: Final = 0.85  # shares of the cars
_BAD_LINKS: Final = 0.06
_OFFLINE_EVERY: Final = 12  # one charge point in so many is silent
_RECENT_DAYS: Final = 4_000  # days and log lists kept worked out
_RECENT_LOGS: Final = 400


class Stock:
    """Collections of all that has behaviour, empty at first. They iterate in the order of IDs."""

    def __init__(self, *, seed: int, start: Instant) -> None:
        """Make a stock as of `start`."""
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
        self.plugs: list[Plug] = []
        """All plugs; those whose devices are gone stay, so that numbers remain valid."""
        self.sessions = SessionBook(seed, self.origin, self.plugs)
        self._days: Days = Days(_RECENT_DAYS)
        self.arrivals = Arrivals()
        self._shared = Shared(self.arrivals, Written(_RECENT_LOGS))
        self.seed = seed
        self._lives = 0

    def build_vehicle(
        self,
        user: User,
        trim: VehicleTrim,
        integrated: str,
        chance: Random,
        *,
        disabled: bool,
        joined_at: Instant | None = None,
        battery: int | None = None,
    ) -> Vehicle:
        """Build a user's vehicle; without `joined_at`, one that has been there from the start."""
        home_watts = _SECOND_CAR_CHARGER_WATTS if user.vehicles else _HOME_CHARGER_WATTS
        make = trim.model.make
        charge_limit, smart = chance.choice((80, 80, 80, 90, 100)), chance.random() < _SMART
        habits = self._draw_habits(
            battery or trim.watt_hours, trim.model.data.watt_hours_per_kilometer, home_watts, user.place, chance
        )
        life = self._new_life(habits, charge_limit, smart=smart)
        connection = Connection(
            telematics=make.data.telematics,
            integrated=integrated != "UNINTEGRATED",
            silences=((self.start - chance.randrange(2 * HOUR, 30 * HOUR), None),) if integrated == "INACTIVE" else (),
            error_rate=4.0 if chance.random() < _BAD_LINKS else 0.15,  # a few links are bad
            knows_home=user.place is not None,
        )
        reporter = VehicleReporter(life, connection)
        vehicle = Vehicle(
            id=new_id("vhcl", joined_at or user.joined_at + chance.randrange(MINUTE, 30 * DAY), chance),
            user=user,
            trim=trim,
            description=f"{user.full_name}'s {make.name} {trim.model.name}",
            battery_watt_hours=battery or trim.watt_hours,
            integrated=integrated,
            disabled=disabled,
            smart_charging=smart,
            charge_limit=charge_limit,
            vehicle_class=chance.choice(("PASSENGER", "PASSENGER", "PASSENGER", "COMMERCIAL", None)),
            life=life,
            reporter=reporter,
            logs=self._log_book(vehicle_logs.KINDS, reporter, joined_at),
        )
        vehicle.plug = self._new_plug(life, vehicle=vehicle)
        self.vehicles.add(vehicle)
        user.vehicles.append(vehicle)
        return vehicle

    def build_evse(
        self,
        user: User,
        model: EvseModel,
        vehicle: Vehicle | None,
        number: int,
        chance: Random,
        *,
        joined_at: Instant | None = None,
        cpid: str | None = None,
    ) -> Evse:
        """Build a user's charge point for a vehicle or, without one, for a car that is not on the platform."""
        life = vehicle.life if vehicle is not None else self._life_of_a_stranger(user, chance)
        make = model.make.data
        offline = number % _OFFLINE_EVERY == _OFFLINE_EVERY - 1
        charger = Charger(
            controller=make.controller,
            speaks_ocpp=make.speaks_ocpp,
            watts=life.habits.home_watts,
            delay_seconds=3 if make.speaks_ocpp else 45,
            silences=((self.start - chance.randrange(HOUR, 20 * HOUR), None),) if offline else (),
            signal_dbm=-chance.randrange(45, 85),
            error_rate=0.2,
        )
        reporter = EvseReporter(life, charger)
        evse = Evse(
            id=new_id("evse", joined_at or user.joined_at + chance.randrange(MINUTE, 60 * DAY), chance),
            cpid=cpid or f"{make.name[:3].upper()}{chance.randrange(10**7):07d}-{number}",
            user=user,
            model=model,
            lock_mode=chance.choice(("UNLOCKED", "SMART", "SMART", None)),
            lifecycle_state=chance.choice(("ENROLLED", "COMMISSIONED", "INSTALLED", None)),
            location=(user.place.latitude, user.place.longitude) if user.place else None,
            reporter=reporter,
            logs=self._log_book(evse_logs.KINDS, reporter, joined_at),
        )
        evse.plug = vehicle.plug if vehicle is not None else None
        if evse.plug is None:
            evse.plug = self._new_plug(life, evse=evse)
        evse.plug.evse = evse
        self.evses.add(evse)
        user.evses.append(evse)
        if user.site is not None:
            user.site.evses.append(evse)
        if number % 3 == 0:
            evse.clamp = self.ct_clamps.add(CtClamp(new_id("ctcl", user.joined_at + 61 * DAY, chance), evse))
        return evse

    def _life_of_a_stranger(self, user: User, chance: Random) -> Life:
        habits = self._draw_habits(60_000, 170, _HOME_CHARGER_WATTS, user.place, chance)
        return self._new_life(habits, 90, smart=True)

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

    def _log_book(self, kinds: dict[str, LogKind], reporter: Reporter, joined_at: Instant | None) -> LogBook:
        return LogBook(kinds, reporter, self.origin if joined_at is None else joined_at, self._shared)

    def _new_plug(self, life: Life, *, vehicle: Vehicle | None = None, evse: Evse | None = None) -> Plug:
        plug = Plug(len(self.plugs), life, vehicle, evse)
        self.plugs.append(plug)
        return plug

    def _new_life(self, habits: Habits, target: int, *, smart: bool) -> Life:
        self._lives += 1
        return Life(mix(self.seed, self._lives), habits, self.origin, self._days, target=target, smart=smart)
