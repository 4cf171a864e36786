"""Watches of a fleet: of all that happens to its devices, and to its charging sub-sessions."""

from __future__ import annotations

import datetime as dt
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, Unpack, overload

from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.clock import seconds, utc
from ev_energy_async.devices import ServerTime, log_names
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet import watch as watch_package
from ev_energy_async.fleet.allotment import ERROR_SHARE, PAST
from ev_energy_async.fleet.owner import TokenOwner
from ev_energy_async.fleet.plan import within_of
from ev_energy_async.fleet.reader import Reader
from ev_energy_async.fleet.selection import (
    CONCURRENCY,
    LOGS,
    Replaced,
    at_least_one,
    check_ack,
    nanoseconds,
    settings_of,
    warn_of_replaced,
)
from ev_energy_async.fleet.sub_sessions import EVERY, SETTLE, Follower, Looks, SubSessions
from ev_energy_async.fleet.watch import Engine, Progress, Rules, Settings, Watch
from ev_energy_async.ids import id_text
from ev_energy_async.instants import instant_of
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from ev_energy_async import models as m
    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.clock import Duration
    from ev_energy_async.devices import WatchedKind, WatchedLog
    from ev_energy_async.fleet.events import (
        BoundaryMeterEvent,
        ChargerEvent,
        CTClampEvent,
        HomeBatteryEvent,
        InverterEvent,
        VehicleEvent,
        WatchEvent,
    )
    from ev_energy_async.fleet.watch import FleetClient, LedWatch, Role
    from ev_energy_async.ids import Ref
    from ev_energy_async.lease import Lease
    from ev_energy_async.values import UnsetType

__all__ = ["Watching", "WatchOptions"]

_STALE: Final = dt.timedelta(hours=12)
_MAX_SHRINK: Final = 0.05
_KINDS: Final[frozenset[WatchedKind]] = frozenset({"vehicles"})

Parts: TypeAlias = "tuple[Checkpoint, FleetClient, Owner | TokenOwner]"
OnProgress: TypeAlias = "Callable[[Progress], object]"
Within: TypeAlias = "Duration | UnsetType | None"

K = TypeVar("K")
# One kind, by itself or in a collection. An empty one is of every type, unless its type says that it is not.
_One: TypeAlias = K | set[K] | list[K] | tuple[K]


class WatchOptions(Replaced, total=False):
    """The options of `Fleet.watch` that are given by name."""

    vehicles: Iterable[Ref] | Callable[[m.Vehicle], bool] | None
    raw: bool
    order: Literal["newest", "time"]
    cycles: int | None
    ack: Literal["next", "explicit"]
    since: dt.datetime | None
    concurrency: int
    stale: Duration
    past: Duration
    error_share: float
    max_shrink: float
    name: str
    lease: Lease | None
    on_role_change: Callable[[Role], object] | None
    user: Ref | None


class Watching(Reader):
    """Follows what happens to a fleet."""

    _on_event: Callable[[WatchEvent], object] | None
    _last: Parts | None
    _led: weakref.ref[LedWatch] | None
    _time: ServerTime

    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["vehicles"]] = ...,
        **options: Unpack[WatchOptions],
    ) -> Watch[VehicleEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["evses"]],
        **options: Unpack[WatchOptions],
    ) -> Watch[ChargerEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["home_batteries"]],
        **options: Unpack[WatchOptions],
    ) -> Watch[HomeBatteryEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["boundary_meters"]],
        **options: Unpack[WatchOptions],
    ) -> Watch[BoundaryMeterEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["inverters"]],
        **options: Unpack[WatchOptions],
    ) -> Watch[InverterEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: _One[Literal["ct_clamps"]],
        **options: Unpack[WatchOptions],
    ) -> Watch[CTClampEvent]: ...
    @overload
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = ...,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: WatchedKind | Collection[WatchedKind],
        **options: Unpack[WatchOptions],
    ) -> Watch[WatchEvent]: ...
    def watch(
        self,
        every: Duration | None = None,
        complete_within: Within = UNSET,
        logs: Collection[WatchedLog] = LOGS,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress | None = None,
        *,
        kinds: WatchedKind | Collection[WatchedKind] = _KINDS,
        vehicles: Iterable[Ref] | Callable[[m.Vehicle], bool] | None = None,
        raw: bool = False,
        order: Literal["newest", "time"] = "newest",
        cycles: int | None = None,
        ack: Literal["next", "explicit"] = "next",
        since: dt.datetime | None = None,
        concurrency: int = CONCURRENCY,
        stale: Duration = _STALE,
        past: Duration = PAST,
        error_share: float = ERROR_SHARE,
        max_shrink: float = _MAX_SHRINK,
        name: str = "watch",
        lease: Lease | None = None,
        on_role_change: Callable[[Role], object] | None = None,
        user: Ref | None = None,
        **replaced: Unpack[Replaced],
    ) -> Watch[Any]:
        """Return a stream of what happens to the fleet, from where the checkpoint says; endless unless told otherwise.

        It delivers each status and error log once, vehicles that come and go, and connections that break.

        A snapshot shows 100 vehicles a request, each with its newest status log, which is delivered at once. What lies
        between two of them is read with the history of the vehicle, rarely and in full pages, which finds logs that
        came late as well. Error logs show in no snapshot: those of vehicles that look unwell (a connection that breaks,
        no log for long, recent errors) are read at once, the others in a rotation. Requests are spread over the hour;
        how often what is done follows from the budget, as `plan` shows it. Transient failures are waited out.

        Without a checkpoint it begins anew each time: with all vehicles as `VehicleAdded`, and with the logs that the
        API stores from then on.

        Args:
            every: From the beginning of one snapshot to that of the next, seconds or a `timedelta`; chosen by the
                budget unless given, and stretched if the budget does not allow it.
            complete_within: How soon every log is to be delivered; chosen unless given, and stretched before `every`
                is. None for no history: the newest logs that snapshots show, and nothing between.
            logs: What to deliver: `status`, `error`, both or nothing.
            checkpoint: Where it keeps its progress. It is opened if need be, and not closed.
            on_progress: Called with a `Progress` after each step; must not block.
            kinds: Which devices: any of `vehicles`, `evses`, `home_batteries`, `boundary_meters`, `inverters` and
                `ct_clamps`; they share the budget by their numbers. Each kind has cycles of its own.
            vehicles: Only these: vehicles (IDs, URLs or models), or a function that is given a vehicle as a snapshot
                shows it and returns whether it is watched.
            raw: Whether the events of logs have their JSON as the API sent it (`event.raw`).
            order: `newest`: the newest log of a vehicle at once, those before it when they are read. `time`: the logs
                of a vehicle in the order of their time, each once a read has proven that nothing lies between.
            cycles: End after so many snapshots and the reads that are due by then; None for never.
            ack: `next`: asking for the next event acknowledges the last one. `explicit`: `event.ack()` does, and all
                events before it are acknowledged with it. Unacknowledged events are redelivered after a restart.
            since: Begin with the logs from this time on, for vehicles of which the checkpoint knows nothing.
            concurrency: How many logs are read at once.
            stale: After how long without a status log a vehicle looks unwell.
            past: How late logs may be stored and are still found.
            error_share: The share of the hourly budget that error logs may take.
            max_shrink: What share of the vehicles may be missing from a snapshot, to be looked up one by one; if more
                are, `FleetShrank` says so, and no vehicle is taken as removed.
            name: The name of this watch in its checkpoint.
            lease: With it, several processes may watch with one checkpoint: one leads, the others wait for their first
                event until it ends or falls silent, and go on from what it has acknowledged. An event of a leader that
                was succeeded meanwhile raises `CheckpointConflict` when it is acknowledged.
            on_role_change: Called with a `Role` when this process begins to lead, or to stand by; must not block.
            user: Only the devices of this user (ID, URL or model), which the API itself lists: the same as
                `ev.as_user(user).fleet.watch(...)`, to which the checkpoint belongs.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> async for event in ev.fleet.watch(checkpoint=SqliteCheckpoint("fleet.db")):  # doctest: +SKIP
            ...     print(event)
        """
        names = log_names("logs", logs, LOGS)
        check_ack(ack)
        if order not in ("newest", "time"):
            raise InvalidArgument("order", order, "'newest' or 'time'")
        for argument, share in (("error_share", error_share), ("max_shrink", max_shrink)):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise InvalidArgument(argument, share, "a fraction from 0 to 1")
        warn_of_replaced(replaced)
        within = within_of(complete_within)
        rules = Rules(
            status="status" in names,
            errors="error" in names,
            reads=within != 0,
            in_order=order == "time",
            since=None if since is None else instant_of(utc("since", since)),
            past=nanoseconds("past", past),
            stale=nanoseconds("stale", stale),
            max_shrink=max_shrink,
        )
        common = Settings(
            every=None if every is None else seconds("every", every),
            complete_within=within,
            rules=rules,
            concurrency=at_least_one("concurrency", concurrency),
            error_share=error_share,
            cycles=None if cycles is None else at_least_one("cycles", cycles),
            on_progress=on_progress,
            name=name,
            is_raw=raw,
        )
        settings = settings_of(common, kinds, vehicles)
        kept, client, owner = self._last = self._parts(checkpoint, user)
        if lease is None:
            return Watch(Engine(client, owner, kept, settings, self._time), ack, self._on_event)

        def engine(epoch: int) -> Engine:
            return Engine(client, owner, watch_package.FencedCheckpoint(kept, name, epoch), settings, self._time)

        watch = watch_package.LedWatch(engine, lease, ack, self._on_event, on_role_change)
        self._led = weakref.ref(watch)
        return watch

    def sub_sessions(
        self,
        since: dt.datetime | None = None,
        settle: Duration = SETTLE,
        expand: Sequence[str] = (),
        checkpoint: Checkpoint | None = None,
        *,
        every: Duration = EVERY,
        ack: Literal["next", "explicit"] = "next",
        name: str = "sub_sessions",
        user: Ref | None = None,
        vehicle: Ref | None = None,
        evse: Ref | None = None,
    ) -> SubSessions:
        """Return a stream of what happens to charging sub-sessions: each start, change, end and revision once.

        Those that go on are listed every five minutes, those that have ended ever more seldom until they are settled:
        some 30 requests an hour for a small fleet, and 15 where webhooks arrive (`notify`); `plan` shows it. What a
        pause has missed is read afterwards, so that it is no gap.

        Args:
            since: Begin with the sub-sessions that go on or end from this time on; None for from now on.
            settle: How long after their end they may be revised: energy, costs and carbon figures are recalculated.
            expand: What to expand, as in `charging_sub_sessions.list`; an expanded `energy_usage` can change too.
            checkpoint: Where it keeps its progress, which may be that of a watch. It is opened if need be, not closed.
            every: From one look at those that go on to the next, seconds or a `timedelta`; stretched where that would
                take more than a tenth of the budget, and three times as long while webhooks arrive.
            ack: As in `watch`.
            name: The name of this stream in its checkpoint.
            user: Only those of this user; as in `watch`.
            vehicle: Only those of this vehicle (ID, URL or model). The API filters, so that nothing else is listed.
            evse: Only those of this charger.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> async for event in ev.fleet.sub_sessions(checkpoint=checkpoint):  # doctest: +SKIP
            ...     print(type(event).__name__, event.sub_session_id, event.changes)
        """
        check_ack(ack)
        kept, client, owner = self._parts(checkpoint, user)
        devices = (("vehicle", vehicle, "vhcl"), ("evse", evse, "evse"))
        follow = partial(
            Follower,
            client,
            owner,
            kept,
            self._time,
            since=None if since is None else instant_of(utc("since", since)),
            expand=expand,
            filters={f"{noun}_id": id_text(noun, each, prefix) for noun, each, prefix in devices if each is not None},
            name=name,
        )
        return SubSessions(follow, Looks(seconds("every", every), seconds("settle", settle)), ack)

    def _parts(self, checkpoint: Checkpoint | None, user: Ref | None) -> Parts:
        """Return the checkpoint of a stream, what to ask through, and the owner of the checkpoint."""
        client, owner = self._of(user)
        if checkpoint is not None:
            return checkpoint, client, owner
        # What is in the memory of this process alone, nobody else can open: no request is spent on its owner.
        return MemoryCheckpoint(), client, owner.known if isinstance(owner, TokenOwner) else owner
