"""The rules of retrying: which requests are sent again, and when, within a policy (`messages.Retry`).

The decision is a pure function of the request and the outcome of its latest attempt. Idempotent requests are repeated;
a POST or PATCH only if it was certainly not carried out, or if the API treats a second one like the first. A write that
may have been carried out ends as `OutcomeUnknown`, never as a second write.
"""

from __future__ import annotations

import datetime as dt
import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec.structs import replace

from ev_energy_async import messages
from ev_energy_async.errors import ApiError, ConnectionFailed, RequestTimeout, TransportError
from ev_energy_async.messages import RetryEvent, retry_after_text, seconds_stated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.clock import Clock, RandomSource
    from ev_energy_async.messages import RawResponse, Request

__all__ = ["FAILURES", "Outcome", "ended", "may_repeat", "pause", "retry_after"]

_LOG: Final = logging.getLogger("ev_energy_async")
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_NOT_FOUND: Final = 404
_NO_CONTENT: Final = 204
_TOO_MANY: Final = 429
FAILURES: Final = 400
"""Statuses from here on mean failure."""
_UNAVAILABLE: Final = 503
_WINDOW: Final = 3600.0  # seconds; the API's guide: requests count in a rolling hour
_LONGEST_WAIT: Final = 366 * 86_400.0  # so that no response reaches beyond what a datetime holds

Outcome: TypeAlias = "RawResponse | Exception"
"""The end of an attempt: a complete response, or an error."""


def retry_after(status: int, headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that a response asks to wait (RFC 9110, section 10.2.3); None if it does not.

    `Retry-After` holds seconds or a date. After a 429 no wait exceeds an hour: the API's bucket is a rolling hour, so
    that anything longer, as when a server sends an epoch, is a mistake.
    """
    text = retry_after_text(headers)
    stated = seconds_stated(text)
    if stated is None:
        try:
            when = parsedate_to_datetime(text)
            stated = (when.replace(tzinfo=when.tzinfo or dt.UTC) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(max(0.0, stated), _WINDOW if status == _TOO_MANY else _LONGEST_WAIT)


def may_repeat(request: Request[Any], outcome: Outcome) -> bool:
    """Whether a request may be sent again after an attempt with this outcome."""
    operation = request.operation
    harmless = request.method in messages.IDEMPOTENT_METHODS or operation.idempotent
    if isinstance(outcome, TransportError):
        if outcome.request.operation is not operation:
            # No token could be obtained: the request itself was not sent at all.
            return outcome.transient and isinstance(outcome, ConnectionFailed | RequestTimeout)
        return outcome.transient and (outcome.unsent or harmless)
    if isinstance(outcome, ApiError):
        # The token endpoint's; a response to the request itself is no exception at this point.
        return outcome.status in _TRANSIENT
    if isinstance(outcome, Exception):
        return False
    status = outcome.status
    if status == _UNAVAILABLE and _UNAVAILABLE in operation.responses:
        return False  # the operation's own way of reporting that a device could not be reached
    if harmless:
        return status in _TRANSIENT
    # Refused before anything was done: the bucket was empty, or the server was not accepting requests for a while.
    return status == _TOO_MANY or (status == _UNAVAILABLE and "Retry-After" in outcome.headers)


async def pause(request: Request[Any], outcome: Outcome, clock: Clock, random: RandomSource) -> RawResponse | None:
    """Wait until a request may be sent again; return its response, or raise its error, if this outcome is final.

    Args:
        request: The request, with the policy and the record of its call.
        outcome: The end of its latest attempt.
        clock: Source of time.
        random: Source of randomness.
    """
    policy, record = request.options.retry, request.options.record
    number = record.attempts
    if not isinstance(outcome, Exception) and record.in_doubt and _is_gone(request, outcome):
        # The first DELETE was carried out although its response was lost.
        return replace(outcome, status=_NO_CONTENT, body=b"", data=b"")
    stated = _stated_wait(outcome, clock.now())
    delay = policy.delay(number, random) if stated is None else stated
    if isinstance(outcome, ApiError) and stated is not None:
        outcome.retry_at = clock.now() + dt.timedelta(seconds=stated)
    if number >= policy.attempts or not may_repeat(request, outcome):
        return ended(outcome)
    if not _fits(request, delay, clock):
        _note_next_attempt(request, outcome, clock.now() + dt.timedelta(seconds=delay))
        return ended(outcome)
    record.in_doubt = record.in_doubt or _may_have_worked(request, outcome)
    event = RetryEvent(request, number, outcome, delay)
    _LOG.debug(
        "%s%s: attempt %d ended with %s; the next one in %.2f s",
        request.options.prefix,
        request,
        number,
        _name_of(outcome),
        delay,
        extra={"operation": request.operation.name, "attempt": number, "delay": delay},
    )
    if policy.before is not None:
        policy.before(event)
    await clock.sleep(delay)
    record.retry_wait += delay
    return None


def ended(outcome: Outcome) -> RawResponse:
    """Return a response, or raise the error that came in its place."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _note_next_attempt(request: Request[Any], outcome: Outcome, at: dt.datetime) -> None:
    """Let the error that an outcome leads to say when the next attempt would have been."""
    if isinstance(outcome, TransportError | ApiError):
        outcome.retry_at = at
    else:
        request.options.record.retry_at = at


def _stated_wait(outcome: Outcome, now: dt.datetime) -> float | None:
    if isinstance(outcome, ApiError):
        return retry_after(outcome.status, outcome.response.headers, now)
    return None if isinstance(outcome, Exception) else retry_after(outcome.status, outcome.headers, now)


def _fits(request: Request[Any], delay: float, clock: Clock) -> bool:
    deadline = request.options.deadline_at
    return deadline is None or clock.monotonic() + delay < deadline


def _is_gone(request: Request[Any], response: RawResponse) -> bool:
    return request.method == "DELETE" and response.status == _NOT_FOUND


def _may_have_worked(request: Request[Any], outcome: Outcome) -> bool:
    """Whether an attempt may have been carried out although it failed."""
    if isinstance(outcome, TransportError):
        return not outcome.unsent and outcome.request.operation is request.operation
    return not isinstance(outcome, Exception) and outcome.status != _TOO_MANY


def _name_of(outcome: Outcome) -> str:
    return type(outcome).__name__ if isinstance(outcome, Exception) else str(outcome.status)
