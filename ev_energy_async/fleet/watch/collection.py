"""Reading one log collection of one vehicle for a watch, back to what was delivered, portion by portion.

Asks through the `Sender` it is given, counts what it asked, and says what could not be decoded. Delivers nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from ev_energy_async import api
from ev_energy_async.devices import PAGE_SIZE, Ascending, Placed, cradle_of, last_segment, place
from ev_energy_async.errors import DecodeError
from ev_energy_async.fleet.watch.state import TIMES, seen
from ev_energy_async.ids import ResourceId
from ev_energy_async.instants import ALWAYS, NEVER, instant
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from ev_energy_async.calls import Paginator
    from ev_energy_async.devices import ServerTime
    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.messages import BadItem, Request, Response, Sender

__all__ = ["BadLog", "Counted", "Reading", "identity_of"]

_LISTS: Final[dict[str, Callable[..., Paginator[Any]]]] = {
    "status": api.list_vehicle_status_logs,
    "error": api.list_vehicle_error_logs,
}


class Counted:
    """A sender that counts the calls that were answered."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.calls = 0

    @property
    def link_origins(self) -> frozenset[str]:
        """See `Sender.link_origins`."""
        return self._sender.link_origins

    async def send(self, request: Request[Any]) -> Response[Any]:
        """See `Sender.send`."""
        response = await self._sender.send(request)
        self.calls += 1
        return response


@attrs.frozen
class BadLog:
    """A log that cannot be decoded.

    Attributes:
        at: Where it stands; None if not even that can be read.
        error: What is wrong with it.
    """

    at: int | None
    error: DecodeError


class Reading:
    """A reading that is under way.

    Args:
        sender: What to ask through.
        vehicle_id: Whose logs.
        kind: `status` or `error`.
        time: The API's time.
        down_to: How far back at the least; ALWAYS for all there is.
        since: Not to ask for what is older; None to take whole pages.
        until: Not to ask for what is newer.
        is_kept: Whether `logs` keeps all portions, not the last one alone.

    Attributes:
        logs: The logs that were read, as a ledger knows them.
        upto: Up to which instant the portions so far are without gaps.
        bad: What could not be decoded, since it was last taken.
    """

    def __init__(
        self,
        sender: Sender,
        vehicle_id: str,
        kind: str,
        time: ServerTime,
        *,
        down_to: int,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        is_kept: bool = True,
    ) -> None:
        self.vehicle_id = vehicle_id
        self.kind = kind
        self.logs: list[Seen] = []
        self.newest: Placed | None = None
        self.bad: list[BadLog] = []
        self.upto = ALWAYS
        self._is_kept = is_kept
        self._edge = NEVER
        self._sender = Counted(sender)
        self._time = time
        self._read_at = ALWAYS
        self._counted = 0
        self._portions = 0
        self._ready: tuple[list[Placed], bool] | None = None
        self._ascending: Ascending[Any] = Ascending(
            self._paginator,
            TIMES[kind],
            begin=None if down_to <= ALWAYS else down_to + 1,
            since=since,
            until=until,
            cradle=cradle_of(_created_at(vehicle_id)),
        )

    def __repr__(self) -> str:
        return f"<Reading {self.vehicle_id}/{self.kind}>"

    @property
    def is_long(self) -> bool:
        """Whether there is more to read than at once."""
        return self._portions > 1

    @property
    def reach(self) -> int:
        """Down to where it is without gaps, once it is through."""
        return self._ascending.reach

    @property
    def read_at(self) -> int:
        """When it was made, by the API's clock; ALWAYS before it was."""
        return self._read_at

    def calls(self) -> int:
        """Return how many calls were answered since this was last asked."""
        calls, self._counted = self._sender.calls - self._counted, self._sender.calls
        return calls

    async def fetch(self) -> None:
        """Read the next portion, unless there is one that was not taken. Can be repeated if it fails or is cancelled.

        Raises:
            ApiError: The API refused.
            TransportError: There was no complete response.
            DecodeError: An answer cannot be understood.
        """
        if self._ready is not None:
            return
        self.bad = []
        began = self._time.now()
        is_first = self._ascending.answer is None
        portion = await self._ascending.next()
        if is_first:
            self._read_at = self._time.read_at(self._ascending.answer, began)
        self.upto = NEVER if portion is None else portion.upto
        self._ready = ([], False) if portion is None else (portion.logs, portion.upto != NEVER)

    def take(self) -> tuple[list[Placed], bool]:
        """Return the logs of the portion that was read, oldest first, and whether there are more."""
        assert self._ready is not None, "taken before it was fetched"  # noqa: S101
        (logs, has_more), self._ready = self._ready, None
        self._portions += 1
        portion = [seen(placed, self.kind) for placed in logs]
        if self._is_kept:
            self.logs += portion
        else:
            # What stands on the edge of two portions is in the first one alone, and in the time of the second.
            self.logs = [*(each for each in self.logs if each.at >= self._edge), *portion]
            self._edge = self.upto
        if logs:
            self.newest = logs[-1]
        return logs, has_more

    def _paginator(self, since: dt.datetime | None, until: dt.datetime | None) -> Paginator[Any]:
        time = TIMES[self.kind]
        bounds = {f"{time}_gte": since, f"{time}_lte": until}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        lister = _LISTS[self.kind]
        return lister(self._sender, self.vehicle_id, page_size=PAGE_SIZE, on_bad_item=self._put_aside, **given)

    def _put_aside(self, item: BadItem) -> object:
        self.bad.append(BadLog(_place_of(item.raw, TIMES[self.kind]), DecodeError(item.reason, item.path)))
        return UNSET


class _Raw(msgspec.Struct):
    url: Any = None
    sampled_at: Any = None
    logged_at: Any = None


def _place_of(raw: bytes, time: str) -> int | None:
    try:
        log = msgspec.json.decode(raw, type=_Raw)
    except msgspec.MsgspecError:
        return None
    for text in (identity_of(log.url), getattr(log, time)):
        at = instant(text) if isinstance(text, str) else None
        if at is not None:
            return at
    return None


def identity_of(reference: Any) -> str | None:
    """Return what tells a log from the others of its collection, given its URL or the log; None if there is none."""
    if isinstance(reference, str):
        return last_segment(reference)
    if not reference:
        return None
    url = reference.url
    return last_segment(url) if isinstance(url, str) else place(reference, "sampled_at").text


def _created_at(vehicle_id: str) -> dt.datetime | None:
    try:
        return ResourceId.parse(vehicle_id).created_at
    except ValueError:
        return None
