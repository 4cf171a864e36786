"""`ev-energy checkpoint` without a sandbox: what a copy leaves out, what it never harms, and which places there are."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from ev_energy_async import SqliteCheckpoint
from ev_energy_async.checkpoint import Advance, CheckpointMismatch, Owner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .conftest import User

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app")
OTHER: Final = Owner("https://api.ev.energy/v2", "another")


@pytest_asyncio.fixture
async def user(stranger: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """A user in a folder with the checkpoint of a watch under a lease."""
    monkeypatch.chdir(tmp_path)
    async with SqliteCheckpoint("fleet.db") as checkpoint:
        await checkpoint.open(OWNER)
        entries = {"watch/a": "1", "watch/b": "2", "watch:epoch": "1770000000000000"}
        await checkpoint.advance_all([Advance(key, 0, value) for key, value in entries.items()])
    return stranger


async def held(path: str) -> tuple[Owner | None, dict[str, str]]:
    """The owner and the values of a checkpoint."""
    async with SqliteCheckpoint(path) as checkpoint:
        return await checkpoint.owner(), {key: each.value async for key, each in checkpoint.entries()}


async def test_a_copy_leaves_out_the_terms_of_a_lease_and_warns_of_nothing(user: User) -> None:
    done = await user.runs("checkpoint", "copy", "fleet.db", "copy.db")
    assert (done.exit_code, "warning" in done.stderr) == (0, False), done.output
    assert await held("copy.db") == (OWNER, {"watch/a": "1", "watch/b": "2"})


async def test_a_copy_whose_source_goes_on_meanwhile_fails_and_stays_unfinished(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance_all = SqliteCheckpoint.advance_all

    async def advance_while_the_watch_does(self: SqliteCheckpoint, changes: Sequence[Advance]) -> Sequence[int]:
        monkeypatch.setattr(SqliteCheckpoint, "advance_all", advance_all)
        async with SqliteCheckpoint("fleet.db") as watched:
            entry = await watched.get("watch/b")
            assert entry is not None
            await watched.advance("watch/b", entry.version, "3")
        return await advance_all(self, changes)

    monkeypatch.setattr(SqliteCheckpoint, "advance_all", advance_while_the_watch_does)
    mixed = await user.runs("checkpoint", "copy", "fleet.db", "copy.db")
    assert (mixed.exit_code, "has changed while it was copied" in mixed.stderr) == (1, True)
    async with SqliteCheckpoint("copy.db", adopt=True) as copy:
        with pytest.raises(CheckpointMismatch, match="repeat `ev-energy checkpoint copy`"):
            await copy.open(OWNER)
    assert (await user.runs("checkpoint", "copy", "fleet.db", "copy.db")).exit_code == 0
    assert await held("copy.db") == (OWNER, {"watch/a": "1", "watch/b": "3"})


async def test_a_watch_that_takes_the_target_first_keeps_it(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = SqliteCheckpoint.open

    async def open_after_the_watch(self: SqliteCheckpoint, owner: Owner) -> None:
        monkeypatch.setattr(SqliteCheckpoint, "open", claim)
        async with SqliteCheckpoint("taken.db") as taken:
            await taken.open(OTHER)
            await taken.advance("watch/a", 0, "another's")
        await claim(self, owner)

    monkeypatch.setattr(SqliteCheckpoint, "open", open_after_the_watch)
    late = await user.runs("checkpoint", "copy", "fleet.db", "taken.db")
    assert (late.exit_code, "without a checkpoint" in late.stderr) == (2, True)
    assert await held("taken.db") == (OTHER, {"watch/a": "another's"})


async def test_warnings_are_seen_where_nothing_is_sent(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    class Release(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002  # the signature is the base class's
            other.rollback()

    with closing(sqlite3.connect("fleet.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(logging.getLogger("ev_energy_async"), "handlers", [Release()])
        monkeypatch.setattr("ev_energy_async.checkpoint.sqlite._LONG_SECONDS", 0.01)
        shown = await user.runs("checkpoint", "show", "fleet.db")
    assert (shown.exit_code, "for a lock that another process holds" in shown.stderr) == (0, True), shown.output


@pytest.mark.parametrize("place", ["postgresql:fleet", "sqlite:x.db", "sqlite3:x.db", "postgresql+psycopg:u:secret@h"])
async def test_a_mistyped_database_makes_no_file(user: User, tmp_path: Path, place: str) -> None:
    refused = await user.runs("checkpoint", "copy", "fleet.db", place)
    assert (refused.exit_code, "expected a SQLite file, `postgres:NAME` or" in refused.stderr) == (2, True)
    assert "secret" not in refused.stderr
    assert not (tmp_path / place).exists()
    # One that is there under this name is meant, and a new one can be.
    made = await user.runs("checkpoint", "copy", "fleet.db", f"./{place}")
    assert made.exit_code == 0, made.output
    assert (await user.runs("checkpoint", "show", place)).exit_code == 0


@pytest.mark.parametrize("place", ["postgres", "redis", "c:fleet.db", "fleet-2026-11-28T10:00.db"])
async def test_a_file_may_be_called_so(user: User, tmp_path: Path, place: str) -> None:
    done = await user.runs("checkpoint", "copy", "fleet.db", place)
    assert (done.exit_code, (tmp_path / place).exists()) == (0, True), done.output
