"""The attempts of a call: for each its turn in the budget, its token and the wire, and between them the waits.

The pipeline puts one handler below the user's middleware. Its usual way is one coroutine, which only looks things up:
whatever has to wait, and whatever follows a failure, has a coroutine of its own.
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
    from ev_energy_async.budget import RequestBudget, Spending
    from ev_energy_async.clock import Clock, RandomSource
    from ev_energy_async.http.retry import Outcome
    from ev_energy_async.http.transport import Transport
    from ev_energy_async.messages import RawResponse, Request

__all__ = ["Attempts"]

_LOG: Final = logging.getLogger("ev_energy_async")
_REQUEST_ID: Final = "X-Request-ID"
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429


class Attempts:
    """The handler that sends requests, again if the retry policy allows, within the budget and with a token.

    Args:
        transport: The wire.
        headers: Headers of every request, the user's context among them; they win.
        auth: Where tokens come from; None for requests without one.
        budget: The hourly budget of requests.
        clock: Source of time.
        random: Source of randomness.
    """

    __slots__ = ("_auth", "_authorization", "_budget", "_clock", "_headers", "_random", "_token", "_transport")

    def __init__(
        self,
        transport: Transport,
        headers: Mapping[str, str],
        auth: Auth | None,
        budget: RequestBudget,
        clock: Clock,
        random: RandomSource,
    ) -> None:
        self._transport = transport
        self._headers = headers
        self._auth = auth
        self._budget = budget
        self._clock = clock
        self._random = random
        # The latest token and the header made of it: most calls have the same one.
        self._token: Secret[str] | None = None
        self._authorization = Secret("")

    async def __call__(self, request: Request[Any]) -> RawResponse:
        """Send a request until its outcome is final.

        Raises:
            TransportError: There was no complete response.
            BudgetExhausted: No request is free before the deadline.
            ApiError: The token endpoint refused.
        """
        if not self._headers.items() <= request.headers.items():
            request = request.with_headers(self._headers)  # middleware made another one
        record = request.options.record
        outcome: Outcome | None = None
        while True:
            attempt = record.begin_attempt()
            try:
                spending = await self._turn(request)
                with spending:
                    try:
                        authorization = None if self._auth is None else await self._authorized(request)
                        started = time.perf_counter()
                        response = await self._transport(request, authorization)
                        attempt.answered = True
                        if _LOG.isEnabledFor(logging.DEBUG):
                            _log(response, time.perf_counter() - started)
                        if response.status == _UNAUTHORIZED and authorization is not None:
                            response = await self._with_another_token(request, authorization, response)
                    except BaseException:
                        if not (attempt.sent or attempt.answered):
                            spending.release()  # no token, no connection: the API never saw it
                        raise
                    self._report(spending, response)
                if response.status < FAILURES:
                    return response
                outcome = response
            except (TransportError, ApiError) as error:
                outcome = error
            except BudgetExhausted as error:
                if outcome is None:
                    raise
                # The outcome of the attempt before says more: the bucket is empty because of it.
                record.retry_at = error.retry_at
                return ended(outcome)
            final = await pause(request, outcome, self._clock, self._random)
            if final is not None:
                return final

    async def _turn(self, request: Request[Any]) -> Spending:
        """Wait for a request of the budget. Writes go before reads: unless the caller says otherwise, they have 1."""
        options = request.options
        priority = int(request.method not in messages.SAFE_METHODS) if options.priority is None else options.priority
        try:
            spending = await self._budget.acquire(priority=priority, deadline=options.deadline_at)
        except budget_package.NotInTime as error:
            raise BudgetExhausted(request, error.retry_at) from error
        except budget_package.BudgetClosed as error:
            raise ConnectionFailed(request, "the client is closed", unsent=True, transient=False) from error
        options.record.budget_wait += spending.waited
        return spending

    def _report(self, spending: Spending, response: RawResponse) -> None:
        if response.status == _TOO_MANY:
            stated = retry_after(response.status, response.headers, self._clock.now())
            spending.refused(response.rate_limit, stated)
        else:
            spending.settle(response.rate_limit)

    async def _authorized(self, request: Request[Any], rejected: Secret[str] | None = None) -> Secret[str]:
        """Return the `Authorization` header with a token other than a rejected one, if there is another."""
        auth: Any = self._auth
        try:
            if rejected is None:
                token = Secret(await auth.access_token())
            else:
                token = Secret(await auth.access_token(rejected=rejected.reveal()))
        except AuthUnavailable as error:
            error.request = request
            raise
        if token != self._token:
            auth_package.check_token("access_token", token.reveal())
            self._token, self._authorization = token, token.prefixed("Bearer ")
        return self._authorization

    async def _with_another_token(
        self, request: Request[Any], refused: Secret[str], response: RawResponse
    ) -> RawResponse:
        """Send a request once more after a 401 if there is another token; else return the response to the first."""
        rejected = Secret(refused.reveal().removeprefix("Bearer "))
        fresh = await self._authorized(request, rejected)
        return response if fresh == refused else await self._transport(request, fresh)


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
