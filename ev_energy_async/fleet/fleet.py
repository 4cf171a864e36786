"""The fleet of a client: snapshots, the watch over all that happens to it, backfills, and what of it is complete.

`ev.fleet` gives one. It works against the `FleetClient` protocol, not the client, and adds to the parts below it only
their arguments.
"""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, overload

from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.clock import seconds, utc, utc_bounds
from ev_energy_async.devices import DEVICES, PAGE_SIZE, ServerTime, log_names
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import plan as _plan
from ev_energy_async.fleet.audit import Audit, AuditReport
from ev_energy_async.fleet.backfill import Backfill, LogRead
from ev_energy_async.fleet.coverage import Coverage, Gap, Reason
from ev_energy_async.fleet.coverage_report import coverage_of
from ev_energy_async.fleet.owner import TokenOwner
from ev_energy_async.fleet.plan import Plan, PlanOptions
from ev_energy_async.fleet.watch import (
    Batch,
    DeviceState,
    Engine,
    FleetClient,
    Journal,
    Progress,
    Rules,
    Settings,
    Watch,
    decoded,
)
from ev_energy_async.instants import SECOND, instant_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ev_energy_async import models as m
    from ev_energy_async.calls import Paginator
    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.clock import Duration
    from ev_energy_async.devices import VehicleLog, WatchedLog
    from ev_energy_async.ids import Ref

__all__ = [
    "Audit",
    "AuditReport",
    "Backfill",
    "Batch",
    "Coverage",
    "Fleet",
    "FleetClient",
    "Gap",
    "LogRead",
    "Plan",
    "Progress",
    "Reason",
    "Watch",
]

_EVERY: Final = 300.0
_CONCURRENCY: Final = 20
_STALE: Final = dt.timedelta(hours=12)
_MAX_SHRINK: Final = 0.05
_LOGS: Final = DEVICES["vehicles"].watched


class Fleet:
    """All vehicles that a client sees.

    Args:
        client: What to ask through.
        owner: The owner of its checkpoints.
    """

    def __init__(self, client: FleetClient, owner: Owner | TokenOwner) -> None:
        self._client = client
        self._owner = owner
        self._checkpoint: Checkpoint | None = None
        self._is_own = False
        self._time = ServerTime(client.clock)

    def __repr__(self) -> str:
        return f"<Fleet of {self._owner}>"

    @overload
    def snapshot(self, kind: Literal["vehicles"] = "vehicles") -> Paginator[m.Vehicle]: ...
    @overload
    def snapshot(self, kind: Literal["evses"]) -> Paginator[m.EVSE]: ...
    def snapshot(self, kind: Literal["vehicles", "evses"] = "vehicles") -> Paginator[Any]:
        """Return all vehicles, or all chargers, each with its newest status log; 100 a request.

        Args:
            kind: `vehicles` or `evses`.

        Raises:
            InvalidArgument: It is another kind.

        Example:
            >>> async for vehicle in ev.fleet.snapshot():  # doctest: +SKIP
            ...     print(vehicle.id, vehicle.latest_status_log)
        """
        from ev_energy_async import api  # noqa: PLC0415  # loaded when something is asked for

        if kind == "vehicles":
            return api.list_vehicles(self._client, expand=["latest_status_log"], page_size=PAGE_SIZE)
        if kind == "evses":
            return api.list_evses(self._client, expand=["latest_status_log"], page_size=PAGE_SIZE)
        raise InvalidArgument("kind", kind, "'vehicles' or 'evses'")

    def watch(
        self,
        every: Duration = _EVERY,
        read_every: Duration | None = None,
        logs: Collection[WatchedLog] = _LOGS,
        checkpoint: Checkpoint | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        *,
        ack: Literal["next", "explicit"] = "next",
        since: dt.datetime | None = None,
        concurrency: int = _CONCURRENCY,
        stale: Duration = _STALE,
        past: Duration = _plan.PAST,
        error_share: float = _plan.ERROR_SHARE,
        reread_share: float = _plan.REREAD_SHARE,
        reread_every: Duration = _plan.REREAD_EVERY,
        max_shrink: float = _MAX_SHRINK,
        name: str = "watch",
    ) -> Watch:
        """Return an endless stream of what happens to the fleet, from where the checkpoint says.

        It tells each status and error log once, vehicles that come and go, connections that break.

        Each cycle takes a snapshot, 100 vehicles a request, and reads the status logs of those vehicles only whose
        newest log has changed, back to the last one that was delivered. A log that comes late does not show in a
        snapshot: it is found when its vehicle is read next, or by a rotation that reads the past of each vehicle again.
        Error logs show in no snapshot either: those of vehicles that look unwell (a connection that breaks, no log for
        long, errors of late) are read at once, the others in a rotation. If the budget is too small for `every`, the
        interval is stretched. Failures that pass are waited out.

        Without a checkpoint it begins anew each time: with all vehicles as `VehicleAdded`, and with the logs that the
        API stores from then on.

        Args:
            every: From the beginning of one cycle to that of the next, at the least; seconds or a `timedelta`.
            read_every: How often the logs of a vehicle are read at the most; None for each cycle in which they changed.
                Logs then come later, and more of them with each request.
            logs: What to read besides snapshots: `status`, `error`, both or nothing.
            checkpoint: Where it keeps how far it got. It is opened if need be, and not closed.
            on_progress: Called with a `Progress` after each step; must not block.
            ack: `next`: asking for the next event acknowledges the last one. `explicit`: `event.ack()` does, and all
                events before it are acknowledged with it. What is not acknowledged comes again after a restart.
            since: Begin with the logs from this time on, for vehicles of which the checkpoint knows nothing.
            concurrency: How many log collections are read at once.
            stale: After how long without a status log a vehicle looks unwell.
            past: How far back the past is read again.
            error_share: The share of the hourly budget that error logs may take.
            reread_share: The share of it that reading the past again may take.
            reread_every: How often the past of a vehicle is read again at the most.
            max_shrink: What share of the vehicles may be missing from a snapshot, to be looked up one by one; if more
                are, `FleetShrank` says so, and none is taken as removed.
            name: What tells this watch from others in the same checkpoint.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> async for event in ev.fleet.watch(every=300, checkpoint=SqliteCheckpoint("fleet.db")):  # doctest: +SKIP
            ...     print(event)
        """
        names = log_names("logs", logs, _LOGS)
        if ack not in {"next", "explicit"}:
            raise InvalidArgument("ack", ack, "'next' or 'explicit'")
        for argument, share in (
            ("error_share", error_share),
            ("reread_share", reread_share),
            ("max_shrink", max_shrink),
        ):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise InvalidArgument(argument, share, "a fraction from 0 to 1")
        if since is not None:
            utc("since", since)
        rules = Rules(
            status="status" in names,
            errors="error" in names,
            read_every=0 if read_every is None else _nanoseconds("read_every", read_every),
            since=None if since is None else instant_of(since),
            past=_nanoseconds("past", past),
            stale=_nanoseconds("stale", stale),
            max_shrink=max_shrink,
        )
        settings = Settings(
            every=seconds("every", every),
            rules=rules,
            concurrency=_at_least_one("concurrency", concurrency),
            error_share=error_share,
            reread_share=reread_share,
            reread_every=seconds("reread_every", reread_every),
            on_progress=on_progress,
            name=name,
        )
        self._is_own = checkpoint is None
        self._checkpoint = MemoryCheckpoint() if checkpoint is None else checkpoint
        return Watch(
            Engine(self._client, self._owner_of(self._checkpoint), self._checkpoint, settings, self._time), ack
        )

    def logs(
        self,
        log: VehicleLog,
        vehicles: Iterable[Ref] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        concurrency: int = 50,
        *,
        share: float = 0.5,
        cursor: str | None = None,
    ) -> Backfill:
        """Return the past logs of many vehicles, merged; see `Backfill`.

        Args:
            log: `status`, `error`, `command` or `location`.
            vehicles: Which vehicles (IDs, URLs or models); None for all.
            since: No earlier than this, on the time of the collection; included.
            until: No later than this; included.
            concurrency: How many vehicles are read at the same time.
            share: The fraction of the hourly budget that it may take.
            cursor: Where an earlier run was, of the same kind, bounds and vehicles.

        Raises:
            InvalidArgument: An argument is not what it should be; nothing was sent.

        Example:
            >>> async for item in ev.fleet.logs("status", since=last_week):  # doctest: +SKIP
            ...     print(item.vehicle_id, item)
        """
        return Backfill(
            self._client, log, vehicles, since=since, until=until, concurrency=concurrency, share=share, cursor=cursor
        )

    async def coverage(self, checkpoint: Checkpoint | None = None, *, name: str = "watch") -> Coverage:
        """Return what of the logs is known to be complete, and what is missing and why; printed it is a table.

        Args:
            checkpoint: Where a watch keeps it; that of the last watch of this client by default. It may run meanwhile.
            name: The name of that watch.

        Raises:
            InvalidArgument: There was no watch, and no checkpoint is given.
            CheckpointError: The checkpoint cannot be read, or is another's.
        """
        vehicles: dict[str, DeviceState] = {}
        kept = self._kept(checkpoint)
        owner = self._owner_of(kept)
        found = await owner.find() if isinstance(owner, TokenOwner) else owner
        async with aclosing(Journal(kept, name).load(found)) as rows:
            meta = await decoded(rows, vehicles)
        return coverage_of(meta, vehicles, max(self._time.now(), meta.snapshot_at))

    def audit(
        self,
        since: dt.datetime,
        until: dt.datetime,
        *,
        checkpoint: Checkpoint | None = None,
        logs: Collection[WatchedLog] | None = None,
        concurrency: int = _CONCURRENCY,
        share: float = 0.5,
        cursor: str | None = None,
        name: str = "watch",
    ) -> Audit:
        """Read all logs of a past time again, deliver those that had not been delivered, and note that they are now.

        Await it for a report, or iterate over what was missing. No watch may run with the same checkpoint meanwhile.

        Args:
            since: The first instant, on the time of each collection; included.
            until: The last one; included.
            checkpoint: Where a watch keeps what was delivered; that of the last watch of this client by default.
            logs: `status`, `error` or both; those that the watch reads by default.
            concurrency: How many collections are read at once.
            share: The fraction of the hourly budget that it may take.
            cursor: `Audit.cursor` of an earlier run over the same time, to resume there.
            name: The name of the watch.

        Raises:
            InvalidArgument: An argument is not what it should be, or there is no checkpoint.
        """
        first, last = utc("since", since), utc("until", until)
        utc_bounds(first, last)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise InvalidArgument("share", share, "a fraction above 0, at most 1")
        kept = self._kept(checkpoint)
        return Audit(
            self._client,
            self._owner_of(kept),
            kept,
            since=first,
            until=last,
            logs=None if logs is None else sorted(log_names("logs", logs, _LOGS)),
            concurrency=_at_least_one("concurrency", concurrency),
            share=share,
            cursor=cursor,
            name=name,
            time=self._time,
        )

    def plan(self, vehicles: int, every: Duration = _EVERY, **options: Unpack[PlanOptions]) -> Plan:
        """Return what watching so many vehicles takes of the budget, and how often it allows; see `Plan`.

        Args:
            vehicles: How many vehicles there are.
            every: From the beginning of a cycle to that of the next; seconds or a `timedelta`.
            options: `changed` or `report_every`, how often vehicles report; `backfills`, requests an hour to set aside;
                and what `watch` takes: `logs`, `read_every`, `error_share`, `reread_share`, `reread_every`, `past`.
                `budget`: requests an hour, those of this client by default.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> print(ev.fleet.plan(50_000, every=300, changed=0.05))  # doctest: +SKIP
        """
        options.setdefault("budget", self._client.budget.allowance)
        return _plan.plan(vehicles, every, **options)

    def _owner_of(self, checkpoint: Checkpoint) -> Owner | TokenOwner:
        # What is in the memory of this process alone, nobody else can open: no request is spent on its owner.
        is_own = self._is_own and checkpoint is self._checkpoint
        return self._owner.known if is_own and isinstance(self._owner, TokenOwner) else self._owner

    def _kept(self, checkpoint: Checkpoint | None) -> Checkpoint:
        found = self._checkpoint if checkpoint is None else checkpoint
        if found is None:
            raise InvalidArgument("checkpoint", None, "that of a watch, since this client has had none")
        return found


def _nanoseconds(argument: str, duration: Duration) -> int:
    return round(seconds(argument, duration) * SECOND)


def _at_least_one(argument: str, number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidArgument(argument, number, "an integer of at least 1")
    return number
