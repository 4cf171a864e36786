"""Clocks: one time for everything, `Date` included."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, ScaledClock, SteppedClock
from ev_energy_async.sandbox.faults import (
    Held,
    HtmlError,
    HugeBody,
    LateUploads,
    RateLimited,
    Redirected,
    SlowDrip,
    TruncatedJson,
    Unavailable,
)
from tests.servers import until

from .conftest import START, Client
from .raw import Line, exchange

if TYPE_CHECKING:
    from ev_energy_async.sandbox.faults import Effect

SECOND = timedelta(seconds=1)


def _date(answered: dict[str, str]) -> datetime:
    return parsedate_to_datetime(answered["date"])


async def _everywhere(sandbox: Sandbox) -> list[str]:
    """The `Date` of an answer of each kind there is."""
    dates: list[str] = []
    for method, target, token in (
        ("GET", "/v2/vehicles?page_size=1", ""),
        ("HEAD", "/v2/vehicles?page_size=1", ""),
        ("OPTIONS", "/v2/vehicles", ""),
        ("GET", "/v2/vehicles", "unknown"),
        ("GET", "/v2/nothing", ""),
        ("GET", "/elsewhere", ""),
        ("POST", "/o/token/", None),
        ("GET", "/_sandbox/", None),
    ):
        dates.append((await exchange(sandbox, method, target, token=token)).headers["date"])
    for origin, sent in (
        (sandbox.upload_origin, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (sandbox.origin, b"GET / HTTP/1.1\r\nBad Header: \x00\r\n\r\n"),
    ):
        line = await Line.to(origin)
        line.writer.write(sent)
        dates.append((await line.receive()).headers["date"])
        await line.close()
    return dates


@pytest.mark.parametrize("fast", [False, True])
async def test_every_response_is_dated_by_the_sandboxs_clock(clock: SteppedClock, fast: bool) -> None:
    async with Sandbox(vehicles=2, clock=clock, fast=fast, control=True) as sandbox:
        assert set(await _everywhere(sandbox)) == {"Sat, 14 Mar 2026 21:05:07 GMT"}
        sandbox.advance(timedelta(days=300, milliseconds=800))
        assert set(await _everywhere(sandbox)) == {"Fri, 08 Jan 2027 21:05:08 GMT"}


@pytest.mark.parametrize(
    "effect",
    [
        HtmlError(),
        Redirected(),
        Unavailable(),
        RateLimited(),
        TruncatedJson(cut_connection=True),
        SlowDrip(pause_seconds=0),
        HugeBody(1_000),
    ],
    ids=lambda effect: effect.kind,
)
async def test_what_goes_wrong_is_dated_alike(sandbox: Sandbox, effect: Effect) -> None:
    sandbox.faults = FaultPlan((Rule(effect),))

    answer = await exchange(sandbox, "GET", "/v2/vehicles?page_size=1")

    assert answer.headers["date"] == format_datetime(START, usegmt=True)


async def test_a_delayed_response_has_the_date_of_its_content(client: Client) -> None:
    sandbox = client.sandbox
    sandbox.faults = FaultPlan((Rule(Held()),))
    call = asyncio.create_task(client.get("/vehicles?page_size=1"))
    await until(lambda: sandbox.under_way == 1)
    sandbox.advance(3_600)
    sandbox.faults = FaultPlan()

    assert (await call).headers["Date"] == format_datetime(START, usegmt=True)


async def test_a_log_is_not_listed_before_its_date(client: Client) -> None:
    """The newest log was logged up to now, by the header, and the next one after it."""
    sandbox = client.sandbox
    sandbox.faults = FaultPlan((Rule(LateUploads(share=0.5, seconds=3_600)),))
    car = next(iter(sandbox.world.vehicles)).id
    seen: set[str] = set()
    before = START - SECOND
    for _ in range(12):
        sandbox.advance(1_801.7)
        answer = await client.get(f"/vehicles/{car}/status_logs?page_size=100")
        dated = _date({"date": answer.headers["Date"]})
        logged = {log["sampled_at"]: datetime.fromisoformat(log["logged_at"]) for log in answer.body}
        assert max(logged.values()) < dated + SECOND
        if seen:
            assert all(at >= before for sampled, at in logged.items() if sampled not in seen)
        seen |= logged.keys()
        before = dated
    assert len(seen) > 12


async def test_a_day_in_minutes_is_dated_by_the_day() -> None:
    clock = ScaledClock(600, start=START)
    async with (
        Sandbox(vehicles=3, clock=clock, token_lifetime=7 * 86_400) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        client = Client(sandbox, session)
        car = next(iter(sandbox.world.vehicles)).id
        sandbox.advance(86_400)
        earliest = clock.now() - SECOND
        answer = await client.get(f"/vehicles/{car}/status_logs?page_size=1")
        latest = clock.now()

    dated = _date({"date": answer.headers["Date"]})
    assert earliest < dated <= latest
    assert datetime.fromisoformat(answer.body[0]["logged_at"]) < dated + SECOND


@given(st.floats(min_value=0, max_value=1e-3, exclude_min=True))
def test_a_clock_moves_by_any_amount(seconds: float) -> None:
    clock = SteppedClock(START)

    clock.advance(seconds)

    assert clock.now() >= START + timedelta.resolution
    assert abs((clock.now() - START).total_seconds() - seconds) <= 1e-6


@pytest.mark.parametrize("by", [1e308, float("inf"), timedelta.max, 300_000_000_000])
def test_a_clock_is_not_moved_beyond_what_a_datetime_can_hold(by: float | timedelta) -> None:
    clock = SteppedClock(START)
    with pytest.raises(ValueError, match="year 9000"):
        clock.advance(by)
    assert clock.now() == START


def test_a_clock_that_is_moved_by_nothing_stays_and_none_goes_back() -> None:
    clock = SteppedClock(START)
    for nothing in (0, 0.0, timedelta(0)):
        clock.advance(nothing)
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(-1)

    assert clock.now() == START


async def test_who_sleeps_in_small_steps_arrives() -> None:
    """A moment between two microseconds is reached too."""
    clock = SteppedClock(START)
    wake = 0.000_010_3
    steps = 0
    while (remaining := wake - (clock.now() - START).total_seconds()) > 0:
        clock.advance(remaining)
        steps += 1
        assert steps < 5
    assert clock.now() == datetime(2026, 3, 14, 21, 5, 7, 250_011, tzinfo=UTC)
