"""One cycle of a watch: a snapshot, what it has shown of the fleet, and what was spent meanwhile.

Pure decisions: it is given pages, and says what follows. `engine` asks the API, and `emitter` makes the events.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from ev_energy_async.fleet.events import Lateness, Spent
from ev_energy_async.fleet.watch.walk import Walk
from ev_energy_async.instants import ALWAYS, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.fleet.watch.look import Look, Rules
    from ev_energy_async.fleet.watch.state import DeviceState, Meta

__all__ = ["PURPOSES", "Cycle", "lateness_of"]

PURPOSES: Final[tuple[str, ...]] = ("snapshot", "history", "errors", "late", "checks")


class Cycle:
    """A cycle under way.

    Args:
        meta: The state of the fleet. A snapshot that was under way is resumed, and detects no removals.
        now: The time by the API's clock.
        began_monotonic: The time in the seconds of the monotonic clock.

    Attributes:
        number: Its number.
        began: When its snapshot was begun, by the API's clock.
        is_first: Whether nothing was known of the fleet before it.
        is_resumed: Whether its snapshot was begun by another process.
        walk: The way of the snapshot through the list.
        is_complete: Whether the snapshot is.
        took: How long the snapshot took, in seconds, once it is complete.
        pages: How many pages of it were read.
        seen: How many devices were seen in it that are watched, those that cannot be decoded included.
        here: The devices that were seen in it.
        absent: The devices that were expected and are not in it.
        missing: Those of them that are to be looked up.
        unwell: The devices that look unwell, until their error logs are wanted.
        changed: How many devices showed a new log.
        failed: The devices that could not be read.
        spent: Requests by purpose.
        lateness: How late logs were stored, in seconds.
    """

    def __init__(self, meta: Meta, now: int, began_monotonic: float) -> None:
        self.number = meta.cycle + 1
        self.is_resumed = meta.cursor is not None
        self.began = meta.began if self.is_resumed else now
        self.began_monotonic = began_monotonic
        self.is_first = False
        self.walk = Walk(meta.cursor)
        self.is_complete = False
        self.took = 0.0
        self.pages = self.seen = 0
        self.here: set[str] = set()
        self.absent: list[str] = []
        self.missing: deque[str] = deque()
        self.unwell: list[str] = []
        self.changed = 0
        self.failed: set[str] = set()
        self.spent = dict.fromkeys(PURPOSES, 0)
        self.lateness: list[float] = []

    def under_way(self, meta: Meta) -> Meta:
        """Return the state of the fleet in the middle of the snapshot, to be resumed from there."""
        cursor = self.walk.resume
        return msgspec.structs.replace(meta, cursor=cursor, began=ALWAYS if cursor is None else self.began)

    def restart(self, now: int) -> None:
        """Begin the snapshot anew, as where its cursor is refused."""
        self.walk, self.began, self.is_resumed = Walk(), now, False
        self.pages = self.seen = 0
        self.here.clear()

    def see(self, found: Mapping[int, str]) -> Mapping[int, str]:
        """Note devices that are shown as before, by the hashes of their bytes, and return those not seen until now."""
        if not self.here.isdisjoint(found.values()):
            found = {mark: device_id for mark, device_id in found.items() if device_id not in self.here}
        self.here.update(found.values())
        self.seen += len(found)
        return found

    def note(self, device_id: str, look: Look) -> None:
        """Note what follows from a look at a device."""
        self.changed += look.is_changed
        for step in look.steps:
            if step.what == "status" and step.stored is not None:
                self.lateness.append((step.stored - step.at) / SECOND)
        if look.is_unwell:
            self.unwell.append(device_id)

    def end_snapshot(self, devices: Mapping[str, DeviceState], rules: Rules) -> tuple[int, int] | None:
        """Note which devices are missing from the snapshot, to be looked up.

        Returns:
            How many were known, and how many of them are there, if too many are missing for that; None if not.
        """
        self.is_complete = True
        if self.is_resumed:
            return None
        unseen = [device_id for device_id in devices if device_id not in self.here]
        missing = self.absent = [device_id for device_id in unseen if devices[device_id].is_here]
        # One may always be: in a small fleet it is more than any share.
        if len(missing) > 1 or (missing and not rules.max_shrink):
            known = sum(state.is_here for state in devices.values())
            if len(missing) > rules.max_shrink * known:
                return known, known - len(missing)
        self.missing.extend(missing)
        return None

    def totals(self) -> Spent:
        """Return what was spent."""
        return Spent(**self.spent)


def lateness_of(found: list[float]) -> Lateness | None:
    """Return how late logs were, given the seconds of each."""
    if not found:
        return None
    ranked = sorted(found)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    return Lateness(p50=at(0.5), p90=at(0.9), p99=at(0.99), longest=ranked[-1])
