"""When a request is sent again, and after how long.

The decision is a pure function of what was asked and how it ended. GET and DELETE may be repeated; a POST or PATCH only
if it was surely not carried out, or if the API is known to treat a second one as the first. What is left in doubt
becomes `OutcomeUnknown`, never a second write.
"""

from __future__ import annotations

import datetime as dt
import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ev_energy_async.errors import ApiError, BudgetExhausted, ConnectionFailed, RequestTimeout, TransportError
from ev_energy_async.messages import RetryEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.clock import Clock, RandomSource
    from ev_energy_async.messages import Handler, Middleware, RawResponse, Request

__all__ = ["Outcome", "may_repeat", "retry_after", "with_retries"]

_LOG: Final = logging.getLogger("ev_energy_async")
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_NOT_FOUND: Final = 404
_NO_CONTENT: Final = 204
_TOO_MANY: Final = 429
_FAILURES: Final = 400  # statuses from here on
_UNAVAILABLE: Final = 503
_LONGEST_WAIT: Final = 366 * 86_400.0  # so that no answer reaches beyond what a datetime holds

Outcome: TypeAlias = "RawResponse | Exception"
"""How a try ended: with a complete answer, or with an error."""


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that an answer asks to wait; None if it does not (RFC 9110, section 10.2.3).

    The header holds seconds or a date; the API spells it `RetryAfter` in places.
    """
    text = (headers.get("Retry-After") or headers.get("RetryAfter") or "").strip()
    if text.isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return min(max(0.0, (when - now).total_seconds()), _LONGEST_WAIT)


def may_repeat(request: Request[Any], outcome: Outcome) -> bool:
    """Whether a request may be sent again after a try that ended in this way."""
    operation = request.operation
    harmless = request.method in _REPEATABLE or operation.idempotent
    if isinstance(outcome, TransportError):
        if outcome.request.operation is not operation:
            # A token could not be had: the request itself was not sent at all.
            return isinstance(outcome, ConnectionFailed | RequestTimeout)
        return outcome.passing and (outcome.unsent or harmless)
    if isinstance(outcome, ApiError):
        # The token endpoint's; an answer to the request itself is no exception at this point.
        return outcome.status in _PASSING
    if isinstance(outcome, Exception):
        return False
    status = outcome.status
    if status == _UNAVAILABLE and _UNAVAILABLE in operation.answers:
        return False  # the operation's own way to say that a device could not be reached
    if harmless:
        return status in _PASSING
    # Refused before anything was done: the bucket was empty, or the server was not taking requests for a while.
    return status == _TOO_MANY or (status == _UNAVAILABLE and "Retry-After" in outcome.headers)


def with_retries(clock: Clock, random: RandomSource) -> Middleware:
    """Return a middleware that repeats what may be repeated, within the deadline of the call."""

    async def repeat(request: Request[Any], following: Handler) -> RawResponse:
        policy, record = request.options.retry, request.options.record
        outcome: Outcome | None = None
        attempt = 0
        while True:
            attempt += 1
            record.attempts = attempt
            try:
                outcome = await following(request)
                if outcome.status < _FAILURES:
                    return outcome  # nearly always
            except (TransportError, ApiError) as error:
                outcome = error
            except BudgetExhausted as error:
                if outcome is None:
                    raise
                # What the try before said is worth more: the bucket is empty because of it.
                record.retry_at = error.retry_at
                return _ended(outcome)
            if not isinstance(outcome, Exception) and record.in_doubt and _is_gone(request, outcome):
                # The first DELETE was carried out, though its answer was lost.
                return attrs.evolve(outcome, status=_NO_CONTENT, body=b"", data=b"")
            stated = None if isinstance(outcome, TransportError) else retry_after(_headers(outcome), clock.now())
            delay = policy.delay(attempt, random) if stated is None else stated
            if isinstance(outcome, ApiError) and stated is not None:
                outcome.retry_at = clock.now() + dt.timedelta(seconds=stated)
            if attempt >= policy.attempts or not may_repeat(request, outcome):
                return _ended(outcome)
            if not _fits(request, delay, clock):
                _note_next_try(request, outcome, clock.now() + dt.timedelta(seconds=delay))
                return _ended(outcome)
            record.in_doubt = record.in_doubt or _may_have_worked(request, outcome)
            event = RetryEvent(request, attempt, outcome, delay)
            _LOG.debug(
                "%s%s: try %d ended with %s; again in %.2f s",
                request.options.prefix,
                request,
                attempt,
                _said(outcome),
                delay,
            )
            if policy.before is not None:
                policy.before(event)
            await clock.sleep(delay)
            record.retry_wait += delay

    return repeat


def _ended(outcome: Outcome) -> RawResponse:
    """Return an answer, or raise the error that came in its place."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _note_next_try(request: Request[Any], outcome: Outcome, at: dt.datetime) -> None:
    """Let the error that comes of an outcome say when the next try would have been."""
    if isinstance(outcome, TransportError | ApiError):
        outcome.retry_at = at
    else:
        request.options.record.retry_at = at


def _headers(outcome: Outcome) -> Mapping[str, str]:
    if isinstance(outcome, ApiError):
        return outcome.response.headers
    return {} if isinstance(outcome, Exception) else outcome.headers


def _fits(request: Request[Any], delay: float, clock: Clock) -> bool:
    deadline = request.options.deadline_at
    return deadline is None or clock.monotonic() + delay < deadline


def _is_gone(request: Request[Any], response: RawResponse) -> bool:
    return request.method == "DELETE" and response.status == _NOT_FOUND


def _may_have_worked(request: Request[Any], outcome: Outcome) -> bool:
    """Whether a try may have been carried out, although it did not end well."""
    if isinstance(outcome, TransportError):
        return not outcome.unsent and outcome.request.operation is request.operation
    return not isinstance(outcome, Exception) and outcome.status != _TOO_MANY


def _said(outcome: Outcome) -> str:
    return type(outcome).__name__ if isinstance(outcome, Exception) else str(outcome.status)
