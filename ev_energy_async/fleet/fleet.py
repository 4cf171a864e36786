"""The fleet of a client: snapshots, the watch over all that happens to it, backfills, and what of it is complete.

`ev.fleet` gives one. It works against the `FleetClient` protocol, not the client, and adds to the parts below it only
their arguments.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

from ev_energy_async.clock import utc, utc_bounds
from ev_energy_async.devices import ServerTime, log_names
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.audit import Audit, AuditReport
from ev_energy_async.fleet.backfill import Backfill, LogRead
from ev_energy_async.fleet.coverage import Coverage, Gap, Reason
from ev_energy_async.fleet.coverage_report import coverage_of
from ev_energy_async.fleet.owner import TokenOwner
from ev_energy_async.fleet.plan import Plan, PlanOptions, plan
from ev_energy_async.fleet.selection import CONCURRENCY, LOGS, at_least_one
from ev_energy_async.fleet.sub_sessions import load_rows
from ev_energy_async.fleet.watch import (
    Batch,
    DeviceStatus,
    FleetClient,
    Journal,
    Progress,
    Watch,
    load,
)
from ev_energy_async.fleet.watching import Watching

if TYPE_CHECKING:
    import datetime as dt
    import weakref
    from collections.abc import Callable, Collection

    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.clock import Duration
    from ev_energy_async.devices import WatchedLog
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.watch import LedWatch, Role
    from ev_energy_async.fleet.watching import Parts
    from ev_energy_async.ids import Ref

__all__ = [
    "Audit",
    "AuditReport",
    "Backfill",
    "Batch",
    "Coverage",
    "DeviceStatus",
    "Fleet",
    "FleetClient",
    "Gap",
    "LogRead",
    "Plan",
    "Progress",
    "Reason",
    "Watch",
]


class Fleet(Watching):
    """All vehicles that a client sees.

    Args:
        client: What to ask through.
        owner: The owner of its checkpoints.
        on_event: Called with each event that a watch delivers.
        of_user: Returns what to ask through in the context of a user.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner | TokenOwner,
        on_event: Callable[[WatchEvent], object] | None = None,
        of_user: Callable[[Ref], FleetClient] | None = None,
    ) -> None:
        self._client = client
        self._owner = owner
        self._on_event = on_event
        self._of_user = of_user
        self._last: Parts | None = None
        self._led: weakref.ref[LedWatch] | None = None
        self._time = ServerTime(client.clock)

    def __repr__(self) -> str:
        return f"<Fleet of {self._owner}>"

    @property
    def role(self) -> Role | None:
        """The part of this process in the last watch with a lease; None if there is no such watch."""
        watch = None if self._led is None else self._led()
        return None if watch is None else watch.role

    async def coverage(
        self, checkpoint: Checkpoint | None = None, *, name: str = "watch", sub_sessions: str = "sub_sessions"
    ) -> Coverage:
        """Return what of logs and charging sub-sessions is known to be complete, and what is missing; printed, a table.

        Args:
            checkpoint: Where a watch keeps it; that of the last watch of this client by default. It may run meanwhile.
            name: The name of that watch.
            sub_sessions: The name of a stream of sub-sessions in the same checkpoint.

        Raises:
            InvalidArgument: There was no watch, and no checkpoint is given.
            CheckpointError: The checkpoint cannot be read, or is another's.
        """
        kept, _, owner = self._parts_of(checkpoint)
        found = await owner.find() if isinstance(owner, TokenOwner) else owner
        async with aclosing(Journal(kept, name).load(found)) as rows:
            states = await load(rows)
        async with aclosing(Journal(kept, sub_sessions).load(found)) as rows:
            meta = await load_rows(rows, {})
        return coverage_of(states.values(), self._time.now(), meta)

    def audit(
        self,
        since: dt.datetime,
        until: dt.datetime,
        *,
        checkpoint: Checkpoint | None = None,
        logs: Collection[WatchedLog] | None = None,
        concurrency: int = CONCURRENCY,
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
        kept, client, owner = self._parts_of(checkpoint)
        return Audit(
            client,
            owner,
            kept,
            since=first,
            until=last,
            logs=None if logs is None else sorted(log_names("logs", logs, LOGS)),
            concurrency=at_least_one("concurrency", concurrency),
            share=share,
            cursor=cursor,
            name=name,
            time=self._time,
        )

    def plan(self, vehicles: int = 0, every: Duration | None = None, **options: Unpack[PlanOptions]) -> Plan:
        """Return what watching so many vehicles takes of the budget, and what it gives; printed it is a table.

        Args:
            vehicles: How many vehicles there are.
            every: From the beginning of a snapshot to that of the next, seconds or a `timedelta`; None to choose it.
            options: `report_every`, how often a vehicle reports; `complete_within`, `logs`, `error_share` and `past` as
                `watch` takes them; `backfills`, requests an hour to set aside; `sub_sessions`, how many there are in
                a day, and `webhooks`, whether they arrive, so that looks at sub-sessions are rarer; `budget`, requests
                an hour, those of this client by default; and how many devices of other kinds there are: `evses`,
                `home_batteries`, `boundary_meters`, `inverters`, `ct_clamps`.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> print(ev.fleet.plan(50_000, report_every=1_800))  # doctest: +SKIP
        """
        options.setdefault("budget", self._client.budget.allowance)
        return plan(vehicles, every, **options)

    def _parts_of(self, checkpoint: Checkpoint | None) -> Parts:
        """Return a checkpoint, what to ask through, and its owner: those of the last watch, if it is its own."""
        if self._last is not None and (checkpoint is None or checkpoint is self._last[0]):
            return self._last
        if checkpoint is None:
            raise InvalidArgument("checkpoint", None, "that of a watch, since this client has had none")
        return checkpoint, self._client, self._owner
