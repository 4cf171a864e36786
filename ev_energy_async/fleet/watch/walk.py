"""The way of a snapshot through the list of devices, from several cursors at once where one page at a time is too slow.

Each walker goes on from page to page until it meets a device with which a later walker has begun, or the list ends. So
nothing is missed however devices come and go meanwhile: of the walkers that began before a device, the last one reaches
it, for it would stop only at what a later one has begun with, and that lies behind the device. A walker whose first
cursor is refused is dropped, and the others go on into its part. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Walk", "Walker"]


class Walker:
    """One of those that walk through a list.

    Attributes:
        number: Its place among the others.
        cursor: Where it continues; None at the beginning of the list.
        pages: How many pages it has read.
        has_begun: Whether there was a device on one of them.
        cursors: The cursors that it has come by.
    """

    def __init__(self, number: int, cursor: str | None) -> None:
        self.number = number
        self.cursor = cursor
        self.pages = 0
        self.has_begun = False
        self.cursors: list[str] = [] if cursor is None else [cursor]


class Walk:
    """All that walk through a list.

    Args:
        cursor: Where the first one begins; None for the beginning of the list.
        others: Where the others begin: cursors of an earlier walk through the same list.
    """

    def __init__(self, cursor: str | None = None, others: Sequence[str] = ()) -> None:
        self.walkers = [Walker(number, each) for number, each in enumerate([cursor, *others])]
        self._all = list(self.walkers)
        self._begun_with: dict[str, int] = {}
        self._is_in_order = True

    @property
    def is_over(self) -> bool:
        """Whether all have come to their end."""
        return not self.walkers

    @property
    def resume(self) -> str | None:
        """Where a walk of one has to begin to come by all that was not read yet; None for the beginning."""
        return self.walkers[0].cursor if self.walkers else None

    @property
    def cursors(self) -> list[str]:
        """The cursors of all pages but the first, once it is over; empty if the walkers have gone astray."""
        return [cursor for walker in self._all for cursor in walker.cursors] if self._is_in_order else []

    def drop(self, walker: Walker) -> None:
        """Leave a walker out whose first cursor was refused."""
        self.walkers.remove(walker)
        self._all.remove(walker)

    def move(self, walker: Walker, device_ids: Collection[str], cursor: str | None) -> None:
        """Take note that a walker has read a page.

        Args:
            walker: The walker.
            device_ids: The devices of the page.
            cursor: The cursor of the next page; None if it was the last.
        """
        is_alone = len(self._all) == 1
        has_met = not is_alone and any(self._begun_with.get(each, -1) > walker.number for each in device_ids)
        walker.pages += 1
        if not walker.has_begun and not is_alone:
            walker.has_begun = bool(device_ids)
            self._begun_with.update(dict.fromkeys(device_ids, walker.number))
        if has_met or cursor is None:
            self.walkers.remove(walker)
            # Whoever comes to the end past all that later ones began with has read their part too.
            self._is_in_order = self._is_in_order and (has_met or walker is self._all[-1])
        else:
            walker.cursor = cursor
            walker.cursors.append(cursor)
