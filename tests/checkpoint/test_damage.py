"""Files that are not what was written: refused with advice, never taken for a checkpoint with less progress."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async.checkpoint import Advance, CheckpointError, Owner, SqliteCheckpoint
from tests.systems import posix

if TYPE_CHECKING:
    from collections.abc import Callable

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app", "user1")
ROWS: Final = {f"watch/vhcl{number:026}": f'{{"version":1,"at":{number},"text":"{"x" * 60}"}}' for number in range(40)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.db"


async def write(path: Path) -> None:
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        await checkpoint.advance_all([Advance(key, 0, value) for key, value in ROWS.items()])


async def content(path: Path) -> dict[str, str]:
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        return {key: entry.value async for key, entry in checkpoint.entries()}


def change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def mode(path: Path) -> int:
    return stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint."""
    path = tmp_path_factory.mktemp("written") / "fleet.db"
    asyncio.run(write(path))
    return path


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_file_with_a_flipped_bit_holds_all_it_held_or_is_refused(written: Path, tmp_path: Path, seed: int) -> None:
    random, damaged = Random(seed), bytearray(written.read_bytes())
    damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    # A folder for each example: SQLite may still be removing files of the one before.
    path = Path(mkdtemp(dir=tmp_path)) / "fleet.db"
    path.write_bytes(damaged)

    try:
        assert asyncio.run(content(path)) == ROWS
    except CheckpointError as error:
        if "fleet.db: " not in str(error):
            raise


def out_of_order(page: bytearray) -> None:
    """Swap two rows: each is complete, and none of the two is found by its key."""
    page[8:10], page[10:12] = page[10:12], page[8:10]


def twice(page: bytearray) -> None:
    """Let one row stand in the place of another."""
    page[8:10] = page[10:12]


def wrong_about_itself(page: bytearray) -> None:
    """Change what a page says of its unused bytes (SQLite's file format, section 1.6)."""
    page[7] += 50


@pytest.mark.parametrize("damage", [out_of_order, twice, wrong_about_itself])
async def test_rows_that_are_whole_in_a_page_that_is_not_are_refused(
    written: Path, path: Path, damage: Callable[[bytearray], None]
) -> None:
    data = bytearray(await asyncio.to_thread(written.read_bytes))
    with sqlite3.connect(written) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    # A leaf of the rows, which have no rowid (section 1.6): page type 10.
    start = next(at for at in range(size, len(data), size) if data[at] == 10 and data[at + 4] > 5)
    page = data[start : start + size]
    damage(page)
    data[start : start + size] = page
    await asyncio.to_thread(path.write_bytes, data)

    with pytest.raises(CheckpointError, match="damaged"):
        await content(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ev_energy_checkpoint SET value = '[]' WHERE key LIKE '%7'",
        "UPDATE ev_energy_checkpoint SET value = CAST(value AS BLOB) WHERE key LIKE '%7'",
        "UPDATE ev_energy_checkpoint SET version = version + 1",
        "UPDATE ev_energy_checkpoint SET key = key || 'x' WHERE key LIKE '%7'",
        "DELETE FROM ev_energy_checkpoint WHERE key LIKE '%7'",
        "DELETE FROM ev_energy_checkpoint",
        "DROP TABLE ev_energy_checkpoint",
        "DROP TABLE ev_energy_meta",
        "DELETE FROM ev_energy_meta WHERE name = 'state'",
        "UPDATE ev_energy_meta SET value = replace(value, 'user1', 'user2') WHERE name = 'state'",
        "UPDATE ev_energy_meta SET value = x'00ff' WHERE name = 'state'",
    ],
)
async def test_rows_that_were_changed_or_are_missing_are_refused_with_advice(path: Path, statement: str) -> None:
    await write(path)
    await asyncio.to_thread(change, path, statement)

    with pytest.raises(CheckpointError, match=r"fleet\.db: this checkpoint is damaged: .* Restore the file .* backup"):
        await SqliteCheckpoint(path).open(OWNER)  # before anything is read or written


async def test_a_row_that_is_damaged_while_it_is_open_is_not_read_as_absent(path: Path) -> None:
    await write(path)
    async with SqliteCheckpoint(path) as checkpoint:
        await asyncio.to_thread(change, path, "UPDATE ev_energy_checkpoint SET value = '[]'")
        key = next(iter(ROWS))
        for act in (checkpoint.get(key), checkpoint.advance(key, 1, "new")):
            with pytest.raises(CheckpointError, match="damaged"):
                await act


@pytest.mark.parametrize("left", [b"", b"S", b"SQLite format 3\0"])
async def test_a_file_that_was_cut_to_nothing_does_not_count_as_new(path: Path, left: bytes) -> None:
    await write(path)
    await asyncio.to_thread(path.write_bytes, left)

    with pytest.raises(CheckpointError, match=f"a file of {len(left)} bytes is not a database"):
        await content(path)

    assert await asyncio.to_thread(path.read_bytes) == left, "it is left for whoever looks into it"


async def test_a_file_that_is_gone_while_its_log_is_there_does_not_count_as_new(path: Path) -> None:
    path.with_name("fleet.db-wal").touch()

    with pytest.raises(CheckpointError, match="the file is gone, and its write-ahead log is still there"):
        await content(path)


async def test_creating_a_checkpoint_is_logged_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ev_energy_async")
    await write(path)
    await content(path)
    own = path.with_name("own.db")
    await asyncio.to_thread(change, own, "CREATE TABLE mine (number)")
    async with SqliteCheckpoint(own):
        pass

    assert [record.getMessage() for record in caplog.records if record.name == "ev_energy_async"] == [
        f"{path}: created a new checkpoint",
        f"{own}: created a new checkpoint",
    ]


@posix
async def test_its_files_are_private_and_a_users_database_stays_as_it_is(path: Path) -> None:
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        files = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert files == {"fleet.db": 0o600, "fleet.db-wal": 0o600, "fleet.db-shm": 0o600}

    await asyncio.to_thread(path.chmod, 0o644)
    assert await content(path) == {}
    assert await mode(path) == 0o600, "made by an earlier version"

    own = path.with_name("own.db")
    await asyncio.to_thread(change, own, "CREATE TABLE mine (number)")
    await asyncio.to_thread(own.chmod, 0o640)
    async with SqliteCheckpoint(own):
        assert await mode(own) == 0o640


# --- Files of an earlier version

_OLD: Final = (
    "CREATE TABLE ev_energy_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE ev_energy_checkpoint (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)",
    """INSERT INTO ev_energy_meta VALUES ('schema', 1), ('versions', 7),
       ('owner', '["https://API.ev.energy:443/v2/","my-app","user1"]')""",
    "INSERT INTO ev_energy_checkpoint VALUES ('watch/a', 7, 'one'), ('watch/b', 3, 'two')",
)


async def test_a_file_of_an_earlier_version_is_converted(path: Path) -> None:
    await asyncio.to_thread(change, path, *_OLD)

    assert await content(path) == {"watch/a": "one", "watch/b": "two"}

    async with SqliteCheckpoint(path) as checkpoint:
        assert await checkpoint.advance("watch/a", 7, "three") == 8
    assert await content(path) == {"watch/a": "three", "watch/b": "two"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ev_energy_meta SET value = '[]' WHERE name = 'owner'",
        "DELETE FROM ev_energy_meta WHERE name = 'owner'",
        "UPDATE ev_energy_meta SET value = 'x' WHERE name = 'versions'",
        "UPDATE ev_energy_checkpoint SET value = x'00' WHERE key = 'watch/a'",
    ],
)
async def test_a_damaged_file_of_an_earlier_version_is_refused_and_left_alone(path: Path, damage: Any) -> None:
    await asyncio.to_thread(change, path, *_OLD, damage)

    for _ in range(2):
        with pytest.raises(CheckpointError, match="damaged"):
            await content(path)
