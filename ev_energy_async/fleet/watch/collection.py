"""Reads one log of one device for a watch, back to what was delivered, portion by portion.

Asks through the `Sender` it is given, counts what it asked, and says what could not be decoded. Delivers nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from ev_energy_async import api
from ev_energy_async.devices import PAGE_SIZE, Ascending, Placed, cradle_of, in_order, last_segment, place, read_back
from ev_energy_async.errors import DecodeError
from ev_energy_async.fleet.watch.raw import raw_items_of
from ev_energy_async.fleet.watch.state import seen
from ev_energy_async.ids import ResourceId
from ev_energy_async.instants import ALWAYS, NEVER, instant
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.calls import Paginator
    from ev_energy_async.devices import DeviceKind, Portion, ServerTime
    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.messages import BadItem, Pick, Request, Response, Sender

__all__ = ["BadLog", "Counted", "Reading", "identity_of"]


class Counted:
    """A sender that counts the calls that were answered.

    Args:
        sender: What to send through.
        is_raw: Whether the raw JSON of items is kept.
        pick: Chooses the items of a list that are decoded; None for all of them.

    Attributes:
        calls: How many were answered.
        bad: The places of the items of the last response that could not be decoded.
        raws: The raw JSON of items, by their identity, until it is cleared.
    """

    def __init__(self, sender: Sender, *, is_raw: bool = False, pick: Pick | None = None) -> None:
        self._sender = sender
        self._pick = pick
        self._is_raw = is_raw
        self.calls = 0
        self.bad: set[int] = set()
        self.raws: dict[int, bytes] = {}

    @property
    def link_origins(self) -> frozenset[str]:
        """See `Sender.link_origins`."""
        return self._sender.link_origins

    async def send(self, request: Request[Any]) -> Response[Any]:
        """See `Sender.send`."""
        self.bad.clear()
        response = await self._sender.send(request if self._pick is None else request.changed(pick=self._pick))
        self.calls += 1
        if self._is_raw:
            raws = raw_items_of(response.body, self.bad)
            self.raws.update((id(item), raw) for item, raw in zip(response.data, raws, strict=True))
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
    """A read of one log of one device that is under way.

    Args:
        sender: What to ask through.
        of: The kind of the device.
        device_id: Whose log.
        log: Which log.
        time: The API's time.
        down_to: How far back at the least; ALWAYS for all there is.
        since: Not to ask for what is older; None to take whole pages.
        until: Not to ask for what is newer.
        is_kept: Whether `logs` keeps all portions, not the last one alone.
        is_one_page: Whether to read no more than a page, however far back that goes.
        is_raw: Whether the raw JSON of each log is kept until it is taken.

    Attributes:
        of: The kind of the device.
        row: Which log.
        logs: The entries that were read, as a ledger knows them.
        upto: Up to which instant the portions so far are without gaps.
        newest: The newest entry that was read.
        bad: The entries that could not be decoded, since this was last taken.
    """

    def __init__(
        self,
        sender: Sender,
        of: DeviceKind,
        device_id: str,
        log: str,
        time: ServerTime,
        *,
        down_to: int,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        is_kept: bool = True,
        is_one_page: bool = False,
        is_raw: bool = False,
    ) -> None:
        self.of = of
        self.device_id = device_id
        self.row = row = of.logs[log]
        self.log = log
        self.logs: list[Seen] = []
        self.newest: Placed | None = None
        self.bad: list[BadLog] = []
        self.upto = ALWAYS
        self._is_kept = is_kept
        self._is_one_page = is_one_page
        self._edge = NEVER
        self._sender = Counted(sender, is_raw=is_raw)
        self._time = time
        self._read_at = ALWAYS
        self._has_begun = False
        self._counted = 0
        self._portions = 0
        self._ready: tuple[list[Placed], bool] | None = None
        self._begin = None if down_to <= ALWAYS else down_to + 1
        self._page: Portion | None = None
        self._ascending: Ascending[Any] = Ascending(
            self._paginator,
            row.time,
            begin=self._begin,
            since=since,
            until=until,
            cradle=cradle_of(_created_at(device_id)),
        )

    def __repr__(self) -> str:
        return f"<Reading {self.device_id}/{self.log}>"

    @property
    def is_long(self) -> bool:
        """Whether there is more to read than at once."""
        return self._portions > 1

    @property
    def is_cut(self) -> bool:
        """Whether it ended before it got down to where it should."""
        return self._page is not None and self._page.cut

    @property
    def reach(self) -> int:
        """Down to where it is without gaps, once it is through."""
        if self._page is None:
            return self._ascending.reach
        return ALWAYS if self._page.complete else self._page.logs[0].at

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
            DecodeError: A response cannot be understood.
        """
        if self._ready is not None:
            return
        self.bad = []
        began = self._time.now()
        self._sender.raws.clear()
        portion = await (self._one_page() if self._is_one_page else self._ascending.next())
        if not self._has_begun:
            response = None if portion is None else portion.response
            self._read_at = self._time.read_at(response or self._ascending.response, began)
            self._has_begun = True
        self.upto = NEVER if portion is None else portion.upto
        self._ready = ([], False) if portion is None else (portion.logs, portion.upto != NEVER)

    async def _one_page(self) -> Portion:
        found = await read_back(self._paginator(None, None), self.row.time, down_to=self._begin, most_pages=1)
        self._page = attrs.evolve(found, logs=in_order(found.logs))
        return self._page

    def take(self) -> tuple[list[Placed], bool]:
        """Return the entries of the portion that was read, oldest first, and whether there are more."""
        assert self._ready is not None, "taken before it was fetched"  # noqa: S101  # tells type checkers
        (logs, has_more), self._ready = self._ready, None
        self._portions += 1
        portion = seen(logs, self.row)
        if self._is_kept:
            self.logs += portion
        else:
            # What stands on the edge of two portions is in the first one alone, and in the time of the second.
            self.logs = [*(each for each in self.logs if each.at >= self._edge), *portion]
            self._edge = self.upto
        if logs:
            self.newest = logs[-1]
        return logs, has_more

    def raw_of(self, placed: Placed) -> bytes | None:
        """Return the raw JSON of a log of the portion that was taken; None if it is not kept."""
        return self._sender.raws.get(id(placed.log))

    def _paginator(self, since: dt.datetime | None, until: dt.datetime | None) -> Paginator[Any]:
        time = self.row.time
        bounds = {f"{time}_gte": since, f"{time}_lte": until}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        lister = getattr(api, self.row.function)
        found: Paginator[Any] = lister(
            self._sender, self.device_id, page_size=PAGE_SIZE, on_bad_item=self._put_aside, **given
        )
        return found

    def _put_aside(self, item: BadItem) -> object:
        self._sender.bad.add(item.index)
        self.bad.append(BadLog(_place_of(item.raw, self.row.time), DecodeError(item.reason, item.path)))
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


def _created_at(device_id: str) -> dt.datetime | None:
    try:
        return ResourceId.parse(device_id).created_at
    except ValueError:
        return None
