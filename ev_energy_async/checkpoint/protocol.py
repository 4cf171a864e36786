"""The protocol of a checkpoint: its operations, the values that pass through it, its errors.

Memory and SQLite are beside it; `backends` has a folder for each other database.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import attrs

from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

__all__ = [
    "UNFINISHED",
    "Advance",
    "Checkpoint",
    "CheckpointConflict",
    "CheckpointError",
    "CheckpointMismatch",
    "Entry",
    "Owner",
    "TransactionalCheckpoint",
    "check_adoption",
    "compare",
    "each_key_once",
]

_LOG: Final = logging.getLogger("ev_energy_async")

UNFINISHED: Final = "an unfinished copy"
"""The client that owns a copy which is not finished. Nobody takes it over: some of its entries are missing."""


class CheckpointError(EvEnergyError):
    """A checkpoint cannot be read or written; its content is unchanged."""


class CheckpointConflict(CheckpointError):
    """Another process has advanced a key; nothing was written.

    Attributes:
        key: The key.
        expected: The version that was to be replaced.
        found: The version that is stored; 0 for none.
    """

    def __init__(self, key: str, expected: int, found: int) -> None:
        self.key = key
        self.expected = expected
        self.found = found
        super().__init__(key, expected, found)

    def __str__(self) -> str:
        return f"{self.key} is at version {self.found}, not {self.expected}: another process has advanced it"


class CheckpointMismatch(CheckpointError):
    """The checkpoint belongs to another API, client or user, or is an unfinished copy.

    Attributes:
        owner: The owner that tried to open it.
        found: The owner that it belongs to.
    """

    def __init__(self, owner: Owner, found: Owner) -> None:
        self.owner = owner
        self.found = found
        super().__init__(owner, found)

    def __str__(self) -> str:
        if self.found.client == UNFINISHED:
            return f"this is {UNFINISHED} of a checkpoint; repeat `ev-energy checkpoint copy` to finish it"
        return (
            f"this is the checkpoint of {self.found}, not of {self.owner}; use another one, or take it over with "
            "`adopt=True` if both see the same devices"
        )


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _spelled(url: str) -> str:
    """Return a base URL in the one spelling of all that mean the same (RFC 3986, section 6.2)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgument("base_url", url, "an absolute URL") from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    return f"{scheme}://{host}{parts.path.rstrip('/')}"


@attrs.frozen
class Owner:
    """The owner of the progress in a checkpoint. Another owner may see other devices.

    Attributes:
        base_url: Base URL of the API; spellings that mean the same are equal.
        client: Client ID of the application, or another lasting name for it; None if there is none.
        user: ID of the user in whose context it reads; None if there is none.

    Raises:
        InvalidArgument: `base_url` is malformed.
    """

    base_url: str = attrs.field(converter=_spelled)
    client: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.client or 'no client'} at {self.base_url}{f' as {self.user}' if self.user else ''}"


@attrs.frozen
class Entry:
    """A stored value with its version.

    Attributes:
        value: The value.
        version: Its version; above 0, higher for later ones, never given twice to one key.
    """

    value: str
    version: int


@attrs.frozen
class Advance:
    """A change to make.

    Attributes:
        key: The key.
        expected: The version to replace; 0 if there must be none.
        value: The new value; None removes the key.
    """

    key: str
    expected: int
    value: str | None


@runtime_checkable
class Checkpoint(Protocol):
    """A store of progress: a small map from keys to values, each with a version; write your own for another database.

    A value is only replaced by a caller that names the version it replaces (compare and advance), so that several
    processes cannot undo each other's progress. The values mean nothing to a checkpoint.

    It must guarantee: `advance_all` is atomic and compares before it writes, also against other processes; versions
    are never given twice to one key, even if it was removed in between; once it has returned, a crash of the process
    loses nothing.

    `testing.check_checkpoint` tests a checkpoint against this contract. One that shares a database with your own rows
    can offer transactions as well: see `TransactionalCheckpoint`.
    """

    async def open(self, owner: Owner) -> None:
        """Open it for an owner: the first who opens it. Opening it again for the same owner is allowed.

        Raises:
            CheckpointMismatch: It belongs to another owner.
            CheckpointError: It cannot be read.
        """
        ...

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        ...

    def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries, in the order of the keys."""
        ...

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value and return its new version; 0 if it was removed.

        Raises:
            CheckpointConflict: The stored version is another.
            CheckpointError: It cannot be written.
        """
        ...

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none, and return the new versions in their order.

        Raises:
            CheckpointConflict: One of the stored versions is another.
            CheckpointError: It cannot be written.
            InvalidArgument: A key is among them twice.
        """
        ...

    async def close(self) -> None:
        """Release its resources; it can be opened again."""
        ...


@runtime_checkable
class TransactionalCheckpoint(Checkpoint, Protocol):
    """A checkpoint in a database that may hold your rows too: an optional capability.

    Within `async with checkpoint.transaction() as db`, the calls of the same task to `get`, `entries`, `advance` and
    `advance_all` belong to the transaction: they and your own writes through `db` happen together or not at all.
    Acknowledge events inside it, and each is processed exactly once.
    """

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Return a context manager that begins a transaction, commits it at the end, and rolls it back on an error.

        Its value is the connection for your own statements, as the database's library has it.

        Raises:
            CheckpointError: When entered: it cannot be written, or there is a transaction around this one.
        """
        ...


def each_key_once(changes: Iterable[Advance]) -> list[Advance]:
    """Return the changes as a list.

    Raises:
        InvalidArgument: A key is among them twice.
    """
    wanted = list(changes)
    keys: set[str] = set()
    for change in wanted:
        if change.key in keys:
            raise InvalidArgument("changes", change.key, "each key once")
        keys.add(change.key)
    return wanted


def compare(change: Advance, found: int) -> None:
    """Compare the version that a change expects with the stored one.

    Raises:
        CheckpointConflict: They differ.
    """
    if change.expected != found:
        raise CheckpointConflict(change.key, change.expected, found)


def check_adoption(owner: Owner, found: Owner, adopt: bool | Owner) -> None:
    """Check whether an owner may take over the checkpoint of another one.

    Args:
        owner: The owner that opens it.
        found: The owner that it belongs to.
        adopt: Whether it may be taken over; or the only owner from whom it may.

    Raises:
        CheckpointMismatch: It may not: `adopt=True` takes over no unfinished copy.
    """
    if adopt == found:
        _LOG.info("the checkpoint of %s is that of %s from now on", found, owner)
    elif adopt is True and found.client != UNFINISHED:
        _LOG.warning("the checkpoint of %s is that of %s from now on", found, owner)
    else:
        raise CheckpointMismatch(owner, found)
