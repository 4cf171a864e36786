"""The events of a watch: one class an event, each acknowledged by its consumer.

`fleet.watch` yields them. An event carries a `key` that is the same whenever it is delivered again, so that a sink can
drop what it has.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import place
from ev_energy_async.instants import moment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.models import Vehicle, VehicleAPIErrorLog, VehicleStatusLog
    from ev_energy_async.values import Model

__all__ = [
    "CycleFinished",
    "DeviceEvent",
    "ErrorLogged",
    "FleetEvent",
    "FleetShrank",
    "IntegrationChanged",
    "Lateness",
    "LogEvent",
    "PollFailed",
    "Spent",
    "StatusLogged",
    "VehicleAdded",
    "VehicleRemoved",
    "WatchEvent",
]


def _time_of(log: Model, field: str) -> dt.datetime:
    found = getattr(log, field)
    # It may stand in the URL of the log alone.
    return found if isinstance(found, dt.datetime) else moment(place(log, field).at)


async def _nothing() -> None:
    """No effect outside a watch."""


@attrs.frozen(kw_only=True)
class FleetEvent(AsDict):
    """The base of all events.

    Attributes:
        key: The identity of this event in its checkpoint; the same if it is delivered again.
    """

    key: str
    _ack: Callable[[], Awaitable[None]] = attrs.field(default=_nothing, repr=False, eq=False, alias="ack")

    async def ack(self) -> None:
        """Acknowledge this event and all before it; once it has returned, none of them comes again after a crash.

        Within `SqliteCheckpoint.transaction` it is a part of the transaction.

        Raises:
            CheckpointError: It cannot be written; nothing is acknowledged by this call.
            CheckpointConflict: Another process has advanced the checkpoint.
        """
        await self._ack()


@attrs.frozen(kw_only=True)
class DeviceEvent(FleetEvent):
    """An event of one device.

    Attributes:
        vehicle_id: Which vehicle.
        kind: The collection that it is of.
    """

    vehicle_id: str
    kind: str = "vehicles"

    @property
    def device_id(self) -> str:
        """Which device, whatever its kind."""
        return self.vehicle_id


@attrs.frozen(kw_only=True)
class LogEvent(DeviceEvent):
    """A log was delivered.

    Attributes:
        late: Whether the API stored it late: a read had already seen a later one.
        out_of_order: Whether a later one was delivered before it.
        via: `snapshot` if a snapshot showed it as the newest one, `read` if it was read with the history.
    """

    late: bool = False
    out_of_order: bool = False
    via: Literal["snapshot", "read"] = "read"


@attrs.frozen(kw_only=True)
class StatusLogged(LogEvent):
    """A vehicle has a new status log.

    Attributes:
        log: The log.
    """

    log: VehicleStatusLog

    @property
    def sampled_at(self) -> dt.datetime:
        """When the state was sampled, aware; every log has such a time, by which it is known."""
        return _time_of(self.log, "sampled_at")


@attrs.frozen(kw_only=True)
class ErrorLogged(LogEvent):
    """An exchange with a vehicle's telematics has failed.

    Attributes:
        log: The log.
    """

    log: VehicleAPIErrorLog

    @property
    def logged_at(self) -> dt.datetime:
        """When the failure was logged, aware; every log has such a time, by which it is known."""
        return _time_of(self.log, "logged_at")


@attrs.frozen(kw_only=True)
class VehicleAdded(DeviceEvent):
    """A vehicle is seen for the first time, or again after it was removed. At first that is each vehicle.

    Attributes:
        vehicle: The vehicle, with its newest status log.
    """

    vehicle: Vehicle


@attrs.frozen(kw_only=True)
class VehicleRemoved(DeviceEvent):
    """A vehicle is gone: a complete snapshot was without it, and the API responds with 404 for it."""


@attrs.frozen(kw_only=True)
class IntegrationChanged(DeviceEvent):
    """The connection to a vehicle has changed, as from ACTIVE to INACTIVE.

    Attributes:
        before: What `integrated` was.
        after: What it is.
        vehicle: The vehicle as it is now.
    """

    before: str
    after: str
    vehicle: Vehicle


@attrs.frozen(kw_only=True)
class PollFailed(DeviceEvent):
    """A vehicle could not be read. The others are not affected, and it is retried in a later cycle.

    Attributes:
        log_kind: What was read: `status`, `error`, `command`, `location`, or `vehicle` for the vehicle itself.
        error: Why it failed.
    """

    log_kind: str
    error: EvEnergyError = attrs.field(eq=False)


@attrs.frozen(kw_only=True)
class FleetShrank(FleetEvent):
    """A snapshot holds far fewer vehicles than the one before; no vehicle is taken as removed while it is so.

    Attributes:
        before: How many vehicles are known.
        after: How many of them the snapshot holds.
    """

    before: int
    after: int


@attrs.frozen(kw_only=True)
class Spent(AsDict):
    """Requests of a cycle by purpose. A request that was retried counts once.

    Attributes:
        snapshot: Pages of the snapshot.
        history: Pages of status logs of vehicles that have changed.
        errors: Pages of error logs.
        late: Pages of status logs of vehicles not read for long, for logs that came late.
        checks: Vehicles that were looked up because the snapshot was without them.
    """

    snapshot: int = 0
    history: int = 0
    errors: int = 0
    late: int = 0
    checks: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.snapshot + self.history + self.errors + self.late + self.checks


@attrs.frozen(kw_only=True)
class Lateness(AsDict):
    """The delay of status logs from `sampled_at` to `logged_at`, in seconds.

    Attributes:
        p50: Half of them took no longer.
        p90: Nine in ten took no longer.
        p99: Ninety-nine in a hundred took no longer.
        longest: The longest.
    """

    p50: float
    p90: float
    p99: float
    longest: float


@attrs.frozen(kw_only=True)
class CycleFinished(FleetEvent):
    """A cycle is done: a snapshot, and the reads that ended since the cycle before.

    Attributes:
        cycle: Its number, from 1 on in one checkpoint.
        began_at: When its snapshot was begun, aware.
        duration: How long it took, in seconds.
        every: From the beginning of this snapshot to that of the next, in seconds; longer than asked for if the budget
            does not allow it.
        complete_within: How soon every log is delivered that the API stores in time, in seconds; longer than asked for
            if the budget does not allow it, infinite if history cannot keep up, None without history.
        fits: Whether the budget allows what was asked for.
        vehicles: Vehicles in the snapshot.
        changed: Vehicles that showed a new log.
        waiting: Vehicles whose history is to be read.
        failed: Vehicles that could not be read.
        spent: The requests it made.
        lateness: How late the status logs were stored that were read in it; None if there were none.
        budget_remaining: Requests left of the hourly budget.
    """

    cycle: int
    began_at: dt.datetime
    duration: float
    every: float
    complete_within: float | None
    fits: bool
    vehicles: int
    changed: int
    waiting: int
    failed: int
    spent: Spent
    lateness: Lateness | None
    budget_remaining: int


WatchEvent: TypeAlias = (
    StatusLogged
    | ErrorLogged
    | VehicleAdded
    | VehicleRemoved
    | IntegrationChanged
    | PollFailed
    | FleetShrank
    | CycleFinished
)
"""The events that `fleet.watch` yields."""
