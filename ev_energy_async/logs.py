"""Log collections of devices: which there are, and how they are read.

Each kind of log is a row of data. A handle (`ev.vehicle(id)`) gives a `LogQuery`, which is newest first like the API,
or `.oldest_first()`. Works against the `Sender` protocol, not the client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeAlias, TypeVar

import attrs

from ev_energy_async import sessions
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.operations import utc_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Generator, Mapping

    from ev_energy_async import models as m
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Sender
    from ev_energy_async.paging import Page, Paginator

__all__ = ["DEVICES", "BoundaryMeter", "CtClamp", "Device", "Evse", "HomeBattery", "LogKind", "LogQuery", "Vehicle"]

L = TypeVar("L")

Since: TypeAlias = "dt.datetime | None"
"""A bound in time: an aware `datetime`, or None for no bound."""

# Full pages cost the API's budget no more than small ones.
PAGE_SIZE: Final = 100


@attrs.frozen
class LogKind:
    """A kind of log of a kind of device.

    Attributes:
        function: The endpoint function that lists it, in `ev_energy_async.api`.
        time: The field that orders, filters and identifies its logs.
    """

    function: str
    time: str


# Which collections of logs there are, and the time that orders and identifies the logs of each.
DEVICES: Final[Mapping[str, Mapping[str, LogKind]]] = {
    "vehicle": {
        "status": LogKind("list_vehicle_status_logs", "sampled_at"),
        "error": LogKind("list_vehicle_error_logs", "logged_at"),
        "command": LogKind("list_vehicle_command_logs", "logged_at"),
        "location": LogKind("list_vehicle_location_logs", "sampled_at"),
    },
    "evse": {
        "status": LogKind("list_evse_status_logs", "sampled_at"),
        "error": LogKind("list_evse_error_logs", "sampled_at"),
        "command": LogKind("list_evse_command_logs", "logged_at"),
        "ocpp": LogKind("list_evse_ocpp_logs", "sampled_at"),
    },
    "home_battery": {"status": LogKind("list_home_battery_status_logs", "sampled_at")},
    "boundary_meter": {"status": LogKind("list_boundary_meter_status_logs", "sampled_at")},
    "ct_clamp": {"current": LogKind("list_ct_clamp_logs", "sampled_at")},
}


class LogQuery(Generic[L]):
    """Logs of one kind of one device, not asked for yet; newest first, as the API has them.

    Example:
        >>> async for log in ev.vehicle(vehicle_id).status_logs(since=yesterday): ...  # doctest: +SKIP
        >>> async for log in ev.vehicle(vehicle_id).status_logs(since=yesterday).oldest_first(): ...  # doctest: +SKIP
    """

    __slots__ = ("_pages", "kind")

    def __init__(self, pages: Callable[[], Paginator[L]], kind: LogKind) -> None:
        self._pages = pages
        self.kind = kind

    def __await__(self) -> Generator[Any, None, Page[L]]:
        return self._pages().__await__()

    def __aiter__(self) -> AsyncIterator[L]:
        return self._pages().__aiter__()

    def pages(self, *, cursor: str | None = None) -> AsyncIterator[Page[L]]:
        """Yield page after page, from a cursor on if there is one; see `Paginator.pages`."""
        return self._pages().pages(cursor=cursor)

    async def all(self) -> list[L]:
        """Return all the logs, newest first."""
        return await self._pages().all()

    async def oldest_first(self) -> AsyncIterator[L]:
        """Yield the logs in the order of their time.

        The API serves the newest first, so all that `since` and `until` let through is read before the first is
        yielded.
        """
        pages = [page.items async for page in self.pages()]
        while pages:
            for log in reversed(pages.pop()):
                yield log


class Device:
    """A handle on one device, by its ID; nothing is asked of the API until its logs are."""

    kind: ClassVar[str]
    prefix: ClassVar[str]
    __slots__ = ("_sender", "id")

    def __init__(self, sender: Sender, reference: Ref) -> None:
        self._sender = sender
        self.id = id_text(f"{self.kind}_id", reference, self.prefix)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def _logs(
        self, kind: str, since: dt.datetime | None, until: dt.datetime | None, filters: Mapping[str, Any] = {}
    ) -> LogQuery[Any]:
        row = DEVICES[self.kind][kind]
        for name, bound in (("since", since), ("until", until)):
            if bound is not None:
                utc_text(name, bound)
        if since is not None and until is not None and since > until:
            raise InvalidArgument("since", since, f"a time not after `until`, {until.isoformat()}")

        def pages() -> Paginator[Any]:
            function = getattr(importlib.import_module("ev_energy_async.api"), row.function)
            bounds = {f"{row.time}_gte": since, f"{row.time}_lte": until}
            given = {name: bound for name, bound in bounds.items() if bound is not None}
            found: Paginator[Any] = function(self._sender, self.id, page_size=PAGE_SIZE, **given, **filters)
            return found

        return LogQuery(pages, row)


class Vehicle(Device):
    """A handle on a vehicle; `since` and `until` are inclusive, on the time of each collection."""

    kind = "vehicle"
    prefix = "vhcl"
    __slots__ = ()

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleStatusLog]:
        """Return the reports of the vehicle's state, by `sampled_at`."""
        return self._logs("status", since, until)

    def error_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleAPIErrorLog]:
        """Return the failed exchanges with the vehicle's telematics, by `logged_at`."""
        return self._logs("error", since, until)

    def command_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleCommandLog]:
        """Return the commands sent to the vehicle, by `logged_at`."""
        return self._logs("command", since, until)

    def location_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.VehicleLocationLog]:
        """Return when the vehicle's location was sampled, by `sampled_at`."""
        return self._logs("location", since, until)

    async def current_session(self) -> m.ChargingSession | None:
        """Return the charging session that the vehicle is in; None if it is not plugged in."""
        return await sessions.current_session(self._sender, self.id)

    async def boost(self) -> m.ChargingSession:
        """Charge now, without regard to cheap and clean times; see `sessions.boost`."""
        return await sessions.boost(self._sender, self.id)

    async def end_boost(self) -> m.ChargingSession:
        """End the boost, back to cheap and clean times; see `sessions.end_boost`."""
        return await sessions.end_boost(self._sender, self.id)


class Evse(Device):
    """A handle on a charger; `since` and `until` are inclusive, on the time of each collection."""

    kind = "evse"
    prefix = "evse"
    __slots__ = ()

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSEStatusLog]:
        """Return the reports of the charger's state, by `sampled_at`."""
        return self._logs("status", since, until)

    def error_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSEAPIErrorLog]:
        """Return the failed exchanges with the charger's hardware API, by `sampled_at`."""
        return self._logs("error", since, until)

    def command_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.EVSECommandLog]:
        """Return the commands sent to the charger, by `logged_at`."""
        return self._logs("command", since, until)

    def ocpp_logs(self, *, since: Since = None, until: Since = None, **filters: Any) -> LogQuery[m.EVSEOCPPLog]:
        """Return the OCPP messages exchanged with the charger, by `sampled_at`.

        Args:
            since: No earlier than this.
            until: No later than this.
            filters: Further filters of `ev.evses.list_ocpp_logs`, e.g. `action="Heartbeat"`.
        """
        return self._logs("ocpp", since, until, filters)


class HomeBattery(Device):
    """A handle on a home battery; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "home_battery"
    prefix = "hoba"
    __slots__ = ()

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.HomeBatteryStatusLog]:
        """Return the reports of the battery's state, by `sampled_at`."""
        return self._logs("status", since, until)


class BoundaryMeter(Device):
    """A handle on a boundary meter; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "boundary_meter"
    prefix = "bmet"
    __slots__ = ()

    def status_logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.BoundaryMeterStatusLog]:
        """Return the readings of the meter, by `sampled_at`."""
        return self._logs("status", since, until)


class CtClamp(Device):
    """A handle on a CT clamp; `since` and `until` are inclusive, on `sampled_at`."""

    kind = "ct_clamp"
    prefix = "ctcl"
    __slots__ = ()

    def logs(self, *, since: Since = None, until: Since = None) -> LogQuery[m.CTClampLog]:
        """Return the measurements of the clamp, by `sampled_at`."""
        return self._logs("current", since, until)
