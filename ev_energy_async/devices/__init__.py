"""One device at a time: its handle, its logs, following them, its charging sessions.

The client hands the handles out. Nothing here reads more than one device: whole fleets are read by `fleet`.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.devices.dates import ServerTime as ServerTime
    from ev_energy_async.devices.device import BoundaryMeterHandle as BoundaryMeterHandle
    from ev_energy_async.devices.device import CtClampHandle as CtClampHandle
    from ev_energy_async.devices.device import Device as Device
    from ev_energy_async.devices.device import EvseHandle as EvseHandle
    from ev_energy_async.devices.device import HomeBatteryHandle as HomeBatteryHandle
    from ev_energy_async.devices.device import InverterHandle as InverterHandle
    from ev_energy_async.devices.device import OcppFilters as OcppFilters
    from ev_energy_async.devices.device import VehicleHandle as VehicleHandle
    from ev_energy_async.devices.failures import MOST_WAITS as MOST_WAITS
    from ev_energy_async.devices.failures import Job as Job
    from ev_energy_async.devices.failures import Running as Running
    from ev_energy_async.devices.failures import is_fatal as is_fatal
    from ev_energy_async.devices.failures import is_refusal as is_refusal
    from ev_energy_async.devices.failures import is_transient as is_transient
    from ev_energy_async.devices.failures import outcomes_of as outcomes_of
    from ev_energy_async.devices.failures import settle as settle
    from ev_energy_async.devices.handles import Handles as Handles
    from ev_energy_async.devices.history import Ascending as Ascending
    from ev_energy_async.devices.history import Portion as Portion
    from ev_energy_async.devices.history import cradle_of as cradle_of
    from ev_energy_async.devices.history import in_order as in_order
    from ev_energy_async.devices.history import pages_of as pages_of
    from ev_energy_async.devices.history import read_back as read_back
    from ev_energy_async.devices.kinds import DEVICES as DEVICES
    from ev_energy_async.devices.kinds import PAGE_SIZE as PAGE_SIZE
    from ev_energy_async.devices.kinds import DeviceKind as DeviceKind
    from ev_energy_async.devices.kinds import LogKind as LogKind
    from ev_energy_async.devices.kinds import VehicleLog as VehicleLog
    from ev_energy_async.devices.kinds import WatchedKind as WatchedKind
    from ev_energy_async.devices.kinds import WatchedLog as WatchedLog
    from ev_energy_async.devices.kinds import log_name as log_name
    from ev_energy_async.devices.kinds import log_names as log_names
    from ev_energy_async.devices.pacing import Allowance as Allowance
    from ev_energy_async.devices.pacing import Backfilling as Backfilling
    from ev_energy_async.devices.pacing import Patience as Patience
    from ev_energy_async.devices.seen import Placed as Placed
    from ev_energy_async.devices.seen import last_segment as last_segment
    from ev_energy_async.devices.seen import place as place
    from ev_energy_async.devices.seen import place_all as place_all
    from ev_energy_async.devices.seen import texts_of as texts_of
    from ev_energy_async.devices.sessions import CommandNotConfirmed as CommandNotConfirmed
    from ev_energy_async.devices.sessions import NotPluggedIn as NotPluggedIn
    from ev_energy_async.devices.stream import Stream as Stream
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        failures=("MOST_WAITS", "Job", "Running", "is_fatal", "is_refusal", "is_transient", "outcomes_of", "settle"),
        dates=("ServerTime",),
        device=(
            "BoundaryMeterHandle",
            "CtClampHandle",
            "Device",
            "EvseHandle",
            "HomeBatteryHandle",
            "InverterHandle",
            "OcppFilters",
            "VehicleHandle",
        ),
        handles=("Handles",),
        history=("Ascending", "Portion", "cradle_of", "in_order", "pages_of", "read_back"),
        kinds=(
            *("DEVICES", "PAGE_SIZE", "DeviceKind", "LogKind"),
            *("VehicleLog", "WatchedKind", "WatchedLog", "log_name", "log_names"),
        ),
        pacing=("Allowance", "Backfilling", "Patience"),
        seen=("Placed", "last_segment", "place", "place_all", "texts_of"),
        sessions=("CommandNotConfirmed", "NotPluggedIn"),
        stream=("Stream",),
    )
