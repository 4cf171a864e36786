"""The sandbox as a server: sockets, the way of a request through it, and the parts put together.

The public `Sandbox` comes from here, and the command line runs it. Nothing below imports it.
"""

from ev_energy_async.sandbox.oauth import REDIRECT_URIS
from ev_energy_async.sandbox.server.sandbox import Sandbox

__all__ = [
    "REDIRECT_URIS",
    "Sandbox",
]
