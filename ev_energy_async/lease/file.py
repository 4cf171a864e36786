"""A lease by a lock on a file, for the processes of one machine."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ev_energy_async.files import locked, user_path
from ev_energy_async.lease.keeper import KeptLease
from ev_energy_async.lease.protocol import LeaseError, Term

if TYPE_CHECKING:
    import filelock

    from ev_energy_async.clock import Clock

__all__ = ["FileLease"]


class FileLease(KeptLease):
    """A lease between processes of one machine, which ends with the process that has it.

    The operating system releases the lock when a process ends, however it ends: another takes over within a second. A
    process that is stopped (`SIGSTOP`) keeps it; where that matters, use a lease that expires. The file holds the last
    term, and the lock is a second file beside it, with `.lock` at the end: delete neither while a process runs.

    Args:
        path: The file, on a local disk; `~` is the home folder.
        holder: The name of this holder; machine, process and some characters at random unless given.
        clock: The clock for waiting.

    Raises:
        InvalidArgument: It is no path of a file.
    """

    def __init__(self, path: str | os.PathLike[str], *, holder: str | None = None, clock: Clock | None = None) -> None:
        self._path = user_path("path", path)
        super().__init__(math.inf, holder, clock)  # a term ends when it is released, or with the process
        self._lock: filelock.BaseFileLock | None = None

    async def take(self) -> Term | None:
        """Begin a term; None if somebody has the lease.

        Raises:
            LeaseError: The file cannot be read or written.
        """
        return await asyncio.to_thread(self._take)

    async def renew(self) -> Term | None:
        """Return this holder's term; None if it has none."""
        return None if self._lock is None else await asyncio.to_thread(self._read)

    async def release(self) -> None:
        """End this holder's term; nothing if it has none."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await asyncio.to_thread(lock.release)

    async def current(self) -> Term | None:
        """Return the term of whoever has the lease; None if nobody has.

        Raises:
            LeaseError: The file cannot be read.
        """
        return await asyncio.to_thread(self._current)

    def _take(self) -> Term | None:
        if self._lock is not None or (lock := self._locked()) is None:
            return None
        try:
            before = self._read()
            term = Term(self._holder, 1 if before is None else before.epoch + 1, None)
            self._write(term)
        except BaseException:
            lock.release()
            raise
        self._lock = lock
        return term

    def _current(self) -> Term | None:
        if self._lock is not None:
            return self._read()
        lock = self._locked()
        if lock is None:
            return self._read()
        lock.release()
        return None

    def _locked(self) -> filelock.BaseFileLock | None:
        path = self._path.with_name(f"{self._path.name}.lock")
        try:
            return locked(path)
        except OSError as error:
            raise LeaseError(f"{path}: {error.strerror}") from error

    def _read(self) -> Term | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Term)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LeaseError(f"{self._path}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise LeaseError(f"{self._path}: holds no term of a lease") from error

    def _write(self, term: Term) -> None:
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-", suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.encode(term))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise LeaseError(f"{self._path}: {error.strerror}") from error
