"""A user's middleware, functions `(request, next)`: the pipeline runs them around all attempts of a call.

Each is called once per call and never sees a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async.messages import DEFAULT_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ev_energy_async.messages import Handler, Middleware, RawResponse, Request

__all__ = ["chain", "keeping_options"]


def chain(middleware: Sequence[Middleware], wire: Handler) -> Handler:
    """Return a handler that passes a request through middleware, the first outermost, to the wire."""
    handler = wire
    for each in reversed(middleware):
        handler = _bound(each, handler)
    return handler


def _bound(middleware: Middleware, following: Handler) -> Handler:
    # Not a coroutine function: that would add a frame to every call.
    def handler(request: Request[Any]) -> Awaitable[RawResponse]:
        return middleware(request, following)

    return handler


def keeping_options(middleware: Middleware) -> Middleware:
    """Return a middleware whose requests have the options of the call, those that it builds itself too.

    A request that a user's middleware builds has no options: its attempts would ignore the call's policy and record.
    """

    def keep(request: Request[Any], following: Handler) -> Awaitable[RawResponse]:
        def handler(made: Request[Any]) -> Awaitable[RawResponse]:
            return following(made.changed(options=request.options) if made.options is DEFAULT_OPTIONS else made)

        return middleware(request, handler)

    return keep
