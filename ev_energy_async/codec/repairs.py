"""Counts and places the items of an array that depart from the schema. Pure; `codec` decodes them tolerantly."""

from __future__ import annotations

from typing import Final

from ev_energy_async.errors import DecodeError

__all__ = ["Repairs", "moved"]

# Items of one page that take the tolerant path, which costs a hundred times as much as the fast one.
_MOST_REPAIRED: Final = 1_000
_PAUSE: Final = 25


class Repairs:
    """Counts the items of a page that take the tolerant path."""

    def __init__(self) -> None:
        self._count = 0

    def count_one(self) -> None:
        """Count an item.

        Raises:
            DecodeError: There are too many.
        """
        self._count += 1
        if self._count > _MOST_REPAIRED:
            raise DecodeError(f"more than {_MOST_REPAIRED:,} items of a page depart from the schema")

    @property
    def is_time_to_pause(self) -> bool:
        """Whether enough items came together for a pause."""
        return self._count % _PAUSE == _PAUSE - 1


def moved(error: DecodeError, index: int, *, single: bool) -> DecodeError:
    """Return the error of a part of an array with the path that it has in the whole."""
    if single:
        return DecodeError(error.reason, f"$[{index}]{error.path[1:]}")
    number, bracket, rest = error.path.removeprefix("$[").partition("]")
    if not bracket or not number.isdecimal():
        return error
    return DecodeError(error.reason, f"$[{index + int(number)}]{rest}")
