"""The contract of token stores."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from ev_energy_async.auth import Token, TokenStore
from ev_energy_async.testing.contracts.kit import SECONDS, FailureOfTheTestError, expect, made, raises

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

__all__ = ["check_token_store"]


async def check_token_store(factory: Callable[[], TokenStore | Awaitable[TokenStore]]) -> None:
    """Check a token store against the contract of `TokenStore`; its token is lost.

    Args:
        factory: Returns a store, plain or `async`; see the module.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_store(tmp_path):  # doctest: +SKIP
        ...     await check_token_store(lambda: MyStore(tmp_path / "tokens.db"))
    """
    async with asyncio.timeout(SECONDS):
        store, other = await made(factory), await made(factory)
        now = dt.datetime(2026, 3, 14, 12, 0, 0, 123456, tzinfo=dt.UTC)
        full = Token("access", now, "refresh", ("vehicle:read", "user:read"), now - dt.timedelta(hours=10), "origin")
        async with store.lock():
            await store.clear()
            expect(await store.load() is None, "after `clear`, `load` returns None")
            await store.clear()
            for token in (full, Token("bare"), Token("x" * 4_000, refresh_token="y" * 4_000, origin="z")):
                await store.save(token)
                _same_token(await store.load(), token)
        await _check_token_lock(store.lock, store.lock)
        if await other.load() == await store.load():  # two handles on one place
            await _check_token_lock(store.lock, other.lock)
            async with other.lock():
                await other.save(full)
            _same_token(await store.load(), full)
        async with store.lock():
            await store.clear()
        expect(await store.load() is None, "after `clear`, `load` returns None")


def _same_token(found: Token | None, saved: Token) -> None:
    expect(found is not None, "after `save`, `load` returns a token")
    stored, wanted = ({} if token is None else token.to_dict() for token in (found, saved))
    lost = [name for name, value in wanted.items() if stored.get(name) != value]
    expect(not lost, f"`load` returns what was saved; different: {', '.join(lost)}")


async def _check_token_lock(
    first: Callable[[], AbstractAsyncContextManager[None]], second: Callable[[], AbstractAsyncContextManager[None]]
) -> None:
    entered = asyncio.Event()

    async def wait() -> None:
        async with second():
            entered.set()

    async with first():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        expect(not entered.is_set(), "nobody else enters `lock` while it is entered")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    # Neither the caller that gave up nor one that fails keeps it.
    async def fail() -> None:
        async with second():
            raise FailureOfTheTestError

    await raises(FailureOfTheTestError, fail(), "an exception leaves `lock`")
    async with first():
        pass
