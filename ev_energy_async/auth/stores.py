"""Where tokens are kept between runs, and shared by the processes of one application.

A store has a lock that holds between processes: whoever wants a new token takes it, reads what another process may have
stored in the meantime, and saves the new token before using it, so that no refresh token is spent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import tempfile
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from ev_energy_async.auth.oauth import Token, check_token
from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

__all__ = ["FileTokenStore", "MemoryTokenStore", "TokenStore", "TokenStoreError"]

T = TypeVar("T")

_Instant: TypeAlias = Annotated[dt.datetime, msgspec.Meta(tz=True)]

# How often a process asks for a lock that another one holds.
_POLL_SECONDS: Final = 0.02


class TokenStoreError(EvEnergyError):
    """A stored token cannot be read, or a new one not be written."""


@runtime_checkable
class TokenStore(Protocol):
    """A place that keeps one token."""

    async def load(self) -> Token | None:
        """Return the token; None if there is none yet."""
        ...

    async def save(self, token: Token) -> None:
        """Keep a token in place of the one before."""
        ...

    async def clear(self) -> None:
        """Forget the token, which has been revoked; nothing if there is none."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that nobody else holds while it is entered, in no process."""
        ...


class MemoryTokenStore:
    """Keeps the token for as long as the process runs; may be shared by several clients of one event loop."""

    def __init__(self, token: Token | None = None) -> None:
        self._token = token
        self._lock = asyncio.Lock()

    async def load(self) -> Token | None:
        """Return the token; None if there is none yet."""
        return self._token

    async def save(self, token: Token) -> None:
        """Keep a token in place of the one before."""
        self._token = token

    async def clear(self) -> None:
        """Forget the token."""
        self._token = None

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return the store's lock."""
        return self._lock


class FileTokenStore:
    """Keeps the token in a file that only its owner may read (mode 0600).

    The file is replaced as a whole, so that it holds one token or the other whatever happens. Reading, writing and
    locking go on in a thread.

    Args:
        path: The file. A second one beside it, with `.lock` at the end, serves as the lock between processes.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock_path = self._path.with_name(f"{self._path.name}.lock")
        # Within one process first: locks on files are those of the process on some systems.
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    async def load(self) -> Token | None:
        """Return the token; None if there is none yet.

        Raises:
            TokenStoreError: The file cannot be read, or holds something else.
        """
        return await _to_its_end(self._read)

    async def save(self, token: Token) -> None:
        """Keep a token in place of the one before.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        await _to_its_end(partial(self._write, token))

    async def clear(self) -> None:
        """Forget the token; nothing if there is none.

        Raises:
            TokenStoreError: The file cannot be removed.
        """
        await _to_its_end(self._remove)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that holds between processes."""
        return self._locked()

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        async with self._lock:
            lock = _FileLock(self._lock_path)
            try:
                while not await _to_its_end(lock.take):  # noqa: ASYNC110  # another process sets no event of ours
                    await asyncio.sleep(_POLL_SECONDS)
                yield
            finally:
                await _to_its_end(lock.give_up)

    def _read(self) -> Token | None:
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            check_token("access_token", kept.access_token)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"{self._path}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidArgument):
            # Without the parser's words and what they are about: they may quote what stands in the file.
            raise TokenStoreError(f"{self._path}: holds no token") from None
        return Token(
            kept.access_token,
            kept.expires_at,
            kept.refresh_token,
            tuple(kept.scopes),
            kept.obtained_at,
            kept.origin,
        )

    def _remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(f"{self._path}: {error.strerror}") from error

    def _write(self, token: Token) -> None:
        kept = _Kept(
            token.access_token,
            token.expires_at,
            token.refresh_token,
            list(token.scopes),
            token.obtained_at,
            token.origin,
        )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Made with mode 0600, in the same folder, so that it can take the file's place in one step.
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.encode(kept))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise TokenStoreError(f"{self._path}: {error.strerror}") from error


class _Kept(msgspec.Struct):
    """What stands in the file."""

    access_token: str
    expires_at: _Instant | None
    refresh_token: str | None
    scopes: list[str]
    obtained_at: _Instant | None = None
    origin: str | None = None
    version: Literal[1] = 1


class _FileLock:
    """A lock that one open file has at a time, in this process or another. What it does may block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Take the lock if nobody has it."""
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            return _try_lock(self._file)
        except OSError as error:
            raise TokenStoreError(f"{self._path}: {error.strerror}") from error

    def give_up(self) -> None:
        """Close the file, and with it give up the lock."""
        if self._file is not None:
            self._file.close()


def _try_lock(file: IO[bytes]) -> bool:
    """Take the lock on a file if nobody has it."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows
    except ImportError:  # pragma: no cover  # on Windows
        import msvcrt  # noqa: PLC0415

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # typed on Windows alone
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _to_its_end(function: Callable[[], T]) -> T:
    """Call a function in a thread, and wait for its end even when cancelled.

    A thread cannot be stopped: whoever left it alone would give up the lock while it still writes, and lose the token
    or the open file that it comes back with.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()  # nobody is left to hear of it
        raise cancelled
    return running.result()
