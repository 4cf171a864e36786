"""The way of a request to the wire and of its response back: middleware, retries, budget, token, aiohttp.

The client wires it together; only `transport` talks to the network. Other packages see errors and responses, never
aiohttp.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.http.pipeline import Core as Core
    from ev_energy_async.http.pipeline import Route as Route
    from ev_energy_async.http.shared import VERSION_HEADER as VERSION_HEADER
    from ev_energy_async.http.shared import Shared as Shared
    from ev_energy_async.http.stats import Stats as Stats
    from ev_energy_async.http.transport import Transport as Transport
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        pipeline=("Core", "Route"),
        shared=("VERSION_HEADER", "Shared"),
        stats=("Stats",),
        transport=("Transport",),
    )
