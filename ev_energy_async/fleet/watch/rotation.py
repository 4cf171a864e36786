"""Reads that no snapshot asks for: of error logs, and of the past of devices that were not read for long. Pure."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Final
from zlib import crc32

from ev_energy_async.fleet.watch.look import INACTIVE
from ev_energy_async.instants import ALWAYS, SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.fleet.watch.state import DeviceState

__all__ = ["LateRotation", "next_for_errors"]

# A device that was silent for so long has a past to catch up on, which may come in any order.
_SILENCE: Final = 2 * 3_600 * SECOND
# How long it is given for that.
_SOON: Final = 1_800 * SECOND
# How long an error log makes a device look unwell.
_RECENTLY: Final = 3_600 * SECOND


def next_for_errors(devices: Mapping[str, DeviceState], waiting: Collection[str], count: int, now: int) -> list[str]:
    """Return so many devices whose error logs are to be read: those that look unwell first, else the longest unread.

    Those that look unwell get half of it at the most, so that the others have their turn too.

    Args:
        devices: The devices.
        waiting: Those that are to be read anyway.
        count: How many.
        now: The time.
    """
    if count <= 0:
        return []
    unread = _unread(devices, waiting)
    unwell = nsmallest(count // 2, (pair for pair, state in unread if _is_unwell(state, now)))
    chosen = set(unwell)
    others = (pair for pair, _ in _unread(devices, waiting) if pair not in chosen)
    return [each for _, each in (*unwell, *nsmallest(count - len(unwell), others))]


class LateRotation:
    """The rotation of devices whose past is read again, for logs that arrived late: the longest unread first.

    Attributes:
        soon: Devices that are to come first, with when: more of their past may be on its way.
    """

    def __init__(self) -> None:
        self.soon: dict[str, int] = {}
        # No device was read earlier than this, so that most of the time nobody needs to be looked at.
        self._oldest = ALWAYS

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
        chosen = {each for _, each in first}
        for each in chosen:
            del self.soon[each]
        found = [each for _, each in first]
        if self._oldest <= before:
            turns = [pair for pair in _turns(devices, devices, waiting) if pair[1] not in chosen]
            due = nsmallest(count - len(found), (pair for pair in turns if pair[0] <= before))
            taken = {each for _, each in due}
            self._oldest = min((at for at, each in turns if each not in taken), default=ALWAYS)
            found += [each for _, each in due]
        return found


def _turns(
    devices: Mapping[str, DeviceState], some: Iterable[str], waiting: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Yield devices with when their past was read last. One by one: of a large fleet a list would be long."""
    for each in some:
        state = devices[each]
        if state.is_here and each not in waiting:
            yield state.ledger(state.regular).deep_at, each


def _unread(
    devices: Mapping[str, DeviceState], waiting: Collection[str]
) -> Iterator[tuple[tuple[int, str], DeviceState]]:
    """Yield the devices whose error logs are not to be read yet, each with when they were read last."""
    for each, state in devices.items():
        if state.is_here and each not in waiting:
            yield (state.ledger("error").read_at, each), state


def _is_unwell(state: DeviceState, now: int) -> bool:
    recent = state.ledger("error")
    return state.integrated == INACTIVE or bool(state.trouble) or bool(recent.instants and now - recent.top < _RECENTLY)
