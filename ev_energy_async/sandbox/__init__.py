"""A local server that behaves like the ev.energy API, over a simulated fleet.

`python -m ev_energy_async.sandbox` runs it; in tests:

    async with Sandbox(vehicles=100) as sandbox:
        ...  # a client with sandbox.base_url, sandbox.token_url, sandbox.client_id, sandbox.client_secret
"""

from ev_energy_async.sandbox.clock import Clock, RealClock, SteppedClock
from ev_energy_async.sandbox.server import Sandbox, Served

__all__ = ["Clock", "RealClock", "Sandbox", "Served", "SteppedClock"]
