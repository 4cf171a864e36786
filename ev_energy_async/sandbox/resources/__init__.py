"""The world's things as JSON, and the records that a world starts with.

Handlers ask it for bodies. Each group of records fills itself when one of its kinds is first looked at, from the seed
alone. No I/O, no clock.
"""

from ev_energy_async.sandbox.resources import charging, charging_plans, device_logs
from ev_energy_async.sandbox.resources.groups import GROUPS
from ev_energy_async.sandbox.resources.scribe import Scribe
from ev_energy_async.sandbox.resources.view import View

__all__ = [
    "GROUPS",
    "Scribe",
    "View",
    "charging",
    "charging_plans",
    "device_logs",
]
