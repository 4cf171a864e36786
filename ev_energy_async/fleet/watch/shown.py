"""The devices of a kind as snapshots have shown them: what a device was shown with before says nothing new. Pure.

Most devices of a page are the same as in the snapshot before, byte for byte. They are told by a hash of their bytes,
and never decoded: no Python object is made for them, and what a look at them would decide is known already.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from ev_energy_async.instants import ALWAYS, instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import msgspec

    from ev_energy_async.fleet.watch.state import DeviceState

__all__ = ["Glance", "Shown", "Silence"]


class Glance:
    """A page of a snapshot at first sight.

    Args:
        before: The devices of the snapshot before, by the hashes of their bytes.

    Attributes:
        same: Those of the page that are shown as before, by the same hashes.
        marks: The hashes of the others, in their order.
    """

    def __init__(self, before: Mapping[int, str]) -> None:
        self._before = before
        self.same: dict[int, str] = {}
        self.marks: list[int] = []

    def pick(self, items: list[msgspec.Raw]) -> list[msgspec.Raw]:
        """Return the items that have to be decoded."""
        # 64 bits with a secret key: that two of a million documents have the same is not to be expected.
        marks = list(map(hash, map(bytes, items)))
        found = list(map(self._before.get, marks))
        others = [place for place, device_id in enumerate(found) if device_id is None]
        self.same = {mark: device_id for mark, device_id in zip(marks, found, strict=True) if device_id is not None}
        self.marks = [marks[place] for place in others]
        return [items[place] for place in others]


class Shown:
    """The devices that a look at would say nothing of, if they are shown as they were.

    Only the snapshot before counts: a device that is shown as it was before that has changed.
    """

    def __init__(self) -> None:
        self._before: dict[int, str] = {}
        self._now: dict[int, str] = {}

    def begin(self) -> None:
        """Begin a snapshot."""
        self._before, self._now = self._now, {}

    def forget(self) -> None:
        """Know nothing any more, as where the state has changed under it."""
        self._before, self._now = {}, {}

    def glance(self) -> Glance:
        """Return what sees the next page."""
        return Glance(self._before)

    def note(self, found: Mapping[int, str]) -> None:
        """Note devices of the snapshot under way that have been looked at, by the hashes of their bytes."""
        self._now.update(found)


class Silence:
    """When devices fall silent: their newest log gets too old while nothing else is seen of them.

    Args:
        stale: After what time a device is silent, in nanoseconds.
    """

    def __init__(self, stale: int) -> None:
        self._stale = stale
        self._heap: list[tuple[int, str]] = []
        self._waiting: set[str] = set()

    def forget(self) -> None:
        """Wait for nobody any more."""
        self._heap.clear()
        self._waiting.clear()

    def watch(self, device_id: str, state: DeviceState, before: int) -> None:
        """Wait for a device to fall silent, unless it was silent already.

        Args:
            device_id: The device.
            state: What is known of it.
            before: When the last snapshot was taken; ALWAYS if there was none.
        """
        if device_id in self._waiting:
            return
        at = _newest(state)
        if at is not None and (before == ALWAYS or before - at <= self._stale):
            self._waiting.add(device_id)
            heappush(self._heap, (at + self._stale, device_id))

    def fallen(self, devices: Mapping[str, DeviceState], now: int) -> Iterator[str]:
        """Yield the devices that have fallen silent since this was asked last."""
        while self._heap and self._heap[0][0] < now:
            _, device_id = heappop(self._heap)
            self._waiting.remove(device_id)
            state = devices.get(device_id)
            at = None if state is None else _newest(state)
            if state is None or at is None:
                continue
            if now - at > self._stale:
                yield device_id
            else:
                self.watch(device_id, state, ALWAYS)


def _newest(state: DeviceState) -> int | None:
    """Return the time of the newest log of a device that is there."""
    return instant(state.hint) if state.is_here and state.hint is not None else None
