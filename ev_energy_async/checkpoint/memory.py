"""A checkpoint in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.checkpoint.protocol import Advance, CheckpointMismatch, Entry, Owner, compare, each_key_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

__all__ = ["MemoryCheckpoint"]


class MemoryCheckpoint:
    """Keeps progress for as long as the process runs: for tests, and for streams that need not survive it."""

    def __init__(self) -> None:
        self._owner: Owner | None = None
        self._entries: dict[str, Entry] = {}
        self._versions = 0

    async def open(self, owner: Owner) -> None:
        """Open it for an owner; see `Checkpoint.open`."""
        if self._owner is not None and self._owner != owner:
            raise CheckpointMismatch(owner, self._owner)
        self._owner = owner

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        return self._entries.get(key)

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries, in the order of the keys."""
        for key in sorted(key for key in self._entries if key.startswith(prefix)):
            entry = self._entries.get(key)
            if entry is not None:
                yield key, entry

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value and return its new version; see `Checkpoint.advance`."""
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none; see `Checkpoint.advance_all`."""
        wanted = each_key_once(changes)
        for change in wanted:
            entry = self._entries.get(change.key)
            compare(change, 0 if entry is None else entry.version)
        self._versions += 1
        for change in wanted:
            if change.value is None:
                self._entries.pop(change.key, None)
            else:
                self._entries[change.key] = Entry(change.value, self._versions)
        return [0 if change.value is None else self._versions for change in wanted]

    async def close(self) -> None:
        """Do nothing: the progress stays."""
