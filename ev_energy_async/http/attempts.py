"""The attempts of a call: for each its turn in the budget, its token and the wire, and between them the waits.

The pipeline puts one handler below the user's middleware. Its usual way is one coroutine: what follows a failure has
coroutines of its own.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import auth as auth_package
from ev_energy_async import budget as budget_package
from ev_energy_async import messages
from ev_energy_async.errors import ApiError, AuthUnavailable, BudgetExhausted, ConnectionFailed, TransportError
from ev_energy_async.http.retry import FAILURES, ended, pause, retry_after
from ev_energy_async.masking import Secret, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.auth import Auth
    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.http.retry import Outcome
    from ev_energy_async.http.shared import Shared
    from ev_energy_async.messages import RawResponse, Request

__all__ = ["Attempts"]

_LOG: Final = logging.getLogger("ev_energy_async")
_REQUEST_ID: Final = "X-Request-ID"
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429
_NO_TOKEN: Final = Secret("")


class Attempts:
    """The handler that sends requests, again if the retry policy allows, within the budget and with a token.

    Args:
        shared: The part of the client that its views share: the wire and the sources of time and randomness.
        headers: Headers of every request, the user's context among them; they win.
        auth: Where tokens come from; None for requests without one.
        budget: The hourly budget of requests.
    """

    __slots__ = ("_auth", "_authorization", "_budget", "_headers", "_shared", "_token")

    def __init__(self, shared: Shared, headers: Mapping[str, str], auth: Auth | None, budget: RequestBudget) -> None:
        self._shared = shared
        self._headers = headers
        self._auth = auth
        self._budget = budget
        # The latest token and the header made of it: most calls have the same one.
        self._token: Secret[str] | None = None
        self._authorization: Secret[str] = _NO_TOKEN

    async def __call__(self, request: Request[Any]) -> RawResponse:
        """Send a request until its outcome is final.

        Raises:
            TransportError: There was no complete response.
            BudgetExhausted: No request is free before the deadline.
            ApiError: The token endpoint refused.
        """
        if not self._headers.items() <= request.headers.items():
            request = request.with_headers(self._headers)  # middleware made another one
        options, auth = request.options, self._auth
        record = options.record
        # Writes go before reads: unless the caller says otherwise, they have 1.
        priority = int(request.method not in messages.SAFE_METHODS) if options.priority is None else options.priority
        outcome: Outcome | None = None
        while True:
            attempt = record.begin_attempt()
            try:
                try:
                    spending = await self._budget.acquire(priority=priority, deadline=options.deadline_at)
                except budget_package.NotInTime as error:
                    raise BudgetExhausted(request, error.retry_at) from error
                except budget_package.BudgetClosed as error:
                    raise ConnectionFailed(request, "the client is closed", unsent=True, transient=False) from error
                if spending.waited:
                    record.budget_wait += spending.waited
                with spending:
                    try:
                        authorization = None if auth is None else self._header(Secret(await auth.access_token()))
                        started = time.perf_counter()
                        response = await self._shared.transport(request, authorization)
                        attempt.answered = True
                        if _LOG.isEnabledFor(logging.DEBUG):
                            _log(response, time.perf_counter() - started)
                        if response.status == _UNAUTHORIZED and auth is not None and authorization is not None:
                            response = await self._with_another_token(request, auth, authorization, response)
                    except BaseException:
                        if not (attempt.sent or attempt.answered):
                            spending.release()  # no token, no connection: the API never saw it
                        raise
                    if response.status == _TOO_MANY:
                        stated = retry_after(response.status, response.headers, self._shared.clock.now())
                        spending.refused(response.rate_limit, stated)
                    else:
                        spending.settle(response.rate_limit)
                if response.status < FAILURES:
                    return response
                outcome = response
            except (TransportError, ApiError) as error:
                if isinstance(error, AuthUnavailable):
                    error.request = request  # whoever raised it did not know
                outcome = error
            except BudgetExhausted as error:
                if outcome is None:
                    raise
                # The outcome of the attempt before says more: the bucket is empty because of it.
                record.retry_at = error.retry_at
                return ended(outcome)
            final = await pause(request, outcome, self._shared.clock, self._shared.random)
            if final is not None:
                return final

    def _header(self, token: Secret[str]) -> Secret[str]:
        """Return the `Authorization` header of a token."""
        if token != self._token:
            auth_package.check_token("access_token", token.reveal())
            self._token, self._authorization = token, token.prefixed("Bearer ")
        return self._authorization

    async def _with_another_token(
        self, request: Request[Any], auth: Auth, refused: Secret[str], response: RawResponse
    ) -> RawResponse:
        """Send a request once more after a 401 if there is another token; else return the response to the first."""
        rejected = Secret(refused.reveal().removeprefix("Bearer "))
        fresh = self._header(Secret(await auth.access_token(rejected=rejected.reveal())))
        return response if fresh == refused else await self._shared.transport(request, fresh)


def _log(response: RawResponse, seconds: float) -> None:
    request, rate = response.request, response.rate_limit
    stated = response.headers.get(_REQUEST_ID)
    _LOG.debug(
        "%s%s: %d in %.0f ms, attempt %d, %s of the budget left",
        request.options.prefix,
        request,
        response.status,
        seconds * 1000,
        request.options.record.attempts,
        "?" if rate is None else rate.remaining,
        extra={
            "operation": request.operation.name,
            "status": response.status,
            "attempt": request.options.record.attempts,
            "duration": seconds,
            "request_id": None if stated is None else printable(stated, 100),
        },
    )
