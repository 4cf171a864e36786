"""The record of a call: its attempts so far, and what they waited for. It is filled in on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ev_energy_async._attributes import WithAttributes

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.masking import Secret

__all__ = ["Attempt", "CallRecord"]


class Attempt(WithAttributes, msgspec.Struct, eq=False, gc=False):
    """One attempt of a call: what is sent once, between the waits of the retry policy.

    Attributes:
        number: 1 for the first attempt of the call, 0 before it.
        sent: Whether the API may have received the request: a connection was given it.
        answered: Whether a response came, if only a 401 after which it is sent with another token.
    """

    number: int = 0
    sent: bool = False
    answered: bool = False


class CallRecord(WithAttributes, msgspec.Struct, eq=False, gc=False):
    """The record of one call so far: filled in on the way, read by logs and traces.

    Attributes:
        attempt: The latest attempt.
        in_doubt: Whether an earlier attempt may have been carried out.
        retry_wait: Seconds waited between attempts.
        budget_wait: Seconds waited for the budget.
        retry_at: When to try again, aware, if an attempt was given up for want of budget.
        secrets: `Authorization` headers and presigned URLs that the call has sent; masked in everything that is shown.
    """

    attempt: Attempt = msgspec.field(default_factory=Attempt)
    in_doubt: bool = False
    retry_wait: float = 0.0
    budget_wait: float = 0.0
    retry_at: dt.datetime | None = None
    secrets: tuple[Secret[Any], ...] = ()

    @property
    def attempts(self) -> int:
        """Attempts begun."""
        return self.attempt.number

    def begin_attempt(self) -> Attempt:
        """Return the next attempt, of which nothing is sent yet."""
        if self.attempt.number:
            self.attempt = Attempt(self.attempt.number)
        self.attempt.number += 1
        return self.attempt
