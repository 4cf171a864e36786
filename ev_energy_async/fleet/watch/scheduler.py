"""The schedule of a watch: the pages of a snapshot at even intervals, and reads by deadline within their allotment.

Pure decisions, driven by the seconds of a monotonic clock that are handed in. The engine carries them out, and a
simulator runs the same code over days of a simulated fleet (`python -m tests.soak.simulator`).
"""

from __future__ import annotations

import math
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from ev_energy_async.fleet.allotment import FILL, HOUR
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ev_energy_async.fleet.allotment import Allotment

__all__ = ["Purse", "Queue", "Scheduler", "deadline_of"]

_MINUTE: Final = 60.0
_LEAST: Final = 0.01
_FEW: Final = 5.0


def deadline_of(behind: int, within: float, per_hour: float) -> int:
    """Return by when a device has to be read: before `within` is over, or when enough logs fill a page.

    Args:
        behind: Up to when its logs are proven to be complete, as an instant.
        within: How soon every log is to be delivered, in seconds.
        per_hour: How many logs it stores in an hour.
    """
    fill = FILL / per_hour * HOUR if per_hour > 0 else math.inf
    return behind + round(min(within, fill, 10 * 365 * 86_400.0) * SECOND)


class Purse:
    """Requests that may be spent on one purpose: so many an hour, no more than a few, or those of a minute, at once.

    Spending more than there is leaves a debt, which later requests wait for.

    Args:
        now: The time.
    """

    def __init__(self, now: float) -> None:
        self._rate = 0.0
        self._held = 0.0
        self._at = now
        self._is_new = True

    def allow(self, per_hour: float, now: float) -> None:
        """Set how many requests an hour there are from now on."""
        self._refill(now)
        self._rate = per_hour / HOUR
        if self._is_new and per_hour > 0:
            # The first requests need not wait for a minute that nobody has spent.
            self._held, self._is_new = self._most, False

    @property
    def _most(self) -> float:
        return max(1.0, self._rate * _MINUTE, min(_FEW, self._rate * HOUR / 6))

    def _refill(self, now: float) -> None:
        self._held = min(self._most, self._held + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)

    def left(self, now: float) -> int:
        """Return how many requests may be made now."""
        self._refill(now)
        # A sum of fractions falls short of one by less than this.
        return max(0, int(self._held + 1e-6))

    def next_at(self, now: float) -> float:
        """Return when there is a request to spend."""
        if self.left(now):
            return now
        return self._at + (1.0 - self._held) / self._rate if self._rate > 0 else math.inf

    def spend(self, requests: int, now: float) -> None:
        """Take what was spent."""
        self._refill(now)
        self._held -= requests


class Queue:
    """Devices that are to be read, the one with the earliest deadline first."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, device_id: object) -> bool:
        return device_id in self._due

    def want(self, device_id: str, due: int) -> None:
        """Want a device to be read by a time; the earliest one counts."""
        before = self._due.get(device_id)
        if before is None or due < before:
            self._due[device_id] = due
            heappush(self._heap, (due, device_id))

    def drop(self, device_id: str) -> None:
        """Want a device no more."""
        self._due.pop(device_id, None)

    def first_due(self) -> int | None:
        """Return the earliest deadline; None if nobody is wanted."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> str:
        """Return the device with the earliest deadline, and want it no more."""
        if self.first_due() is None:
            raise IndexError("nobody is wanted")
        _, device_id = heappop(self._heap)
        del self._due[device_id]
        return device_id


class Scheduler:
    """The schedule of one watch.

    Args:
        now: The time.

    Attributes:
        history: Devices whose newest logs have been shown and whose history is unread.
        initial: Devices of which nothing was read yet, though their past counts. They take turns with `history`, so
            that they do not eat the deadlines of the others.
        errors: Devices whose error logs are to be read, in their order.
        late: Devices whose past is to be read again, in their order.
    """

    def __init__(self, now: float) -> None:
        self.history = Queue()
        self.initial = Queue()
        self.errors: deque[str] = deque()
        self.late: deque[str] = deque()
        self._purses = {purpose: Purse(now) for purpose in ("first", "history", "errors", "late")}
        self._slot = now
        self._interval = 0.0
        self._walkers = 1
        self._is_initials_turn = False
        self.is_paced = False

    def follow(self, allotment: Allotment, pages: int, now: float) -> None:
        """Follow an allotment from now on.

        Args:
            allotment: What to follow.
            pages: How many pages a snapshot has.
            now: The time.
        """
        self._purses["first"].allow(allotment.usable, now)
        self._purses["late"].allow(allotment.late + allotment.slack, now)
        # Devices that break, or report after a long silence, are looked into even where there is no share for that.
        least = _LEAST * allotment.total
        self._purses["history"].allow(max(allotment.history, least) + allotment.slack, now)
        self._purses["errors"].allow(max(allotment.errors, least) + allotment.slack, now)
        self._interval = allotment.every / max(1, pages)
        # What was chosen for fewer pages, as before anything was known of the fleet, must not hold up the next one.
        self._slot = min(self._slot, now + self._interval)

    # --- Pages of snapshots

    def page_at(self, now: float, under_way: int = 0) -> float:
        """Return when the next page of a snapshot is to be asked for, while so many are under way."""
        return self._slot + under_way * self._interval if self.is_paced else self._purses["first"].next_at(now)

    def walkers(self, took: float, most: int) -> int:
        """Return how many pages have to be under way at a time to keep the even intervals, where one takes so long."""
        if not self._interval or took <= self._interval / 2:
            return 1
        # As pages do not all take the same time, half as many more than would just do.
        return min(most, 1 + math.ceil(1.5 * took / self._interval))

    def begin_pass(self, now: float, *, is_paced: bool, walkers: int = 1) -> None:
        """Begin a snapshot: at even intervals, or as fast as the budget lets it, as where nothing is known yet."""
        self.is_paced = is_paced
        self._walkers = walkers
        # The first page keeps its distance from the last one of the snapshot before.
        self._slot = max(now, self._slot)

    def page_done(self, now: float) -> None:
        """Take note that a page was answered. One that fails keeps its slot, and no burst follows on a standstill."""
        self._purses["first"].spend(1, now)
        # Those that may be under way have had their slots, or are to have them soon.
        self._slot = max(self._slot + self._interval, now - (self._walkers - 1) * self._interval)

    # --- Reads

    @property
    def waiting(self) -> int:
        """Number of devices whose history waits to be read."""
        return len(self.history) + len(self.initial)

    def due(self, purpose: str, now: float) -> int:
        """Return how many reads of a purpose may be begun now."""
        waiting = self._waiting(purpose)
        return min(waiting, self._purses[purpose].left(now)) if waiting else 0

    def _waiting(self, purpose: str) -> int:
        return self.waiting if purpose == "history" else len(getattr(self, purpose))

    def look_into(self, unwell: Collection[str]) -> None:
        """Want the error logs of devices that look unwell before those of others."""
        if unwell:
            waiting = set(self.errors)
            self.errors.extendleft(each for each in unwell if each not in waiting)

    def take(self, purpose: str) -> str:
        """Return the device that is to be read next."""
        if purpose != "history":
            taken: str = getattr(self, purpose).popleft()
            return taken
        self._is_initials_turn = not self._is_initials_turn
        first = self.initial if (self._is_initials_turn and self.initial) or not self.history else self.history
        return first.pop()

    def spend(self, purpose: str, requests: int, now: float) -> None:
        """Count requests."""
        self._purses[purpose].spend(requests, now)

    def may(self, purpose: str, now: float) -> bool:
        """Return whether a read of a purpose may continue now."""
        return self._purses[purpose].left(now) > 0

    def next_at(self, now: float, under_way: Collection[str] = ()) -> float:
        """Return when the next read may begin or continue; infinite if none is wanted.

        Args:
            now: The time.
            under_way: The purposes of the reads that are under way.
        """
        waiting = [each for each in ("history", "errors", "late") if each in under_way or self._waiting(each)]
        return min((self._purses[purpose].next_at(now) for purpose in waiting), default=math.inf)

    def is_due(self, now: int) -> bool:
        """Return whether the deadline of a device has passed, at an instant."""
        firsts = (self.history.first_due(), self.initial.first_due())
        return any(first is not None and first <= now for first in firsts)

    def forget_all(self) -> None:
        """Want nobody any more."""
        self.history, self.initial = Queue(), Queue()
        self.errors.clear()
        self.late.clear()

    def forget(self, device_ids: Iterable[str]) -> None:
        """Want some devices no more."""
        for device_id in device_ids:
            self.history.drop(device_id)
            self.initial.drop(device_id)
