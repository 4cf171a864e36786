"""A local server that behaves like the ev.energy API, over a simulated fleet.

`python -m ev_energy_async.sandbox` runs it; in tests:

    async with Sandbox(vehicles=100) as sandbox:
        ...  # a client with sandbox.base_url, sandbox.token_url, sandbox.client_id, sandbox.client_secret

What goes wrong on purpose is a `FaultPlan` of `Rule`s; the effects are in `ev_energy_async.sandbox.faults`.
It never reaches the real API, and of the package only `testing`, `cli` and `demo` import it.
"""

from ev_energy_async.sandbox.clock import Clock, RealClock, ScaledClock, SteppedClock
from ev_energy_async.sandbox.faults import FaultPlan, FaultPlanError, Rule, read_plan
from ev_energy_async.sandbox.record import Delivery, Served
from ev_energy_async.sandbox.server import Sandbox
from ev_energy_async.sandbox.world import Fleet, Logged

__all__ = [
    "Clock",
    "Delivery",
    "FaultPlan",
    "FaultPlanError",
    "Fleet",
    "Logged",
    "RealClock",
    "Rule",
    "Sandbox",
    "ScaledClock",
    "Served",
    "SteppedClock",
    "read_plan",
]
