"""A token store in a file, for a program that runs in one or several processes of one machine."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import logging
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from ev_energy_async.auth.stores import TokenStoreError
from ev_energy_async.auth.token import Token
from ev_energy_async.clock import Duration, seconds
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.files import BY_OTHERS, PRIVATE_FILE, locked, make_private_folder, mode_of, user_path

try:
    import fcntl
except ImportError:  # on Windows, where nobody can remove a file that is open
    fcntl = None  # type: ignore[assignment]  # the module that is missing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    import filelock

__all__ = ["FileTokenStore"]

T = TypeVar("T")

_LOG: Final = logging.getLogger("ev_energy_async")
# How often to ask for a lock that another process holds, and for how long by default.
_POLL_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 60.0
# The holder's process ID stands behind the byte that Windows locks.
_HOLDER_OFFSET: Final = 1
_LONGEST_PID: Final = 20
_WRITABLE_BY_OTHERS: Final = 0o022
_STICKY: Final = 0o1000


class FileTokenStore:
    """Keeps the token in a file that only its owner may read (mode 0600).

    The file is replaced as a whole, so that it holds the old token or the new one whatever happens; a symbolic link is
    followed. Reading, writing and locking run in a thread. A file that others may read is made private, and a folder
    that others may write to is reported: both with a warning.

    Args:
        path: The file; `~` is the home folder. A second file beside it, with `.lock` at the end, serves as the lock
            between processes.
        patience: Seconds to wait for a lock that another process holds.

    Raises:
        InvalidArgument: It is no path of a file, or `patience` is not above zero.
    """

    def __init__(self, path: str | os.PathLike[str], *, patience: Duration = _PATIENCE_SECONDS) -> None:
        self._path = user_path("path", path)
        self._patience = seconds("patience", patience)
        self._warned: set[str] = set()
        self._held: _Lock | None = None

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    async def load(self) -> Token | None:
        """Return the stored token; None if there is none.

        Raises:
            TokenStoreError: The file cannot be read, or holds something else.
        """
        return await _to_its_end(self._read)

    async def save(self, token: Token) -> None:
        """Store a token in place of the one before.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        await _to_its_end(partial(self._write, token))

    async def clear(self) -> None:
        """Remove the token; nothing if there is none.

        Raises:
            TokenStoreError: The file cannot be removed.
        """
        await _to_its_end(self._remove)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that holds between processes.

        Raises:
            TokenStoreError: When entered: the lock file cannot be used, or another process has held the lock for
                longer than `patience`.
        """
        return self._locked()

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        lock = _Lock(self._path)
        until = asyncio.get_running_loop().time() + self._patience
        try:
            while not await _to_its_end(lock.take):
                if asyncio.get_running_loop().time() >= until:
                    raise await _to_its_end(partial(lock.timed_out, self._patience))
                await asyncio.sleep(_POLL_SECONDS)
            self._held = lock
            await _to_its_end(self._sweep)
            yield
        finally:
            if self._held is lock:
                self._held = None
            await _to_its_end(lock.release)

    def _read(self) -> Token | None:
        target = _target(self._path)
        try:
            with target.open("rb") as file:
                self._check_access(target, file.fileno())
                return Token.from_dict(msgspec.json.decode(file.read()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"{target}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidArgument):
            # Without the parser's words and the error they are about: they may quote the file.
            raise TokenStoreError(f"{target}: holds no token") from None

    def _remove(self) -> None:
        target = _target(self._path)
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(f"{target}: {error.strerror}") from error

    def _write(self, token: Token) -> None:
        target = _target(self._path)
        try:
            make_private_folder(target.parent)
            # Created with mode 0600, in the same folder, so that it can take the file's place in one step.
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-", suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.encode(token.to_dict()))
                    file.flush()
                    os.fsync(file.fileno())
                if self._held is not None:
                    self._held.guard(Path(name))
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)
        except OSError as error:
            raise TokenStoreError(f"{target}: {error.strerror}") from error

    def _sweep(self) -> None:
        """Remove what a process left behind that was killed while saving; the lock is held."""
        target = _target(self._path)
        try:
            for left in target.parent.glob(f".{glob.escape(target.name)}-*.tmp"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(f"{target}: {error.strerror}") from error

    def _check_access(self, target: Path, handle: int) -> None:
        """Make a file private that others can use, and warn of a folder in which they could replace it."""
        if os.name == "nt":  # where modes say nothing
            return
        mode = mode_of(os.fstat(handle))
        if mode & BY_OTHERS:
            try:
                os.fchmod(handle, PRIVATE_FILE)
                now = f"it is {PRIVATE_FILE:04o} now"
            except PermissionError:
                now = "and it cannot be changed"
            self._warn(f"{target}: others could use this file of tokens (mode {mode:04o}); {now}")
        mode = mode_of(target.parent.stat())
        if mode & _WRITABLE_BY_OTHERS and not mode & _STICKY:
            self._warn(f"{target.parent}: others can write to this folder (mode {mode:04o}), and replace tokens in it")

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            _LOG.warning(text)


class _Lock:
    """The lock of one store, taken once. All its methods may block.

    Two locks in one: the lock file, and the token file itself. The second holds when somebody deletes the lock file,
    which lets the next process create a new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: filelock.BaseFileLock | None = None
        self._guards: list[int] = []

    def take(self) -> bool:
        """Take the lock if nobody has it."""
        target = _target(self._path)
        path = _lock_path(target)
        try:
            lock = locked(path)
        except OSError as error:
            raise TokenStoreError(f"{path}: {error.strerror}") from error
        if lock is None:
            return False
        self._lock = lock
        if not self._guard_existing(target):
            self.release()
            return False
        _note_holder(path)
        return True

    def guard(self, path: Path) -> None:
        """Lock a file that is about to take the token file's place."""
        self._lock_file(os.open(path, os.O_RDONLY))

    def release(self) -> None:
        """Give up the lock, if it is held."""
        for handle in self._guards:
            if fcntl is not None:
                # Explicitly: a forked child has the same open file, and closing it here would leave it locked there.
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)
        self._guards.clear()
        if self._lock is not None:
            self._lock.release()

    def timed_out(self, patience: float) -> TokenStoreError:
        """Return the error for a lock that could not be acquired, naming the process that holds it."""
        path = _lock_path(_target(self._path))
        try:
            with path.open("rb") as file:
                file.seek(_HOLDER_OFFSET)
                found = file.read(_LONGEST_PID)
        except OSError:
            found = b""
        holder = f"process {found.decode()}" if found.isdigit() else "another process"
        return TokenStoreError(
            f"{path}: {holder}, or one that it forked, has held this lock for more than {patience:g} s; end it"
        )

    def _guard_existing(self, target: Path) -> bool:
        """Lock the token file, or its folder while there is none; whether nobody else has it.

        Either keeps others out even if the lock file is deleted while it is held.
        """
        try:
            handle = os.open(target, os.O_RDONLY)
        except FileNotFoundError:
            return self._guard_folder(target)
        except OSError as error:
            self.release()
            raise TokenStoreError(f"{target}: {error.strerror}") from error
        return self._lock_file(handle) and _is_at(target, handle)

    def _guard_folder(self, target: Path) -> bool:
        if fcntl is None:  # on Windows, where an open lock file cannot be deleted
            return True
        # Whoever had the folder may have saved the first token since it was looked for.
        return self._lock_file(os.open(target.parent, os.O_RDONLY)) and not target.exists()

    def _lock_file(self, handle: int) -> bool:
        if fcntl is None:  # on Windows
            os.close(handle)
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._guards.append(handle)
        return True


def _target(path: Path) -> Path:
    """Return the file behind symbolic links: two links to one file share its lock, and none is replaced by a file."""
    return Path(os.path.realpath(path))


def _lock_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.lock")


def _is_at(path: Path, handle: int) -> bool:
    """Whether a path still names an open file: it may have been replaced since it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _note_holder(path: Path) -> None:
    """Write the ID of this process into the lock file, for the error of those who wait too long."""
    with path.open("r+b") as file:
        file.seek(_HOLDER_OFFSET)
        file.write(str(os.getpid()).encode())
        file.truncate()


def _sync_folder(folder: Path) -> None:
    """Bring the new name of a file to the disk: syncing the file alone does not."""
    if os.name == "nt":  # where folders cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _to_its_end(function: Callable[[], T]) -> T:
    """Call a function in a thread, and wait for its end even when cancelled.

    A thread cannot be stopped: to leave it alone would give up the lock while it still writes, or lose the open file
    that it comes back with.
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
