"""The memory of a follower of one log collection: the logs it has seen, and those still to be delivered.

Pure: no I/O, no clock. `follow` feeds it what it reads. Instants are whole nanoseconds since 1970, since the API writes
more digits of a second than a `datetime` holds.
"""

from __future__ import annotations

import base64
import datetime as dt
import zlib
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar
from urllib.parse import unquote

import msgspec

from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.instants import ALWAYS, NEVER, SKEW, instant, instant_of, instants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ev_energy_async.messages import Response

__all__ = ["Memory", "Placed", "last_segment", "place", "place_all", "texts_of"]

L = TypeVar("L")

KEPT: Final = 100
"""Logs that are remembered however old they are: one page, so that a late one among them is told apart."""

_FORMAT: Final = "1."


class Placed(msgspec.Struct, frozen=True, order=True):
    """A log with its place in the collection; sorts by time, and by text where times are equal."""

    at: int
    text: str
    log: Any


def last_segment(url: str) -> str:
    """Return the last segment of a URL's path that is not empty, decoded."""
    last = url.rpartition("/")[2]
    if last and "?" not in url and "%" not in last:
        return last  # nearly always
    return unquote(url.partition("?")[0].rstrip("/").rpartition("/")[2])


def texts_of(logs: Iterable[Any]) -> list[str]:
    """Return the last segments of the URLs of logs: their raw timestamps; empty for what has no URL."""
    urls = [url if isinstance(url := getattr(log, "url", None), str) else "" for log in logs]
    joined = "".join(urls)
    if "?" in joined or "%" in joined:
        return [*map(last_segment, urls)]
    return [url.rpartition("/")[2] or last_segment(url) for url in urls]


def place(log: Any, field: str, response: Response[Any] | None = None) -> Placed:
    """Return a log with its place, which is also what tells it from all others of its collection.

    That is the raw timestamp in its URL where there is one, since a parsed time is rounded to microseconds; else its
    time as RFC 3339.

    Args:
        log: The log.
        field: Its field with the time that orders the collection.
        response: The response that held it, for the error.

    Raises:
        DecodeError: It has neither.
    """
    url = getattr(log, "url", None)
    if isinstance(url, str):
        text = last_segment(url)
        at = instant(text)
        if at is not None:
            return Placed(at, text, log)
    time = getattr(log, field, None)
    if not isinstance(time, dt.datetime):
        received = None if response is None else response.as_received()
        raise DecodeError("a log without its time, which has no place among others", f"$[].{field}", received)
    aware = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
    return Placed(instant_of(aware), aware.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"), log)


def place_all(logs: Sequence[Any], field: str, response: Response[Any] | None = None) -> list[Placed]:
    """Return `place` of each of many logs, in a fraction of the time where all are spelled alike, as on a page.

    Args:
        logs: The logs.
        field: Their field with the time that orders the collection.
        response: The response that held them, for the error.

    Raises:
        DecodeError: One has no place.
    """
    texts = texts_of(logs)
    ats = instants(texts)
    return [
        place(log, field, response) if at is None else Placed(at, text, log)
        for at, text, log in zip(ats, texts, logs, strict=True)
    ]


class Memory(Generic[L]):
    """The logs seen in one collection, and those of them that are still to be delivered.

    Everything from `floor` on that was ever read is remembered, so each log is delivered once. Whatever is older is
    forgotten and never delivered. The floor rises with time: memory holds the logs of the lateness window and those of
    one page, whichever are more, and those not delivered yet.

    Args:
        floor: Where memory begins.
        lateness: How late logs may be, in nanoseconds.

    Attributes:
        floor: Where memory begins.
        reach: How far back the next reading must go, to miss nothing that is late by no more than the lateness.
        top: The latest time that was delivered; None before the first.
        newest: The log with the latest time of those that were read; None before the first, and on a fresh cursor.
    """

    kept: ClassVar[int] = KEPT

    def __init__(self, floor: int, lateness: int) -> None:
        self.floor = floor
        self.reach = floor
        self.top: int | None = None
        self.newest: L | None = None
        self._newest_at: int | None = None
        self._lateness = lateness
        self._seen: dict[str, int] = {}
        self._waiting: list[Placed] = []
        self._until = ALWAYS

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def waiting(self) -> int:
        """Number of logs that were read and not delivered yet."""
        return len(self._waiting)

    def begin(self, logs: Iterable[Placed], *, read_at: int, complete: bool) -> None:
        """Count what exists already as delivered, to follow only what comes from now on.

        Args:
            logs: The newest logs, with no gaps.
            read_at: When they were read.
            complete: Whether there are no others.
        """
        oldest: int | None = None
        for placed in logs:
            self._remember(placed)
            oldest = placed.at if oldest is None else min(oldest, placed.at)
        if not complete and oldest is not None:
            # Further logs of the same time as the oldest may be on the page that was not read.
            self.floor = min((at for at in self._seen.values() if at > oldest), default=oldest)
        self._raise_reach(read_at, NEVER)
        self.forget()

    def take(self, logs: Iterable[Placed], *, read_at: int, upto: int = NEVER, hold: bool = False) -> None:
        """Take what a reading brought, back to `reach` without gaps.

        Args:
            logs: The logs, those that were seen before too.
            read_at: When the reading began; never later than it was.
            upto: Up to where the reading is without gaps.
            hold: Whether logs are held back until they are as old as the lateness.
        """
        for placed in logs:
            if placed.at >= self.floor and placed.text not in self._seen:
                self._remember(placed)
                heappush(self._waiting, placed)
        self._raise_reach(read_at, upto)
        self._until = min(read_at - self._lateness, upto) if hold else NEVER

    def next(self) -> tuple[L, bool] | None:
        """Return the next log, and whether it is late: older than one delivered before. None if there is none."""
        if not self._waiting:
            return None
        at = self._waiting[0].at
        late = self.top is not None and at < self.top
        if not late:
            if at > self._until:
                return None
            self.top = at
        log: L = heappop(self._waiting).log
        return log, late

    def forget(self) -> None:
        """Forget what is no longer needed; called when everything that could be delivered was."""
        reach = min(self.reach, self._waiting[0].at) if self._waiting else self.reach
        self.floor, self._seen = self._needed(self._seen, reach)

    def cursor(self, of: str) -> str:
        """Return what `resume` continues from, as a short text: what was delivered, not what waits.

        Args:
            of: What collection it is of.
        """
        reach = min(self.reach, self._waiting[0].at) if self._waiting else self.reach
        waiting = {placed.text for placed in self._waiting}
        floor, seen = self._needed({text: at for text, at in self._seen.items() if text not in waiting}, reach)
        kept = msgspec.json.encode([of, floor, reach, self.top, "\n".join(sorted(seen))])
        return _FORMAT + base64.urlsafe_b64encode(zlib.compress(kept)).decode().rstrip("=")

    @classmethod
    def resume(cls, cursor: str, of: str, lateness: int) -> Memory[L]:
        """Return the memory that a cursor holds.

        Raises:
            InvalidArgument: It is no cursor, or one of another collection, or of a later version of this package.
        """
        kept = _read(cursor)
        if kept is None:
            raise InvalidArgument("cursor", cursor, f"a cursor of following {of}")
        made_of, floor, reach, top, seen = kept
        if made_of != of:
            raise InvalidArgument("cursor", made_of, f"a cursor of following {of}")
        memory = cls(floor, lateness)
        memory.reach = reach
        memory.top = top
        for text in seen.split("\n") if seen else ():
            memory._seen[text] = instant(text) or 0
        memory._newest_at = max(memory._seen.values(), default=top)
        return memory

    def _remember(self, placed: Placed) -> None:
        self._seen[placed.text] = placed.at
        if self._newest_at is None or placed.at > self._newest_at or self.newest is None:
            self.newest = placed.log
            self._newest_at = max(placed.at, ALWAYS if self._newest_at is None else self._newest_at)

    def _needed(self, seen: dict[str, int], reach: int) -> tuple[int, dict[str, int]]:
        """Return where memory must begin, and what it holds from there on."""
        if len(seen) <= self.kept:
            return self.floor, seen
        by_age = sorted(seen.values(), reverse=True)
        floor = max(self.floor, min(reach, by_age[self.kept - 1] if self.kept else NEVER))
        return floor, {text: at for text, at in seen.items() if at >= floor}

    def _raise_reach(self, read_at: int, upto: int) -> None:
        # The newest log counts too: a clock that is far ahead must not make the window end before it begins.
        newest = NEVER if self._newest_at is None else self._newest_at
        self.reach = max(self.floor, min(read_at, upto, newest) - self._lateness - SKEW)


def _read(cursor: object) -> tuple[str, int, int, int | None, str] | None:
    if not isinstance(cursor, str) or not cursor.startswith(_FORMAT):
        return None
    text = cursor.removeprefix(_FORMAT)
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(zlib.decompress(packed), type=tuple[str, int, int, int | None, str])
    except (ValueError, zlib.error, msgspec.MsgspecError):
        return None
