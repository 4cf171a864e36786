"""A watch under a lease: of several processes one leads, and the others stand by to take over.

`fleet` makes it where it is given a lease. Each term begins with a new engine, which loads the checkpoint as the last
leader left it. A leader that was paused, or cut off from the lease's store, may believe in its term after it has ended;
so each writing compares the epoch that stands in the checkpoint beside the progress (fencing), in one go with it.
"""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Final, Literal

import attrs

from ev_energy_async.checkpoint import Advance, CheckpointConflict
from ev_energy_async.codec import AsDict
from ev_energy_async.fleet.watch.stream import E_co, Watch
from ev_energy_async.lease import Keeper, LeaseError, LeaseLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from ev_energy_async.checkpoint import Checkpoint, Entry, Owner
    from ev_energy_async.fleet.watch.engine import Engine
    from ev_energy_async.lease import Lease

__all__ = ["FencedCheckpoint", "LedWatch", "Role", "is_epoch"]

NO_TERM: Final = 0
"""The epoch of a process that does not lead; terms count from 1."""

_EPOCH: Final = ":epoch"
_FOREIGN: Final = (
    "it was one of a lease in another store, or of this one before it was deleted. Go back to that lease; or stop all "
    "processes that have it, and watch with a copy of the checkpoint (`ev-energy checkpoint copy` leaves out terms)"
)
_LOG: Final = logging.getLogger("ev_energy_async")


def is_epoch(key: str) -> bool:
    """Return whether a key of a checkpoint is that of an epoch, which means nothing to a lease in another store."""
    return key.endswith(_EPOCH)


class _LaterTerm(LeaseLost):
    """The checkpoint was written in a later term."""

    def __init__(self, epoch: int, later: int) -> None:
        self.epoch = epoch
        self.later = later
        super().__init__(epoch, later)

    def __str__(self) -> str:
        return f"the checkpoint was written in term {self.later}, after term {self.epoch}"


@attrs.frozen
class Role(AsDict):
    """The part that a process has in a watch with a lease.

    Attributes:
        name: `leader`, or `standby` while another leads.
        epoch: Number of the term in which it leads; None on stand-by.
    """

    name: Literal["leader", "standby"]
    epoch: int | None = None


class FencedCheckpoint:
    """A checkpoint that only the leader of the newest term can write.

    The epoch is an entry of the checkpoint. A leader replaces it when it opens the checkpoint, and with each writing:
    whoever is not the last to have done so conflicts.

    Args:
        checkpoint: Where the progress is.
        name: The name of the watch.
        epoch: The epoch of this leader's term; `NO_TERM` for who stands by.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, epoch: int) -> None:
        self._checkpoint = checkpoint
        self._key = f"{name}{_EPOCH}"
        self._epoch = epoch
        self._version = 0

    async def open(self, owner: Owner) -> None:
        """Open the checkpoint, and keep the leaders of earlier terms from writing; without a term, to read it only.

        Raises:
            LeaseLost: There is a later term.
            CheckpointError: It cannot be opened; see `Checkpoint.open`.
        """
        await self._checkpoint.open(owner)
        while self._epoch != NO_TERM and not await self._claim():
            pass

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        return await self._checkpoint.get(key)

    def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries."""
        return self._checkpoint.entries(prefix)

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value; see `advance_all`."""
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none, if no later term has begun.

        Raises:
            CheckpointConflict: One has begun, or another process has advanced one of the keys.
            CheckpointError: It cannot be written.
        """
        wanted = list(changes)
        while True:
            fence = Advance(self._key, self._version, str(self._epoch))
            try:
                _, *versions = done = await self._checkpoint.advance_all([fence, *wanted])
            except CheckpointConflict as conflict:
                # A transaction that was rolled back took the version with it: the epoch tells.
                if conflict.key != self._key or await self._later() is not None:
                    raise
                continue
            self._version = done[0]
            return versions

    async def close(self) -> None:
        """Close the checkpoint."""
        await self._checkpoint.close()

    async def _claim(self) -> bool:
        later = await self._later()
        if later is not None:
            raise _LaterTerm(self._epoch, later)
        try:
            self._version = await self._checkpoint.advance(self._key, self._version, str(self._epoch))
        except CheckpointConflict:
            return False
        return True

    async def _later(self) -> int | None:
        """Return the epoch of a later term; if there is none, take note of the version to replace."""
        entry = await self._checkpoint.get(self._key)
        if entry is not None and int(entry.value) > self._epoch:
            return int(entry.value)
        self._version = 0 if entry is None else entry.version
        return None


class LedWatch(Watch[E_co]):
    """A watch that polls while its process leads, and waits while another does.

    The lease is kept from the first event on, also while an event is being processed, until the watch is closed, ends
    or is forgotten.
    """

    def __init__(
        self,
        engine: Callable[[int], Engine],
        lease: Lease,
        ack: Literal["next", "explicit"],
        on_event: Callable[[E_co], object] | None = None,
        on_role_change: Callable[[Role], object] | None = None,
    ) -> None:
        super().__init__(engine(NO_TERM), ack, on_event)
        self._engine_of = engine
        self._lease = lease
        self._post = _Post(lease.holder, on_role_change)
        self._keeper = Keeper(lease, on_lost=self._post.stand_by)
        self._forgotten = weakref.finalize(self, self._keeper.abandon)

    @property
    def role(self) -> Role:
        """The part of this process: whether it leads, and in which term."""
        return self._post.role

    async def aclose(self) -> None:
        """End it, and give up the lease."""
        await super().aclose()
        await self._resign()

    async def _several(self, most: int = 1, age: float = 0.0) -> list[E_co]:
        while True:
            if not self._keeper.is_held:
                self._post.stand_by()
                term = await self._keeper.acquire()
                self._driver = self._engine_of(term.epoch)
                self._post.lead(term.epoch)
            try:
                async with self._keeper.working():
                    events = await super()._several(most, age)
            except LeaseLost as lost:
                # Told by the lease, or by the checkpoint, where the lease's store has not said so yet.
                # A term that is renewed is the last one of its lease: a later one is of another.
                is_foreign = isinstance(lost, _LaterTerm) and await self._lease.renew() is not None
                await self._resign()
                if is_foreign:
                    raise LeaseError(f"{lost}, which the lease still confirms: {_FOREIGN}") from lost
                continue
            if not events:
                await self._resign()
            return events

    async def _resign(self) -> None:
        await self._keeper.release()
        self._post.stand_by()


class _Post:
    """The role of a process, and who wants to know."""

    def __init__(self, holder: str, on_change: Callable[[Role], object] | None) -> None:
        self.role = Role("standby")
        self._holder = holder
        self._on_change = on_change
        self._is_told = False

    def lead(self, epoch: int) -> None:
        self._become(Role("leader", epoch))

    def stand_by(self) -> None:
        self._become(Role("standby"))

    def _become(self, role: Role) -> None:
        if self._is_told and role == self.role:
            return
        self.role, self._is_told = role, True
        _LOG.info("%s: %s of the watch", self._holder, role.name if role.epoch is None else f"leader {role.epoch}")
        if self._on_change is not None:
            self._on_change(role)
