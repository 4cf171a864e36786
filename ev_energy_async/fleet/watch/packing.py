"""Sorted numbers in few bytes, as a ledger keeps the instants of logs. Pure."""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import accumulate
from math import gcd
from operator import sub
from struct import Struct
from sys import byteorder
from typing import TYPE_CHECKING, Final

from ev_energy_async.instants import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["count_of", "first_of", "last_of", "packed", "unpacked"]

# The unit and the width of the steps, and the first number. All in little-endian order.
_HEAD: Final = Struct("<HBq")


def packed(numbers: Iterable[int]) -> bytes:
    """Return sorted numbers in few bytes: the first one, and the steps to the next in as many bytes as they need.

    Steps of whole microseconds, as nearly all are, are noted in these. The bytes stand by their place value.
    """
    found = array("q", numbers)
    if not found:
        return b""
    steps = array("q", map(sub, found[1:], found))
    unit = MICROSECOND if gcd(MICROSECOND, *steps) == MICROSECOND else 1
    scaled = array("q", [step // unit for step in steps]) if unit > 1 else steps
    width = (max(scaled, default=0).bit_length() + 7) // 8
    if byteorder == "big":
        scaled.byteswap()
    raw = scaled.tobytes()
    return _HEAD.pack(unit, width, found[0]) + b"".join(raw[place::8] for place in range(width))


def first_of(data: bytes) -> int:
    """Return the first of packed numbers, of which there is at least one."""
    first: int = _HEAD.unpack_from(data)[2]
    return first


def last_of(data: bytes) -> int:
    """Return the last of packed numbers, of which there is at least one."""
    head: tuple[int, int, int] = _HEAD.unpack_from(data)
    unit, width, first = head
    count = (len(data) - _HEAD.size) // width if width else 0
    begins = range(_HEAD.size, len(data), count or 1)
    # The bytes of one place value stand together.
    return first + unit * sum(sum(data[begin : begin + count]) << 8 * place for place, begin in enumerate(begins))


def count_of(data: bytes) -> int:
    """Return how many numbers are packed."""
    if not data:
        return 0
    _, width, _ = _HEAD.unpack_from(data)
    return (len(data) - _HEAD.size) // width + 1 if width else 1


# A decision asks for the same numbers several times in a row.
@lru_cache(maxsize=4)
def unpacked(data: bytes) -> tuple[int, ...]:
    """Return packed numbers."""
    if not data:
        return ()
    unit, width, first = _HEAD.unpack_from(data)
    count = (len(data) - _HEAD.size) // width if width else 0
    raw = bytearray(8 * count)
    for place in range(width):
        begin = _HEAD.size + place * count
        raw[place::8] = data[begin : begin + count]
    steps = array("q")
    steps.frombytes(raw)
    if byteorder == "big":
        steps.byteswap()
    return tuple([first + unit * step for step in accumulate(steps, initial=0)])
