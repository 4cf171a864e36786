"""Charging sub-sessions at a server that takes the place of a client, and streams that follow them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs

from ev_energy_async import models
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.client import BASE_URL
from ev_energy_async.codec import decode
from ev_energy_async.errors import ConnectionFailed, NotFound, Unauthorized
from ev_energy_async.fleet import Fleet
from ev_energy_async.messages.request import Request, Response
from tests.devices.follow_kit import FOREVER, QuickClock

from .watch_kit import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ev_energy_async.fleet import SubSessionEvent, SubSessions

T = TypeVar("T")
HOUR: Final = 3_600.0


def session_id(number: int) -> str:
    return f"csub01HRFF3SEVSCRAV9B3CH{number:06d}"


@attrs.define
class Charge:
    """A sub-session at the server.

    Attributes:
        id: Its ID.
        start: When it starts.
        end: When it ends.
        revisions: When its energy is recalculated, and what it is from then on.
        shown: From when on the API shows it; from its start on by default.
        gone: From when on it is not there any more.
        vehicle: Whose it is.
    """

    id: str
    start: dt.datetime
    end: dt.datetime
    revisions: list[tuple[dt.datetime, int]] = attrs.field(factory=list[tuple[dt.datetime, int]])
    shown: dt.datetime = attrs.Factory(lambda self: self.start, takes_self=True)
    gone: dt.datetime = FOREVER
    vehicle: str = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"

    def energy(self, now: dt.datetime) -> int:
        """Return the energy that it has delivered: steps of 100 Wh in ten minutes."""
        found = int((min(now, self.end) - self.start).total_seconds() // 600) * 100
        return next((energy for when, energy in sorted(self.revisions, reverse=True) if when <= now), found)

    def model(self, now: dt.datetime) -> models.ChargingSubSession:
        """Return it as the API shows it."""
        ended = self.end <= now
        body: dict[str, Any] = {
            "id": self.id,
            "url": f"{BASE_URL}/charging_sub_sessions/{self.id}",
            "start": self.start.isoformat(),
            "end": self.end.isoformat() if ended else None,
            "duration_minutes": int((min(now, self.end) - self.start).total_seconds() // 60),
            "energy_delivered_watt_hours": self.energy(now),
            "mode": "SMART",
            "currency": "GBP",
            "cost": self.energy(now) // 40,
            "location": {"type": "HOME"},
            "vehicle": f"{BASE_URL}/vehicles/{self.vehicle}",
            "energy_usage": f"{BASE_URL}/charging_sub_sessions/{self.id}/energy_usage",
        }
        nulls = ("co2_intensity_classification", "co2_intensity_grams_per_kilowatt_hour", "total_co2_grams")
        energies = ("grid_energy_delivered_watt_hours", "solar_energy_delivered_watt_hours")
        body |= dict.fromkeys((*nulls, *energies))
        return decode(json.dumps(body).encode(), models.ChargingSubSession)


class YieldingClock(QuickClock):
    """A clock on which whoever sleeps can be cancelled."""

    async def sleep(self, delay: float) -> None:
        await super().sleep(delay)
        await asyncio.sleep(0)


class ModelSessions:
    """Takes the place of a client.

    Attributes:
        charges: The sub-sessions there are, were or will be.
        asked: The query of each request that was answered.
        hidden: Sub-sessions that it does not show.
        fail: Called with the number of a request; whether it fails.
        refuse: The same; whether it is answered with a 401.
    """

    link_origins: frozenset[str] = frozenset()

    def __init__(self, charges: Iterable[Charge], *, page_size: int = 100, limit: int = 10**6) -> None:
        self.clock = YieldingClock()
        self.charges = {charge.id: charge for charge in charges}
        self.budget = Budget(limit, reserve=0, clock=self.clock)
        self.checkpoint = MemoryCheckpoint()
        self.count = 0
        self.asked: list[dict[str, str]] = []
        self.hidden: set[str] = set()
        self.fail: Callable[[int], bool] = lambda _: False
        self.refuse: Callable[[int], bool] = lambda _: False
        self._page_size = page_size

    def with_options(self, *, priority: int | None = None, keep_body: bool | None = None) -> Self:  # noqa: ARG002  # its calls are all alike
        """Return it, as a client returns a view."""
        return self

    def follow(self, **options: Any) -> SubSessions:
        """Follow its sub-sessions, from its checkpoint on."""
        return Fleet(self, OWNER).sub_sessions(checkpoint=self.checkpoint, **options)

    async def send(self, request: Request[T]) -> Response[T]:
        self.count += 1
        if self.fail(self.count):
            raise ConnectionFailed(request, "reset")
        if self.refuse(self.count):
            raise Unauthorized(Response(request, BASE_URL + request.path, 401, {}, b"", b""))
        now = self.clock.true
        headers = {"Date": format_datetime(now, usegmt=True), "Link": "<about:blank>; rel=next"}
        data: Any = self._answer(request, now, headers)
        return Response(request, BASE_URL + request.path, 200, headers, b"", data)

    def _answer(self, request: Request[Any], now: dt.datetime, headers: dict[str, str]) -> Any:
        asked = dict(parse_qsl(request.query))
        self.asked.append(asked)
        here = {
            each.id: each
            for each in self.charges.values()
            if each.shown <= now < each.gone and each.id not in self.hidden
        }
        name = request.path.rpartition("/")[2]
        if name.startswith("csub"):
            if name not in here:
                raise NotFound(Response(request, BASE_URL + request.path, 404, {}, b"", b""))
            return here[name].model(now)
        found = list(here.values())
        if "is_finished" in asked:
            found = [each for each in found if (each.end <= now) == (asked["is_finished"] == "true")]
        if "end__gt" in asked:
            after = dt.datetime.fromisoformat(asked["end__gt"])
            found = [each for each in found if each.end <= now and each.end > after]
        if "start__lt" in asked:
            found = [each for each in found if each.start < dt.datetime.fromisoformat(asked["start__lt"])]
        if "vehicle_id" in asked:
            found = [each for each in found if each.vehicle == asked["vehicle_id"]]
        found = sorted((each for each in found if each.id > asked.get("page_after", "")), key=lambda each: each.id)
        if len(found) > self._page_size:
            query = urlencode({**asked, "page_after": found[self._page_size - 1].id})
            headers["Link"] = f'<{BASE_URL}{request.path}?{query}>; rel="next"'
        return [each.model(now) for each in found[: self._page_size]]


async def one(stream: SubSessions, api: ModelSessions, hours: float) -> SubSessionEvent | None:
    """The next event; None if it does not come before a time."""
    waiting = asyncio.ensure_future(anext(stream))
    while not waiting.done() and api.clock.elapsed < hours * HOUR:  # noqa: ASYNC110  # the clock tells nobody
        await asyncio.sleep(0)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    await asyncio.wait([waiting])
    return None


async def until(stream: SubSessions, api: ModelSessions, hours: float) -> list[SubSessionEvent]:
    """The events up to a time."""
    found: list[SubSessionEvent] = []
    while (event := await one(stream, api, hours)) is not None:
        found.append(event)
    return found


def told(events: Iterable[SubSessionEvent]) -> list[str]:
    return [type(event).__name__.removeprefix("SubSession") for event in events]


def webhook(charge: Charge, now: dt.datetime, what: str) -> Any:
    """A verified event, as far as it is looked at."""
    return SimpleNamespace(payload=SimpleNamespace(type=f"charging_sub_session.{what}", data=charge.model(now)))
