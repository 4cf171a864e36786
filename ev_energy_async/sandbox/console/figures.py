"""The console's view of a sandbox, and the actions that it offers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from ev_energy_async.sandbox.clock import ScaledClock
from ev_energy_async.sandbox.faults import FaultPlan
from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.record import Record
from ev_energy_async.sandbox.world import World

__all__ = ["Bucket", "Car", "Fleet", "Shown", "fleet_of"]

_MOST_CARS = 12
_MOST_COUNTED = 250
_LOW = 20


@attrs.frozen
class Bucket:
    """The hourly allowance of one caller.

    Attributes:
        name: Who calls: an application, a user of it, or an address.
        limit: Requests in a rolling hour.
        remaining: Those that are left now.
        retry_after: Seconds until one is admitted; 0 if one is now.
    """

    name: str
    limit: int
    remaining: int
    retry_after: int


class Shown(Protocol):
    """A sandbox as the console needs it."""

    world: World
    record: Record

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        ...

    @property
    def faults(self) -> FaultPlan:
        """The fault plan in force."""
        ...

    @faults.setter
    def faults(self, plan: FaultPlan) -> None: ...

    @property
    def buckets(self) -> Sequence[Bucket]:
        """The allowance of each caller, the latest caller first."""
        ...

    @property
    def clock(self) -> ScaledClock | None:
        """The clock, if it can be paused and has a speed."""
        ...

    def now(self) -> datetime:
        """Return the present."""
        ...

    def advance(self, by: float | timedelta) -> None:
        """Move the time forward."""
        ...

    async def settle(self) -> None:
        """Wait until the webhooks that are due have been attempted."""
        ...


@attrs.frozen
class Car:
    """One vehicle at a glance."""

    id: str
    description: str
    link: str
    level: int | None
    state: str


@attrs.frozen
class Fleet:
    """The fleet at a glance.

    Attributes:
        size: Vehicles.
        counted: Those that the other figures are of: the first ones, where there are very many.
        connected: Those whose link to the platform works.
        plugged_in: Those that reported to be plugged in.
        charging: Those that reported to be charging.
        low: Those that reported less than 20 %.
        cars: The first few.
    """

    size: int
    counted: int
    connected: int
    plugged_in: int
    charging: int
    low: int
    cars: tuple[Car, ...]


def fleet_of(world: World, now: Instant) -> Fleet:
    """Return the fleet as its newest status logs show it."""
    cars: list[Car] = []
    counted = connected = plugged = charging = low = 0
    for vehicle in world.vehicles:
        if counted == _MOST_COUNTED:
            break
        counted += 1
        link = vehicle.integration(now)
        connected += link == "ACTIVE"
        log = vehicle.logs["status_logs"].latest(now)
        fields = {} if log is None else log.fields()
        level = fields.get("state_of_charge_percentage")
        is_plugged, is_charging = bool(fields.get("is_plugged_in")), bool(fields.get("is_charging"))
        plugged += is_plugged
        charging += is_charging
        low += isinstance(level, int) and level < _LOW
        if len(cars) < _MOST_CARS:
            state = "charging" if is_charging else "plugged in" if is_plugged else "unplugged"
            cars.append(Car(vehicle.id, vehicle.description, link, level if isinstance(level, int) else None, state))
    return Fleet(len(world.vehicles), counted, connected, plugged, charging, low, tuple(cars))
