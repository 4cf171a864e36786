"""The base of every stream that a caller iterates over: one task at a time, closed once, nothing left behind.

`Follow`, `Backfill`, `Watch` and `Audit` derive from it. It starts no task: whatever a stream does, it does while
somebody waits for its next item.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

__all__ = ["Stream"]

T_co = TypeVar("T_co", covariant=True)


class Stream(ABC, Generic[T_co]):
    """An async iterator that may be closed, and is a context manager that closes it.

    Cancelling a wait, as `asyncio.timeout` does, loses nothing: ask again. To abandon a stream nothing needs to be
    done.
    """

    def __init__(self) -> None:
        self._is_busy = self._is_over = False

    @abstractmethod
    async def _next(self) -> T_co:
        """Return the next item.

        Raises:
            StopAsyncIteration: There is none.
        """

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        # Not a context manager: that would be a fifth of what an item at hand costs.
        self._enter()
        try:
            if self._is_over:
                raise StopAsyncIteration
            return await self._next()
        finally:
            self._is_busy = False

    async def aclose(self) -> None:
        """End it; there is nothing to wait for."""
        with self._entered():
            self._is_over = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @contextmanager
    def _entered(self) -> Generator[None]:
        self._enter()
        try:
            yield
        finally:
            self._is_busy = False

    def _enter(self) -> None:
        if self._is_busy:
            raise RuntimeError(f"{self!r} is already waited for in another task")
        self._is_busy = True
