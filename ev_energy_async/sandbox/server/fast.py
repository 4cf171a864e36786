"""The fast mode: what fleets are polled with, `GET /vehicles`, from items that were encoded before.

An item is encoded anew when another log is its vehicle's newest one; all are when anything was written to the world
over HTTP. So the responses are the same as without it, at a lower cost. What a test changes in `Sandbox.world` by
hand is not noticed here. No I/O.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import attrs
import msgspec

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.protocol import (
    PAGE_SIZE,
    Document,
    Operation,
    Page,
    Problem,
    Reply,
    Request,
    link_header,
    read_query,
    tree,
)
from ev_energy_async.sandbox.resources import View
from ev_energy_async.sandbox.server.callers import Caller
from ev_energy_async.sandbox.simulation import Log, Timeline
from ev_energy_async.sandbox.world import Vehicle, World

_OPERATION: Final = "vehicles.list"
_AHEAD: Final = ("latest_status_log",)  # the way in which a fleet's newest logs are read
_KEPT_PAGES: Final = 4_000
# These change only by a write. A user depends on the time, so requests that expand it are not served from here.
_LASTING: Final = frozenset({"latest_status_log", "trim", "trim.model", "trim.model.make"})


@attrs.define(eq=False)
class _Item:
    """A vehicle as it was encoded last."""

    vehicle: Vehicle
    timeline: Timeline
    log: Log | None
    encoded: bytes


@attrs.frozen(eq=False)
class _Page:
    """One page of the list: its items and the cursors of its neighbours."""

    items: list[_Item]
    expand: tuple[str, ...]
    link: str


class FastPages:
    """Serves the application's own `GET /vehicles`."""

    def __init__(self, document: Document, world: World) -> None:
        self._document = document
        self._world = world
        self._items: dict[tuple[str, tuple[str, ...]], dict[str, _Item]] = {}
        self._pages: dict[tuple[str, str], _Page | None] = {}

    def forget(self, vehicle: str | None = None) -> None:
        """Drop the encoded items of one vehicle or of all, after a write."""
        if vehicle is None:
            self._items.clear()
        for items in self._items.values():
            items.pop(vehicle or "", None)
        self._pages.clear()

    def answer(
        self, operation: Operation, request: Request, caller: Caller, origin: str, base_url: str, now: Instant
    ) -> Reply | None:
        """Return the reply to a call that was let in; None where it is none of those that are answered here."""
        if operation.name != _OPERATION or caller.token is None or caller.token.user_id is not None:
            return None
        if "EvEnergy-User" in request.headers:
            return None
        view = View(base_url, now, caller.token.client_id, None)
        key = (request.query, base_url)
        if key in self._pages:
            page = self._pages[key]
        else:
            if len(self._pages) >= _KEPT_PAGES:
                self._pages.clear()
            page = self._pages[key] = self._cut(operation, request.query, origin + request.path, view)
        if page is None:
            return None
        for item in page.items:
            if item.timeline.latest(now) is not item.log:
                self._encode(item, page.expand, view)
        body = b"[" + b",".join([item.encoded for item in page.items]) + b"]"
        return Reply(200, body, {"Link": page.link})

    def ahead(self, client_id: str, base_url: str, present: Callable[[], Instant]) -> Iterator[None]:
        """Encode every vehicle ahead of requests with `expand=latest_status_log`, one a step."""
        for vehicle in list(self._world.vehicles):
            self._item(vehicle, _AHEAD, View(base_url, present(), client_id, None))
            yield

    def _cut(self, operation: Operation, written: str, url: str, view: View) -> _Page | None:
        """Return the page that a query asks for; None where the ordinary way knows better what to say."""
        try:
            query = read_query(self._document, operation, written)
        except Problem:
            return None
        vehicles, after = self._world.vehicles, query.text("page_after")
        expand = tuple(sorted(set(query.words("expand"))))
        known = after is None or after in vehicles
        if not known or query.text("page_before") is not None or not _LASTING.issuperset(expand):
            return None
        size = query.number("page_size", PAGE_SIZE)
        wanted = list(islice(vehicles.following(after), size + 1))
        more = len(wanted) > size
        items = [self._item(vehicle, expand, view) for vehicle in wanted[:size]]
        following = previous = None
        if items:
            first, last = items[0].vehicle.id, items[-1].vehicle.id
            following = ("page_after", last) if more else None
            earlier = next(vehicles.preceding(first), None) is not None
            previous = ("page_before", first) if earlier else None
        return _Page(items, expand, link_header(Page(items, following, previous), url, query.raw))

    def _item(self, vehicle: Vehicle, expand: tuple[str, ...], view: View) -> _Item:
        items = self._items.setdefault((view.base_url, expand), {})
        item = items.get(vehicle.id)
        if item is None:
            item = items[vehicle.id] = _Item(vehicle, vehicle.logs["status_logs"], None, b"")
            self._encode(item, expand, view)
        return item

    def _encode(self, item: _Item, expand: tuple[str, ...], view: View) -> None:
        item.log = item.timeline.latest(view.now)
        item.encoded = msgspec.json.encode(view.vehicle(item.vehicle, tree(expand)))
        item.timeline.latest_json = None  # which is in it, and would be there twice
