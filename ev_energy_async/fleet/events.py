"""The events of a watch: one class an event, each acknowledged by its consumer.

`fleet.watch` yields them. An event carries a `key` that is the same whenever it is delivered again, so that a sink can
drop what it has.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import DEVICES, place
from ev_energy_async.instants import moment

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async import models as m
    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.models import Vehicle, VehicleAPIErrorLog, VehicleStatusLog

__all__ = [
    "BoundaryMeterEvent",
    "CTClampEvent",
    "ChargerEvent",
    "CycleFinished",
    "DeviceAdded",
    "DeviceEvent",
    "DeviceRemoved",
    "ErrorLogged",
    "FleetEvent",
    "FleetShrank",
    "HomeBatteryEvent",
    "IntegrationChanged",
    "InverterEvent",
    "Lateness",
    "LogEvent",
    "PollFailed",
    "Spent",
    "StatusLogged",
    "VehicleAdded",
    "VehicleEvent",
    "VehicleRemoved",
    "WatchEvent",
]

StatusT = TypeVar("StatusT", default="VehicleStatusLog")
ErrorT = TypeVar("ErrorT", default="VehicleAPIErrorLog")
DeviceT = TypeVar("DeviceT", default=Any)


def _time_of(log: Any, field: str) -> dt.datetime:
    found = getattr(log, field)
    # It may stand in the URL of the log alone.
    return found if isinstance(found, dt.datetime) else moment(place(log, field).at)


async def _nothing() -> None:
    """No effect outside a watch."""


@attrs.frozen(kw_only=True)
class FleetEvent(AsDict):
    """The base of all events.

    Attributes:
        key: The identity of this event in its checkpoint; the same if it is delivered again. That of a sub-session has
            its facts in it: it comes again under another one if these have changed.
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


def _vehicle_id(event: DeviceEvent) -> str:
    return event.vehicle_id


@attrs.frozen(kw_only=True)
class DeviceEvent(FleetEvent):
    """An event of one device.

    Attributes:
        vehicle_id: Which vehicle; empty if it is a device of another kind.
        kind: The collection that it is of.
        device_id: Which device, whatever its kind.
    """

    vehicle_id: str = ""
    kind: str = "vehicles"
    device_id: str = attrs.field(default=attrs.Factory(_vehicle_id, takes_self=True), repr=False)


@attrs.frozen(kw_only=True)
class LogEvent(DeviceEvent):
    """A log was delivered.

    Attributes:
        late: Whether the API stored it late: a read had already seen a later one.
        out_of_order: Whether a later one was delivered before it.
        via: `snapshot` if a snapshot showed it as the newest one, `read` if it was read with the history.
        raw: The log as JSON, as the API sent it, if the watch was asked for it (`raw=True`); None if not.
    """

    late: bool = False
    out_of_order: bool = False
    via: Literal["snapshot", "read"] = "read"
    raw: bytes | None = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen(kw_only=True)
class StatusLogged(LogEvent, Generic[StatusT]):
    """A device has a new status log: a `VehicleStatusLog` of a vehicle, an `EVSEStatusLog` of a charger, and so on.

    Attributes:
        log: The log.
    """

    log: StatusT

    @property
    def sampled_at(self) -> dt.datetime:
        """When the state was sampled, aware; every log has such a time, by which it is known."""
        return _time_of(self.log, DEVICES[self.kind].regular.time)


@attrs.frozen(kw_only=True)
class ErrorLogged(LogEvent, Generic[ErrorT]):
    """An exchange with a vehicle's telematics, or with a charger, has failed.

    Attributes:
        log: The log.
    """

    log: ErrorT

    @property
    def logged_at(self) -> dt.datetime:
        """When the failure was logged, aware; every log has such a time, by which it is known."""
        return _time_of(self.log, DEVICES[self.kind].logs["error"].time)


@attrs.frozen(kw_only=True)
class DeviceAdded(DeviceEvent, Generic[DeviceT]):
    """A device of another kind than a vehicle is seen for the first time, or again after it was removed.

    Attributes:
        device: The device, with its newest status log if its kind shows one.
    """

    device: DeviceT


@attrs.frozen(kw_only=True)
class DeviceRemoved(DeviceEvent):
    """A device of another kind than a vehicle is gone."""


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
    """A snapshot holds far fewer devices than the one before; no device is taken as removed while it is so.

    Attributes:
        before: How many devices are known.
        after: How many of them the snapshot holds.
        kind: Of which kind.
    """

    before: int
    after: int
    kind: str = "vehicles"


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
        vehicles: Devices in the snapshot that are watched.
        changed: Devices that showed a new log.
        waiting: Devices whose history is to be read.
        failed: Devices that could not be read.
        spent: The requests it made.
        lateness: How late the status logs were stored that were read in it; None if there were none.
        budget_remaining: Requests left of the hourly budget.
        kind: Of which devices.
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
    kind: str = "vehicles"


VehicleEvent: TypeAlias = (
    StatusLogged
    | ErrorLogged
    | VehicleAdded
    | VehicleRemoved
    | IntegrationChanged
    | PollFailed
    | FleetShrank
    | CycleFinished
)
"""The events that `fleet.watch` yields of vehicles."""

_OfAnyKind: TypeAlias = DeviceRemoved | PollFailed | FleetShrank | CycleFinished

ChargerEvent: TypeAlias = (
    "StatusLogged[m.EVSEStatusLog] | ErrorLogged[m.EVSEAPIErrorLog] | DeviceAdded[m.EVSE] | _OfAnyKind"
)
"""The events that `fleet.watch` yields of chargers."""

HomeBatteryEvent: TypeAlias = "StatusLogged[m.HomeBatteryStatusLog] | DeviceAdded[m.HomeBattery] | _OfAnyKind"
"""The events that `fleet.watch` yields of home batteries."""

BoundaryMeterEvent: TypeAlias = "StatusLogged[m.BoundaryMeterStatusLog] | DeviceAdded[m.BoundaryMeter] | _OfAnyKind"
"""The events that `fleet.watch` yields of boundary meters."""

InverterEvent: TypeAlias = "StatusLogged[m.InverterStatusLog] | DeviceAdded[m.Inverter] | _OfAnyKind"
"""The events that `fleet.watch` yields of inverters."""

CTClampEvent: TypeAlias = "StatusLogged[m.CTClampLog] | DeviceAdded[m.CTClamp] | _OfAnyKind"
"""The events that `fleet.watch` yields of CT clamps."""

WatchEvent: TypeAlias = (
    StatusLogged[Any]
    | ErrorLogged[Any]
    | VehicleAdded
    | VehicleRemoved
    | DeviceAdded[Any]
    | DeviceRemoved
    | IntegrationChanged
    | PollFailed
    | FleetShrank
    | CycleFinished
)
"""The events that `fleet.watch` yields of devices of several kinds."""
