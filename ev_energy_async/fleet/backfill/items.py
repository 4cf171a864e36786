"""The logs that a backfill gives, made in numbers. Pure."""

from __future__ import annotations

import sys
from typing import Any, Generic

import attrs

from ev_energy_async.codec import AsDict

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

__all__ = ["LogRead", "log_read"]

L_co = TypeVar("L_co", default=Any, covariant=True)


@attrs.frozen(kw_only=True)
class LogRead(AsDict, Generic[L_co]):
    """A log of a device's past.

    Attributes:
        key: What tells it from all other logs, in every run, as in `vhcl01.../status/2026-...`.
        vehicle_id: Whose; of a device of another kind it is that one's ID too.
        log_kind: `status`, `error`, `command` and so on.
        log: The log.
        kind: The kind of the device.
    """

    key: str
    vehicle_id: str
    log_kind: str
    log: L_co
    kind: str = "vehicles"

    @property
    def device_id(self) -> str:
        """Whose, whatever its kind."""
        return self.vehicle_id


_set_key, _set_vehicle_id, _set_log_kind, _set_log, _set_kind = (
    LogRead.__dict__[field.name].__set__ for field in attrs.fields(LogRead)
)


def log_read(key: str, vehicle_id: str, log_kind: str, log: Any, kind: str) -> LogRead[Any]:
    """Return `LogRead(...)` in half the time: a frozen class looks up the slot of each field by its name."""
    made: LogRead[Any] = object.__new__(LogRead)
    _set_key(made, key)
    _set_vehicle_id(made, vehicle_id)
    _set_log_kind(made, log_kind)
    _set_log(made, log)
    _set_kind(made, kind)
    return made
