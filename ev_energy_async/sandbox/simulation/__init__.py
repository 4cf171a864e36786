"""The clockwork behind the sandbox's fleet: cars that live their days, and the logs those days leave behind.

The world builds its devices from it. Pure: no I/O, no clock, time comes in as an argument. What happens on a day
follows from the seed, the device and the state at that day's dawn alone, so days are computed when they are looked at
and forgotten afterwards.
"""

from ev_energy_async.sandbox.simulation import evse_logs, vehicle_logs
from ev_energy_async.sandbox.simulation.arrivals import Arrivals, Arrived
from ev_energy_async.sandbox.simulation.chance import mix, share, source
from ev_energy_async.sandbox.simulation.episodes import (
    BOOST,
    INTERVAL,
    SMART,
    UNMANAGED_HOME,
    Episode,
    Span,
    Usage,
    delivered,
    episodes,
    seconds_charging,
    spans,
    usage,
)
from ev_energy_async.sandbox.simulation.evse_logs import Charger, EvseReporter, OcppLog
from ev_energy_async.sandbox.simulation.habits import EFFICIENCY, Activity, Habits
from ev_energy_async.sandbox.simulation.household import Flows, Household, Households
from ev_energy_async.sandbox.simulation.life import RETAINED_DAYS, Days, Life
from ev_energy_async.sandbox.simulation.log_kinds import Log, LogKind
from ev_energy_async.sandbox.simulation.recent import Recent
from ev_energy_async.sandbox.simulation.series import Bounds, Series
from ev_energy_async.sandbox.simulation.signals import (
    STEP,
    Rates,
    carbon_class,
    carbon_intensity,
    grid_level,
    price,
    sunshine,
)
from ev_energy_async.sandbox.simulation.silence import Silences, break_off, broken_off, restore, silent
from ev_energy_async.sandbox.simulation.timeline import LogBook, Reporter, Shared, Timeline, Written
from ev_energy_async.sandbox.simulation.vehicle_logs import CommandLog, Connection, Telematics, VehicleReporter

__all__ = [
    "Activity",
    "Arrivals",
    "Arrived",
    "BOOST",
    "Bounds",
    "Charger",
    "CommandLog",
    "Connection",
    "Days",
    "EFFICIENCY",
    "Episode",
    "EvseReporter",
    "Flows",
    "Habits",
    "Household",
    "Households",
    "INTERVAL",
    "Life",
    "Log",
    "LogBook",
    "LogKind",
    "OcppLog",
    "RETAINED_DAYS",
    "Rates",
    "Recent",
    "Reporter",
    "SMART",
    "STEP",
    "Series",
    "Shared",
    "Silences",
    "Span",
    "Telematics",
    "Timeline",
    "UNMANAGED_HOME",
    "Usage",
    "VehicleReporter",
    "Written",
    "break_off",
    "broken_off",
    "carbon_class",
    "carbon_intensity",
    "delivered",
    "episodes",
    "evse_logs",
    "grid_level",
    "mix",
    "price",
    "restore",
    "seconds_charging",
    "share",
    "silent",
    "source",
    "spans",
    "sunshine",
    "usage",
    "vehicle_logs",
]
