"""The figures that a client keeps about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ev_energy_async.codec import AsDict

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.codec import Drift

__all__ = ["Stats"]


@attrs.frozen
class Stats(AsDict):
    """Figures about a client; reading them costs no request.

    Attributes:
        label: The client's label.
        calls: Calls made.
        failures: Calls that ended with an error.
        under_way: Calls that have not ended.
        retries: Attempts beyond the first of each call.
        last_success: When a call last succeeded, aware; None if none has.
        token_expires_at: When the token expires, aware; None without a token, or if that is not known.
        budget_limit: Requests per rolling hour.
        budget_remaining: Requests that could be sent at once.
        budget_used: Requests spent in the last hour, as far as is known.
        budget_waiting: Calls that wait for the budget.
        budget_next_free: When a request made now could be sent, aware; None if at once.
        drift: Departures of responses from the schema.
        watch_role: `leader` or `standby`, in the last watch with a lease; None without one.
        watch_epoch: Number of the term in which it leads; None if it does not.
    """

    label: str | None
    calls: int
    failures: int
    under_way: int
    retries: int
    last_success: dt.datetime | None
    token_expires_at: dt.datetime | None
    budget_limit: int
    budget_remaining: int
    budget_used: int
    budget_waiting: int
    budget_next_free: dt.datetime | None
    drift: frozenset[Drift]
    watch_role: str | None = None
    watch_epoch: int | None = None
