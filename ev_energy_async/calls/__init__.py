"""From Python arguments to requests, and from responses to pages.

The generated endpoint functions build their requests here; nothing here touches the network.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.calls.endpoints import Group as Group
    from ev_energy_async.calls.endpoints import LazyGroup as LazyGroup
    from ev_energy_async.calls.endpoints import endpoint as endpoint
    from ev_energy_async.calls.endpoints import many as many
    from ev_energy_async.calls.endpoints import pattern_of as pattern_of
    from ev_energy_async.calls.endpoints import renamed as renamed
    from ev_energy_async.calls.paging import Link as Link
    from ev_energy_async.calls.paging import Page as Page
    from ev_energy_async.calls.paging import Paginator as Paginator
    from ev_energy_async.calls.requests import build_request as build_request
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        endpoints=("Group", "LazyGroup", "endpoint", "many", "pattern_of", "renamed"),
        paging=("Link", "Page", "Paginator"),
        requests=("build_request",),
    )
