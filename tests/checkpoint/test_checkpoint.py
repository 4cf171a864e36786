"""Checkpoints: progress survives anything that happens to the process, and no process undoes that of another."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async.checkpoint import (
    Advance,
    Checkpoint,
    CheckpointConflict,
    CheckpointError,
    CheckpointMismatch,
    Entry,
    MemoryCheckpoint,
    Owner,
    SqliteCheckpoint,
)
from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fleet.db"


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteCheckpoint]:
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        yield checkpoint


@pytest.fixture(params=["memory", "sqlite"])
async def checkpoint(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Checkpoint]:
    made: Checkpoint = MemoryCheckpoint() if request.param == "memory" else SqliteCheckpoint(path)
    await made.open(OWNER)
    yield made
    await made.close()


async def everything(checkpoint: Checkpoint, prefix: str = "") -> dict[str, str]:
    return {key: entry.value async for key, entry in checkpoint.entries(prefix)}


# --- What every checkpoint does


async def test_a_value_is_there_once_it_was_advanced(checkpoint: Checkpoint) -> None:
    assert await checkpoint.get("vhcl1") is None

    first = await checkpoint.advance("vhcl1", 0, "a")
    second = await checkpoint.advance("vhcl1", first, "b")

    assert await checkpoint.get("vhcl1") == Entry("b", second)
    assert second > first > 0


async def test_no_process_advances_what_another_has_advanced_meanwhile(checkpoint: Checkpoint) -> None:
    first = await checkpoint.advance("vhcl1", 0, "a")
    await checkpoint.advance("vhcl1", first, "by another")

    for expected in (0, first):
        with pytest.raises(CheckpointConflict, match="vhcl1") as raised:
            await checkpoint.advance("vhcl1", expected, "mine")
        assert raised.value.expected == expected
        assert raised.value.found > first

    assert await everything(checkpoint) == {"vhcl1": "by another"}


async def test_a_key_that_was_removed_and_made_again_is_not_taken_for_the_old_one(checkpoint: Checkpoint) -> None:
    old = await checkpoint.advance("vhcl1", 0, "a")
    assert await checkpoint.advance("vhcl1", old, None) == 0
    assert await checkpoint.get("vhcl1") is None
    new = await checkpoint.advance("vhcl1", 0, "b")

    assert new != old
    with pytest.raises(CheckpointConflict):
        await checkpoint.advance("vhcl1", old, "c")


async def test_several_changes_happen_all_or_none(checkpoint: Checkpoint) -> None:
    [one, two] = await checkpoint.advance_all([Advance("vhcl1", 0, "a"), Advance("vhcl2", 0, "b")])

    with pytest.raises(CheckpointConflict, match="vhcl2"):
        await checkpoint.advance_all([Advance("vhcl1", one, "A"), Advance("vhcl2", two + 1, "B")])
    with pytest.raises(InvalidArgument, match="vhcl1"):
        await checkpoint.advance_all([Advance("vhcl1", one, "A"), Advance("vhcl1", one, "AA")])
    assert await everything(checkpoint) == {"vhcl1": "a", "vhcl2": "b"}

    await checkpoint.advance_all([Advance("vhcl1", one, None), Advance("vhcl2", two, "B"), Advance("vhcl3", 0, "c")])
    assert await everything(checkpoint) == {"vhcl2": "B", "vhcl3": "c"}
    assert await checkpoint.advance_all([]) == []


async def test_keys_come_in_order_and_by_what_they_begin_with(checkpoint: Checkpoint) -> None:
    keys = ["evse1", "vhcl", "vhcl%", "vhcl1/status", "vhcl2", "vhclé", "whcl", "vhc"]
    await checkpoint.advance_all([Advance(key, 0, key.upper()) for key in keys])

    assert list(await everything(checkpoint)) == sorted(keys)
    assert list(await everything(checkpoint, "vhcl")) == sorted(key for key in keys if key.startswith("vhcl"))
    assert await everything(checkpoint, "none") == {}


async def test_it_serves_one_owner_alone(checkpoint: Checkpoint) -> None:
    await checkpoint.advance("vhcl1", 0, "a")
    await checkpoint.open(Owner("https://api.ev.energy/v2/", "my-app"))

    for other in (
        Owner("https://staging.example/v2", "my-app"),
        Owner("https://api.ev.energy/v2", "another"),
        Owner("https://api.ev.energy/v2", "my-app", "user1"),
    ):
        with pytest.raises(CheckpointMismatch, match="the checkpoint of my-app at https"):
            await checkpoint.open(other)

    assert await everything(checkpoint) == {"vhcl1": "a"}


# --- The file


async def test_a_file_is_read_again_by_its_owner_alone(path: Path) -> None:
    async with SqliteCheckpoint(path) as first:
        await first.open(OWNER)
        version = await first.advance("vhcl1", 0, "a")

    async with SqliteCheckpoint(str(path)) as second:
        with pytest.raises(CheckpointMismatch):
            await second.open(Owner("https://api.ev.energy/v2", "another"))
        await second.open(OWNER)
        assert await second.get("vhcl1") == Entry("a", version)


async def test_two_processes_at_one_file_do_not_undo_each_other(path: Path) -> None:
    async with SqliteCheckpoint(path) as one, SqliteCheckpoint(path) as two:
        await asyncio.gather(one.open(OWNER), two.open(OWNER))

        async def count(checkpoint: SqliteCheckpoint) -> None:
            done = 0
            while done < 50:
                entry = await checkpoint.get("count") or Entry("0", 0)
                with contextlib.suppress(CheckpointConflict):
                    await checkpoint.advance("count", entry.version, str(int(entry.value) + 1))
                    done += 1

        await asyncio.gather(count(one), count(two), count(two))
        assert await everything(one) == {"count": "150"}


async def test_its_thread_is_not_that_of_the_loop_and_ends_with_it(path: Path) -> None:
    before = set(threading.enumerate())
    checkpoint = SqliteCheckpoint(path)
    assert set(threading.enumerate()) <= before
    await checkpoint.open(OWNER)
    await asyncio.gather(*(checkpoint.get(str(number)) for number in range(20)))
    [thread] = set(threading.enumerate()) - before

    await checkpoint.close()
    await checkpoint.close()

    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    with pytest.raises(CheckpointError, match="not open"):
        await checkpoint.get("vhcl1")
    await checkpoint.open(OWNER)
    await checkpoint.close()


@pytest.mark.parametrize("content", [b"a note", b"a text that is long enough to be taken for a database" * 100])
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "notes.txt"
    other.write_bytes(content)

    with pytest.raises(CheckpointError, match="not a database"):
        asyncio.run(SqliteCheckpoint(other).open(OWNER))

    assert other.read_bytes() == content


async def test_a_file_of_a_later_version_is_refused(sqlite: SqliteCheckpoint, path: Path) -> None:
    async with sqlite.transaction() as db:
        await db.execute("UPDATE ev_energy_meta SET value = 3 WHERE name = 'schema'")

    with pytest.raises(CheckpointError, match="schema 3"):
        await SqliteCheckpoint(path).open(OWNER)


async def test_a_place_that_takes_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for where in (tmp_path, tmp_path / "file" / "fleet.db", ":memory:"):
        with pytest.raises(CheckpointError):
            await SqliteCheckpoint(where).open(OWNER)
    with pytest.raises(InvalidArgument, match="synchronous"):
        SqliteCheckpoint("fleet.db", synchronous=None)  # type: ignore[arg-type]  # what a caller without types does


@pytest.mark.parametrize(("synchronous", "level"), [("NORMAL", 1), ("FULL", 2)])
async def test_the_durability_of_a_checkpoint_is_chosen_at_its_creation(
    path: Path, synchronous: Any, level: int
) -> None:
    async with SqliteCheckpoint(path, synchronous=synchronous) as checkpoint:
        await checkpoint.open(OWNER)
        async with checkpoint.transaction() as db:
            assert await db.execute("PRAGMA synchronous") == [(level,)]
            assert await db.execute("PRAGMA journal_mode") == [("wal",)]


# --- Transactions


async def test_what_is_advanced_and_the_own_writes_are_one(sqlite: SqliteCheckpoint, path: Path) -> None:
    async with sqlite.transaction() as db:
        await db.execute("CREATE TABLE status (key TEXT PRIMARY KEY, percentage)")
        await db.executemany("INSERT INTO status VALUES (?, ?)", [("a", 70), ("b", 71)])
        version = await sqlite.advance("vhcl1", 0, "b")
        # On 3.11 `wait_for` makes a task of its own.
        assert await asyncio.wait_for(sqlite.get("vhcl1"), 5) == Entry("b", version)
        other = sqlite3.connect(path)
        assert other.execute("SELECT * FROM ev_energy_checkpoint").fetchall() == []

    assert other.execute("SELECT key FROM ev_energy_checkpoint").fetchall() == [("vhcl1",)]
    assert other.execute("SELECT * FROM status").fetchall() == [("a", 70), ("b", 71)]
    other.close()


async def test_own_tables_are_read_without_a_transaction(sqlite: SqliteCheckpoint, path: Path) -> None:
    async with sqlite.transaction() as db:
        await db.execute("CREATE TABLE mine (n INTEGER)")
        await db.execute("INSERT INTO mine VALUES (1)")
        assert await sqlite.query("SELECT n FROM mine") == [(1,)]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        another.execute("INSERT INTO mine VALUES (2)")
        assert await sqlite.query("SELECT n FROM mine WHERE n > ?", [0]) == [(1,)]
        another.execute("COMMIT")
    for sql in ("INSERT INTO mine VALUES (3)", "DROP TABLE mine", "SELECT nothing"):
        with pytest.raises(sqlite3.OperationalError):
            await sqlite.query(sql)
    assert await sqlite.query("SELECT n FROM mine") == [(1,), (2,)]
    await sqlite.advance("a", 0, "1")
    with pytest.raises(CheckpointError, match="not open"):
        await SqliteCheckpoint(path).query("SELECT 1")


async def test_a_transaction_that_fails_undoes_both(sqlite: SqliteCheckpoint) -> None:
    async with sqlite.transaction() as db:
        await db.execute("CREATE TABLE status (key TEXT PRIMARY KEY)")

    async def fail(error: BaseException) -> None:
        async with sqlite.transaction() as db:
            await db.execute("INSERT INTO status VALUES ('a')")
            await sqlite.advance("vhcl1", 0, "a")
            raise error

    for error in (ValueError(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await fail(error)

    async def write_twice() -> None:
        async with sqlite.transaction() as db:
            await sqlite.advance("vhcl1", 0, "a")
            await db.executemany("INSERT INTO status VALUES (?)", [("a",), ("a",)])

    with pytest.raises(sqlite3.IntegrityError):
        await write_twice()

    assert await everything(sqlite) == {}
    async with sqlite.transaction() as db:
        assert await db.execute("SELECT * FROM status") == []
    with pytest.raises(CheckpointError, match="over"):
        await db.execute("SELECT 1")


async def test_others_wait_for_the_end_of_a_transaction(sqlite: SqliteCheckpoint) -> None:
    async with sqlite.transaction():
        version = await sqlite.advance("vhcl1", 0, "a")
        with pytest.raises(CheckpointError, match="within a transaction"):
            async with sqlite.transaction():
                pass

        async def elsewhere() -> Entry | None:
            return await sqlite.get("vhcl1")

        # A task that is not of this transaction.
        reader = asyncio.create_task(elsewhere(), context=contextvars.Context())
        await asyncio.sleep(0.01)
        assert not reader.done()

    assert await reader == Entry("a", version)


async def test_a_transaction_that_was_ended_from_inside_is_an_error(sqlite: SqliteCheckpoint) -> None:
    async def end_it() -> None:
        async with sqlite.transaction() as db:
            await db.execute("ROLLBACK")
            with pytest.raises(CheckpointError, match="undone"):
                await sqlite.advance("vhcl1", 0, "a")

    with pytest.raises(CheckpointError, match="no transaction"):
        await end_it()

    assert await everything(sqlite) == {}


async def test_a_call_that_is_cancelled_leaves_nothing_half_done(sqlite: SqliteCheckpoint) -> None:
    for number in range(40):
        task = asyncio.create_task(sqlite.advance_all([Advance(f"{number}/{each}", 0, "a") for each in range(20)]))
        for _ in range(number % 8):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    found = [int(key.partition("/")[0]) for key in await everything(sqlite)]
    assert all(found.count(number) in {0, 20} for number in range(40))
