"""Charging sub-sessions as a stream: each start, change, end and revision once, through crashes and lost webhooks."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import EvEnergy, StaticToken, models
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.client import BASE_URL
from ev_energy_async.codec import decode
from ev_energy_async.errors import ConnectionFailed, InvalidArgument, NotFound
from ev_energy_async.fleet import (
    Fleet,
    SubSessionChanged,
    SubSessionEnded,
    SubSessionRevised,
    SubSessionStarted,
)
from ev_energy_async.messages.request import Request, Response
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START
from tests.devices.follow_kit import FOREVER, QuickClock

from .watch_kit import OWNER, at

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
    """

    id: str
    start: dt.datetime
    end: dt.datetime
    revisions: list[tuple[dt.datetime, int]] = attrs.field(factory=list[tuple[dt.datetime, int]])
    shown: dt.datetime = attrs.Factory(lambda self: self.start, takes_self=True)
    gone: dt.datetime = FOREVER

    def energy(self, now: dt.datetime) -> int:
        """What it has delivered: steps of 100 Wh in ten minutes."""
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
            "vehicle": f"{BASE_URL}/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
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
    """Takes the place of a client."""

    link_origins: frozenset[str] = frozenset()

    def __init__(self, charges: Iterable[Charge], *, page_size: int = 100) -> None:
        self.clock = YieldingClock()
        self.charges = {charge.id: charge for charge in charges}
        self.budget = Budget(10**6, reserve=0, clock=self.clock)
        self.checkpoint = MemoryCheckpoint()
        self.count = 0
        self.fail: Callable[[int], bool] = lambda _: False
        self._page_size = page_size

    def with_options(self, *, priority: int | None = None) -> Self:  # noqa: ARG002  # its calls are all alike
        """Return it, as a client returns a view."""
        return self

    def follow(self, **options: Any) -> SubSessions:
        """Follow its sub-sessions, from its checkpoint on."""
        return Fleet(self, OWNER).sub_sessions(checkpoint=self.checkpoint, **options)

    async def send(self, request: Request[T]) -> Response[T]:
        self.count += 1
        if self.fail(self.count):
            raise ConnectionFailed(request, "reset")
        now = self.clock.true
        headers = {"Date": format_datetime(now, usegmt=True), "Link": "<about:blank>; rel=next"}
        data: Any = self._answer(request, now, headers)
        return Response(request, BASE_URL + request.path, 200, headers, b"", data)

    def _answer(self, request: Request[Any], now: dt.datetime, headers: dict[str, str]) -> Any:
        asked = dict(parse_qsl(request.query))
        here = {each.id: each for each in self.charges.values() if each.shown <= now < each.gone}
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


async def test_a_sub_session_starts_changes_ends_and_is_revised_each_once() -> None:
    charge = Charge(session_id(1), at(20), at(65), [(at(60 * 30), 480)])
    api = ModelSessions([charge])
    stream = api.follow()
    events = await until(stream, api, 60)
    names = told(events)
    assert names[0] == "Started"
    assert names.count("Changed") == 4, "with each 100 Wh, and not with each minute"
    assert names[-2:] == ["Ended", "Revised"]
    revised = events[-1]
    assert isinstance(revised, SubSessionRevised)
    assert revised.changes["energy_delivered_watt_hours"] == (400, 480)
    assert revised.changes["cost"] == (10, 12)
    assert (revised.sub_session_id, revised.vehicle_id) == (charge.id, "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")
    ended = events[-2]
    assert isinstance(ended, SubSessionEnded)
    assert ended.changes["end"].old is None
    assert len({event.key for event in events}) == len(events)


async def test_what_has_ended_before_it_began_does_not_count_unless_asked_for() -> None:
    charges = [Charge(session_id(1), at(-300), at(-200)), Charge(session_id(2), at(-30), at(40))]
    first = ModelSessions(charges)
    assert {getattr(event, "sub_session_id", "") for event in await until(first.follow(), first, 1)} == {session_id(2)}
    second = ModelSessions(charges)
    events = await until(second.follow(since=at(-400)), second, 1)
    assert [type(event) for event in events if getattr(event, "sub_session_id", "") == session_id(1)] == [
        SubSessionStarted,
        SubSessionEnded,
    ]


async def test_it_costs_little_while_nothing_happens_and_forgets_what_is_settled() -> None:
    api = ModelSessions([Charge(session_id(number), at(1), at(20)) for number in range(50)])
    stream = api.follow()
    await until(stream, api, 24)
    # One look at what goes on and one at what has ended each five minutes, and the tiers.
    assert api.count < 24 * (12 * 2 + 4 + 1) + 40
    assert "50 under way" in repr(stream)
    assert stream.complete_upto is not None
    assert stream.complete_upto >= at(24 * 60 - 10)
    await until(stream, api, 24 * 5)
    assert "0 under way" in repr(stream)
    names = [key async for key, _ in api.checkpoint.entries("sub_sessions/")]
    assert names == ["sub_sessions/fleet"]


async def test_a_pause_is_no_gap() -> None:
    api = ModelSessions(
        [Charge(session_id(1), at(20), at(60 * 30), [(at(60 * 40), 7)]), Charge(session_id(2), at(600), at(660))]
    )
    await until(api.follow(), api, 1)
    api.clock.elapsed = 50 * HOUR
    events = await until(api.follow(), api, 54)
    assert Counter(told(events))["Ended"] == 2
    assert {event.sub_session_id for event in events if isinstance(event, SubSessionStarted)} == {session_id(2)}


async def test_a_webhook_is_delivered_at_once_and_what_it_brings_comes_once() -> None:
    charge = Charge(session_id(1), at(7), at(43))
    api = ModelSessions([charge])
    stream = api.follow()
    events = await until(stream, api, 0.118)
    assert events == []
    before = api.clock.elapsed
    assert stream.notify(webhook(charge, at(7), "created"))
    started = await anext(stream)
    assert isinstance(started, SubSessionStarted)
    assert api.clock.elapsed == before
    assert not stream.notify(webhook(charge, at(7), "created")), "doubled"
    events = await until(stream, api, 0.72)
    assert set(told(events)) <= {"Changed"}
    assert stream.notify(webhook(charge, at(43), "ended"))
    assert not stream.notify(webhook(charge, at(7), "created")), "out of order"
    assert not stream.notify(webhook(charge, at(43), "ended"))
    assert told([await anext(stream)]) == ["Ended"]
    assert told(await until(stream, api, 5)) == []
    assert not stream.notify(SimpleNamespace(payload=SimpleNamespace(type="vehicle.created", data={})))


async def test_a_sub_session_that_is_deleted_is_forgotten() -> None:
    api = ModelSessions([Charge(session_id(1), at(7), at(600), gone=at(30))])
    stream = api.follow()
    assert told(await until(stream, api, 0.4))[0] == "Started"
    await until(stream, api, 1)
    assert "0 under way" in repr(stream)


async def test_bad_arguments_are_refused() -> None:
    api = ModelSessions([])
    for name, value in (("settle", -1), ("every", 0), ("ack", "never"), ("since", dt.datetime(2026, 1, 1))):  # noqa: DTZ001  # without a zone on purpose
        with pytest.raises(InvalidArgument, match=name):
            api.follow(**{name: value})


minutes = st.integers(1, 60 * 10)


def charge(number: int, start: int, length: int, revisions: list[int], late: int) -> Charge:
    return Charge(
        session_id(number),
        at(start),
        at(start + length),
        [(at(start + length + after), 10_000 + after) for after in revisions],
        shown=at(start + late),
    )


charges = st.builds(
    charge,
    st.integers(1, 9),
    minutes,
    st.integers(1, 300),
    st.lists(st.integers(20, 720), max_size=3, unique=True),
    st.sampled_from([0, 0, 0, 30, 400]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(charges, max_size=6, unique_by=lambda charge: charge.id),
    st.lists(st.integers(0, 12), max_size=5),
    st.sets(st.integers(2, 80), max_size=20),
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["created", "ended"])), max_size=6),
)
def test_each_revision_comes_once_whatever_fails_and_whatever_webhooks_say(
    here: list[Charge], crashes: list[int], failures: set[int], hints: list[tuple[int, str]]
) -> None:
    asyncio.run(_each_once(here, crashes, failures, hints))


async def _each_once(here: list[Charge], crashes: list[int], failures: set[int], hints: list[tuple[int, str]]) -> None:
    api = ModelSessions(here, page_size=2)
    api.fail = lambda number: number in failures
    acknowledged: list[SubSessionEvent] = []
    for crash in [*crashes, None]:
        stream = api.follow(every=1_800, settle=20 * HOUR, ack="explicit")
        count = 0
        while (event := await one(stream, api, 44)) is not None and count != crash:
            await event.ack()
            acknowledged.append(event)
            count += 1
            for number, what in hints:
                charge = api.charges.get(session_id(number))
                if charge is not None and charge.shown <= api.clock.true:
                    has_ended = what == "ended" and charge.end <= api.clock.true
                    at_its_time = charge.end if has_ended else charge.start
                    stream.notify(webhook(charge, at_its_time, "ended" if has_ended else "created"))
    keys = Counter(event.key for event in acknowledged)
    assert set(keys.values()) <= {1}, "told twice"
    for charge in here:
        mine = [event for event in acknowledged if getattr(event, "sub_session_id", "") == charge.id]
        names = told(mine)
        assert names.count("Started") == names.count("Ended") == 1, "once each"
        last = mine[-1]
        assert isinstance(last, SubSessionChanged | SubSessionEnded | SubSessionRevised)
        assert last.session.energy_delivered_watt_hours == charge.energy(at(60 * 48)), "the last revision came"


async def test_all_sub_sessions_of_the_sandbox_come_once() -> None:
    async with (
        Sandbox(vehicles=8, seed=11, rate_limit=5_000, clock=SteppedClock(START), token_lifetime=7 * 86_400) as sandbox,
        EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev,
    ):
        end = sandbox.now() + dt.timedelta(hours=14)
        events: list[Any] = []
        async for event in ev.fleet.sub_sessions(every=900, expand=["energy_usage"]):
            events.append(event)
            if sandbox.now() >= end:
                break
        begin, upto = START + dt.timedelta(minutes=16), sandbox.now() - dt.timedelta(minutes=31)
        started = [event.sub_session_id for event in events if isinstance(event, SubSessionStarted)]
        ended = [event.sub_session_id for event in events if isinstance(event, SubSessionEnded)]
        sessions = await ev.charging_sub_sessions.list(end_gt=START).all()
        assert len(started) == len(set(started))
        assert len(ended) == len(set(ended))
        due = {each.id for each in sessions if each.end is not None and begin < each.end < upto}
        assert due
        assert due <= set(ended)
        assert {each.id for each in sessions if begin < each.start < upto} <= set(started)
        for event in events:
            usage = event.session.energy_usage
            if isinstance(event, SubSessionEnded) and isinstance(usage, models.EnergyUsage):
                total = sum(each["total_energy_delivered_watt_hours"] for each in usage.to_dict("json")["intervals"])
                assert total == event.session.energy_delivered_watt_hours
