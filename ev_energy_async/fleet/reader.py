"""Reads of a fleet that end: snapshots of all devices of a kind, and backfills of their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack, overload

import attrs

from ev_energy_async.devices import DEVICES, PAGE_SIZE
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.backfill import Backfill
from ev_energy_async.fleet.owner import TokenOwner
from ev_energy_async.ids import id_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from ev_energy_async import models as m
    from ev_energy_async.calls import Paginator
    from ev_energy_async.checkpoint import Owner
    from ev_energy_async.devices import WatchedKind
    from ev_energy_async.fleet.watch import FleetClient
    from ev_energy_async.ids import Ref

__all__ = ["BackfillOptions", "Reader"]

_Devices: TypeAlias = "Iterable[Ref] | None"
_Time: TypeAlias = "dt.datetime | None"


class BackfillOptions(TypedDict, total=False):
    """The options of `Fleet.logs` that are given by name."""

    share: float
    cursor: str | None
    user: Ref | None


class Reader:
    """Reads devices and their logs once."""

    _client: FleetClient
    _owner: Owner | TokenOwner
    _of_user: Callable[[Ref], FleetClient] | None

    @overload
    def snapshot(self, kind: Literal["vehicles"] = "vehicles", *, user: Ref | None = None) -> Paginator[m.Vehicle]: ...
    @overload
    def snapshot(self, kind: Literal["evses"], *, user: Ref | None = None) -> Paginator[m.EVSE]: ...
    @overload
    def snapshot(self, kind: Literal["home_batteries"], *, user: Ref | None = None) -> Paginator[m.HomeBattery]: ...
    @overload
    def snapshot(self, kind: Literal["boundary_meters"], *, user: Ref | None = None) -> Paginator[m.BoundaryMeter]: ...
    @overload
    def snapshot(self, kind: Literal["inverters"], *, user: Ref | None = None) -> Paginator[m.Inverter]: ...
    @overload
    def snapshot(self, kind: WatchedKind, *, user: Ref | None = None) -> Paginator[Any]: ...
    def snapshot(self, kind: WatchedKind = "vehicles", *, user: Ref | None = None) -> Paginator[Any]:
        """Return all devices of a kind, each with its newest status log; 100 a request.

        Args:
            kind: `vehicles`, `evses`, `home_batteries`, `boundary_meters` or `inverters`.
            user: Only those of this user (ID, URL or model), which the API itself lists.

        Raises:
            InvalidArgument: It is another kind, or no user.

        Example:
            >>> async for vehicle in ev.fleet.snapshot():  # doctest: +SKIP
            ...     print(vehicle.id, vehicle.latest_status_log)
        """
        from ev_energy_async import api  # noqa: PLC0415  # loaded when something is asked for

        shown = {name: row for name, row in DEVICES.items() if row.is_shown}
        if kind not in shown:
            raise InvalidArgument("kind", kind, f"one of {', '.join(map(repr, shown))}")
        row = shown[kind]
        client, _ = self._of(user)
        found: Paginator[Any] = getattr(api, row.list_devices)(client, expand=[row.regular.newest], page_size=PAGE_SIZE)
        return found

    @overload
    def logs(
        self,
        log: Literal["status"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["vehicles"] = "vehicles",
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.VehicleStatusLog]: ...
    @overload
    def logs(
        self,
        log: Literal["error"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["vehicles"] = "vehicles",
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.VehicleAPIErrorLog]: ...
    @overload
    def logs(
        self,
        log: Literal["command"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["vehicles"] = "vehicles",
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.VehicleCommandLog]: ...
    @overload
    def logs(
        self,
        log: Literal["location"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["vehicles"] = "vehicles",
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.VehicleLocationLog]: ...
    @overload
    def logs(
        self,
        log: Literal["status"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["evses"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.EVSEStatusLog]: ...
    @overload
    def logs(
        self,
        log: Literal["error"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["evses"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.EVSEAPIErrorLog]: ...
    @overload
    def logs(
        self,
        log: Literal["command"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["evses"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.EVSECommandLog]: ...
    @overload
    def logs(
        self,
        log: Literal["ocpp"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["evses"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.EVSEOCPPLog]: ...
    @overload
    def logs(
        self,
        log: Literal["status"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["home_batteries"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.HomeBatteryStatusLog]: ...
    @overload
    def logs(
        self,
        log: Literal["status"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["boundary_meters"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.BoundaryMeterStatusLog]: ...
    @overload
    def logs(
        self,
        log: Literal["current"],
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: Literal["ct_clamps"],
        **options: Unpack[BackfillOptions],
    ) -> Backfill[m.CTClampLog]: ...
    @overload
    def logs(
        self,
        log: str,
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: str = "vehicles",
        **options: Unpack[BackfillOptions],
    ) -> Backfill: ...
    def logs(
        self,
        log: str,
        vehicles: _Devices = None,
        since: _Time = None,
        until: _Time = None,
        concurrency: int = 50,
        *,
        kind: str = "vehicles",
        share: float = 0.5,
        cursor: str | None = None,
        user: Ref | None = None,
    ) -> Backfill[Any]:
        """Return the past logs of many devices, merged; see `Backfill`.

        Args:
            log: `status`, `error`, `command` or `location`; of chargers `status`, `error`, `command` or `ocpp`, of
                CT clamps `current`, of home batteries and boundary meters `status`.
            vehicles: Which vehicles, or other devices (IDs, URLs or models); None for all.
            since: No earlier than this, on the time of the collection; included.
            until: No later than this; included.
            concurrency: How many vehicles are read at the same time.
            kind: Of which devices: `vehicles`, `evses`, `home_batteries`, `boundary_meters` or `ct_clamps`.
            share: The fraction of the hourly budget that it may take.
            cursor: Where an earlier run was, of the same kind, bounds and vehicles.
            user: Only the devices of this user (ID, URL or model), which the API itself lists.

        Raises:
            InvalidArgument: An argument is not what it should be; nothing was sent.

        Example:
            >>> async for item in ev.fleet.logs("status", since=last_week):  # doctest: +SKIP
            ...     print(item.vehicle_id, item)
        """
        client, _ = self._of(user)
        return Backfill(
            client,
            log,
            vehicles,
            kind=kind,
            since=since,
            until=until,
            concurrency=concurrency,
            share=share,
            cursor=cursor,
        )

    def _of(self, user: Ref | None) -> tuple[FleetClient, Owner | TokenOwner]:
        """Return what to ask through for the devices of a user, and the owner of their checkpoints; None for all.

        Raises:
            InvalidArgument: It is no user.
        """
        if user is None:
            return self._client, self._owner
        if self._of_user is None:
            raise InvalidArgument("user", user, "None: this client knows no users")
        known = self._owner.known if isinstance(self._owner, TokenOwner) else self._owner
        return self._of_user(user), attrs.evolve(known, user=id_text("user", user, "user"))
