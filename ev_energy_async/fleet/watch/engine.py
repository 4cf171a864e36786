"""Drives a watch: snapshots and reads when they are due, in bounded steps, each noted at its end in one go.

It starts no task that outlives a step, and steps are made while somebody waits for an event: so it can be cancelled,
left and resumed at any point. Each kind of devices has a `track`, which says what is due and what follows from it; here
they meet the API, time, errors, and the journal that writes what is acknowledged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async.devices import Running, is_fatal
from ev_energy_async.fleet.watch.driver import Driver
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.fleet.watch.settings import Expenses
from ev_energy_async.fleet.watch.state import Meta, load
from ev_energy_async.fleet.watch.track import Track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.devices import ServerTime
    from ev_energy_async.errors import EvEnergyError
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.watch.settings import FleetClient, Settings
    from ev_energy_async.fleet.watch.track import Task

__all__ = ["Engine"]


class Engine(Driver[Any]):
    """Reads a fleet and makes events of what it finds; which ones follows from the kinds that it was asked for.

    Args:
        client: What to ask through.
        owner: The owner of the checkpoint.
        checkpoint: Where the watch keeps its progress.
        settings: The settings for each kind of devices.
        time: The API's time.

    Attributes:
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
        super().__init__(client.clock, owner, checkpoint, name=settings[0].name, what="watching the fleet")
        expenses = Expenses(client.budget)
        if any(each.is_raw for each in settings):
            client = client.with_options(keep_body=True)  # raw logs are taken from it
        self.tracks = {
            each.kind.kind: Track(client, each, time, self._journal, self._events, expenses) for each in settings
        }

    @property
    def is_over(self) -> bool:
        """Whether the last cycle of each kind is finished."""
        return all(track.is_over for track in self.tracks.values())

    async def _write_ahead(self) -> None:
        for track in self.tracks.values():
            if track.has_begun:
                # All that comes after the first look counts. How far it got is written with what it showed.
                await self._journal.write({track.state.meta_row: Meta(since=track.state.meta.since)})
                track.has_begun = False

    async def _restore(self, rows: AsyncIterator[tuple[str, str]]) -> None:
        for track in self.tracks.values():
            track.reset()
        states = await load(rows)
        for kind, track in self.tracks.items():
            track.loaded(states[kind])

    def hint(self, device_id: str) -> bool:
        """Read a device before others; return whether it is known."""
        is_known = any(track.hint(device_id) for track in self.tracks.values())
        self.wake()
        return is_known

    # --- Steps

    async def _step(self) -> None:
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
            wait = min(min(track.snapshot_at(now), track.reads_at(now)) for track in self.tracks.values()) - now
        await self._sleep(wait)

    def _finish_if_done(self, now: float) -> bool:
        finished = [track.finish_if_done(now) for track in self.tracks.values()]
        if any(finished):
            self._overtaken = 0
        return any(finished)

    async def _run(self, jobs: list[Task]) -> None:
        """Run jobs to their end. Snapshots go on meanwhile, so that a read that hangs does not hold them up.

        Where several pages may be under way, each is followed by the next until the consumer has enough.
        """
        async with Running[Any]() as running:
            running.start(jobs)
            while under_way := list(running):
                wait = None
                urgent = [job for job in under_way if not isinstance(job, ReadJob)]
                has_walkers = any(track.has_walkers for track in self.tracks.values())
                if not urgent or (has_walkers and not self._is_enough()):
                    now = self.clock.monotonic()
                    first = min(track.snapshot_at(now, under_way) for track in self.tracks.values())
                    wait = max(first - now, self._patience.delay, 0.0)
                self._note(await running.ended(urgent or under_way, wait, is_first_enough=has_walkers))
                under_way = list(running)
                if under_way and self._patience.delay <= 0:
                    now = self.clock.monotonic()
                    self._finish_if_done(now)
                    is_reading = all(isinstance(job, ReadJob) for job in under_way)
                    for track in self.tracks.values():
                        track.begin_if_due(now)
                        if has_walkers and not self._is_enough():
                            running.start(track.jobs(now, under_way))
                        elif is_reading:
                            running.start(track.urgent(now, under_way))

    def _note(self, ended: list[tuple[Task, Any]]) -> None:
        """Note what came of some jobs."""
        if not ended:
            return
        outcomes = [outcome for _, outcome in ended]
        fatal = next((each for each in outcomes if isinstance(each, Exception) and is_fatal(each)), None)
        if fatal is not None and self._waits_out(fatal):
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
