"""The retry policy of a call, as plain values. `http.retry` follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async._base import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.clock import RandomSource
    from ev_energy_async.messages.request import RawResponse, Request

__all__ = ["Retry", "RetryEvent"]


@attrs.frozen(eq=False)
class RetryEvent:
    """A retry that is about to happen.

    Attributes:
        request: The request to be sent again.
        attempt: Attempts made so far.
        outcome: The response or error that the latest one ended with.
        delay: Seconds until the next one.
    """

    request: Request[Any]
    attempt: int
    outcome: RawResponse | Exception
    delay: float


@attrs.frozen(kw_only=True)
class Retry:
    """The retry policy of a client or call.

    Exponential backoff with full jitter: the wait before the n-th retry is drawn from 0 to `base * 2 ** (n - 1)`
    seconds, at most `longest`. A `Retry-After` header is waited out instead if the call's deadline allows; otherwise
    the error is raised at once.

    Attributes:
        attempts: Attempts at most, the first included; 1 turns retries off.
        base: Upper bound of the first wait, in seconds.
        longest: Upper bound of every drawn wait, in seconds.
        before: Called before each retry, e.g. to count them; must not block.

    Raises:
        InvalidArgument: A number is out of bounds.
    """

    attempts: int = 4
    base: float = 0.5
    longest: float = 30.0
    before: Callable[[RetryEvent], object] | None = None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 1:
            raise InvalidArgument("attempts", self.attempts, "an integer of at least 1")
        for name in ("base", "longest"):
            value: float = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidArgument(name, value, "seconds, not below zero")

    def delay(self, attempt: int, random: RandomSource) -> float:
        """Return the seconds to wait after an attempt, drawn from the given source."""
        # The exponent is bounded, since a float is.
        return random.uniform(0, min(self.longest, self.base * 2 ** min(attempt - 1, 60)))
