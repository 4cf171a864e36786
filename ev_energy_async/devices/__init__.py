"""One device at a time: its handle, its logs, following them, its charging sessions.

The client hands the handles out; whole fleets are read by `fleet`.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.devices.follow import is_passing as is_passing
    from ev_energy_async.devices.follow import read_at as read_at
    from ev_energy_async.devices.handles import Handles as Handles
    from ev_energy_async.devices.history import Ascending as Ascending
    from ev_energy_async.devices.history import cradle_of as cradle_of
    from ev_energy_async.devices.history import pages_of as pages_of
    from ev_energy_async.devices.logs import DEVICES as DEVICES
    from ev_energy_async.devices.logs import PAGE_SIZE as PAGE_SIZE
    from ev_energy_async.devices.logs import LogKind as LogKind
    from ev_energy_async.devices.pacing import Allowance as Allowance
    from ev_energy_async.devices.pacing import Backfilling as Backfilling
    from ev_energy_async.devices.pacing import Patience as Patience
    from ev_energy_async.devices.seen import Placed as Placed
    from ev_energy_async.devices.seen import last_segment as last_segment
    from ev_energy_async.devices.seen import place as place
    from ev_energy_async.devices.sessions import NotPluggedIn as NotPluggedIn
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        follow=("is_passing", "read_at"),
        handles=("Handles",),
        history=("Ascending", "cradle_of", "pages_of"),
        logs=("DEVICES", "LogKind", "PAGE_SIZE"),
        pacing=("Allowance", "Backfilling", "Patience"),
        seen=("Placed", "last_segment", "place"),
        sessions=("NotPluggedIn",),
    )
