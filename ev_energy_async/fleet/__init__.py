"""Whole fleets within the request budget: snapshots, the watch, backfills, coverage.

`EvEnergy.fleet` is the way in. Every decision is pure, and requests go through the client; none of them writes.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.fleet.audit import Audit as Audit
    from ev_energy_async.fleet.audit import AuditReport as AuditReport
    from ev_energy_async.fleet.coverage import Coverage as Coverage
    from ev_energy_async.fleet.coverage import Gap as Gap
    from ev_energy_async.fleet.coverage import Reason as Reason
    from ev_energy_async.fleet.events import BoundaryMeterEvent as BoundaryMeterEvent
    from ev_energy_async.fleet.events import ChargerEvent as ChargerEvent
    from ev_energy_async.fleet.events import CTClampEvent as CTClampEvent
    from ev_energy_async.fleet.events import CycleFinished as CycleFinished
    from ev_energy_async.fleet.events import DeviceAdded as DeviceAdded
    from ev_energy_async.fleet.events import DeviceRemoved as DeviceRemoved
    from ev_energy_async.fleet.events import ErrorLogged as ErrorLogged
    from ev_energy_async.fleet.events import FleetEvent as FleetEvent
    from ev_energy_async.fleet.events import FleetShrank as FleetShrank
    from ev_energy_async.fleet.events import HomeBatteryEvent as HomeBatteryEvent
    from ev_energy_async.fleet.events import IntegrationChanged as IntegrationChanged
    from ev_energy_async.fleet.events import InverterEvent as InverterEvent
    from ev_energy_async.fleet.events import PollFailed as PollFailed
    from ev_energy_async.fleet.events import StatusLogged as StatusLogged
    from ev_energy_async.fleet.events import VehicleAdded as VehicleAdded
    from ev_energy_async.fleet.events import VehicleEvent as VehicleEvent
    from ev_energy_async.fleet.events import VehicleRemoved as VehicleRemoved
    from ev_energy_async.fleet.events import WatchEvent as WatchEvent
    from ev_energy_async.fleet.fleet import Backfill as Backfill
    from ev_energy_async.fleet.fleet import Batch as Batch
    from ev_energy_async.fleet.fleet import DeviceStatus as DeviceStatus
    from ev_energy_async.fleet.fleet import Fleet as Fleet
    from ev_energy_async.fleet.fleet import FleetClient as FleetClient
    from ev_energy_async.fleet.fleet import LogRead as LogRead
    from ev_energy_async.fleet.fleet import Progress as Progress
    from ev_energy_async.fleet.fleet import Watch as Watch
    from ev_energy_async.fleet.owner import TokenOwner as TokenOwner
    from ev_energy_async.fleet.plan import Plan as Plan
    from ev_energy_async.fleet.sub_sessions import Change as Change
    from ev_energy_async.fleet.sub_sessions import SubSessionAudit as SubSessionAudit
    from ev_energy_async.fleet.sub_sessions import SubSessionChanged as SubSessionChanged
    from ev_energy_async.fleet.sub_sessions import SubSessionEnded as SubSessionEnded
    from ev_energy_async.fleet.sub_sessions import SubSessionEvent as SubSessionEvent
    from ev_energy_async.fleet.sub_sessions import SubSessionRevised as SubSessionRevised
    from ev_energy_async.fleet.sub_sessions import SubSessions as SubSessions
    from ev_energy_async.fleet.sub_sessions import SubSessionStarted as SubSessionStarted
    from ev_energy_async.fleet.watch import Role as Role
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        audit=("Audit", "AuditReport"),
        coverage=("Coverage", "Gap", "Reason"),
        events=(
            "InverterEvent",
            "HomeBatteryEvent",
            "CTClampEvent",
            "ChargerEvent",
            "BoundaryMeterEvent",
            "CycleFinished",
            "DeviceAdded",
            "DeviceRemoved",
            "ErrorLogged",
            "FleetEvent",
            "FleetShrank",
            "IntegrationChanged",
            "PollFailed",
            "StatusLogged",
            "VehicleAdded",
            "VehicleEvent",
            "VehicleRemoved",
            "WatchEvent",
        ),
        fleet=("Backfill", "Batch", "DeviceStatus", "Fleet", "FleetClient", "LogRead", "Progress", "Watch"),
        owner=("TokenOwner",),
        plan=("Plan",),
        sub_sessions=(
            "Change",
            "SubSessionAudit",
            "SubSessionChanged",
            "SubSessionEnded",
            "SubSessionEvent",
            "SubSessionRevised",
            "SubSessions",
            "SubSessionStarted",
        ),
        watch=("Role",),
    )
