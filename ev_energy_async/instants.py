"""Instants as integer nanoseconds since 1970: the API writes more digits of a second than a `datetime` holds.

Logs are ordered, distinguished and stored by them.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

__all__ = ["ALWAYS", "MICROSECOND", "NEVER", "SECOND", "SKEW", "instant", "instant_of", "moment"]

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

# Of times to the second or the microsecond, in UTC.
_USUAL_LENGTHS: Final = (20, 27)
_USUAL_MARKS: Final = ("T::Z", "T::.")


def instant(text: str) -> int | None:
    """Return the instant that an RFC 3339 text names, all its digits down to nanoseconds; None if it is no such text.

    Example:
        >>> instant("1970-01-01T00:00:01.1234567Z")
        1123456700
    """
    if len(text) in _USUAL_LENGTHS and text[4:8:3] == "--" and text[10:20:3] in _USUAL_MARKS and text[-1] == "Z":
        # As the API writes it, so that what stands between the marks is all that is left to check.
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


def instant_of(time: dt.datetime) -> int:
    """Return an aware datetime as an instant."""
    since = time - _EPOCH
    return _within((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * MICROSECOND)


def _within(at: int) -> int:
    # What is stored is bounded by 64 bits.
    return at if ALWAYS < at < NEVER else max(ALWAYS, min(at, NEVER))


def moment(at: int) -> dt.datetime:
    """Return an instant as a datetime, rounded down to microseconds."""
    return _EPOCH + at // MICROSECOND * _MICRO
