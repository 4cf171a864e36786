"""Watching a model of the API: whatever arrives when, and through any crash, each log is delivered once."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ev_energy_async.devices import history as _history
from ev_energy_async.errors import ConnectionFailed, ServiceUnavailable
from ev_energy_async.fleet.events import CycleFinished, ErrorLogged, StatusLogged
from ev_energy_async.fleet.watch import ledger as _ledger
from ev_energy_async.instants import ALWAYS, instant, instant_of
from ev_energy_async.messages.request import Response
from tests.conftest import START
from tests.devices.follow_kit import FOREVER, QuickClock

from .watch_kit import Car, Log, ModelFleet, at, text, vehicle_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.messages.request import Request

# By hand many more: `EXAMPLES=5000 pytest tests/fleet/test_watch_properties.py --hypothesis-seed=1` (15 min).
EXAMPLES: Final = int(os.environ.get("EXAMPLES", "30"))
HOURS: Final = 2
PAGE: Final = 8


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few logs fill many pages, and a ledger is as small as they are."""
    monkeypatch.setattr(_ledger, "_MOST", 6)
    monkeypatch.setattr(_ledger, "_KEPT", 3)
    monkeypatch.setattr(_history, "_MOST_PAGES", 3)
    monkeypatch.setattr(_history, "_AIM", 8)


late = st.one_of(st.just(0), st.just(0), st.integers(0, 10), st.integers(0, 300))
digits = st.sampled_from(["", "", "5", "1234561", "1234562", "9999999"])


@st.composite
def status_log(draw: Callable[..., Any]) -> Log:
    minutes: int = draw(st.integers(-200, HOURS * 60))
    visible = at(max(1, minutes + draw(late)))
    # The clock of what stores and of what answers may differ, and a device's may be ahead.
    stored = visible + dt.timedelta(seconds=draw(st.integers(-200, 200)))
    gone = visible + dt.timedelta(hours=1) if draw(st.integers(0, 9)) == 0 else FOREVER
    return Log(text(minutes + draw(st.sampled_from([0, 0, 0, 5])), draw(digits)), visible, stored, gone)


@st.composite
def error_log(draw: Callable[..., Any]) -> Log:
    minutes: int = draw(st.integers(1, HOURS * 60))
    return Log(text(minutes, draw(digits)), at(minutes) + dt.timedelta(seconds=draw(st.integers(0, 200))))


@attrs.frozen
class Plan:
    """The events of one run."""

    status: list[list[Log]]
    errors: list[list[Log]]
    crashes: list[int]
    failures: set[int]
    wrong_by: int
    is_wrong_briefly: bool
    states_date: bool
    every: int
    pause: float
    page_size: int
    explicit: bool
    order: str


# Seconds that this machine's clock is ahead; up to ten years.
wrongs = st.one_of(
    st.integers(-300, 300), st.sampled_from([sign * wrong for sign in (-1, 1) for wrong in (90, 3_600, 315_360_000)])
)

plans = st.builds(
    Plan,
    status=st.lists(
        st.one_of(
            st.lists(status_log(), max_size=8, unique_by=lambda log: log.at),
            st.lists(status_log(), min_size=20, max_size=40, unique_by=lambda log: log.at),
        ),
        min_size=1,
        max_size=4,
    ),
    errors=st.lists(st.lists(error_log(), max_size=12, unique_by=lambda log: log.at), min_size=4, max_size=4),
    crashes=st.lists(st.integers(0, 30), max_size=8),
    failures=st.sets(st.integers(2, 30), max_size=15),
    wrong_by=wrongs,
    is_wrong_briefly=st.booleans(),
    states_date=st.booleans(),
    every=st.sampled_from([600, 1_800, 3_600]),
    pause=st.sampled_from([0.0, 0.0, 7.0]),
    page_size=st.integers(3, PAGE),
    explicit=st.booleans(),
    order=st.sampled_from(["newest", "newest", "time"]),
)


# A log that is stored a second after the first response, which comes late itself, before a crash.
AT_THE_START: Final = Plan(
    status=[[Log(text(0, "5"), START + dt.timedelta(seconds=8))], [Log(text(-60), START + dt.timedelta(seconds=8))]],
    errors=[[], [], [], []],
    crashes=[0, 1, 2],
    failures={2, 3},
    wrong_by=0,
    is_wrong_briefly=False,
    states_date=True,
    every=600,
    pause=7.0,
    page_size=3,
    explicit=True,
    order="newest",
)


def failure(number: int, request: Request[Any], failures: set[int]) -> Exception | None:
    if number not in failures:
        return None
    if number % 2:
        return ConnectionFailed(request, "reset")
    return ServiceUnavailable(Response(request, "", 503, {}, b"", b""))


@pytest.mark.timeout(max(300, 2 * EXAMPLES))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plans)
@example(AT_THE_START)
def test_each_log_is_delivered_once_whatever_arrives_when_and_through_any_crash(plan: Plan) -> None:
    asyncio.run(run(plan))


async def run(plan: Plan) -> None:
    # Without a `Date` our own clock must do: it and the API's, and those of the API among each other, add up.
    wrong_by = dt.timedelta(seconds=plan.wrong_by if plan.states_date else max(-300, min(plan.wrong_by, 300)) // 3)
    clock = QuickClock(wrong_by, *((3_600, 3_600 + plan.every) if plan.is_wrong_briefly else ()))
    cars = [Car(vehicle_id(number), [*status], [*plan.errors[number]]) for number, status in enumerate(plan.status)]
    for car in cars:
        car.status.append(Log(text(-250), START - dt.timedelta(minutes=250)))
    api = ModelFleet(clock, cars, page_size=plan.page_size)
    api.fail = lambda number, request: failure(number, request, plan.failures)
    api.pause = plan.pause
    api.states_date = plan.states_date
    finished: list[str] = []
    newest: dict[str, int] = {}
    crashes = [*plan.crashes, None]
    horizon = HOURS * 3_600 + 5 * 3_600 + 2 * 3_600
    for crash in crashes:
        stream = api.watch(
            every=plan.every,
            complete_within=3_600,
            past=86_400,
            order=plan.order,
            ack="explicit" if plan.explicit else "next",
        )
        count = 0
        async for event in stream:
            if count == crash:
                break
            count += 1
            if plan.explicit:
                await event.ack()
            if isinstance(event, StatusLogged | ErrorLogged):
                finished.append(event.key)
                of = f"{event.vehicle_id}/{type(event).__name__}"
                when = instant(event.key.rpartition("/")[2])
                assert when is not None
                if not event.out_of_order:
                    assert when > newest.get(of, ALWAYS), "out of order, and not marked"
                assert not event.late or event.out_of_order or event.via == "snapshot", "late, and in order"
                if plan.order == "time":
                    assert event.via == "read"
                newest[of] = max(when, newest.get(of, ALWAYS))
            if crash is None and isinstance(event, CycleFinished) and clock.elapsed > horizon:
                break
    assert len(finished) == len(set(finished)), "told twice"
    slow = dt.timedelta(seconds=plan.every + 120 * 7 + 3_600)
    # What came before its first response does not count, nor what came a little after where its clock is ahead.
    begin = START + dt.timedelta(seconds=plan.pause)
    begin = begin if plan.states_date else begin + max(dt.timedelta(0), wrong_by)
    for car in cars:
        for kind, logs in (("status", car.status), ("error", car.errors)):
            for log in logs:
                key = f"{car.id}/{kind}/{log.text}"
                counts = log.at >= instant_of(begin) or (kind == "status" and log.stored >= begin)
                if counts and log.visible > START and log.gone > log.visible + slow:
                    assert key in finished, "lost"
