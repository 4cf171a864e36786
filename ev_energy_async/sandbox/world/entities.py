"""The things of the sandbox's world and the ordered collections that keep them. No I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import attrs

from ev_energy_async.ids import CROCKFORD
from ev_energy_async.ids import ulid as ulid_of
from ev_energy_async.sandbox.simulation import Rates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from ev_energy_async.sandbox.instants import Instant
    from ev_energy_async.sandbox.simulation import EvseReporter, Life, Timeline, VehicleReporter
    from ev_energy_async.sandbox.world.catalogue import ChargerMakeData, ChargerModelData, MakeData, ModelData, Place


def new_id(prefix: str, created_at: Instant, chance: Random) -> str:
    """Return an ID: the collection's four letters and a ULID (github.com/ulid/spec) of the creation time."""
    return prefix + ulid(created_at, chance.getrandbits(80))


def ulid(created_at: Instant, random_part: int) -> str:
    """Return a ULID of a time of creation and 80 bits."""
    return ulid_of(created_at // 1_000, random_part)


def ulid_time(text: str) -> Instant:
    """Return the creation time of a ULID, to the millisecond; an arbitrary time for other text.

    Example:
        >>> ulid_time("01HRFF3SEVSCRAV9B3CHVDFN0H") // 1_000_000
        1709931267
    """
    value = 0
    for character in text[:10]:
        value = value << 5 | max(0, CROCKFORD.find(character))
    return value * 1_000


@attrs.define(eq=False)
class VehicleMake:
    """A vehicle manufacturer."""

    id: str
    data: MakeData

    @property
    def name(self) -> str:
        """Its name."""
        return self.data.name


@attrs.define(eq=False)
class VehicleModel:
    """A model of a make."""

    id: str
    data: ModelData
    make: VehicleMake
    connector: str | None = None
    """The DC connector of its cars, if known."""
    connectors: dict[str, dict[str, object]] = attrs.field(factory=dict[str, dict[str, object]])
    """Its connectors by charging region."""
    hidden: bool = False
    """Whether it awaits review; until then it is not listed."""
    trims: list[VehicleTrim] = attrs.field(factory=list["VehicleTrim"])

    @property
    def name(self) -> str:
        """Its name."""
        return self.data.name


@attrs.define(eq=False)
class VehicleTrim:
    """A model with one set of features."""

    id: str
    name: str
    watt_hours: int
    model: VehicleModel
    hidden: bool = False
    """Whether it was made for one vehicle and is not listed."""


@attrs.define(eq=False)
class EvseMake:
    """A charge point manufacturer."""

    id: str
    data: ChargerMakeData


@attrs.define(eq=False)
class EvseModel:
    """A charge point model."""

    id: str
    data: ChargerModelData
    make: EvseMake


@attrs.define(eq=False)
class Supplier:
    """An energy supplier."""

    id: str
    name: str


@attrs.define(eq=False)
class Tariff:
    """An energy tariff: night and day prices, as decimal strings of major currency units."""

    id: str
    name: str
    currency: str
    timezone: str
    day_price: str
    night_price: str
    supplier: Supplier
    country: str
    type: str = "DUAL_RATE"
    highlighted: bool = False
    gsp_group: str | None = None
    valid_until: str | None = None
    scheduler: Tariff | None = None
    """The tariff that charging is planned by, where that is another one."""

    @property
    def rates(self) -> Rates:
        """Its prices per kWh."""
        day, night = round(float(self.day_price) * 100), round(float(self.night_price) * 100)
        return Rates(self.timezone, day, night, self.type == "DYNAMIC", int(self.id[-5:], 36))


@attrs.define(eq=False)
class EvseSite:
    """A place with shared charge points."""

    id: str
    evses: list[Evse] = attrs.field(factory=list["Evse"])


@attrs.define(eq=False)
class User:
    """A driver, or the owner of a charge point alone."""

    id: str
    full_name: str
    email: str
    joined_at: Instant
    consented: bool
    place: Place | None
    house_number: int
    tariff: Tariff | None
    vehicles: list[Vehicle] = attrs.field(factory=list["Vehicle"])
    evses: list[Evse] = attrs.field(factory=list["Evse"])
    site: EvseSite | None = None
    street: str | None = None
    """The first line of the address, where the user has given it."""
    address_2: str | None = None


@attrs.define(eq=False)
class Vehicle:
    """One car."""

    id: str
    user: User
    trim: VehicleTrim
    description: str
    battery_watt_hours: int
    integrated: str
    """ACTIVE, INACTIVE or UNINTEGRATED."""
    disabled: bool
    smart_charging: bool
    charge_limit: int
    vehicle_class: str | None
    life: Life
    reporter: VehicleReporter
    logs: Mapping[str, Timeline]
    plug: Plug | None = None
    reconnects_at: Instant | None = None
    """The moment at which the owner, having received a link, reconnects it."""
    connector: str | None = None
    """Its own DC plug, where that is not the model's."""
    adaptors: tuple[str, ...] = ()
    connectors_updated_at: Instant | None = None
    manual_charge: tuple[int, Instant] | None = None
    """The percentage that the driver entered, and when."""

    def integration(self, now: Instant) -> str:
        """Return the state of its link at a moment: UNINTEGRATED, ACTIVE or INACTIVE."""
        if self.reconnects_at is not None and now >= self.reconnects_at:
            return "ACTIVE"
        return self.integrated


@attrs.define(eq=False)
class CtClamp:
    """A current clamp at the supply of a home."""

    id: str
    evse: Evse | None


@attrs.define(eq=False)
class Evse:
    """One charge point."""

    id: str
    cpid: str
    user: User
    model: EvseModel
    lock_mode: str | None
    lifecycle_state: str | None
    location: tuple[float, float] | None
    """Latitude and longitude."""
    reporter: EvseReporter
    logs: Mapping[str, Timeline]
    clamp: CtClamp | None = None
    plug: Plug | None = None


@attrs.define(eq=False)
class Plug:
    """A place where one car is charged: the car, its home charger, or both, as far as they are on the platform."""

    number: int
    life: Life
    vehicle: Vehicle | None = None
    evse: Evse | None = None

    @property
    def user(self) -> User:
        """The owner.

        Raises:
            LookupError: neither car nor charger is on the platform any more.
        """
        device = self.vehicle or self.evse
        if device is None:
            raise LookupError(self.number)
        return device.user


class Identified(Protocol):
    """An object with an ID."""

    @property
    def id(self) -> str:
        """Its ID."""
        ...


T = TypeVar("T", bound=Identified)


class Collection(Generic[T]):
    """Things of one kind in the order of their IDs, which is the order of their creation."""

    def __init__(self) -> None:
        self._by_id: dict[str, T] = {}
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[T]:
        return (self._by_id[id_] for id_ in self._ids)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._by_id

    def __getitem__(self, id_: str) -> T:
        return self._by_id[id_]

    def get(self, id_: str) -> T | None:
        """Return the thing of that ID, if there is one."""
        return self._by_id.get(id_)

    def add(self, thing: T) -> T:
        """Insert a thing and return it."""
        self._by_id[thing.id] = thing
        insort(self._ids, thing.id)
        return thing

    def remove(self, id_: str) -> T:
        """Remove a thing and return it."""
        self._ids.pop(bisect_left(self._ids, id_))
        return self._by_id.pop(id_)

    def following(self, id_: str | None) -> Iterator[T]:
        """Return the things after that ID, whether or not it is here; all of them after None."""
        start = 0 if id_ is None else bisect_right(self._ids, id_)
        return (self._by_id[self._ids[place]] for place in range(start, len(self._ids)))

    def preceding(self, id_: str) -> Iterator[T]:
        """Return the things before that ID, the nearest first."""
        return (self._by_id[self._ids[place]] for place in range(bisect_left(self._ids, id_) - 1, -1, -1))
