"""The file of a token store: private, locked between processes, whole whatever happens to it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async import FileTokenStore, InvalidArgument, Token
from ev_energy_async.auth import TokenStoreError
from tests.conftest import START
from tests.systems import posix

from .oauth_kit import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = Token("access", START, "refresh", ("vehicle:read", "user:read"), START, "origin")
ROOT: Final = Path(__file__).parents[2]
HOLD: Final = """
import asyncio
from ev_energy_async import FileTokenStore

async def hold():
    async with FileTokenStore({!r}).lock():
        print(flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""
DIE: Final = """
import asyncio, os, signal
from ev_energy_async import FileTokenStore, Token

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(FileTokenStore({!r}).save(Token("left-behind")))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token.json"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


async def is_free(path: Path) -> bool:
    try:
        async with FileTokenStore(path, patience=0.2).lock():
            return True
    except TokenStoreError:
        return False


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


# --- The lock


@posix
def test_a_lock_that_is_given_up_is_free_although_a_forked_child_lives(path: Path) -> None:
    async def lock_and_fork() -> tuple[bool, bool]:
        async with FileTokenStore(path).lock():
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            held = not await is_free(path)
        try:
            return held, await is_free(path)
        finally:
            os.kill(child, signal.SIGKILL)
            await asyncio.to_thread(os.waitpid, child, 0)

    assert asyncio.run(lock_and_fork()) == (True, True)


async def test_waiting_too_long_names_the_process_that_holds_the_lock(path: Path) -> None:
    code = HOLD.format(str(path))
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert holder.stdout is not None
        await holder.stdout.readline()

        with pytest.raises(TokenStoreError, match=rf"token\.json\.lock: process {holder.pid}, .* more than 0\.05 s"):
            async with FileTokenStore(path, patience=0.05).lock():
                pytest.fail("another process holds it")
    finally:
        holder.kill()
        await holder.wait()
    assert await is_free(path)


async def test_deleting_the_lock_file_does_not_release_the_lock(path: Path) -> None:
    store = FileTokenStore(path)
    await store.save(Token("of before"))

    async with store.lock():
        path.with_name("token.json.lock").unlink()
        assert not await is_free(path)
        await store.save(FULL)
        assert not await is_free(path), "the file that took its place is locked as well"

    assert await is_free(path)
    assert await store.load() == FULL


async def test_deleting_the_lock_file_before_there_is_a_token_does_not_release_the_lock_either(path: Path) -> None:
    store = FileTokenStore(path)

    async with store.lock():
        path.with_name("token.json.lock").unlink()
        assert not await is_free(path)
        await store.save(FULL)
        assert not await is_free(path), "now the token file is there, and locked"

    assert await is_free(path)
    assert await store.load() == FULL


async def test_a_lock_file_that_is_a_link_is_not_followed(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.with_name("token.json.lock").symlink_to(elsewhere)

    with pytest.raises(TokenStoreError, match=r"token\.json\.lock: "):
        async with FileTokenStore(path).lock():
            pytest.fail("the link was followed")

    assert not elsewhere.exists()


async def test_two_links_to_one_file_share_its_lock(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)

    async with FileTokenStore(link).lock():
        assert not await is_free(path)


# --- Who may read it


@pytest.mark.usefixtures("open_umask")
@posix
async def test_folders_that_are_made_are_private(tmp_path: Path) -> None:
    await FileTokenStore(tmp_path / "a" / "b" / "token.json").save(FULL)

    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == ("0700", "0700")


@posix
async def test_a_file_that_others_can_read_is_made_private_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileTokenStore(path)
    await store.save(FULL)
    await asyncio.to_thread(path.chmod, 0o644)

    assert [await store.load(), await store.load()] == [FULL, FULL]

    assert mode(path) == "0600"
    [(level, text)] = logged(caplog)
    assert level == logging.WARNING
    assert "token.json: others could use this file of tokens (mode 0644); it is 0600 now" in text


async def test_a_folder_in_which_others_can_replace_the_file_is_reported_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(path.parent.chmod, 0o777)
    store = FileTokenStore(path)
    await store.save(FULL)

    assert [await store.load(), await store.load()] == [FULL, FULL]

    [(level, text)] = logged(caplog)
    assert level == logging.WARNING
    assert "others can write to this folder (mode 0777)" in text


# --- Where it is


async def test_a_link_stays_a_link_and_its_file_is_replaced(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)

    await FileTokenStore(link).save(FULL)

    assert link.is_symlink()
    assert await FileTokenStore(path).load() == FULL


async def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    await FileTokenStore("~/token.json").save(FULL)

    assert (tmp_path / "token.json").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("wrong", ["", "/", "a\0b", None, 7, "~nobody-of-this-name/token.json"])
def test_what_is_no_file_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgument, match="path"):
        FileTokenStore(wrong)  # type: ignore[arg-type]  # what a caller without types does


# --- What is left after a crash


@posix
async def test_what_a_killed_process_left_behind_is_removed(path: Path) -> None:
    code = DIE.format(str(path))
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT)
    assert await killed.wait() == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 1, "a file with a token"

    store = FileTokenStore(path)
    async with store.lock():
        await store.save(FULL)

    assert {each.name for each in path.parent.iterdir()} == {"token.json", "token.json.lock"}


async def test_the_folder_is_synced_so_that_the_new_name_is_on_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    await FileTokenStore(path).save(FULL)

    assert synced == [False, True], "the file before it takes the name, the folder after"


async def test_times_of_a_class_of_its_own_are_stored(path: Path) -> None:
    class Frozen(dt.datetime):
        """As a library has it that stops the clock of tests."""

    when = Frozen(2026, 3, 14, 12, tzinfo=dt.UTC)
    await FileTokenStore(path).save(Token("access", when))

    assert await FileTokenStore(path).load() == Token("access", when)
