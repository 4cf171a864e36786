"""Shared parts of the conformance kits: promises that are checked, and laws that hold for every example."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.errors import HypothesisDeprecationWarning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hypothesis.strategies import SearchStrategy

__all__ = ["FailureOfTheTestError", "SECONDS", "expect", "holds_for", "made", "raises"]

T = TypeVar("T")

SECONDS: Final = 60.0
"""A store that is slower than this hangs."""


# A store may be slow, and the test around it may use hypothesis itself.
_SLOW: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given]


class FailureOfTheTestError(Exception):
    """Leaves a block with an exception."""


async def holds_for(strategy: SearchStrategy[T], law: Callable[[T], Awaitable[None]], examples: int = 20) -> None:
    """Check a law with examples that hypothesis draws, the same each time; the smallest that breaks it is reported.

    hypothesis runs in a thread, and the law in this event loop, to which the objects belong that it is about.
    """
    loop = asyncio.get_running_loop()

    async def check(example: T) -> None:
        await law(example)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=_SLOW,
        report_multiple_bugs=False,
    )
    @given(strategy)
    def every(example: T) -> None:
        asyncio.run_coroutine_threadsafe(check(example), loop).result()

    with warnings.catch_warnings():
        # The loop goes on meanwhile: a driver that draws a random number there is no strategy that does.
        warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)
        await asyncio.to_thread(every)


async def made(factory: Callable[[], T | Awaitable[T]]) -> T:
    """Return what a factory makes, plain or `async`."""
    made = factory()
    if inspect.isawaitable(made):
        awaited: T = await made
        return awaited
    return made


async def raises(kind: type[Exception], act: Awaitable[object], promise: str) -> None:
    """Raise `AssertionError` unless something raises an exception."""
    try:
        await act
    except kind:
        return
    _fail(promise)


def expect(holds: bool, promise: str) -> None:  # an assertion
    """Raise `AssertionError` unless a promise holds."""
    if not holds:
        _fail(promise)


def _fail(promise: str) -> NoReturn:
    raise AssertionError(f"not so: {promise}")
