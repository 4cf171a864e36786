"""A model of the API's log collections, without a network, and a clock for those who follow them."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs

from ev_energy_async import models
from ev_energy_async.client import BASE_URL
from ev_energy_async.devices.device import VehicleHandle
from ev_energy_async.instants import instant, instant_of
from ev_energy_async.messages.request import Request, Response
from tests.conftest import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.devices.follow import Follow

T = TypeVar("T")

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
MINUTE: Final = dt.timedelta(minutes=1)
FOREVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)


class Over(Exception):
    """The time of a test is up."""


class QuickClock:
    """A clock on which a sleep takes no time and moves it on, and which may be wrong, always or for some seconds."""

    def __init__(
        self, wrong_by: dt.timedelta = dt.timedelta(0), wrong_from: float = 0.0, wrong_until: float = float("inf")
    ) -> None:
        self.elapsed = 0.0
        self.naps: list[float] = []
        self._wrong_by = wrong_by
        self._wrong = (wrong_from, wrong_until)

    @property
    def true(self) -> dt.datetime:
        """Return the time by the API's clock."""
        return START + dt.timedelta(seconds=self.elapsed)

    def now(self) -> dt.datetime:
        begin, end = self._wrong
        return self.true + self._wrong_by if begin <= self.elapsed < end else self.true

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, delay: float) -> None:
        self.naps.append(delay)
        self.elapsed += delay


def _instant(text: str) -> int:
    found = instant(text)
    assert found is not None
    return found


@attrs.frozen
class Stored:
    """A log at the server.

    Attributes:
        text: Its timestamp as it stands in its URL.
        visible: From when on it is listed.
        gone: From when on it is not any more.
        at: The instant that its timestamp names.
    """

    text: str
    visible: dt.datetime = START
    gone: dt.datetime = FOREVER

    at: int = attrs.field(init=False, default=attrs.Factory(lambda log: _instant(log.text), takes_self=True))

    def model(self) -> models.VehicleStatusLog:
        url = f"{BASE_URL}/vehicles/{VEHICLE}/status_logs/{self.text}"
        # Rounded as the decoder rounds.
        time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=round(self.at / 1_000))
        return models.VehicleStatusLog(url=url, sampled_at=time)


def text_at(offset: dt.timedelta, digits: str = "") -> str:
    """The timestamp of a log sampled so long after the start, with further digits of the second."""
    return f"{START + offset:%Y-%m-%dT%H:%M:%S}{f'.{digits}' if digits else ''}Z"


class ModelServer:
    """Status logs of one vehicle; takes the place of a client.

    Attributes:
        logs: What there is, or will be.
        queries: What was asked, as parameters.
        fail: Called with the number of a request; what it returns is raised.
        pause: Seconds that pass with each request.
    """

    link_origins: frozenset[str] = frozenset()

    def __init__(self, clock: QuickClock, logs: list[Stored], *, page_size: int = 100) -> None:
        self.clock = clock
        self.logs = logs
        self.queries: list[dict[str, str]] = []
        self.fail: Callable[[int, Request[Any]], Exception | None] = lambda _number, _request: None
        self.pause = 0.0
        self.until: dt.datetime | None = None
        self.states_date = True
        self._page_size = page_size

    @property
    def vehicle(self) -> VehicleHandle:
        client: Any = self  # of which logs need no more than this
        return VehicleHandle(client, VEHICLE)

    async def send(self, request: Request[T]) -> Response[T]:
        if self.until is not None and self.clock.true > self.until:
            raise Over
        self.queries.append(asked := dict(parse_qsl(request.query)))
        error = self.fail(len(self.queries), request)
        self.clock.elapsed += self.pause
        if error is not None:
            raise error
        size = min(self._page_size, int(asked["page_size"]))
        found = self._listed(asked)
        if "page_after" in asked:
            found = [
                log for log in found if (log.at, log.text) < (instant(asked["page_after"]) or 0, asked["page_after"])
            ]
        page = found[:size]
        headers = {"Link": "<about:blank>; rel=next"}
        if self.states_date:
            headers["Date"] = format_datetime(self.clock.true, usegmt=True)
        url = BASE_URL + request.path
        if len(found) > size:
            kept = {**asked, "page_after": page[-1].text}
            headers["Link"] = f'<{url}?{urlencode(kept)}>; rel="next"'
        data: Any = [log.model() for log in page]
        return Response(request, f"{url}?{request.query}", 200, headers, b"", data)

    def _listed(self, asked: dict[str, str]) -> list[Stored]:
        now = self.clock.true
        since, until = (
            instant_of(dt.datetime.fromisoformat(asked[name])) if name in asked else None
            for name in ("sampled_at__gte", "sampled_at__lte")
        )
        return sorted(
            (
                log
                for log in self.logs
                if log.visible <= now < log.gone
                and (since is None or log.at >= since)
                and (until is None or log.at <= until)
            ),
            key=lambda log: (log.at, log.text),
            reverse=True,
        )


def text_of(log: models.VehicleStatusLog) -> str:
    assert isinstance(log.url, str)
    return log.url.rpartition("/")[2]


def log(sampled: float, *, logged: float | None = None, digits: str = "") -> Stored:
    """A log sampled and logged so many minutes after the start."""
    visible = START + (sampled if logged is None else logged) * MINUTE
    return Stored(text_at(sampled * MINUTE, digits), visible)


async def take(logs: Follow[models.VehicleStatusLog], count: int) -> list[tuple[str, bool]]:
    """The next logs, each with whether it is late."""
    return [(text_of(await anext(logs)), logs.late) for _ in range(count)]


def texts(*stored: Stored, late: bool = False) -> list[tuple[str, bool]]:
    return [(each.text, late) for each in stored]
