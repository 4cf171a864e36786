"""Reads that no snapshot asks for: of error logs, and of the past of devices that were not read for long. Pure.

Devices stand in heaps by when they were read last, so that a turn costs nothing for those whose turn it is not.
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace, nsmallest
from typing import TYPE_CHECKING, Final
from zlib import crc32

from ev_energy_async.fleet.watch.look import INACTIVE
from ev_energy_async.instants import ALWAYS, NEVER, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.fleet.watch.state import DeviceState

__all__ = ["ErrorRotation", "LateRotation", "Turns"]

# A device that was silent for so long has a past to catch up on, which may come in any order.
_SILENCE: Final = 2 * 3_600 * SECOND
# How long it is given for that.
_SOON: Final = 1_800 * SECOND
# How long an error log makes a device look unwell.
_RECENTLY: Final = 3_600 * SECOND


class Turns:
    """Devices by when they were read last, the longest unread first.

    Args:
        read_at: Returns when a device was read last.
    """

    def __init__(self, read_at: Callable[[DeviceState], int]) -> None:
        self._read_at = read_at
        self._heap: list[tuple[int, str]] = []
        self._known: set[str] = set()

    def forget(self) -> None:
        """Know no device any more."""
        self._heap.clear()
        self._known.clear()

    def see(self, device_id: str, state: DeviceState) -> None:
        """Let a device take part."""
        if device_id not in self._known:
            self._known.add(device_id)
            heappush(self._heap, (self._read_at(state), device_id))

    def next(
        self,
        devices: Mapping[str, DeviceState],
        waiting: Collection[str],
        count: int,
        *,
        before: int = NEVER,
        belongs: Callable[[DeviceState], bool] = lambda _: True,
    ) -> list[str]:
        """Return so many devices at the most.

        Args:
            devices: The devices.
            waiting: Those that are to be read anyway.
            count: How many.
            before: Only those that were read last before this time.
            belongs: Whether a device still takes part. One that does not, or is gone, has to be seen again for that.
        """
        found: list[str] = []
        passed: list[tuple[int, str]] = []
        while self._heap and len(found) < count and self._heap[0][0] <= before:
            at, device_id = self._heap[0]
            state = devices.get(device_id)
            if state is None or not state.is_here or not belongs(state):
                heappop(self._heap)
                self._known.remove(device_id)
            elif (read_at := self._read_at(state)) != at:
                # It was read meanwhile.
                heapreplace(self._heap, (read_at, device_id))
            else:
                passed.append(heappop(self._heap))
                if device_id not in waiting:
                    found.append(device_id)
        for each in passed:
            heappush(self._heap, each)
        return found


class ErrorRotation:
    """Whose error logs are read: devices that look unwell first, else the longest unread."""

    def __init__(self) -> None:
        self._all = Turns(_errors_read_at)
        self._unwell = Turns(_errors_read_at)

    def forget(self) -> None:
        """Know no device any more."""
        self._all.forget()
        self._unwell.forget()

    def see(self, device_id: str, state: DeviceState, now: int) -> None:
        """Take note of a device that was looked at or read."""
        self._all.see(device_id, state)
        if _is_unwell(state, now):
            self._unwell.see(device_id, state)

    def next(self, devices: Mapping[str, DeviceState], waiting: Collection[str], count: int, now: int) -> list[str]:
        """Return so many devices at the most.

        Those that look unwell get half of it at the most, so that the others have their turn too.

        Args:
            devices: The devices.
            waiting: Those that are to be read anyway.
            count: How many.
            now: The time.
        """
        if count <= 0:
            return []
        unwell = self._unwell.next(devices, waiting, count // 2, belongs=lambda state: _is_unwell(state, now))
        return [*unwell, *self._all.next(devices, {*waiting, *unwell}, count - len(unwell))]


class LateRotation:
    """The rotation of devices whose past is read again, for logs that arrived late: the longest unread first.

    Attributes:
        soon: Devices that are to come first, with when: more of their past may be on its way.
        turns: The devices.
    """

    def __init__(self) -> None:
        self.soon: dict[str, int] = {}
        self.turns = Turns(_past_read_at)

    def note(self, device_id: str, delivered: Iterable[Seen], seen_to: int, read_at: int) -> None:
        """Learn what a read that is through has found: a device that was silent is to come first before long.

        Args:
            device_id: Which device.
            delivered: The logs that were new.
            seen_to: The latest instant that a read had seen before; ALWAYS if none had.
            read_at: When the read was made.
        """
        oldest = min((each.at for each in delivered), default=None)
        if oldest is not None and seen_to > ALWAYS and not -_SILENCE < oldest - seen_to < _SILENCE:
            self.soon[device_id] = read_at + _SOON

    def next(
        self,
        devices: Mapping[str, DeviceState],
        waiting: Collection[str],
        count: int,
        *,
        now: int,
        before: int,
        number: int,
    ) -> list[str]:
        """Return so many devices at the most.

        Args:
            devices: The devices.
            waiting: Those that are to be read again anyway.
            count: How many.
            now: The time.
            before: Only those whose past was read last before this time, or that are to come first; these get half of
                the turns at the most.
            number: The number of the cycle.
        """
        if count <= 0:
            return []
        # An odd turn is theirs or not, as by a coin: where turns come every so many cycles, parity favours one side.
        coin = crc32(b"%d" % number) % 2
        ripe = [each for each, at in self.soon.items() if at <= now and each in devices]
        first = nsmallest((count + coin) // 2, _turns(devices, ripe, waiting))
        found = [each for _, each in first]
        for each in found:
            del self.soon[each]
        return [*found, *self.turns.next(devices, {*waiting, *found}, count - len(found), before=before)]


def _turns(
    devices: Mapping[str, DeviceState], some: Iterable[str], waiting: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Yield devices with when their past was read last."""
    for each in some:
        state = devices[each]
        if state.is_here and each not in waiting:
            yield _past_read_at(state), each


def _past_read_at(state: DeviceState) -> int:
    return state.ledger(state.regular).deep_at


def _errors_read_at(state: DeviceState) -> int:
    return state.ledger("error").read_at


def _is_unwell(state: DeviceState, now: int) -> bool:
    if state.integrated == INACTIVE or state.trouble:
        return True
    recent = state.ledger("error")
    return bool(recent.instants) and now - recent.top < _RECENTLY
