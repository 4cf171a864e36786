"""The sandbox as a server: sockets, the way of a request through it, and the parts put together.

The public `Sandbox` comes from here, and the command line runs it. Nothing below imports it.
"""

from ev_energy_async.sandbox.server.sandbox import REDIRECT_URIS, Sandbox

__all__ = [
    "REDIRECT_URIS",
    "Sandbox",
]
