"""Charging sub-sessions as a stream: each start, change, end and revision once.

Only `fleet` uses it. It never changes a charging session, and runs only while its consumer waits.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.fleet.sub_sessions.changes import Change as Change
    from ev_energy_async.fleet.sub_sessions.events import SubSessionChanged as SubSessionChanged
    from ev_energy_async.fleet.sub_sessions.events import SubSessionEnded as SubSessionEnded
    from ev_energy_async.fleet.sub_sessions.events import SubSessionEvent as SubSessionEvent
    from ev_energy_async.fleet.sub_sessions.events import SubSessionRevised as SubSessionRevised
    from ev_energy_async.fleet.sub_sessions.events import SubSessionStarted as SubSessionStarted
    from ev_energy_async.fleet.sub_sessions.follower import Follower as Follower
    from ev_energy_async.fleet.sub_sessions.looks import EVERY as EVERY
    from ev_energy_async.fleet.sub_sessions.looks import SETTLE as SETTLE
    from ev_energy_async.fleet.sub_sessions.looks import Looks as Looks
    from ev_energy_async.fleet.sub_sessions.rows import Meta as Meta
    from ev_energy_async.fleet.sub_sessions.rows import load_rows as load_rows
    from ev_energy_async.fleet.sub_sessions.stream import SubSessionAudit as SubSessionAudit
    from ev_energy_async.fleet.sub_sessions.stream import SubSessions as SubSessions
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        changes=("Change",),
        events=(
            "SubSessionChanged",
            "SubSessionEnded",
            "SubSessionEvent",
            "SubSessionRevised",
            "SubSessionStarted",
        ),
        follower=("Follower",),
        looks=("EVERY", "SETTLE", "Looks"),
        rows=("Meta", "load_rows"),
        stream=("SubSessionAudit", "SubSessions"),
    )
