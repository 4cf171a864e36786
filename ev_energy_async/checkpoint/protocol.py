"""The protocol of a checkpoint: its operations, the values that pass through it, its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

__all__ = [
    "Advance",
    "Checkpoint",
    "CheckpointConflict",
    "CheckpointError",
    "CheckpointMismatch",
    "Entry",
    "Owner",
    "compare",
    "each_key_once",
]


class CheckpointError(EvEnergyError):
    """A checkpoint cannot be read or written; what it held before it still holds."""


class CheckpointConflict(CheckpointError):
    """Somebody else has advanced a key; nothing was written.

    Attributes:
        key: Which key.
        expected: The version that was to be replaced.
        found: The version that is there; 0 for none.
    """

    def __init__(self, key: str, expected: int, found: int) -> None:
        self.key = key
        self.expected = expected
        self.found = found
        super().__init__(key, expected, found)

    def __str__(self) -> str:
        return f"{self.key} is at version {self.found}, not {self.expected}: another process has advanced it"


class CheckpointMismatch(CheckpointError):
    """The checkpoint belongs to another API, client or user.

    Attributes:
        owner: Who wanted to use it.
        found: Whose it is.
    """

    def __init__(self, owner: Owner, found: Owner) -> None:
        self.owner = owner
        self.found = found
        super().__init__(owner, found)

    def __str__(self) -> str:
        return f"this is the checkpoint of {self.found}, not of {self.owner}"


def _without_slash(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen
class Owner:
    """Whose progress a checkpoint holds. What one sees of the API, another need not see.

    Attributes:
        base_url: Where the API is; a slash at the end makes no difference.
        client: Client ID of the application, or another lasting name for it; None if there is none.
        user: ID of the user in whose context it reads; None if there is none.
    """

    base_url: str = attrs.field(converter=_without_slash)
    client: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.client or 'no client'} at {self.base_url}{f' as {self.user}' if self.user else ''}"


@attrs.frozen
class Entry:
    """What stands under a key.

    Attributes:
        value: The value.
        version: Which version of it; above 0, higher for later ones, never given twice to one key.
    """

    value: str
    version: int


@attrs.frozen
class Advance:
    """A change to make.

    Attributes:
        key: Which key.
        expected: The version that is to be replaced; 0 if there must be none.
        value: The new value; None removes the key.
    """

    key: str
    expected: int
    value: str | None


@runtime_checkable
class Checkpoint(Protocol):
    """A place that keeps progress; write your own for another database.

    What it must warrant: `advance_all` is atomic and compares before it writes, also against other processes; versions
    are never given twice to one key, even if it was removed in between; once it has returned, a crash of the process
    loses nothing. On Redis: a hash `{namespace of the owner}:{key}` with `value` and `version`, versions from `INCR`,
    and a Lua script that compares them all and then sets them all.
    """

    async def open(self, owner: Owner) -> None:
        """Make ready, for one owner: the first who opens it. Opening it again for the same is allowed.

        Raises:
            CheckpointMismatch: It belongs to another.
            CheckpointError: It cannot be read.
        """
        ...

    async def get(self, key: str) -> Entry | None:
        """Return what stands under a key; None if nothing does."""
        ...

    def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with what stands under them, in the order of the keys."""
        ...

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value, and return its new version; 0 if it was removed.

        Raises:
            CheckpointConflict: The version is another by now.
            CheckpointError: It cannot be written.
        """
        ...

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none, and return the new versions in their order.

        Raises:
            CheckpointConflict: One of the versions is another by now.
            CheckpointError: It cannot be written.
            InvalidArgument: A key is among them twice.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds; it can be opened again."""
        ...


def each_key_once(changes: Iterable[Advance]) -> list[Advance]:
    """Return the changes as a list, or raise `InvalidArgument` if a key is among them twice."""
    wanted = list(changes)
    keys: set[str] = set()
    for change in wanted:
        if change.key in keys:
            raise InvalidArgument("changes", change.key, "each key once")
        keys.add(change.key)
    return wanted


def compare(change: Advance, found: int) -> None:
    """Raise `CheckpointConflict` if a change expects another version than the one found."""
    if change.expected != found:
        raise CheckpointConflict(change.key, change.expected, found)
