"""Conformance kits: run them against a store of your own, in a test of your own.

Each takes a factory, checks one promise of the protocol after the other, and raises `AssertionError` with the promise
that is broken. A factory returns a handle on the same place with every call, as another process would have; one that
lives in memory may return the same object, or a new and empty one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from ev_energy_async.auth import Token, TokenStore
from ev_energy_async.checkpoint import (
    Advance,
    Checkpoint,
    CheckpointConflict,
    CheckpointMismatch,
    Owner,
    TransactionalCheckpoint,
)
from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

__all__ = ["check_checkpoint", "check_token_store"]

T = TypeVar("T")

_SECONDS: Final = 30.0  # a store that is slower than this hangs
_TURNS: Final = 20  # of each of three who count at the same key
_BASE_URL: Final = "https://api.example.com/v2"


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
    async with asyncio.timeout(_SECONDS):
        store, other = await _made(factory), await _made(factory)
        now = dt.datetime(2026, 3, 14, 12, 0, 0, 123456, tzinfo=dt.UTC)
        full = Token("access", now, "refresh", ("vehicle:read", "user:read"), now - dt.timedelta(hours=10), "origin")
        async with store.lock():
            await store.clear()
            _expect(await store.load() is None, "after `clear`, `load` returns None")
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
        _expect(await store.load() is None, "after `clear`, `load` returns None")


def _same_token(found: Token | None, saved: Token) -> None:
    _expect(found is not None, "after `save`, `load` returns a token")
    stored, wanted = ({} if token is None else token.to_dict() for token in (found, saved))
    lost = [name for name, value in wanted.items() if stored.get(name) != value]
    _expect(not lost, f"`load` returns what was saved; different: {', '.join(lost)}")


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
        _expect(not entered.is_set(), "nobody else enters `lock` while it is entered")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    # Neither the caller that gave up nor one that fails keeps it.
    async def fail() -> None:
        async with second():
            raise _FailureOfTheTestError

    await _raises(_FailureOfTheTestError, fail(), "an exception leaves `lock`")
    async with first():
        pass


class _FailureOfTheTestError(Exception):
    """Leaves a block with an exception."""


async def check_checkpoint(factory: Callable[[], Checkpoint | Awaitable[Checkpoint]]) -> None:
    """Check a checkpoint against the contract of `Checkpoint`, and `transaction` if it has that.

    Args:
        factory: Returns a checkpoint that is empty at first and not open, plain or `async`; see the module.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_checkpoint(tmp_path):  # doctest: +SKIP
        ...     await check_checkpoint(lambda: MyCheckpoint(tmp_path / "fleet.db"))
    """
    async with asyncio.timeout(_SECONDS):
        owner = Owner(_BASE_URL, "my-app")
        checkpoint, other = await _made(factory), await _made(factory)
        await checkpoint.open(owner)
        await checkpoint.open(Owner(f"{_BASE_URL}/", "my-app"))
        await _check_versions(checkpoint)
        await _check_together(checkpoint)
        await _check_keys(checkpoint)
        for stranger in (Owner(_BASE_URL, "another"), Owner(_BASE_URL, "my-app", "user1")):
            await _raises(CheckpointMismatch, checkpoint.open(stranger), "`open` refuses another owner")
        if isinstance(checkpoint, TransactionalCheckpoint):
            await _check_transaction(checkpoint)
        before = [each async for each in checkpoint.entries()]
        await checkpoint.close()
        await checkpoint.open(owner)
        _expect([each async for each in checkpoint.entries()] == before, "after `close`, `open` finds all of it again")
        await other.open(owner)
        if [each async for each in other.entries()] == before:  # two handles on one place
            await _check_race(checkpoint, other)
        await other.close()
        await checkpoint.close()


async def _check_versions(checkpoint: Checkpoint) -> None:
    _expect(await checkpoint.get("a") is None, "`get` returns None for a key that was never advanced")
    first = await checkpoint.advance("a", 0, "1")
    second = await checkpoint.advance("a", first, "2")
    _expect(0 < first < second, "versions are above 0 and grow")
    entry = await checkpoint.get("a")
    _expect(entry is not None and (entry.value, entry.version) == ("2", second), "`get` returns the last value")
    for expected in (0, first, second + 1):
        await _raises(
            CheckpointConflict, checkpoint.advance("a", expected, "3"), "`advance` refuses a version that is not stored"
        )
    await _raises(CheckpointConflict, checkpoint.advance("none", 1, "3"), "`advance` refuses a version of no key")
    _expect(await checkpoint.advance("a", second, None) == 0, "`advance` to None removes the key and returns 0")
    _expect(await checkpoint.get("a") is None, "a removed key is gone")
    third = await checkpoint.advance("a", 0, "4")
    _expect(third > second, "versions are never given twice to one key, even if it was removed in between")


async def _check_together(checkpoint: Checkpoint) -> None:
    _expect(list(await checkpoint.advance_all([])) == [], "no changes have no versions")
    one, two = await checkpoint.advance_all([Advance("p/1", 0, "a"), Advance("p/2", 0, "b")])
    mixed = [Advance("p/1", one, "A"), Advance("p/2", two + 1, "B")]
    await _raises(CheckpointConflict, checkpoint.advance_all(mixed), "`advance_all` compares every version")
    twice = [Advance("p/1", one, "A"), Advance("p/1", one, "B")]
    await _raises(InvalidArgument, checkpoint.advance_all(twice), "`advance_all` refuses a key that is given twice")
    found = {key: entry.value async for key, entry in checkpoint.entries("p/")}
    _expect(found == {"p/1": "a", "p/2": "b"}, "changes that conflict leave nothing behind")


async def _check_keys(checkpoint: Checkpoint) -> None:
    keys = ["k", "k%", "k/1", "k_", "ké", "kz"]
    await checkpoint.advance_all([Advance(key, 0, "\u00e9 \U0001f697 " + key) for key in keys])
    found = [key async for key, _ in checkpoint.entries("k")]
    _expect(found == sorted(keys), "`entries` yields the keys of a prefix in their order, and no others")
    _expect([key async for key, _ in checkpoint.entries("k%")] == ["k%"], "a prefix is text, not a pattern")
    many = [Advance(f"many/{number:05}", 0, "x" * 200) for number in range(5_000)]
    await checkpoint.advance_all(many)
    found = [key async for key, _ in checkpoint.entries("many/")]
    _expect(found == [change.key for change in many], "`entries` yields all of many keys")


async def _check_transaction(checkpoint: TransactionalCheckpoint) -> None:
    async def fail() -> None:
        async with checkpoint.transaction():
            await checkpoint.advance("t", 0, "1")
            raise _FailureOfTheTestError

    await _raises(_FailureOfTheTestError, fail(), "an exception leaves a `transaction`")
    _expect(await checkpoint.get("t") is None, "an exception rolls a `transaction` back")
    async with checkpoint.transaction():
        version = await checkpoint.advance("t", 0, "1")
        entry = await checkpoint.get("t")
        _expect(entry is not None and entry.version == version, "within a `transaction`, `get` sees its changes")
    _expect(await checkpoint.get("t") is not None, "a `transaction` that ends is kept")


async def _check_race(one: Checkpoint, two: Checkpoint) -> None:
    async def count(checkpoint: Checkpoint) -> None:
        done = 0
        while done < _TURNS:
            entry = await checkpoint.get("race")
            value, version = ("0", 0) if entry is None else (entry.value, entry.version)
            try:
                await checkpoint.advance("race", version, str(int(value) + 1))
                done += 1
            except CheckpointConflict:
                await asyncio.sleep(0)

    await asyncio.gather(count(one), count(two), count(two))
    entry = await one.get("race")
    _expect(entry is not None and entry.value == str(3 * _TURNS), "two processes never undo each other's progress")


async def _made(factory: Callable[[], T | Awaitable[T]]) -> T:
    made = factory()
    if inspect.isawaitable(made):
        awaited: T = await made
        return awaited
    return made


async def _raises(kind: type[Exception], act: Awaitable[object], promise: str) -> None:
    try:
        await act
    except kind:
        return
    _fail(promise)


def _expect(holds: bool, promise: str) -> None:  # an assertion
    if not holds:
        _fail(promise)


def _fail(promise: str) -> NoReturn:
    raise AssertionError(f"not so: {promise}")
