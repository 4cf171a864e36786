"""The handlers of the operations, by operation name.

The server hands a checked `Call` to a handler and gets a `Reply`. A handler does no I/O and never looks at tokens.
"""

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.session_lists import prepared
from ev_energy_async.sandbox.handlers.table import HANDLERS, handler_of

__all__ = [
    "Call",
    "HANDLERS",
    "handler_of",
    "Handler",
    "prepared",
]
