"""The position of a backfill: for each vehicle the page and what was delivered of it, and all of that as a cursor.

Pure: no I/O, no clock. `backfill` reads the pages and asks here which of their logs are still to be delivered.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ev_energy_async.devices import place, texts_of
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.instants import descend, instant, instants
from ev_energy_async.messages import BadItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ev_energy_async.calls import Page
    from ev_energy_async.devices import Placed

__all__ = ["Position", "SavedPosition", "Saved", "digest", "read_cursor", "undecodable", "write_cursor"]

_FORMAT: Final = "1."


class SavedPosition(NamedTuple):
    """The position in the logs of one vehicle.

    Attributes:
        vehicle_id: Which.
        page: The cursor of the page to be read or delivered; None for the first.
        below: The identity of the last log that was delivered; empty if none was.
        bad: The number of delivered items of the page that cannot be decoded; they come before its logs.
    """

    vehicle_id: str
    page: str | None = None
    below: str = ""
    bad: int = 0


class Position:
    """One vehicle on its way through its pages.

    Args:
        saved: Where it continues.

    Attributes:
        vehicle_id: Which.
        page: The cursor of its page; None for the first.
        is_over: Whether everything was delivered.
    """

    __slots__ = ("_bad", "_below", "_found", "_next", "_skips", "_texts", "is_over", "page", "vehicle_id")

    def __init__(self, saved: SavedPosition) -> None:
        self.vehicle_id, self.page, self._below, self._bad = saved
        self.is_over = False
        # What is still to be delivered, and what tells each from the others of its collection.
        self._texts: deque[str] = deque()
        self._found: deque[Any] = deque()
        self._next: str | None = None
        self._skips = bool(saved.below or saved.bad)

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def saved(self) -> SavedPosition:
        """Where a cursor has to continue, to deliver nothing twice and leave nothing out."""
        return SavedPosition(self.vehicle_id, self.page, self._below, self._bad)

    def take(self, page: Page[Any], time: str) -> None:
        """Take the page that `saved` names.

        Args:
            page: What was read; what could not be decoded is in it as `BadItem`.
            time: The field with the time that orders the collection.
        """
        bad, texts, logs = _newest_first(page, time)
        if self._skips:
            # Logs that have come since shift the first page: what was delivered may be further down, on the next one.
            bad = bad[self._bad :]
            if self._below:
                last = (instant(self._below) or 0, self._below)
                places = zip(instants(texts), texts, strict=True)
                first = next((index for index, (at, text) in enumerate(places) if (at or 0, text) < last), len(texts))
                texts, logs = texts[first:], logs[first:]
            self._skips = not texts
        for text, error in bad:
            self._texts.append(text)
            self._found.append(error)
        self._texts.extend(texts)
        self._found.extend(logs)
        self._next = page.next_cursor
        if not self._texts:
            self._turn()

    def give(self) -> tuple[str, Any]:
        """Give out the next item: a log, or the `DecodeError` of one; and what tells it from the others."""
        text, found = self._texts.popleft(), self._found.popleft()
        if isinstance(found, DecodeError):
            self._bad += 1
        else:
            self._below = text
        if not self._texts:
            self._turn()
        return text, found

    def give_all(self) -> list[tuple[str, Any]]:
        """Give out all items of the page that are left: those that cannot be decoded stand before the logs."""
        given = [*zip(self._texts, self._found, strict=True)]
        if given and not isinstance(self._found[-1], DecodeError):
            self._below = self._texts[-1]
        self._texts.clear()
        self._found.clear()
        self._turn()
        return given

    def _turn(self) -> None:
        """Turn to the next page, since this one is delivered."""
        self.page, self._bad = self._next, 0
        self.is_over = self._next is None


def _newest_first(page: Page[Any], time: str) -> tuple[list[tuple[str, DecodeError]], list[str], list[Any]]:
    """Return what cannot be decoded, and the texts and logs of the others, the newest first and each once."""
    texts = texts_of(page)
    if descend(texts):  # as the API lists them
        return [], texts, [*page]
    bad: list[tuple[str, DecodeError]] = []
    logs: dict[str, Placed] = {}
    for index, item in enumerate(page):
        if isinstance(item, BadItem):
            path = f"$[{item.index}]{item.path.removeprefix('$')}"
            bad.append((undecodable(item.raw), DecodeError(item.reason, path, page.response.as_received())))
            continue
        try:
            placed = place(item, time, page.response)
        except DecodeError as error:
            error.path = f"$[{index}].{time}"
            bad.append((undecodable(repr(item).encode()), error))
        else:
            logs[placed.text] = placed
    newest_first = sorted(logs.values(), key=_by_time, reverse=True)
    return bad, [placed.text for placed in newest_first], [placed.log for placed in newest_first]


def _by_time(placed: Placed) -> tuple[int, str]:
    return placed.at, placed.text


def undecodable(raw: bytes) -> str:
    """Return what tells an item that cannot be decoded from others."""
    return f"undecodable/{hashlib.blake2b(raw, digest_size=8).hexdigest()}"


def digest(vehicle_ids: Sequence[str]) -> str:
    """Return what tells a list of vehicles from others, in 16 characters."""
    return hashlib.blake2b("\n".join(vehicle_ids).encode(), digest_size=8).hexdigest()


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """The content of a cursor.

    Attributes:
        of: What is read: the kind of logs and the bounds in time.
        vehicles: The digest of the vehicles that were named; empty if all are read.
        begun: How many of those that were named were begun.
        page: The cursor of the page of the snapshot that is to be read next; None for the first, and after the last.
        has_all: Whether there are no more vehicles to begin than those in `positions`.
        positions: The vehicles under way, and those that a snapshot named and that are still to be begun.
        failed: The vehicles that could not be read.
    """

    of: str
    vehicles: str
    begun: int
    page: str | None
    has_all: bool
    positions: tuple[SavedPosition, ...]
    failed: tuple[SavedPosition, ...]


def write_cursor(saved: Saved) -> str:
    """Return it as text."""
    return _FORMAT + base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(saved))).decode().rstrip("=")


def read_cursor(cursor: object, of: str, vehicles: str, prefix: str = "vhcl") -> Saved:
    """Return what a cursor holds.

    Args:
        cursor: The text.
        of: What it must be of.
        vehicles: The digest of the devices that it must be of; empty for all.
        prefix: What the IDs of these devices begin with.

    Raises:
        InvalidArgument: It is no cursor, or one of other logs or vehicles, or of a later version of this package.
    """
    saved = _saved(cursor, prefix)
    if saved is None:
        raise InvalidArgument("cursor", cursor, f"a cursor of a backfill of {of}")
    if saved.of != of:
        raise InvalidArgument("cursor", saved.of, f"a cursor of a backfill of {of}")
    if saved.vehicles != vehicles:
        named = "all vehicles" if not saved.vehicles else "vehicles that were named"
        raise InvalidArgument("cursor", f"one of {named}", "a cursor of a backfill of the same vehicles")
    return saved


def _saved(cursor: object, prefix: str) -> Saved | None:
    if not isinstance(cursor, str) or not cursor.startswith(_FORMAT):
        return None
    text = cursor.removeprefix(_FORMAT)
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        saved = msgspec.json.decode(zlib.decompress(packed), type=Saved)
        _check(saved.positions, prefix)
        _check(saved.failed, prefix)
    except (ValueError, zlib.error, msgspec.MsgspecError):  # an InvalidArgument is a ValueError
        return None
    return saved


def _check(positions: Iterable[SavedPosition], prefix: str) -> None:
    for position in positions:
        id_text("cursor", position.vehicle_id, prefix)
