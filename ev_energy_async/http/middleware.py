"""What happens to a request between the endpoint function and the wire, as functions `(request, next)`.

A user's middleware is written the same way and stands outside of these: it is called once per call and never sees a
token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.auth import check_token
from ev_energy_async.budget import Budget, BudgetClosed, NotInTime
from ev_energy_async.errors import BudgetExhausted, ConnectionFailed
from ev_energy_async.http.retry import retry_after
from ev_energy_async.messages import DEFAULT_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ev_energy_async.auth import Auth
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import Handler, Middleware, RawResponse, Request

__all__ = ["chain", "keeping_options", "with_auth", "with_budget"]

_USER: Final = "EvEnergy-User"
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429


def chain(middleware: Sequence[Middleware], wire: Handler) -> Handler:
    """Return a handler that passes a request through middleware, the first outermost, to the wire."""
    handler = wire
    for each in reversed(middleware):
        handler = _bound(each, handler)
    return handler


def _bound(middleware: Middleware, following: Handler) -> Handler:
    # Not a coroutine function: that would put one more frame into every call.
    def handler(request: Request[Any]) -> Awaitable[RawResponse]:
        return middleware(request, following)

    return handler


def keeping_options(middleware: Middleware) -> Middleware:
    """Return a middleware whose requests are made as the call is to be made, those that it makes anew too.

    A request that a user's middleware builds itself has no options: without this its tries would know neither the
    policy of the call nor what earlier tries came to.
    """

    def keep(request: Request[Any], following: Handler) -> Awaitable[RawResponse]:
        def handler(made: Request[Any]) -> Awaitable[RawResponse]:
            return following(made.with_options(request.options) if made.options is DEFAULT_OPTIONS else made)

        return middleware(request, handler)

    return keep


def with_auth(auth: Auth, user_url: str | None) -> Middleware:
    """Return a middleware that adds the token, and the user on each request that carries one.

    A 401 is answered with one try of a fresh token, if there is another.
    """
    user = {} if user_url is None else {_USER: user_url}

    async def authenticate(request: Request[Any], following: Handler) -> RawResponse:
        token = check_token("access_token", await auth.access_token())
        response = await following(request.with_headers({**user, "Authorization": f"Bearer {token}"}))
        if response.status != _UNAUTHORIZED:
            return response
        fresh = check_token("access_token", await auth.access_token(rejected=token))
        if fresh == token:
            return response
        return await following(request.with_headers({**user, "Authorization": f"Bearer {fresh}"}))

    return authenticate


def with_budget(budget: Budget, clock: Clock) -> Middleware:
    """Return a middleware that waits for a request of the hourly budget, and tells the budget how it ended.

    Commands pass before polls: what is no read has a priority of 1 unless the caller says otherwise.
    """

    async def spend(request: Request[Any], following: Handler) -> RawResponse:
        options = request.options
        priority = int(request.method != "GET") if options.priority is None else options.priority
        try:
            spending = await budget.acquire(priority=priority, deadline=options.deadline_at)
        except NotInTime as error:
            raise BudgetExhausted(request, error.retry_at) from error
        except BudgetClosed as error:
            raise ConnectionFailed(request, "the client is closed", unsent=True, passing=False) from error
        options.record.budget_wait += spending.waited
        options.record.sent = False
        with spending:
            try:
                response = await following(request)
            except BaseException:
                if not options.record.sent:
                    spending.release()  # no token, no connection: the API never saw it
                raise
            if response.status == _TOO_MANY:
                spending.refused(response.rate_limit, retry_after(response.headers, clock.now()))
            else:
                spending.settle(response.rate_limit)
            return response

    return spend
