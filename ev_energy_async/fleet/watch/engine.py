"""Drives a watch: snapshots and reads when they are due, in bounded steps, each noted at its end in one go.

It starts no task that outlives a step, and steps are made while somebody waits for an event: so it can be cancelled,
left and resumed at any point. Each kind of devices has a `track`, which says what is due and what follows from it; here
they meet the API, time, errors, and the journal that writes what is acknowledged.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.devices import Patience, Running, is_fatal
from ev_energy_async.errors import Unauthorized
from ev_energy_async.fleet.owner import found_owner
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.settings import Expenses
from ev_energy_async.fleet.watch.state import load
from ev_energy_async.fleet.watch.track import Track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.checkpoint import Checkpoint, CheckpointConflict, Owner
    from ev_energy_async.devices import ServerTime
    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.fleet.events import WatchEvent
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.watch.settings import FleetClient, Settings
    from ev_energy_async.fleet.watch.track import Task

__all__ = ["Engine"]

_LOG: Final = logging.getLogger("ev_energy_async")
# So often the checkpoint is loaded again before a cycle is finished.
_MOST_CONFLICTS: Final = 3
_NAP: Final = 60.0  # seconds


class Engine:
    """Reads a fleet and makes events of what it finds.

    Args:
        client: What to ask through.
        owner: The owner of the checkpoint.
        checkpoint: Where the watch keeps its progress.
        settings: The settings for each kind of devices.
        time: The API's time.

    Attributes:
        clock: Where time comes from.
        tracks: The kinds of devices, in the order in which they were asked for.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner | TokenOwner,
        checkpoint: Checkpoint,
        settings: Sequence[Settings],
        time: ServerTime,
    ) -> None:
        self.clock = client.clock
        self._owner = owner
        self._journal = Journal(checkpoint, settings[0].name)
        self._events: deque[tuple[int, WatchEvent]] = deque()
        expenses = Expenses(client.budget)
        self.tracks = {
            each.kind.kind: Track(client, each, time, self._journal, self._events, expenses) for each in settings
        }
        self._is_loaded = False
        self._given = 0
        self._patience = Patience("watching the fleet", self.clock)
        self._is_refused = False
        self._overtaken = 0
        self._finished = 0

    # --- What the stream asks for

    async def next(self, most: int = 1, age: float = 0.0) -> list[WatchEvent]:
        """Return the next events: as soon as there are so many, or the first of them has waited so many seconds.

        Events are returned together or not at all: where this fails or is cancelled, they come with the next call.
        None are returned once the last cycle is finished.
        """
        await self.load()
        deadline: float | None = None
        while len(self._events) < most and not self._is_over():
            if self._events and deadline is None:
                deadline = self.clock.monotonic() + age
            if deadline is not None and self.clock.monotonic() >= deadline:
                break
            await self._step(deadline)
        for track in self.tracks.values():
            if track.has_begun:
                # All that comes after the first look counts.
                await self._journal.write({track.state.meta_row: track.state.meta})
                track.has_begun = False
        given = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        if given:
            self._given, _ = given[-1]
        return [event for _, event in given]

    def _is_over(self) -> bool:
        return all(track.is_over for track in self.tracks.values())

    async def acknowledge(self) -> None:
        """Acknowledge what was delivered; nothing if nothing was, or if it has to be delivered again."""
        if self._given and not self._journal.is_overtaken:
            await self._journal.acknowledge(self._given)

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
        self._given = 0
        for track in self.tracks.values():
            track.reset()
        self._events.clear()
        owner = await found_owner(self._owner, self.clock, self._patience)
        async with aclosing(self._journal.load(owner)) as rows:
            states = await load(rows)
        for kind, track in self.tracks.items():
            track.loaded(states[kind])
        self._is_loaded = True

    def hint(self, device_id: str) -> bool:
        """Read a device before others; return whether it is known."""
        return any(track.hint(device_id) for track in self.tracks.values())

    # --- Steps

    async def _step(self, deadline: float | None) -> None:
        """Do what can be done at once, or wait until something can."""
        now = self.clock.monotonic()
        wait = self._patience.delay
        if wait <= 0:
            jobs: list[Task] = []
            for track in self.tracks.values():
                track.begin_if_due(now)
                jobs += track.jobs(now)
            if jobs:
                await self._run(jobs)
                return
            if self._finish_if_done(now):
                return
            due = min(min(track.snapshot_at(now), track.reads_at(now)) for track in self.tracks.values())
            # What is hinted at meanwhile is noticed before long.
            wait = min(due - now, _NAP)
        await self.clock.sleep(max(0.0, wait if deadline is None else min(wait, deadline - now)))

    def _finish_if_done(self, now: float) -> bool:
        finished = [track.finish_if_done(now) for track in self.tracks.values()]
        if any(finished):
            self._overtaken = 0
        return any(finished)

    async def _run(self, jobs: list[Task]) -> None:
        """Run jobs to their end. Snapshots go on meanwhile, so that a read that hangs does not hold them up."""
        async with Running[Any]() as running:
            running.start(jobs)
            while under_way := list(running):
                wait = None
                urgent = [job for job in under_way if not isinstance(job, ReadJob)]
                if not urgent:
                    now = self.clock.monotonic()
                    first = min(track.snapshot_at(now) for track in self.tracks.values())
                    wait = max(first - now, self._patience.delay, 0.0)
                self._note(await running.ended(urgent or under_way, wait))
                if list(running) and self._patience.delay <= 0:
                    now = self.clock.monotonic()
                    self._finish_if_done(now)
                    for track in self.tracks.values():
                        track.begin_if_due(now)
                        running.start(track.page_due(now))

    def _note(self, ended: list[tuple[Task, Any]]) -> None:
        """Note what came of some jobs."""
        if not ended:
            return
        outcomes = [outcome for _, outcome in ended]
        fatal = next((each for each in outcomes if isinstance(each, Exception) and is_fatal(each)), None)
        if isinstance(fatal, Unauthorized) and not self._is_refused:
            # Two tokens may end one after the other, as where the process was stopped for long; not three.
            self._is_refused = True
            self._patience.fail([fatal])
            return
        if fatal is not None:
            raise fatal
        self._is_refused = False
        trouble: list[EvEnergyError] = []
        was_answered = False
        for kind, track in self.tracks.items():
            mine = [(job, outcome) for job, outcome in ended if job.kind == kind]
            found = track.note(mine, self._patience.failures) if mine else None
            trouble += found or []
            was_answered = was_answered or found == []
        if trouble:
            self._patience.fail(trouble)
        elif was_answered:
            self._patience.succeed()
