"""The files of a sink: parts of tables, and beside them what it needs after a crash. Blocking; runs in a thread.

    ROOT/TABLE/date=2026-11-28/part-01KB....parquet      rows
    ROOT/_ev/NAME/state.json                             parts whose events are not known to be acknowledged; the cursor
    ROOT/_ev/NAME/*.tmp                                  parts that are being written
    ROOT/_ev/NAME/lock                                   held by the process that writes

Every file is written aside, on the disk (fsync), and then renamed. Readers see complete files or none: Arrow passes
over names that begin with `_`, and DuckDB's `**/*.parquet` over those that end in `.tmp`.
"""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

import filelock
import msgspec

from ev_energy_async._extras import extra
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.tables.rows import KEY

with extra("tables", __name__, "pyarrow"):
    import pyarrow as pa
    import pyarrow.parquet as pq

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Generator, Sequence
    from pathlib import Path

__all__ = ["Part", "SinkError", "SinkFolder", "State", "path_of"]


class SinkError(EvEnergyError):
    """The files of a sink cannot be read or written, or another process has the sink; nothing was acknowledged."""


class Part(msgspec.Struct, frozen=True):
    """A part of a table that is to be a file.

    Attributes:
        path: Its path below the root.
        rows: Its rows.
    """

    path: str
    rows: pa.Table


class State(msgspec.Struct, frozen=True):
    """The data with which a sink recovers from a crash.

    Attributes:
        unacknowledged: Paths of parts whose events may be delivered again; a crash may have prevented some of them.
        cursor: Where the source goes on after all rows of the other parts; None if it has no cursor.
    """

    unacknowledged: tuple[str, ...] = ()
    cursor: str | None = None


_SUFFIX: Final = ".tmp"


class SinkFolder:
    """The files below a root.

    Args:
        root: The root.
        name: The name of the sink, which tells its state from that of others.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._own = root / "_ev" / name
        self._state = self._own / "state.json"
        self._lock = filelock.FileLock(self._own / "lock", timeout=0, thread_local=False)

    def open(self) -> State:
        """Take the folder for this process, and return the state in which the last one left it.

        Raises:
            SinkError: Another process has it, or it cannot be read or written.
        """
        with self._failing():
            self._own.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise SinkError(
                    f"{self._own}: another process writes here; give each sink a `name` of its own"
                ) from None
            try:
                for path in self._own.glob(f"*{_SUFFIX}"):
                    path.unlink()
                if not self._state.exists():
                    return State()
                return msgspec.json.decode(self._state.read_bytes(), type=State)
            except BaseException:
                self._lock.release()
                raise

    def close(self) -> None:
        """Give the folder back."""
        self._lock.release()

    def keys(self, path: str) -> set[str]:
        """Return the keys of the rows in a part; none if a crash prevented it.

        Raises:
            SinkError: It cannot be read.
        """
        with self._failing():
            if not (self._root / path).exists():
                return set()
            column: list[Any] = pq.read_table(self._root / path, columns=[KEY], partitioning=None)[KEY].to_pylist()
            return set(column)

    def save(self, state: State) -> None:
        """Replace the state.

        Raises:
            SinkError: It cannot be written.
        """
        with self._failing():
            aside = self._state.with_name(f"state.json{_SUFFIX}")
            with aside.open("wb") as file:
                file.write(msgspec.json.encode(state))
                _sync(file)
            aside.replace(self._state)
            _sync_folder(self._own)

    def write(self, parts: Sequence[Part]) -> None:
        """Write parts: all of them aside first, then each in its place.

        Raises:
            SinkError: One cannot be written.
        """
        with self._failing():
            for part in parts:
                with self._aside(part).open("wb") as file:
                    pq.write_table(part.rows, file, compression="zstd")
                    _sync(file)
            for part in parts:
                target = self._root / part.path
                for folder in (target.parent.parent, target.parent):
                    if not folder.exists():
                        folder.mkdir(exist_ok=True)
                        _sync_folder(folder.parent)
                self._aside(part).replace(target)
            for folder in {(self._root / part.path).parent for part in parts}:
                _sync_folder(folder)

    def _aside(self, part: Part) -> Path:
        return self._own / f"{part.path.rpartition('/')[2]}{_SUFFIX}"

    @contextlib.contextmanager
    def _failing(self) -> Generator[None, None, None]:
        try:
            yield
        except (OSError, pa.ArrowException, msgspec.MsgspecError) as error:
            raise SinkError(f"{self._root}: {error}") from error


def path_of(table: str, day: dt.date, name: str) -> str:
    """Return the path of a part below the root, partitioned as Hive does it."""
    return f"{table}/date={day.isoformat()}/part-{name}.parquet"


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened, and need not be
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
