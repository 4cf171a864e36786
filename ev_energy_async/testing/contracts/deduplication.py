"""The contract of stores of completed webhook deliveries."""

from __future__ import annotations

import asyncio
import datetime as dt
from itertools import count
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from ev_energy_async.clock import SystemClock
from ev_energy_async.testing.contracts.kit import SECONDS, expect, holds_for, made

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async.clock import Clock
    from ev_energy_async.webhooks import DeduplicationStore

__all__ = ["check_deduplication_store"]

_STEPS: Final = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["add", "add expired", "contains"]), st.integers(0, 1)), max_size=12
)


async def check_deduplication_store(
    factory: Callable[[], DeduplicationStore | Awaitable[DeduplicationStore]], *, clock: Clock | None = None
) -> None:
    """Check a store of completed deliveries against the contract of `DeduplicationStore`.

    Args:
        factory: Returns a store with every call, plain or `async`; one that lives in memory may be a new one each time.
        clock: The clock that its keys expire by, if that is not the real time.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_store(dsn):  # doctest: +SKIP
        ...     await check_deduplication_store(lambda: MyStore(dsn))
    """
    time = clock or SystemClock()
    async with asyncio.timeout(SECONDS):
        stores = [await made(factory), await made(factory)]
        later = time.now() + dt.timedelta(hours=1)
        await stores[0].add("probe", later)
        if not await stores[1].contains("probe"):  # not two handles on one place
            stores = stores[:1]
        numbers = count()

        async def law(steps: list[tuple[int, str, int]]) -> None:
            prefix = f"msg_{next(numbers)}_"
            kept: set[str] = set()
            for place, what, who in steps:
                key, store = f"{prefix}{place}", stores[who % len(stores)]
                if what == "contains":
                    expect(
                        await store.contains(key) == (key in kept), "`contains` knows what was added, in any process"
                    )
                elif what == "add":
                    until = time.now() + dt.timedelta(hours=1)
                    expect(await store.add(key, until) == (key not in kept), "`add` says whether a key is new")
                    kept.add(key)
                else:
                    until = time.now() - dt.timedelta(hours=1)
                    expect(await store.add(key, until) == (key not in kept), "a key that has expired is new again")

        await holds_for(_STEPS, law)
        for number in range(10):
            adding = (stores[turn % len(stores)].add(f"race_{number}", later) for turn in range(4))
            expect(sum(await asyncio.gather(*adding)) == 1, "of those who add a key at once, one is the first")
