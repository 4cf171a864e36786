"""A lock that another process holds, callers that are cancelled, and one event loop after another."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

import anyio
import pytest

from ev_energy_async.checkpoint import CheckpointError, Entry, Owner, SqliteCheckpoint, sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator
    from pathlib import Path

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app")
SLOW: Final = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3000000) SELECT max(x) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.db"


@pytest.fixture
async def checkpoint(path: Path) -> AsyncIterator[SqliteCheckpoint]:
    async with SqliteCheckpoint(path) as made:
        await made.open(OWNER)
        yield made


@contextlib.contextmanager
def locked(path: Path) -> Generator[sqlite3.Connection]:
    """A backup, say, that holds the write lock."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


async def write_within(checkpoint: SqliteCheckpoint) -> None:
    async with checkpoint.transaction() as db:
        await db.execute("SELECT 1")


WRITES: Final[dict[str, Callable[[SqliteCheckpoint], Awaitable[object]]]] = {
    "advance": lambda checkpoint: checkpoint.advance("a", 0, "1"),
    "transaction": write_within,
    "open": lambda checkpoint: checkpoint.open(OWNER),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_lock_of_another_process_is_waited_out(
    checkpoint: SqliteCheckpoint, path: Path, write: Callable[[SqliteCheckpoint], Awaitable[object]]
) -> None:
    with locked(path) as other:
        waiting = asyncio.ensure_future(write(checkpoint))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        other.execute("ROLLBACK")

        async with asyncio.timeout(5):
            await waiting


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_the_deadline_of_the_caller_is_kept(
    checkpoint: SqliteCheckpoint, path: Path, write: Callable[[SqliteCheckpoint], Awaitable[object]]
) -> None:
    with locked(path):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await write(checkpoint)
        assert time.monotonic() - began < 2

    assert await checkpoint.advance("a", 0, "1") > 0, "nothing of what was given up is in the way"


async def test_a_long_wait_is_worth_one_warning(
    checkpoint: SqliteCheckpoint, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_LONG_SECONDS", 0.05)
    with locked(path), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await checkpoint.advance("a", 0, "1")

    [record] = [record for record in caplog.records if record.name == "ev_energy_async"]
    assert record.levelno == logging.WARNING
    assert "for a lock that another process holds" in record.getMessage()


async def test_cancellation_that_goes_on_until_it_is_heeded_does_not_burn_a_core(
    checkpoint: SqliteCheckpoint, path: Path
) -> None:
    with locked(path):
        began, spent = time.monotonic(), time.process_time()
        with anyio.move_on_after(0.1) as scope:
            await checkpoint.advance("a", 0, "1")
        assert scope.cancelled_caught
        assert time.monotonic() - began < 2
        assert time.process_time() - spent < 0.5

    # Nor does a thread that is slow: the caller does not wait for it.
    with anyio.move_on_after(0.05) as scope:
        async with checkpoint.transaction() as db:
            await db.execute(SLOW)
    assert scope.cancelled_caught
    assert await checkpoint.get("a") is None, "what is asked next comes after it"


async def test_a_transaction_that_is_cancelled_leaves_nothing_behind(checkpoint: SqliteCheckpoint) -> None:
    async def write(key: str) -> None:
        async with checkpoint.transaction() as db:
            await db.execute("CREATE TABLE IF NOT EXISTS mine (number)")
            await checkpoint.advance(key, 0, "a")

    for turns in range(12):
        task = asyncio.create_task(write(f"key{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await checkpoint.advance("after", (await checkpoint.get("after") or Entry("", 0)).version, "b")


async def test_opening_that_is_cancelled_ends_its_thread(path: Path) -> None:
    before = set(threading.enumerate())
    for turns in range(6):
        checkpoint = SqliteCheckpoint(path)
        task = asyncio.create_task(checkpoint.open(OWNER))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await checkpoint.close()
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 5)
    # The last is that of `to_thread` itself.
    assert not [each for each in set(threading.enumerate()) - before if "checkpoint" in each.name]


def test_it_works_in_one_loop_after_another_under_contention_too(path: Path) -> None:
    checkpoint = SqliteCheckpoint(path)

    async def contend(first: int) -> None:
        await checkpoint.open(OWNER)
        await asyncio.gather(*(checkpoint.advance(f"key{first + number}", 0, "a") for number in range(10)))

    for loop in range(3):
        asyncio.run(contend(10 * loop))

    async def count() -> int:
        try:
            return len([key async for key, _ in checkpoint.entries()])
        finally:
            await checkpoint.close()

    assert asyncio.run(count()) == 30


async def test_entering_it_opens_the_file_before_an_owner_is_known(path: Path) -> None:
    async with SqliteCheckpoint(path) as checkpoint:
        async with checkpoint.transaction() as db:
            await db.execute("CREATE TABLE mine (number INTEGER)")
        await checkpoint.open(OWNER)
        async with checkpoint.transaction() as db:
            await db.execute("INSERT INTO mine VALUES (1)")
            await checkpoint.advance("a", 0, "1")

    with pytest.raises(CheckpointError, match="not open"):
        await checkpoint.get("a")
