"""Backfills: one kind of log of a whole fleet, resumable from a cursor.

Only `fleet` uses it. It keeps no checkpoint: its cursor is all that a later run needs, and the caller stores it.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.fleet.backfill.backfill import PRIORITY as PRIORITY
    from ev_energy_async.fleet.backfill.backfill import Backfill as Backfill
    from ev_energy_async.fleet.backfill.items import LogRead as LogRead
    from ev_energy_async.fleet.backfill.selection import device_ids as device_ids
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        backfill=("PRIORITY", "Backfill"),
        items=("LogRead",),
        selection=("device_ids",),
    )
