"""The journal of events delivered and not yet acknowledged; acknowledged ones are written to the checkpoint.

Each event of a stream brings along what becomes of the rows of the checkpoint when it is acknowledged. Acknowledging is
cumulative: all changes up to an event are written at once, compared with what is stored. Knows nothing of fleets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ev_energy_async.checkpoint import Advance, CheckpointConflict, CheckpointError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from ev_energy_async.checkpoint import Checkpoint, Owner

__all__ = ["Journal", "RowValue"]

RowValue: TypeAlias = "msgspec.Struct | Callable[[], msgspec.Struct] | None"
"""The value of a row, or a function that returns it when it is time to write; None to delete the row."""

_LOG: Final = logging.getLogger("ev_energy_async")
_MANY: Final = 100_000
# So many rows are encoded before the event loop runs again: some 10 ms of work.
_SLICE: Final = 2_000


class Journal:
    """The way of changes from events that were delivered into a checkpoint.

    Args:
        checkpoint: Where they go.
        name: What the keys of the rows begin with.

    Attributes:
        is_overtaken: Whether somebody else has advanced the checkpoint, so that it has to be loaded again.
    """

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        self._checkpoint = checkpoint
        self._prefix = f"{name}/"
        self._versions: dict[str, int] = {}
        self._pending: deque[tuple[int, Mapping[str, RowValue]]] = deque()
        self._number = self._acknowledged = 0
        self._in_doubt: dict[str, Advance] = {}
        self._lock = asyncio.Lock()
        self._has_warned = False
        self._void = 0
        self.is_overtaken = False

    @property
    def acknowledged(self) -> int:
        """The number of the last entry that was acknowledged."""
        return self._acknowledged

    async def load(self, owner: Owner) -> AsyncGenerator[tuple[str, str]]:
        """Open the checkpoint, and yield what it holds: row by row, name and value. What is pending is forgotten.

        Raises:
            CheckpointMismatch: It belongs to another.
            CheckpointError: It cannot be read.
        """
        async with self._lock:
            self._versions.clear()
            self._pending.clear()
            self._in_doubt = {}
            self._void, self.is_overtaken = self._number, False
            await self._checkpoint.open(owner)
            shared: dict[int, int] = {}
            async for key, entry in self._checkpoint.entries(self._prefix):
                name = key.removeprefix(self._prefix)
                # Rows that were written together have one version, and share the number.
                self._versions[name] = shared.setdefault(entry.version, entry.version)
                yield name, entry.value

    def enter(self, changes: Mapping[str, RowValue]) -> int:
        """Note what is to be written once this entry is acknowledged, and return its number."""
        self._number += 1
        self._pending.append((self._number, changes))
        if len(self._pending) > _MANY and not self._has_warned:
            self._has_warned = True
            _LOG.warning("%d events were delivered and not acknowledged; they are all held", len(self._pending))
        return self._number

    async def acknowledge(self, number: int) -> None:
        """Write what the entries up to a number have changed; nothing if that was done.

        Raises:
            CheckpointConflict: Another process has advanced the checkpoint, or a transaction that this was a part of
                was undone: load the checkpoint again.
            CheckpointError: It cannot be written, or was loaded again since; nothing is acknowledged.
        """
        async with self._lock:
            if self._acknowledged < number <= self._void:
                raise CheckpointError("the checkpoint was loaded again since this event was delivered; it comes again")
            await self._find_out()
            rows: dict[str, RowValue] = {}
            for each, changes in self._pending:
                if each > number:
                    break
                rows.update(changes)
            await self._advance(rows)
            self._acknowledged = max(self._acknowledged, number)
            while self._pending and self._pending[0][0] <= number:
                self._pending.popleft()

    async def write(self, rows: Mapping[str, RowValue]) -> None:
        """Write rows now, whatever is acknowledged; see `acknowledge`."""
        async with self._lock:
            await self._find_out()
            await self._advance(rows)

    async def _advance(self, rows: Mapping[str, RowValue]) -> None:
        made: dict[str, Advance] = {}
        for number, (name, row) in enumerate(rows.items(), 1):
            made[name] = Advance(self._prefix + name, self._versions.get(name, 0), _text(row))
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        if made:
            # Until it returns nobody knows whether it was carried out: it may be cancelled.
            self._in_doubt = made
            try:
                self._note(made, await self._checkpoint.advance_all(list(made.values())))
            except CheckpointConflict:
                self.is_overtaken = True
                raise

    async def _find_out(self) -> None:
        """See whether a writing that was cut short was carried out."""
        if not self._in_doubt:
            return
        changes = self._in_doubt
        entries = [await self._checkpoint.get(change.key) for change in changes.values()]
        found = [0 if entry is None else entry.version for entry in entries]
        if found == [change.expected for change in changes.values()]:
            self._in_doubt = {}
            return
        for change, entry, version in zip(changes.values(), entries, found, strict=True):
            if (None if entry is None else entry.value) != change.value:
                self.is_overtaken = True
                raise CheckpointConflict(change.key, change.expected, version)
        self._note(changes, found)

    def _note(self, changes: Mapping[str, Advance], versions: Sequence[int]) -> None:
        for (name, change), version in zip(changes.items(), versions, strict=True):
            if change.value is None:
                self._versions.pop(name, None)
            else:
                self._versions[name] = version
        self._in_doubt = {}


def _text(row: RowValue) -> str | None:
    if row is None:
        return None
    value = row if isinstance(row, msgspec.Struct) else row()
    return msgspec.json.encode(value).decode()
