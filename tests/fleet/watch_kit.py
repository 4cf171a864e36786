"""A model of the API as a watch sees it: vehicles that come and go, and their logs, without a network."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast
from urllib.parse import parse_qsl, urlencode

import attrs
import msgspec

from ev_energy_async import models
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import MemoryCheckpoint, Owner
from ev_energy_async.client import BASE_URL
from ev_energy_async.codec import encode
from ev_energy_async.errors import NotFound
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.events import CycleFinished, ErrorLogged, StatusLogged
from ev_energy_async.fleet.watch.look import Rules
from ev_energy_async.fleet.watch.settings import Settings
from ev_energy_async.instants import instant, instant_of
from ev_energy_async.messages import BadItem
from ev_energy_async.messages.request import Request, Response
from tests.conftest import START
from tests.devices.follow_kit import FOREVER, QuickClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from ev_energy_async.fleet import Watch
    from ev_energy_async.fleet.events import WatchEvent

T = TypeVar("T")

OWNER: Final = Owner(BASE_URL, "app")
TIMES: Final = {"status_logs": "sampled_at", "error_logs": "logged_at"}


def vehicle_id(number: int) -> str:
    return f"vhcl01HRFF3SEVSCRAV9B3CH{number:06d}"


def at(minutes: float) -> dt.datetime:
    """So many minutes after the start."""
    return START + dt.timedelta(minutes=minutes)


def text(minutes: float, digits: str = "") -> str:
    """The timestamp of a log so many minutes after the start."""
    return f"{at(minutes):%Y-%m-%dT%H:%M:%S}{f'.{digits}' if digits else ''}Z"


@attrs.frozen
class Log:
    """A log at the server.

    Attributes:
        text: Its timestamp as it stands in its URL.
        visible: From when on it is listed.
        stored: Its `logged_at`; that of its visibility by default.
        gone: From when on it is not listed any more.
        bad: Whether it cannot be decoded.
    """

    text: str
    visible: dt.datetime = START
    stored: dt.datetime = attrs.Factory(lambda log: log.visible, takes_self=True)
    gone: dt.datetime = FOREVER
    bad: bool = False
    at: int = attrs.field(init=False, default=attrs.Factory(lambda log: instant(log.text) or 0, takes_self=True))


@attrs.define
class Car:
    """A vehicle at the server."""

    id: str
    status: list[Log] = attrs.field(factory=list[Log])
    errors: list[Log] = attrs.field(factory=list[Log])
    since: dt.datetime = attrs.field(default=START - dt.timedelta(days=30))
    until: dt.datetime = FOREVER
    inactive_from: dt.datetime = FOREVER

    def log(self, minutes: float, *, late: float = 0.0, digits: str = "") -> Log:
        """A status log sampled so many minutes after the start, and stored so many minutes later."""
        made = Log(text(minutes, digits), at(minutes + late))
        self.status.append(made)
        return made

    def error(self, minutes: float) -> Log:
        """An error log of so many minutes after the start."""
        made = Log(text(minutes), at(minutes))
        self.errors.append(made)
        return made


class ModelFleet:
    """Takes the place of a client.

    Attributes:
        cars: The vehicles there are, were or will be.
        hidden: Vehicles that lists leave out although they are there.
        asked: What was asked and answered, by path.
        fail: Called with the number of a request; what it returns is raised.
        pause: Seconds that pass with each request.
        states_date: Whether answers have a `Date`.
        shows_urls: Whether vehicles show their newest log as a URL although it was to be expanded.
    """

    link_origins: frozenset[str] = frozenset()

    def __init__(self, clock: QuickClock, cars: Iterable[Car], *, page_size: int = 100, limit: int = 10**9) -> None:
        self.clock = clock
        self.cars = {car.id: car for car in cars}
        self.hidden: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.count = 0
        self.fail: Callable[[int, Request[Any]], Exception | None] = lambda _number, _request: None
        self.pause = 0.0
        self.states_date = True
        self.shows_urls = False
        self.budget = Budget(limit, reserve=0, clock=clock)
        self.checkpoint = MemoryCheckpoint()
        self._page_size = page_size

    def watch(self, **options: Any) -> Watch:
        """Watch the fleet, from its checkpoint on."""
        given: dict[str, Any] = {"checkpoint": self.checkpoint, **options}
        begin = cast("Callable[..., Watch]", Fleet(self, OWNER).watch)
        return begin(**given)

    def reads(self, car: Car, kind: str = "status_logs") -> int:
        """Return how often a collection was read."""
        return self.asked[f"/vehicles/{car.id}/{kind}"]

    def with_options(self, *, priority: int | None = None, keep_body: bool | None = None) -> Self:  # noqa: ARG002  # its calls are all alike
        """Return it, as a client returns a view."""
        return self

    async def send(self, request: Request[T]) -> Response[T]:
        self.count += 1
        error = self.fail(self.count, request)
        self.clock.elapsed += self.pause
        if error is not None:
            raise error
        data, headers = self._answer(request)
        if self.states_date:
            headers["Date"] = format_datetime(self.clock.true, usegmt=True)
        self.asked[request.path] += 1
        return Response(request, BASE_URL + request.path, 200, headers, b"", data)

    def _answer(self, request: Request[Any]) -> tuple[Any, dict[str, str]]:
        now = self.clock.true
        asked = dict(parse_qsl(request.query))
        parts = request.path.strip("/").split("/")
        if len(parts) == 1:
            here = [car for car in self.cars.values() if car.since <= now < car.until and car.id not in self.hidden]
            found = sorted((car.id for car in here if car.id > asked.get("page_after", "")), key=str)
            page = found[: self._size(asked)]
            link = self._link(request, asked, page[-1] if len(found) > len(page) else None)
            expands = [value for name, value in parse_qsl(request.query) if name == "expand"]
            return self._picked(request, [self.vehicle(self.cars[each], expands) for each in page]), link
        car = self.cars[parts[1]]
        if not car.since <= now < car.until:
            raise NotFound(Response(request, BASE_URL + request.path, 404, {}, b"", b""))
        if len(parts) == 2:
            return self.vehicle(car, []), {}
        return self._logs(request, car, parts[2], asked)

    def _picked(self, request: Request[Any], items: list[Any]) -> list[Any]:
        if request.pick is None:
            return items
        raws = [msgspec.Raw(encode(item)) for item in items]
        kept = {id(raw) for raw in request.pick(raws)}
        return [item for item, raw in zip(items, raws, strict=True) if id(raw) in kept]

    def _logs(self, request: Request[Any], car: Car, kind: str, asked: dict[str, str]) -> tuple[Any, dict[str, str]]:
        found = self.listed(car.status if kind == "status_logs" else car.errors)
        time = TIMES[kind]
        for name in (f"{time}__gte", f"{time}__lte"):
            if name in asked:
                bound = instant_of(dt.datetime.fromisoformat(asked[name]))
                found = [log for log in found if (log.at >= bound if name.endswith("gte") else log.at <= bound)]
        if "page_after" in asked:
            after = (instant(asked["page_after"]) or 0, asked["page_after"])
            found = [log for log in found if (log.at, log.text) < after]
        page = found[: self._size(asked)]
        link = self._link(request, asked, page[-1].text if len(found) > len(page) else None)
        items: list[Any] = []
        for index, log in enumerate(page):
            if not log.bad:
                items.append(self._model(car, kind, log))
            elif callable(request.on_bad_item):
                url = f"{BASE_URL}/vehicles/{car.id}/{kind}/{log.text}".encode()
                request.on_bad_item(BadItem(index, b'{"url": "%s"}' % url, "no number", "$.odometer_meters"))
        return items, link

    def listed(self, logs: list[Log]) -> list[Log]:
        """The logs that are there now, the newest first."""
        now = self.clock.true
        return sorted((log for log in logs if log.visible <= now < log.gone), key=lambda log: (log.at, log.text))[::-1]

    def _size(self, asked: dict[str, str]) -> int:
        return min(self._page_size, int(asked["page_size"]))

    def _link(self, request: Request[Any], asked: dict[str, str], after: str | None) -> dict[str, str]:
        if after is None:
            return {"Link": "<about:blank>; rel=next"}
        return {"Link": f'<{BASE_URL}{request.path}?{urlencode({**asked, "page_after": after})}>; rel="next"'}

    def _model(self, car: Car, kind: str, log: Log) -> Any:
        url = f"{BASE_URL}/vehicles/{car.id}/{kind}/{log.text}"
        time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=round(log.at / 1_000))
        if kind == "status_logs":
            return models.VehicleStatusLog(url=url, sampled_at=time, logged_at=log.stored)
        return models.VehicleAPIErrorLog(url=url, logged_at=time)

    def vehicle(self, car: Car, expands: list[str]) -> models.Vehicle:
        """A vehicle as the API shows it now."""
        listed = self.listed(car.status)
        newest: models.VehicleStatusLog | str | None = None
        if listed:
            log: models.VehicleStatusLog = self._model(car, "status_logs", listed[0])
            newest = log if "latest_status_log" in expands and not self.shows_urls else f"{log.url}"
        is_inactive = self.clock.true >= car.inactive_from
        integrated = models.VehicleIntegrated.INACTIVE if is_inactive else models.VehicleIntegrated.ACTIVE
        return models.Vehicle(
            id=car.id,
            url=f"{BASE_URL}/vehicles/{car.id}",
            integrated=integrated,
            latest_status_log=newest,
            description="",
            disabled=False,
            battery_size_watt_hours=60_000,
            effective_battery_size_watt_hours=60_000,
            maximum_charge_limit_percentage=None,
            smart_charging_enabled=True,
            vehicle_class=None,
        )


def fleet(count: int = 3, **options: Any) -> tuple[ModelFleet, list[Car], QuickClock]:
    """A fleet whose cars have reported once, a minute before the start."""
    clock = QuickClock()
    cars = [Car(vehicle_id(number)) for number in range(count)]
    for car in cars:
        car.log(-1)
    return ModelFleet(clock, cars, **options), cars, clock


def status_settings(past: int = 0) -> Settings:
    """Settings of a watch for status logs alone."""
    rules = Rules(status=True, errors=False, since=None, past=past, stale=0, max_shrink=0.0)
    return Settings(
        every=300.0,
        complete_within=None,
        rules=rules,
        concurrency=4,
        error_share=0.0,
        cycles=None,
        on_progress=None,
        name="watch",
    )


def let_time_pass(monkeypatch: pytest.MonkeyPatch, clock: QuickClock) -> None:
    """Let time pass by itself while nobody sleeps."""
    began = time.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: clock.elapsed + time.monotonic() - began)


async def cycle(watch: Watch) -> list[WatchEvent]:
    """The events of the next cycle, its end the last of them."""
    events: list[WatchEvent] = []
    async for event in watch:
        events.append(event)
        if isinstance(event, CycleFinished):
            return events
    raise AssertionError("the watch has ended")


def keys(events: Iterable[WatchEvent]) -> list[str]:
    """Return the keys of the delivered logs."""
    return [event.key for event in events if isinstance(event, StatusLogged | ErrorLogged)]


def names(events: Iterable[WatchEvent]) -> list[str]:
    """Return the kinds of the delivered events."""
    return [type(event).__name__ for event in events]


def end(events: list[WatchEvent]) -> CycleFinished:
    """The end of a cycle."""
    last = events[-1]
    assert isinstance(last, CycleFinished)
    return last
