"""The protocol of a request budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.budget.spending import Spending

__all__ = ["RequestBudget"]


@runtime_checkable
class RequestBudget(Protocol):
    """Requests per rolling hour, of this process alone (`Budget`) or shared with others (`SharedBudget`).

    `testing.check_budget` tests a budget against this contract: never more than `limit` in any rolling hour, over all
    objects that share it; higher priorities first; a pause for all after a 429; nothing lost by a cancelled wait.
    """

    @property
    def limit(self) -> int:
        """Requests per rolling hour, as the API last reported."""
        ...

    @property
    def allowance(self) -> int:
        """Requests per rolling hour that calls of priority 0 may use here."""
        ...

    @property
    def remaining(self) -> int:
        """Number of requests of priority 0 that could be sent at once, as far as is known."""
        ...

    @property
    def used(self) -> int:
        """Number of requests spent in the last hour, as far as is known."""
        ...

    @property
    def waiting(self) -> int:
        """Number of calls that wait for their turn here."""
        ...

    @property
    def next_free(self) -> dt.datetime | None:
        """When a new request of priority 0 could be sent, aware, as far as is known; None if at once."""
        ...

    async def acquire(self, *, priority: int = 0, deadline: float | None = None) -> Spending:
        """Wait until a request is free, and take it; see `Budget.acquire`.

        Raises:
            NotInTime: No request is free before the deadline.
            BudgetClosed: The budget was closed.
        """
        ...

    async def close(self) -> None:
        """End all waits with `BudgetClosed`, and refuse new ones."""
        ...
