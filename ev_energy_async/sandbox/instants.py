"""Moments as integer microseconds since 1970 UTC, the sandbox's internal form of time.

Everything that computes with time uses these numbers; text and `datetime` appear only at the edges. No clock is read.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# RFC 3339, section 5.6; `datetime.fromisoformat` alone would also take dates, week dates and times without a zone.
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def instant(moment: datetime) -> Instant:
    """Return the instant of an aware datetime."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


_FIRST: Final = instant(datetime.min.replace(tzinfo=UTC))
_LAST: Final = instant(datetime.max.replace(tzinfo=UTC))


def moment(at: Instant) -> datetime:
    """Return the instant as an aware datetime, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def text(at: Instant) -> str:
    """Return the instant as the API writes it: `2026-03-14T07:05:00.123456Z`."""
    hours, rest = divmod(at, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, micros = divmod(rest, SECOND)
    return f"{_hour(hours)}{minutes:02}:{seconds:02}.{micros:06}Z"


@lru_cache(maxsize=4_096)
def _hour(number: int) -> str:
    """Return `2026-03-14T07:`; cached, since a page holds hundreds of times within a few hours."""
    return moment(number * HOUR).isoformat()[:14]


def http_date(at: Instant) -> str:
    """Return the instant as a header writes it (RFC 9110, section 5.6.7): `Sat, 14 Mar 2026 07:05:00 GMT`."""
    return _http_date(at // SECOND)


@lru_cache(maxsize=16)
def _http_date(seconds: int) -> str:
    """Return the header's value for a second; cached, since thousands of responses share one."""
    return format_datetime(moment(seconds * SECOND), usegmt=True)


def parse(written: str) -> Instant:
    """Return the instant that an RFC 3339 text names.

    Raises:
        ValueError: the text is something else, a time without its zone included.
    """
    if not _RFC3339.fullmatch(written):
        raise ValueError(written)
    at = instant(datetime.fromisoformat(written.upper()))
    # A zone may lead beyond what a datetime can hold in UTC; nothing lies there.
    return max(_FIRST, min(at, _LAST))
