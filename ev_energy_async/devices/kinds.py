"""The table of device collections and their logs: adding a kind of log is adding a row here.

A `kind` is a collection of devices (`vehicles`), a `log` one of the logs that such a device keeps (`status`). Events
and coverage call the latter `log_kind`, since the `log` of an event is the entry itself.

Handles, backfills and the watch read this table, and keep no list of their own. Types need one each: a method of the
handle in `device`, an overload of `Fleet.logs`. The sandbox keeps the collections that it simulates in
`sandbox.handlers.logs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeGuard, cast

import attrs

from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEVICES",
    "PAGE_SIZE",
    "DeviceKind",
    "LogKind",
    "VehicleLog",
    "WatchedKind",
    "WatchedLog",
    "log_name",
    "log_names",
]

PAGE_SIZE: Final = 100
"""Full pages: they cost the API's budget no more than small ones."""

VehicleLog: TypeAlias = Literal["status", "error", "command", "location"]
"""A log that a vehicle keeps."""

WatchedLog: TypeAlias = Literal["status", "error"]
"""A log that a watch delivers; the currents of CT clamps count as their status."""

WatchedKind: TypeAlias = Literal["vehicles", "evses", "home_batteries", "boundary_meters", "inverters", "ct_clamps"]
"""A collection of devices that a watch delivers the logs of."""


@attrs.frozen
class LogKind:
    """A log that devices of one kind keep.

    Attributes:
        log: Its name: `status`, `error`, `command`, `location`, `ocpp` or `current`.
        function: The endpoint function that lists it, in `ev_energy_async.api`; empty if there is only a newest entry.
        time: The field that orders, filters and identifies its entries.
        stored: The field with the time at which the API stored an entry; empty if it does not say.
        newest: The field of a device that shows its newest entry, when it is expanded; None if there is none.
        is_watched: Whether a watch delivers it.
        model: The model of an entry, in `ev_energy_async.models`; only of regular logs.
    """

    log: str
    function: str
    time: str
    stored: str = "logged_at"
    newest: str | None = None
    is_watched: bool = False
    model: str = ""


@attrs.frozen
class DeviceKind:
    """A collection of devices.

    Attributes:
        kind: Its name, as in the path.
        noun: One of them, as in the names of arguments.
        prefix: What the IDs begin with.
        logs: The logs that they keep, by name.
        list_devices: The endpoint function that lists them.
        get_device: The endpoint function that gets one.
    """

    kind: str
    noun: str
    prefix: str
    logs: Mapping[str, LogKind]
    list_devices: str = ""
    get_device: str = ""

    @cached_property
    def watched(self) -> tuple[WatchedLog, ...]:
        """The logs that a watch delivers, the regular one first."""
        return tuple(cast("WatchedLog", row.log) for row in self.logs.values() if row.is_watched)

    @cached_property
    def is_shown(self) -> bool:
        """Whether snapshots show the newest regular log."""
        return self.regular.newest is not None

    @cached_property
    def regular(self) -> LogKind:
        """The log that a device writes regularly, as opposed to that of its errors."""
        return next(iter(self.logs.values()))


def _logs(*rows: LogKind) -> Mapping[str, LogKind]:
    return MappingProxyType({row.log: row for row in rows})


def _status(function: str, model: str, *, stored: str = "logged_at") -> LogKind:
    return LogKind("status", function, "sampled_at", stored, "latest_status_log", is_watched=True, model=model)


_ROWS: Final = (
    DeviceKind(
        "vehicles",
        "vehicle",
        "vhcl",
        _logs(
            _status("list_vehicle_status_logs", "VehicleStatusLog"),
            LogKind("error", "list_vehicle_error_logs", "logged_at", is_watched=True),
            LogKind("command", "list_vehicle_command_logs", "logged_at"),
            LogKind("location", "list_vehicle_location_logs", "sampled_at"),
        ),
        "list_vehicles",
        "get_vehicle",
    ),
    DeviceKind(
        "evses",
        "evse",
        "evse",
        _logs(
            _status("list_evse_status_logs", "EVSEStatusLog"),
            LogKind("error", "list_evse_error_logs", "sampled_at", stored="", is_watched=True),
            LogKind("command", "list_evse_command_logs", "logged_at"),
            LogKind("ocpp", "list_evse_ocpp_logs", "sampled_at"),
        ),
        "list_evses",
        "get_evse",
    ),
    DeviceKind(
        "home_batteries",
        "home_battery",
        "hoba",
        _logs(_status("list_home_battery_status_logs", "HomeBatteryStatusLog", stored="")),
        "list_home_batteries",
        "get_home_battery",
    ),
    DeviceKind(
        "boundary_meters",
        "boundary_meter",
        "bmet",
        _logs(_status("list_boundary_meter_status_logs", "BoundaryMeterStatusLog", stored="")),
        "list_boundary_meters",
        "get_boundary_meter",
    ),
    # It shows its newest log, and keeps no collection of them.
    DeviceKind("inverters", "inverter", "", _logs(_status("", "InverterStatusLog")), "list_inverters", "get_inverter"),
    # It keeps a collection, and shows no newest log.
    DeviceKind(
        "ct_clamps",
        "ct_clamp",
        "ctcl",
        _logs(LogKind("current", "list_ct_clamp_logs", "sampled_at", is_watched=True, model="CTClampLog")),
        "list_ct_clamps",
        "get_ct_clamp",
    ),
)

DEVICES: Final[Mapping[str, DeviceKind]] = MappingProxyType({row.kind: row for row in _ROWS})
"""The collections of devices, by name."""


def log_name(argument: str, log: object, allowed: Collection[str]) -> str:
    """Return the name of a log, as the table has it.

    `"errors"`, the name until version 0.1, is accepted with a `DeprecationWarning`.

    Raises:
        InvalidArgument: It is none of those that are allowed.
    """
    if log == "errors" and "error" in allowed:
        warnings.warn(f'{argument}: "errors" is now called "error"', DeprecationWarning, stacklevel=4)
        return "error"
    if not isinstance(log, str) or log not in allowed:
        raise InvalidArgument(argument, log, f"one of {', '.join(map(repr, allowed))}")
    return log


def _is_collection(value: object) -> TypeGuard[Collection[object]]:
    return isinstance(value, Collection)


def log_names(argument: str, logs: object, allowed: Collection[str]) -> frozenset[str]:
    """Return the names of some logs; one may be given by itself.

    Raises:
        InvalidArgument: They are no collection, or one of them is none of those that are allowed.
    """
    given = [logs] if isinstance(logs, str) else logs
    if not _is_collection(given) or not all(log == "errors" or log in allowed for log in given):
        raise InvalidArgument(argument, logs, f"any of {', '.join(map(repr, allowed))}")
    return frozenset(log_name(argument, each, allowed) for each in given)
