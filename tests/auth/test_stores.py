"""Token stores: complete, private files, and one refresh at a time across processes."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
from blockbuster import BlockBuster

from ev_energy_async import EvEnergyError, FileTokenStore, MemoryTokenStore, Token, TokenStore
from ev_energy_async.auth.stores import TokenStoreError
from tests.conftest import START
from tests.servers import until
from tests.systems import posix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL: Final = Token("access", START, "refresh", ("vehicle:read", "user:read"), START - dt.timedelta(hours=10), "origin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "token.json"


@pytest.fixture
def readable(path: Path) -> Path:
    """A file that is there already, and that everybody may read."""
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o644)
    return path


@pytest.fixture
def folders(path: Path) -> Path:
    """Folders where files should be."""
    path.mkdir(parents=True)
    path.with_name("token.json.lock").mkdir()
    return path


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, path: Path) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(path)


# --- What each store does


@pytest.mark.parametrize("token", [FULL, Token("bare")])
async def test_what_was_saved_is_loaded(store: TokenStore, token: Token) -> None:
    assert await store.load() is None

    await store.save(Token("older", refresh_token="older"))
    await store.save(token)

    assert await store.load() == token


async def test_what_was_forgotten_is_gone(store: TokenStore) -> None:
    await store.clear()
    await store.save(FULL)

    await store.clear()

    assert await store.load() is None


async def test_one_at_a_time_holds_the_lock(store: TokenStore) -> None:
    inside = 0

    async def hold() -> None:
        nonlocal inside
        async with store.lock():
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.timeout(10):
        await asyncio.gather(*(hold() for _ in range(20)))


async def test_an_error_gives_the_lock_up(store: TokenStore) -> None:
    with pytest.raises(LookupError):
        async with store.lock():
            raise LookupError

    async with asyncio.timeout(5), store.lock():
        pass


# --- Files


@posix
async def test_only_the_owner_may_read_what_is_kept(readable: Path) -> None:
    store = FileTokenStore(readable)

    async with store.lock():
        await store.save(FULL)

    assert {each.name: oct(each.stat().st_mode & 0o777) for each in readable.parent.iterdir()} == {
        "token.json": "0o600",
        "token.json.lock": "0o600",
    }


async def test_a_second_run_finds_what_the_first_kept(path: Path) -> None:
    await FileTokenStore(str(path)).save(FULL)

    assert await FileTokenStore(path).load() == FULL


async def test_a_reader_never_sees_half_a_file(path: Path) -> None:
    store = FileTokenStore(path)
    tokens = [Token(str(size) * size, refresh_token="r" * 50_000) for size in range(1, 9)]
    await store.save(tokens[0])
    done = threading.Event()
    seen: list[object] = []

    async def read() -> None:
        reader = FileTokenStore(path)
        while not done.is_set():
            try:
                seen.append(await reader.load())
            except EvEnergyError as error:
                seen.append(error)

    readers = [threading.Thread(target=lambda: asyncio.run(read())) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(10):
            for token in tokens:
                await store.save(token)
    finally:
        done.set()
        for reader in readers:
            await asyncio.to_thread(reader.join)

    assert seen
    assert [found for found in seen if found not in tokens] == []


async def test_a_save_that_fails_leaves_the_token_before_and_no_litter(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileTokenStore(path)
    await store.save(FULL)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TokenStoreError, match=r"token\.json: No space left on device") as raised:
        await store.save(Token("hidden"))

    assert await store.load() == FULL
    assert [each.name for each in path.parent.iterdir()] == ["token.json"]
    assert "hidden" not in f"{raised.value} {raised.value!r}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"s3cr3t",
        b'{"access_token": "s3cr3t", "expires_at',
        b'{"access_token": "s3cr3t\xff", "expires_at": null, "refresh_token": null, "scopes": []}',
        b'{"access_token": "", "expires_at": null, "refresh_token": "s3cr3t", "scopes": []}',
        b'{"access_token": "s3cr3t s3cr3t", "expires_at": null, "refresh_token": null, "scopes": []}',
        b'{"access_token": ["s3cr3t"], "expires_at": null, "refresh_token": null, "scopes": []}',
        b'{"access_token": "s3cr3t", "expires_at": "soon", "refresh_token": null, "scopes": []}',
        b'{"access_token": "s3cr3t", "expires_at": "2026-03-14T12:00:00", "refresh_token": null, "scopes": []}',
        b'{"access_token": "s3cr3t", "expires_at": null, "refresh_token": null, "scopes": [], "version": 2}',
        b'{"x": ' + b"[" * 100_000,
        b"\x00" * 100,
    ],
)
async def test_garbage_is_a_clear_error_that_does_not_quote_it(path: Path, content: bytes) -> None:
    await asyncio.to_thread(path.parent.mkdir)
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(TokenStoreError, match=r"token\.json: holds no token$") as raised:
        await FileTokenStore(path).load()

    error = raised.value
    assert isinstance(error, EvEnergyError)
    assert error.__suppress_context__, "what the parser says may quote the file"
    assert "s3cr3t" not in f"{error} {error!r}"


async def test_what_cannot_be_read_written_locked_or_removed_names_the_file(folders: Path) -> None:
    store = FileTokenStore(folders)

    for act in (store.load(), store.save(FULL), store.clear()):
        with pytest.raises(TokenStoreError, match=r"below/token\.json: "):
            await act
    with pytest.raises(TokenStoreError, match=r"token\.json\.lock: "):
        async with store.lock():
            pass


async def test_a_store_shows_its_path_and_no_token(path: Path) -> None:
    store = FileTokenStore(path)
    await store.save(FULL)

    assert repr(store) == f"FileTokenStore('{path}')"
    assert "access" not in repr(MemoryTokenStore(FULL))


# --- In a thread


@pytest.fixture
def unblocked() -> Iterator[None]:
    """A loop in which nothing may block."""
    guard = BlockBuster("ev_energy_async")
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()


@pytest.mark.usefixtures("unblocked")
async def test_the_loop_never_waits_for_the_disk(path: Path) -> None:
    store = FileTokenStore(path)
    async with store.lock():
        await store.save(FULL)
        assert await store.load() == FULL
        await store.clear()


async def test_the_loop_does_not_even_touch_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    flock = fcntl.flock
    threads: set[int] = set()

    def noting(file: Any, operation: int) -> None:
        threads.add(threading.get_ident())
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", noting)
    async with FileTokenStore(path).lock():
        pass

    assert threads
    assert threading.get_ident() not in threads


# --- Cancelled at any time


async def is_free(path: Path) -> bool:
    """Whether another process could take the lock at once."""
    try:
        async with asyncio.timeout(1), FileTokenStore(path).lock():
            return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("same", [True, False], ids=["one store", "two stores"])
async def test_who_gives_up_waiting_leaves_no_lock(path: Path, *, same: bool) -> None:
    first = FileTokenStore(path)
    second = first if same else FileTokenStore(path)

    async def wait() -> None:
        async with second.lock():
            pytest.fail("the lock was held")

    async with first.lock():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert await is_free(path)
    async with asyncio.timeout(5), second.lock():
        pass


@pytest.mark.parametrize("turns", range(12))
async def test_cancelled_at_any_step_a_store_holds_nothing(path: Path, turns: int) -> None:
    store = FileTokenStore(path)
    saved: list[Token | None] = []

    async def use() -> None:
        async with store.lock():
            await store.save(FULL)
            saved.append(await store.load())

    using = asyncio.create_task(use())
    for _ in range(turns):
        await asyncio.sleep(0.0005 if turns % 2 else 0)
    using.cancel()
    await asyncio.gather(using, return_exceptions=True)

    assert await is_free(path)
    assert await store.load() in {None, FULL}
    assert not [each.name for each in path.parent.iterdir() if each.name.startswith(".")]


async def test_a_save_under_way_is_finished_before_the_lock_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileTokenStore(path)
    go, writing = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow(number: int) -> None:
        writing.set()
        assert go.wait(5)
        fsync(number)

    monkeypatch.setattr(os, "fsync", slow)

    async def save() -> None:
        async with store.lock():
            await store.save(FULL)

    saving = asyncio.create_task(save())
    await until(writing.is_set)
    saving.cancel()
    saving.cancel()
    await asyncio.sleep(0.01)
    saving.cancel()
    assert not await is_free(path)

    go.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert await store.load() == FULL
    assert await is_free(path)
