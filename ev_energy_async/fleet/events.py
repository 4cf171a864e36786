"""What a watch over a fleet tells: one class an event, each acknowledged by its consumer.

`fleet` yields them. An event carries a `key` that is the same whenever it is delivered again, so that a sink can drop
what it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable

    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.models import Vehicle, VehicleAPIErrorLog, VehicleStatusLog

__all__ = [
    "CycleFinished",
    "Delays",
    "ErrorLogged",
    "FleetEvent",
    "FleetShrank",
    "IntegrationChanged",
    "Lateness",
    "PollFailed",
    "Spent",
    "StatusLogged",
    "VehicleAdded",
    "VehicleRemoved",
    "WatchEvent",
]


async def _nothing() -> None:
    """Do nothing: what stands alone has nobody to tell."""


@attrs.frozen(kw_only=True)
class FleetEvent:
    """What all events have.

    Attributes:
        key: What tells this event from all others of the same checkpoint; the same if it is delivered again.
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
class StatusLogged(FleetEvent):
    """A vehicle has a new status log.

    Attributes:
        vehicle_id: Whose.
        log: The log.
        late: Whether a log with a later `sampled_at` was delivered before it.
    """

    vehicle_id: str
    log: VehicleStatusLog
    late: bool = False


@attrs.frozen(kw_only=True)
class ErrorLogged(FleetEvent):
    """An exchange with a vehicle's telematics has failed.

    Attributes:
        vehicle_id: Whose.
        log: The log.
        late: Whether a log with a later `logged_at` was delivered before it.
    """

    vehicle_id: str
    log: VehicleAPIErrorLog
    late: bool = False


@attrs.frozen(kw_only=True)
class VehicleAdded(FleetEvent):
    """A vehicle is seen for the first time, or again after it was removed; at first that is each.

    Attributes:
        vehicle_id: Which.
        vehicle: The vehicle, with its newest status log.
    """

    vehicle_id: str
    vehicle: Vehicle


@attrs.frozen(kw_only=True)
class VehicleRemoved(FleetEvent):
    """A vehicle is gone: a complete snapshot was without it, and the API answers 404 for it.

    Attributes:
        vehicle_id: Which.
    """

    vehicle_id: str


@attrs.frozen(kw_only=True)
class IntegrationChanged(FleetEvent):
    """The connection to a vehicle has changed, as from ACTIVE to INACTIVE.

    Attributes:
        vehicle_id: Whose.
        before: What `integrated` was.
        after: What it is.
        vehicle: The vehicle as it is now.
    """

    vehicle_id: str
    before: str
    after: str
    vehicle: Vehicle


@attrs.frozen(kw_only=True)
class PollFailed(FleetEvent):
    """A vehicle could not be read; the others go on, and it is tried again.

    Attributes:
        vehicle_id: Which.
        log_kind: What was read: `status`, `error`, `command`, `location`, or `vehicle` for the vehicle itself.
        error: Why it failed.
    """

    vehicle_id: str
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
class Spent:
    """Calls that a cycle has made, by what for. What was repeated counts once.

    Attributes:
        snapshot: Pages of the snapshot.
        status: Pages of status logs of vehicles that changed.
        errors: Pages of error logs.
        reread: Pages of the rotation that reads again what is past.
        checks: Vehicles that were looked up, for the snapshot was without them.
    """

    snapshot: int = 0
    status: int = 0
    errors: int = 0
    reread: int = 0
    checks: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.snapshot + self.status + self.errors + self.reread + self.checks


@attrs.frozen(kw_only=True)
class Lateness:
    """How long status logs took from `sampled_at` to `logged_at`, in seconds.

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
class Delays:
    """How long it takes at the worst until a log is delivered once the API has it, in seconds, if nothing fails.

    Attributes:
        status: A status log that is the newest of its vehicle.
        errors: An error log of a vehicle that looks well; None if error logs are not read.
        late: A status log that is older than the newest one, and not found with it; None if status logs are not read.
    """

    status: float
    errors: float | None
    late: float | None


@attrs.frozen(kw_only=True)
class CycleFinished(FleetEvent):
    """A cycle is done.

    Attributes:
        cycle: Its number, from 1 on in one checkpoint.
        began_at: When it began, aware.
        duration: How long it took, in seconds.
        every: From its beginning to that of the next, in seconds; longer than asked for if the budget is short.
        vehicles: Vehicles in the snapshot.
        changed: Vehicles whose newest log changed.
        failed: Vehicles that could not be read.
        spent: The calls it made.
        lateness: How late the status logs were that it delivered; None if there were none.
        budget_remaining: Requests left of the hourly budget.
        delays: The longest delays to be expected.
    """

    cycle: int
    began_at: dt.datetime
    duration: float
    every: float
    vehicles: int
    changed: int
    failed: int
    spent: Spent
    lateness: Lateness | None
    budget_remaining: int
    delays: Delays


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
"""What `fleet.watch` yields."""
