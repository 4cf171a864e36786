"""A model of the API's list of vehicles and of their logs, without a network."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs

from ev_energy_async.client import BASE_URL
from ev_energy_async.errors import error_for
from ev_energy_async.fleet.backfill import LogRead
from ev_energy_async.instants import instant, instant_of
from ev_energy_async.messages import BadItem
from ev_energy_async.messages.request import Request, Response
from ev_energy_async.values import UNSET
from tests.devices.follow_kit import MINUTE, QuickClock, Stored, text_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.fleet.backfill.backfill import Read

T = TypeVar("T")

TIMES: Final = {"status": "sampled_at", "error": "logged_at", "command": "logged_at", "location": "sampled_at"}


def vehicle_id(number: int) -> str:
    return f"vhcl{number:026}"


def logs(*minutes: float) -> list[Stored]:
    return [Stored(text_at(minute * MINUTE)) for minute in minutes]


def refusal(status: int, request: Request[Any]) -> Exception:
    return error_for(Response(request, "", status, {}, b"", b""))


def key(item: Read) -> str:
    """Return an item as tests write it: the number of its vehicle, and the log or the failure."""
    number = item.vehicle_id.removeprefix("vhcl").lstrip("0") or "0"
    return f"{number}/{item.key.rpartition('/')[2]}" if isinstance(item, LogRead) else f"{number} failed"


@attrs.define
class Limit:
    """The limits of a budget."""

    limit: int


class Fleet:
    """Vehicles with logs of one kind; takes the place of a client.

    Attributes:
        logs: The logs of each vehicle, by its ID, in the order of the list of vehicles.
        newest: What the list says of a vehicle's newest status log, where that is not so.
        undecodable: Texts of logs, and IDs of vehicles, that cannot be decoded.
        asked: What was asked: the vehicle, or `vehicles`, and the parameters.
        priorities: With what priority.
        fail: Called with the number of a request; what it returns is raised.
        pause: Seconds that pass with each request.
        most_under_way: How many requests there were at the same time at the most.
    """

    link_origins: frozenset[str] = frozenset()

    def __init__(self, vehicles: dict[str, list[Stored]], *, page_size: int = 100, list_size: int = 100) -> None:
        self.clock = QuickClock()
        self.budget = Limit(1_000_000)
        self.logs = vehicles
        self.newest: dict[str, Any] = {}
        self.undecodable: set[str] = set()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.priorities: list[int | None] = []
        self.fail: Callable[[int, Request[Any]], Exception | None] = lambda _number, _request: None
        self.pause = 0.0
        self.most_under_way = self.under_way = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._priority: int | None = None
        self._page_size = page_size
        self._list_size = list_size

    def with_options(self, *, priority: int | None = None, keep_body: bool | None = None) -> Self:  # noqa: ARG002  # it takes no notice of bodies
        self._priority = priority
        return self

    @property
    def lists(self) -> int:
        """The number of requested pages of the list of vehicles."""
        return sum(whose == "vehicles" for whose, _ in self.asked)

    async def send(self, request: Request[T]) -> Response[T]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
            return self._answer(request)
        finally:
            self.under_way -= 1

    def _answer(self, request: Request[Any]) -> Response[Any]:
        query = dict(parse_qsl(request.query))
        parts = request.path.strip("/").split("/")
        self.asked.append((parts[1] if len(parts) > 1 else "vehicles", query))
        self.priorities.append(self._priority)
        error = self.fail(len(self.asked), request)
        self.clock.elapsed += self.pause
        if error is not None:
            raise error
        if len(parts) == 1:
            return self._listed(request, query)
        return self._logs(request, query, parts[1], TIMES[parts[2].removesuffix("_logs")])

    def _listed(self, request: Request[Any], query: dict[str, str]) -> Response[Any]:
        ids = list(self.logs)
        after = query.get("page_after")
        ids = ids[ids.index(after) + 1 :] if after else ids
        page = ids[: self._list_size]
        is_expanded = ("expand", "latest_status_log") in parse_qsl(request.query)
        items = [
            (
                SimpleNamespace(id=each, latest_status_log=self._shown(each, is_expanded=is_expanded)),
                each,
                f'{{"id": "{each}"}}',
            )
            for each in page
        ]
        return self._page(request, query, items, page[-1] if len(ids) > len(page) else None)

    def _shown(self, vehicle: str, *, is_expanded: bool) -> object:
        newest = self.newest.get(vehicle, self._newest(vehicle))
        return newest if is_expanded or newest is None else getattr(newest, "url", newest)

    def _newest(self, vehicle: str) -> object:
        there = sorted(log.at for log in self._visible(vehicle))
        newest = [log for log in self._visible(vehicle) if log.at == there[-1]] if there else []
        return newest[0].model() if newest else None

    def _visible(self, vehicle: str) -> list[Stored]:
        return [log for log in self.logs[vehicle] if log.visible <= self.clock.true < log.gone]

    def _logs(self, request: Request[Any], query: dict[str, str], vehicle: str, time: str) -> Response[Any]:
        since, until = (
            instant_of(dt.datetime.fromisoformat(query[f"{time}__{way}"])) if f"{time}__{way}" in query else None
            for way in ("gte", "lte")
        )
        found = [
            log
            for log in self._visible(vehicle)
            if (since is None or log.at >= since) and (until is None or log.at <= until)
        ]
        found.sort(key=_place, reverse=True)
        after = query.get("page_after")
        if after is not None:
            found = [log for log in found if _place(log) < (instant(after) or 0, after)]
        page = found[: self._page_size]
        items = [(log.model(), log.text, f'"{log.text}"') for log in page]
        return self._page(request, query, items, page[-1].text if len(found) > len(page) else None)

    def _page(
        self, request: Request[Any], query: dict[str, str], items: list[tuple[Any, str, str]], after: str | None
    ) -> Response[Any]:
        data: list[Any] = []
        for index, (item, text, raw) in enumerate(items):
            if text not in self.undecodable:
                data.append(item)
                continue
            assert callable(request.on_bad_item)
            put = request.on_bad_item(BadItem(index, raw.encode(), "expected a string, got a number", "$.name"))
            data += [] if put is UNSET else [put]
        url = BASE_URL + request.path
        headers = {"Link": "<about:blank>; rel=next"}
        if after is not None:
            headers["Link"] = f'<{url}?{urlencode({**query, "page_after": after})}>; rel="next"'
        return Response(request, f"{url}?{request.query}", 200, headers, b"", data)


def _place(log: Stored) -> tuple[int, str]:
    return log.at, log.text
