"""What happens to a request between the endpoint function and the wire, as functions `(request, next)`.

A user's middleware is written the same way and stands outside of these: it is called once per call and never sees a
token.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.auth import check_token
from ev_energy_async.messages import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.auth import Auth
    from ev_energy_async.messages import Handler, Middleware, RawResponse

__all__ = ["chain", "with_auth", "with_headers"]

_USER: Final = "EvEnergy-User"


def chain(middleware: Sequence[Middleware], wire: Handler) -> Handler:
    """Return a handler that passes a request through middleware, the first outermost, to the wire."""
    handler = wire
    for each in reversed(middleware):
        handler = _bound(each, handler)
    return handler


def _bound(middleware: Middleware, following: Handler) -> Handler:
    async def handler(request: Request[Any]) -> RawResponse:
        return await middleware(request, following)

    return handler


def with_headers(request: Request[Any], headers: dict[str, str]) -> Request[Any]:
    """Return a request with more headers."""
    return Request(request.operation, request.path, request.query, {**request.headers, **headers}, request.body)


def with_auth(auth: Auth, user_url: str | None) -> Middleware:
    """Return a middleware that adds the token, and the user on each request that carries one.

    A 401 is answered with one try of a fresh token, if there is another.
    """
    user = {} if user_url is None else {_USER: user_url}

    async def authenticate(request: Request[Any], following: Handler) -> RawResponse:
        token = check_token("access_token", await auth.access_token())
        response = await following(with_headers(request, {**user, "Authorization": f"Bearer {token}"}))
        if response.status != HTTPStatus.UNAUTHORIZED:
            return response
        fresh = check_token("access_token", await auth.access_token(rejected=token))
        if fresh == token:
            return response
        return await following(with_headers(request, {**user, "Authorization": f"Bearer {fresh}"}))

    return authenticate
