"""Following and going through history, against a model of the API: whatever arrives when, each log comes exactly once.

The model serves small pages, so that a few dozen logs fill many of them, and memory is made as small as they are.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async.devices import history as _history
from ev_energy_async.devices import seen as _seen
from ev_energy_async.errors import ConnectionFailed, ServiceUnavailable
from ev_energy_async.instants import SECOND, instant, instant_of, moment
from ev_energy_async.messages.request import Response
from tests.conftest import START

from .follow_kit import MINUTE, ModelServer, Over, QuickClock, Stored, text_at, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.messages.request import Request

LATENESS: Final = 15 * MINUTE
HOURS: Final = 2
QUICK: Final = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

# Few of them, so that many logs are of one time; some differ in digits that a datetime does not hold.
offsets = st.integers(-10, HOURS * 60).map(lambda minutes: minutes * MINUTE)
digits = st.sampled_from(["", "", "5", "1234561", "1234562", "123457", "9999999"])
late_minutes = st.one_of(st.just(0), st.integers(0, 15), st.integers(0, 15), st.integers(16, 300))


@attrs.frozen
class Plan:
    """The events of one run."""

    logs: list[Stored]
    ordered: bool
    from_now: bool
    wrong_by: int
    is_wrong_briefly: bool
    states_date: bool
    page_size: int
    every: int
    pause: float
    crashes: list[int]
    failures: set[int]


@st.composite
def stored(draw: Callable[..., Any]) -> Stored:
    offset: dt.timedelta = draw(offsets)
    visible = START + offset + draw(late_minutes) * MINUTE
    gone = visible + dt.timedelta(hours=1) * draw(st.sampled_from([1_000, 1_000, 1_000, 1]))
    return Stored(text_at(offset, draw(digits)), visible, gone)


# Lists are short if nobody asks for long ones.
some_logs = st.one_of(
    st.lists(stored(), max_size=12, unique_by=lambda log: log.text),
    st.lists(stored(), min_size=30, max_size=60, unique_by=lambda log: log.text),
    st.lists(stored(), min_size=30, max_size=60, unique_by=lambda log: log.text),
)

# Seconds that this machine's clock is ahead; up to ten years.
wrongs = st.one_of(
    st.integers(-300, 300), st.sampled_from([sign * wrong for sign in (-1, 1) for wrong in (90, 3_600, 315_360_000)])
)

plans = st.builds(
    Plan,
    logs=some_logs,
    ordered=st.booleans(),
    from_now=st.booleans(),
    wrong_by=wrongs,
    is_wrong_briefly=st.booleans(),
    states_date=st.booleans(),
    page_size=st.integers(2, 6),
    every=st.sampled_from([50, 120, 600, 3_600]),
    pause=st.sampled_from([0.0, 0.0, 7.0]),
    crashes=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    failures=st.sets(st.integers(2, 60), max_size=12),
)


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_seen.Memory, "kept", 6)
    monkeypatch.setattr(_history, "_MOST_PAGES", 3)
    monkeypatch.setattr(_history, "_AIM", 6)


@attrs.define
class Came:
    """A log that was given out and worked on to the end."""

    text: str
    at: int
    late: bool
    reading: int


def _failure(number: int, request: Request[Any], failures: set[int]) -> Exception | None:
    if number not in failures:
        return None
    if number % 2:
        return ConnectionFailed(request, "reset")
    return ServiceUnavailable(Response(request, "", 503, {}, b"", b""))


async def run(plan: Plan) -> list[Came]:
    """Follow a model server for some hours, crash now and then, and say what was worked on."""
    # Without a `Date` our own clock must do, and it may not be as wrong.
    wrong_by = dt.timedelta(seconds=plan.wrong_by if plan.states_date else max(-300, min(plan.wrong_by, 300)))
    clock = QuickClock(wrong_by, *((1_200, 1_800) if plan.is_wrong_briefly else ()))
    server = ModelServer(clock, plan.logs, page_size=plan.page_size)
    server.pause = plan.pause
    server.states_date = plan.states_date
    server.fail = lambda number, request: _failure(number, request, plan.failures)
    last = max((log.visible for log in plan.logs), default=START)
    server.until = max(last, START + HOURS * 60 * MINUTE) + dt.timedelta(hours=3)
    came: list[Came] = []
    cursor: str | None = None
    steps = 0
    while True:
        query = server.vehicle.status_logs()
        since = None if plan.from_now else START
        logs = query.follow(every=plan.every, lateness=LATENESS, since=since, ordered=plan.ordered, cursor=cursor)
        try:
            async for log in logs:
                steps += 1
                # Now and then it dies while it works on a log, or right after.
                crash = plan.crashes[steps % len(plan.crashes)] if steps < 100 and (came or since) else 3
                if crash == 0:
                    break
                text = text_of(log)
                came.append(Came(text, instant(text) or 0, logs.late, len(server.queries)))
                cursor = logs.cursor
                if crash == 1:
                    break
        except Over:
            return came


@QUICK
@given(plan=plans)
def test_each_log_comes_exactly_once_and_in_the_order_that_was_promised(small_memory: None, plan: Plan) -> None:  # noqa: ARG001  # pytest passes it
    came = asyncio.run(run(plan))

    texts = [each.text for each in came]
    assert len(texts) == len(set(texts)), "none twice"
    by_text = {log.text: log for log in plan.logs}
    begin = instant_of(START)
    in_time = {log.text for log in plan.logs if log.visible - _time(log) <= LATENESS}
    if plan.from_now:
        wanted = {log.text for log in plan.logs if log.visible > START + MINUTE}
        assert all(by_text[text].visible >= START for text in texts)
    else:
        wanted = {log.text for log in plan.logs if log.at >= begin}
        assert all(each.at >= begin for each in came)
    stays = {log.text for log in plan.logs if log.gone > START + dt.timedelta(days=30)}
    assert wanted & in_time & stays <= set(texts), "none lost"

    top = None
    for each in came:
        assert each.late == (top is not None and each.at < top)
        top = each.at if top is None else max(top, each.at)
    if plan.ordered and (plan.states_date or plan.wrong_by <= 0):
        assert not [each.text for each in came if each.late and each.text in in_time]
    else:
        for earlier, later in pairwise(came):
            assert later.at >= earlier.at or later.reading > earlier.reading, "in order within a reading"


def _time(log: Stored) -> dt.datetime:
    return moment(log.at)


@QUICK
@given(
    logs=some_logs,
    page_size=st.integers(2, 6),
    since=st.one_of(st.none(), offsets),
    until=st.one_of(st.none(), offsets),
    pause=st.sampled_from([0.0, 5.0]),
)
def test_oldest_first_is_newest_first_the_other_way_round(
    small_memory: None,  # noqa: ARG001  # pytest passes it
    logs: list[Stored],
    page_size: int,
    since: dt.timedelta | None,
    until: dt.timedelta | None,
    pause: float,
) -> None:
    async def read() -> tuple[list[str], list[str], list[str]]:
        clock = QuickClock()
        clock.elapsed = HOURS * 3_600.0
        server = ModelServer(clock, logs, page_size=page_size)
        first = START + (since if since is not None else -60 * MINUTE)
        query = server.vehicle.status_logs(
            since=None if since is None else first,
            until=None if until is None else max(START + until, first),
        )
        there = [text_of(log) for log in await query.all()]
        server.pause = pause
        oldest = [text_of(log) async for log in query.oldest_first()]
        return there, oldest, [text_of(log) for log in await query.all()]

    there, oldest, afterwards = asyncio.run(read())

    ats = [instant(text) or 0 for text in oldest]
    assert ats == sorted(ats)
    assert len(oldest) == len(set(oldest))
    # Those that come or go meanwhile may be among them.
    assert set(there) & set(afterwards) <= set(oldest) <= set(there) | set(afterwards)
    if not pause:
        assert oldest == there[::-1]


def test_a_cursor_stays_short_whatever_passes() -> None:
    memory = _seen.Memory[Any](instant_of(START), 15 * 60 * SECOND)
    longest = held = 0
    for number in range(5_000):
        at = START + number * MINUTE
        log = Stored(f"{at:%Y-%m-%dT%H:%M:%S}.{number * 7919 % 1_000_000:06}Z")
        memory.take([_seen.place(log.model(), "sampled_at")], read_at=log.at)
        while memory.next() is not None:
            longest = max(longest, len(memory.cursor("vhcl/status")) if number % 97 == 0 else 0)
        memory.forget()
        held = max(held, len(memory))

    assert held <= _seen.KEPT
    assert longest < 2_000
