"""One request taken from a budget, and the report of how it ended. Every budget hands these out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ev_energy_async.budget.bucket import Bucket, Permit
    from ev_energy_async.messages import RateLimit

__all__ = ["Spending"]


class Spending:
    """One request taken from the budget; report once how it ended. A context manager, for unexpected ends.

    A block that is left without a report counts as spent: the request may have reached the API.

    Attributes:
        waited: Seconds spent waiting for it.

    Example:
        >>> with await budget.acquire(deadline=request.options.deadline_at) as spending:  # doctest: +SKIP
        ...     response = await following(request)
        ...     if response.status == 429:
        ...         spending.refused(response.rate_limit, retry_after(response.headers, clock.now()))
        ...     else:
        ...         spending.settle(response.rate_limit)
    """

    __slots__ = ("_bucket", "_changed", "_now", "_open", "_permit", "waited")

    def __init__(
        self, bucket: Bucket, permit: Permit, now: Callable[[], float], changed: Callable[[], None], waited: float = 0.0
    ) -> None:
        self._bucket = bucket
        self._permit = permit
        self._now = now
        self._changed = changed
        self._open = True
        self.waited = waited

    def settle(self, rate: RateLimit | None) -> None:
        """Report a response with what its headers say of the bucket; None if they are missing."""
        if self._open:
            self._open = False
            self._bucket.settle(self._now(), self._permit, rate)
            self._changed()

    def refused(self, rate: RateLimit | None, retry_after: float | None) -> None:
        """Report a 429: nobody sends for `retry_after` seconds, or for a while if None; at most an hour."""
        if self._close():
            self._bucket.refused(self._now(), self._permit, rate, retry_after)
            self._changed()

    def release(self) -> None:
        """Report that the request certainly never left this machine, so that it is not spent."""
        if self._close():
            self._bucket.release(self._now(), self._permit)
            self._changed()

    def _close(self) -> bool:
        was_open, self._open = self._open, False
        return was_open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open and self._close():
            self._bucket.forget(self._now(), self._permit)
            self._changed()
