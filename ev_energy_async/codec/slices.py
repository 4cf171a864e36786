"""Cuts large JSON arrays into groups of items, without a look at more than a slice at a time.

msgspec holds the interpreter while it decodes, 20 ms for a megabyte, so a large body is decoded group by group, and the
event loop runs in between. `codec` is the only caller. Pure.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["AT_ONCE", "SLICE", "groups", "is_moderate", "picked"]

AT_ONCE: Final = 128 * 1024
"""The size in bytes up to which a document is decoded at once."""

_FAST_AT_ONCE: Final = 1024 * 1024
"""Bytes of a document that msgspec may try in one go: about 10 ms, less than slicing it costs."""

_MOST_AT_ONCE: Final = 10_000
"""Objects of such a document: each costs some microseconds, however small it is."""

_UNCOUNTED: Final = 192 * 1024
"""Bytes of a document whose objects are not counted: a full page of vehicles, for which counting takes half as long as
decoding."""

SLICE: Final = 64 * 1024
"""Bytes of a group of items, at least; it is longer by one item at most."""

# How often a cut is guessed before the end of the item is looked up.
_GUESSES: Final = 4
# How far from its beginning a group may end by a guess; the end of a larger item is looked up.
_WINDOW: Final = 4 * SLICE
_ARRAY: Final = re.compile(rb"[ \t\n\r]*\[[ \t\n\r]*")
_COMMA: Final = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
# The first bytes of an item: its brackets and, of an object, the first key.
_HEAD: Final = re.compile(rb'[\[{]+(?:"[^"\\]*")?|')
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)
# msgspec's error for a value that something follows names where it ends.
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")


def is_moderate(data: bytes) -> bool:
    """Whether msgspec may try a document in one go."""
    size = len(data)
    return size <= _UNCOUNTED or (size <= _FAST_AT_ONCE and data.count(b"{") <= _MOST_AT_ONCE)


def picked(data: bytes, pick: Callable[[list[msgspec.Raw]], list[msgspec.Raw]]) -> bytes:
    """Return an array with some of its items; what is no array of moderate size, as it is.

    Args:
        data: The array.
        pick: Given the raw items, returns those that are to stay.
    """
    if not is_moderate(data):
        return data
    try:
        items = _ITEMS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data  # whose decoding says what is wrong with it
    kept = pick(items)
    return data if len(kept) == len(items) else b"[%b]" % b",".join(kept)


def groups(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the items of an array in groups: each an array of its own, and the number of its items.

    Raises:
        msgspec.DecodeError: It is not a well-formed array; the groups before the fault have been yielded.
    """
    inside = _ARRAY.match(data)
    if inside is None or not data.rstrip().endswith(b"]"):
        raise msgspec.DecodeError("JSON is malformed: expected an array")
    at, end = inside.end(), data.rindex(b"]")
    head = _HEAD.match(data, at)
    # In most arrays the items begin alike, so a comma before such a beginning may be where one ends.
    cut = re.compile(_COMMA.pattern + rb"(?=" + re.escape(head[0] if head else b"") + rb")")
    guess = True
    while end - at > SLICE:
        found: tuple[int, int, int | None] | None = _guessed(data, at, end, cut) if guess else None
        if found is None:
            guess = False  # the items differ: from here on the end of each is looked up
            found = _looked_up(data, at, end)
        stop, count, following = found
        yield b"[%b]" % data[at:stop], count
        if following is None:
            return
        at = following
    rest = b"[%b]" % data[at:end]
    count = len(_ITEMS.decode(rest))
    if not count and at != inside.end():
        raise msgspec.DecodeError("JSON is malformed: trailing comma in array")
    yield rest, count


def _guessed(data: bytes, at: int, end: int, cut: re.Pattern[bytes]) -> tuple[int, int, int] | None:
    """Return where a group ends, the number of its items, and where the next begins; None if it cannot be guessed."""
    for found in islice(cut.finditer(data, at + SLICE, min(end, at + _WINDOW)), _GUESSES):
        try:
            # From one comma to another, a text is well-formed only if both stand between items.
            return found.start(), len(_ITEMS.decode(b"[%b]" % data[at : found.start()])), found.end()
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _looked_up(data: bytes, at: int, end: int) -> tuple[int, int, int | None]:
    """Return what `_guessed` does, by the end of each item; there is no next group at the end of the array."""
    start, count = at, 0
    rest = memoryview(data)[:end]
    while True:
        try:
            _VALUE.decode(rest[at:])
        except msgspec.DecodeError as error:
            trailing = _TRAILING.search(str(error))
            if trailing is None:
                raise
            stop = at + int(trailing[1]) - 1  # msgspec counts the byte that it read last
        else:
            return end, count + 1, None
        count += 1
        comma = _COMMA.match(data, stop, end)
        if comma is None:
            raise msgspec.DecodeError("JSON is malformed: expected ',' or ']'")
        at = comma.end()
        if at - start > SLICE:
            return stop, count, at
