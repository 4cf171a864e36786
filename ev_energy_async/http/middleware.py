"""The steps between an endpoint function and the wire, as functions `(request, next)`.

A user's middleware has the same shape and runs outside of these: it is called once per call and never sees a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import auth as auth_package
from ev_energy_async import budget as budget_package
from ev_energy_async.errors import AuthUnavailable, BudgetExhausted, ConnectionFailed
from ev_energy_async.http.retry import retry_after
from ev_energy_async.masking import Secret
from ev_energy_async.messages import DEFAULT_OPTIONS, SAFE_METHODS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ev_energy_async.auth import Auth
    from ev_energy_async.budget import RequestBudget
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


def with_auth(auth: Auth, user_url: str | None) -> Middleware:
    """Return a middleware that adds the token, and with it the user whose context the call is made in.

    After a 401 it sends the request once more if there is another token.
    """
    user = {} if user_url is None else {_USER: user_url}

    async def token_for(request: Request[Any], rejected: Secret[str] | None = None) -> Secret[str]:
        try:
            return Secret(auth_package.check_token("access_token", await _asked(auth, rejected)))
        except AuthUnavailable as error:
            error.request = request
            raise

    async def authenticate(request: Request[Any], following: Handler) -> RawResponse:
        if user:
            request = request.with_headers(user)
        token = await token_for(request)
        response = await following(request.changed(authorization=token.prefixed("Bearer ")))
        if response.status != _UNAUTHORIZED:
            return response
        fresh = await token_for(request, token)
        if fresh == token:
            return response
        return await following(request.changed(authorization=fresh.prefixed("Bearer ")))

    return authenticate


def _asked(auth: Auth, rejected: Secret[str] | None) -> Awaitable[str]:
    return auth.access_token() if rejected is None else auth.access_token(rejected=rejected.reveal())


def with_budget(budget: RequestBudget, clock: Clock) -> Middleware:
    """Return a middleware that waits for a request of the hourly budget, and reports to it how the request ended.

    Writes go before reads: they have a priority of 1 unless the caller sets another.
    """

    async def spend(request: Request[Any], following: Handler) -> RawResponse:
        options = request.options
        priority = int(request.method not in SAFE_METHODS) if options.priority is None else options.priority
        try:
            spending = await budget.acquire(priority=priority, deadline=options.deadline_at)
        except budget_package.NotInTime as error:
            raise BudgetExhausted(request, error.retry_at) from error
        except budget_package.BudgetClosed as error:
            raise ConnectionFailed(request, "the client is closed", unsent=True, transient=False) from error
        options.record.budget_wait += spending.waited
        with spending:
            try:
                response = await following(request)
            except BaseException:
                attempt = options.record.attempt
                if not (attempt.sent or attempt.answered):
                    spending.release()  # no token, no connection: the API never saw it
                raise
            if response.status == _TOO_MANY:
                stated = retry_after(response.status, response.headers, clock.now())
                spending.refused(response.rate_limit, stated)
            else:
                spending.settle(response.rate_limit)
            return response

    return spend
