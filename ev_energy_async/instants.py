"""Instants as integer nanoseconds since 1970: the API writes more digits of a second than a `datetime` holds.

Logs are ordered, distinguished and stored by them.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALWAYS", "MICROSECOND", "NEVER", "SECOND", "SKEW", "descend", "instant", "instant_of", "instants", "moment"]

MICROSECOND: Final = 1_000
SECOND: Final = 1_000_000_000
SKEW: Final = 300 * SECOND
"""The tolerated difference between clocks: the API's, this machine's, a device's."""

ALWAYS: Final = -(2**62)
NEVER: Final = 2**62
"""The bounds of what is distinguished, in the years 1823 and 2116."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICRO: Final = dt.timedelta(microseconds=1)
# RFC 3339, section 5.6; a time without its zone is taken as UTC, as everywhere in this package.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)

# As the API writes them, in UTC to the microsecond or the second: with zeros for digits.
_USUAL: Final = (b"0000-00-00T00:00:00.000000Z", b"0000-00-00T00:00:00Z")
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")


def instant(text: str) -> int | None:
    """Return the instant that an RFC 3339 text names, all its digits down to nanoseconds; None if it is no such text.

    Example:
        >>> instant("1970-01-01T00:00:01.1234567Z")
        1123456700
    """
    if text.isascii() and text.encode().translate(_DIGITS) in _USUAL:
        # No more to check than whether there is such a day and time.
        try:
            return instant_of(dt.datetime.fromisoformat(text))
        except ValueError:
            return None
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        whole = dt.datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[4] or 'Z').upper()}")
    except ValueError:  # as for a 30th of February
        return None
    return _within((whole - _EPOCH) // _MICRO * MICROSECOND + int((found[3] or "0")[:9].ljust(9, "0")))


def instants(texts: Sequence[str]) -> list[int | None]:
    """Return `instant` of each of many texts, in a fraction of the time where all are spelled alike, as on a page."""
    times = _alike(texts)
    return [*map(instant, texts)] if times is None else [*map(instant_of, times)]


def descend(texts: Sequence[str]) -> bool:
    """Return whether texts that are spelled alike name instants, each one later than the next.

    False also where they are not spelled alike, so that more is needed to tell.
    """
    return all(map(operator.gt, texts, texts[1:])) and _alike(texts) is not None


def _alike(texts: Sequence[str]) -> list[dt.datetime] | None:
    """Return the times of texts that are all spelled in one usual way, which makes the order of texts that of time."""
    joined = "\n".join(texts)
    forms = joined.encode().translate(_DIGITS) if joined.isascii() else None
    if any(forms == b"\n".join(repeat(form, len(texts))) for form in _USUAL):
        with suppress(ValueError):
            return [*map(dt.datetime.fromisoformat, texts)]
    return None


def instant_of(time: dt.datetime) -> int:
    """Return an aware datetime as an instant."""
    since = time - _EPOCH
    at = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * MICROSECOND
    return at if ALWAYS < at < NEVER else _within(at)


def _within(at: int) -> int:
    # What is stored is bounded by 64 bits.
    return max(ALWAYS, min(at, NEVER))


def moment(at: int) -> dt.datetime:
    """Return an instant as a datetime, rounded down to microseconds."""
    return _EPOCH + at // MICROSECOND * _MICRO
