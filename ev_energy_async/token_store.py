"""Where tokens are kept between runs, and shared by the processes of one application.

A store has a lock that holds between processes: whoever wants a new token takes it, reads what another process may have
stored in the meantime, and saves the new token before using it, so that no refresh token is spent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt  # noqa: TC003  # msgspec resolves the annotations of `_Kept`
import os
import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, runtime_checkable

import msgspec

from ev_energy_async.errors import EvEnergyError
from ev_energy_async.oauth import Token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["FileTokenStore", "MemoryTokenStore", "TokenStore", "TokenStoreError"]

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
        return await asyncio.to_thread(self._read)

    async def save(self, token: Token) -> None:
        """Keep a token in place of the one before.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        # Not to be given up half way: a token that was had and not kept is lost.
        await asyncio.shield(asyncio.to_thread(self._write, token))

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that holds between processes."""
        return self._locked()

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        async with self._lock:
            file = await asyncio.to_thread(self._open_lock)
            try:
                while not _try_lock(file):  # noqa: ASYNC110  # another process sets no event of ours
                    await asyncio.sleep(_POLL_SECONDS)
                yield
            finally:
                file.close()  # which gives the lock up

    def _open_lock(self) -> IO[bytes]:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            return os.fdopen(os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise TokenStoreError(f"{self._lock_path}: {error.strerror}") from error

    def _read(self) -> Token | None:
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"{self._path}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # Not the parser's words: they may quote what stands in the file.
            raise TokenStoreError(f"{self._path}: holds no token") from error
        return Token(kept.access_token, kept.expires_at, kept.refresh_token, tuple(kept.scopes), kept.obtained_at)

    def _write(self, token: Token) -> None:
        kept = _Kept(token.access_token, token.expires_at, token.refresh_token, list(token.scopes), token.obtained_at)
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
    expires_at: dt.datetime | None
    refresh_token: str | None
    scopes: list[str]
    obtained_at: dt.datetime | None = None
    version: int = 1


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
