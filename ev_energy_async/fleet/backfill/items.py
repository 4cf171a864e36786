"""What a backfill gives: logs, so many that they are made in C. Pure."""

from __future__ import annotations

import sys
from typing import Any, Generic

import msgspec

from ev_energy_async._attributes import WithAttributes
from ev_energy_async.codec import AsDict

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

__all__ = ["LogRead"]

L_co = TypeVar("L_co", default=Any, covariant=True)


class LogRead(AsDict, WithAttributes, msgspec.Struct, Generic[L_co], frozen=True, kw_only=True):
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
