"""The base of what reads the API and makes events of it: loading and acknowledging, and steps while somebody waits.

The engine of a watch derives from it, and so does what follows charging sub-sessions. No task outlives a step.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ev_energy_async.devices import Patience
from ev_energy_async.errors import Unauthorized
from ev_energy_async.fleet.owner import found_owner
from ev_energy_async.fleet.watch.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.checkpoint import Checkpoint, CheckpointConflict, Owner
    from ev_energy_async.clock import Clock
    from ev_energy_async.fleet.owner import TokenOwner

__all__ = ["Driver"]

E = TypeVar("E")

_LOG: Final = logging.getLogger("ev_energy_async")
# So often the checkpoint is loaded again before anything is finished.
_MOST_CONFLICTS: Final = 3


class Driver(ABC, Generic[E]):
    """Makes events, one step at a time.

    Args:
        clock: Where time comes from.
        owner: The owner of the checkpoint.
        checkpoint: Where progress is kept.
        name: What the keys in the checkpoint begin with.
        what: What is done, for the log.

    Attributes:
        clock: Where time comes from.
        is_of_one_user: Whether the checkpoint is one user's, once it is loaded.
    """

    def __init__(
        self, clock: Clock, owner: Owner | TokenOwner, checkpoint: Checkpoint, *, name: str, what: str
    ) -> None:
        self.clock = clock
        self.is_of_one_user = False
        self._owner = owner
        self._journal = Journal(checkpoint, name)
        self._events: deque[tuple[int, E]] = deque()
        self._patience = Patience(what, clock)
        self._is_loaded = False
        # What the consumer waits for: so many events, or the first of them to be so many seconds old, at the deadline.
        self._most, self._age = 1, 0.0
        self._deadline: float | None = None
        self._given = 0
        self._overtaken = 0
        self._is_refused = False
        self._nap: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""

    @abstractmethod
    async def _step(self) -> None:
        """Do what can be done at once, or wait until something can, but not past the deadline."""

    @abstractmethod
    async def _restore(self, rows: AsyncIterator[tuple[str, str]]) -> None:
        """Begin anew with the rows of a checkpoint."""

    async def _sleep(self, seconds: float) -> None:
        """Sleep so long, but not past the deadline, nor when there is something to do before."""
        left = seconds if self._deadline is None else min(seconds, self._deadline - self.clock.monotonic())
        self._nap = asyncio.create_task(self.clock.sleep(max(0.0, left)), name="ev-energy-async nap")
        try:
            await asyncio.wait([self._nap])
        finally:
            if not self._nap.done():
                self._nap.cancel()
                await asyncio.wait([self._nap])
        if not self._nap.cancelled():
            self._nap.result()

    def wake(self) -> None:
        """End a sleep: there is something to do."""
        if self._nap is not None:
            self._nap.cancel()

    async def _write_ahead(self) -> None:
        """Write what has to be in the checkpoint before events are delivered."""

    async def next(self, most: int = 1, age: float = 0.0) -> list[E]:
        """Return the next events: as soon as there are so many, or the first of them has waited so many seconds.

        Events are returned together or not at all: where this fails or is cancelled, they come with the next call.
        None are returned once it is over.
        """
        if not self._is_loaded or self._journal.is_overtaken:
            await self.load()
        self._most, self._age, self._deadline = most, age, None
        while not self._is_enough() and not self.is_over:
            await self._step()
        await self._write_ahead()
        given = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        if given:
            self._given, _ = given[-1]
        return [event for _, event in given]

    def _is_enough(self) -> bool:
        """Return whether the consumer need not wait longer. The first event ages from when this first sees it."""
        if len(self._events) >= self._most:
            return True
        if self._events and self._deadline is None:
            self._deadline = self.clock.monotonic() + self._age
        return self._deadline is not None and self.clock.monotonic() >= self._deadline

    async def acknowledge(self) -> None:
        """Acknowledge what was delivered; nothing if nothing was, or if it has to be delivered again."""
        if self._given and not self._journal.is_overtaken:
            await self._journal.acknowledge(self._given)

    def _waits_out(self, fatal: Exception) -> bool:
        """Return whether an error that ends it as a rule is waited out: a 401, unless the one before was one too."""
        if not isinstance(fatal, Unauthorized) or self._is_refused:
            return False
        # Two tokens may end one after the other, as where the process was stopped for long; not three.
        self._is_refused = True
        self._patience.fail([fatal])
        return True

    def give_way(self, conflict: CheckpointConflict) -> None:
        """Take note that another process has advanced the checkpoint.

        Raises:
            CheckpointConflict: That happens time and again: two processes write to it.
        """
        if self._overtaken >= _MOST_CONFLICTS:
            raise conflict

    async def load(self) -> None:
        """Load the checkpoint, unless that was done.

        Raises:
            CheckpointError: It cannot be read, or is another's.
        """
        if self._is_loaded and not self._journal.is_overtaken:
            return
        if self._journal.is_overtaken:
            # Another process may have gone on from here for a while, and ended; two at a time get nowhere.
            self._overtaken += 1
            if self._overtaken == 1:
                _LOG.warning("another process has advanced the checkpoint; the watch loads it again and goes on")
        # Until it is through: what is half loaded must not be gone on with where this is cancelled or fails.
        self._is_loaded = False
        self._given = 0
        self._events.clear()
        owner = await found_owner(self._owner, self.clock, self._patience)
        self.is_of_one_user = owner.user is not None
        async with aclosing(self._journal.load(owner)) as rows:
            await self._restore(rows)
        self._is_loaded = True
