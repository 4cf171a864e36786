"""The fleet of a client: snapshots, the watch over all that happens to it, backfills, and what of it is complete.

`ev.fleet` gives one. It works against the `FleetClient` protocol, not the client, and adds to the parts below it only
their arguments.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from ev_energy_async import _plan
from ev_energy_async._cycle import Rules
from ev_energy_async._engine import Engine, FleetClient, Progress, Settings
from ev_energy_async._progress import MemoryCheckpoint
from ev_energy_async._seen import SECOND, instant_of
from ev_energy_async._watch import Batch, Watch
from ev_energy_async.clock import seconds
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.logs import PAGE_SIZE
from ev_energy_async.operations import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ev_energy_async import models as m
    from ev_energy_async._progress import Checkpoint, Owner
    from ev_energy_async.clock import Duration
    from ev_energy_async.paging import Paginator

__all__ = ["Batch", "Fleet", "FleetClient", "Progress", "Watch"]

_CONCURRENCY: Final = 20
_STALE: Final = dt.timedelta(hours=12)
_MAX_SHRINK: Final = 0.05


class Fleet:
    """All vehicles that a client sees.

    Args:
        client: What to ask through.
        owner: Whose progress a checkpoint of it holds.
    """

    def __init__(self, client: FleetClient, owner: Owner) -> None:
        self._client = client
        self._owner = owner
        self._checkpoint: Checkpoint | None = None

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
        every: Duration = 300,
        read_every: Duration | None = None,
        logs: Collection[str] = _plan.LOGS,
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
            read_every: How long after a reading the logs of a vehicle are read again at the earliest; None for each
                cycle in which they changed. Logs then come later, and more of them with each request.
            logs: What to read besides snapshots: `status`, `errors`, both or nothing.
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
        kinds = {logs} if isinstance(logs, str) else set(logs)
        if not kinds <= _plan.LOGS:
            raise InvalidArgument("logs", logs, "any of 'status' and 'errors'")
        if ack not in {"next", "explicit"}:
            raise InvalidArgument("ack", ack, "'next' or 'explicit'")
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise InvalidArgument("concurrency", concurrency, "an integer of at least 1")
        for argument, share in (
            ("error_share", error_share),
            ("reread_share", reread_share),
            ("max_shrink", max_shrink),
        ):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise InvalidArgument(argument, share, "a fraction from 0 to 1")
        if since is not None:
            utc_text("since", since)
        rules = Rules(
            status="status" in kinds,
            errors="errors" in kinds,
            read_every=0 if read_every is None else _nanoseconds("read_every", read_every),
            since=None if since is None else instant_of(since),
            past=_nanoseconds("past", past),
            stale=_nanoseconds("stale", stale),
            max_shrink=max_shrink,
        )
        settings = Settings(
            every=seconds("every", every),
            rules=rules,
            concurrency=concurrency,
            error_share=error_share,
            reread_share=reread_share,
            reread_every=seconds("reread_every", reread_every),
            on_progress=on_progress,
            name=name,
        )
        self._checkpoint = MemoryCheckpoint() if checkpoint is None else checkpoint
        return Watch(Engine(self._client, self._owner, self._checkpoint, settings), ack)


def _nanoseconds(argument: str, duration: Duration) -> int:
    return round(seconds(argument, duration) * SECOND)
