"""Waits between attempts: their length, the deadline, and the `before` hook."""

from __future__ import annotations

import datetime as dt
import random
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import (
    ApiError,
    ConnectionFailed,
    EvEnergy,
    OutcomeUnknown,
    Retry,
    ServerError,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.http.retry import retry_after
from tests.conftest import START, FakeClock

from .retry_kit import DELETE, DROPPED, GET, POST, REFUSED, busy, do, script

if TYPE_CHECKING:
    from ev_energy_async.messages import RetryEvent
    from ev_energy_async.messages.operations import Operation
    from tests.conftest import Network

# --- How long it waits


async def test_each_wait_is_drawn_from_a_span_that_doubles(network: Network, clock: FakeClock) -> None:
    script(network, [500], "GET")
    policy = Retry(attempts=7, base=2, longest=20)

    async with EvEnergy(StaticToken("t"), retry=policy, clock=clock, random=random.Random(99), deadline=900) as ev:
        with pytest.raises(ServerError):
            await do(ev, GET)

    twin = random.Random(99)
    assert clock.naps == [twin.uniform(0, top) for top in (2, 4, 8, 16, 20, 20)]


@given(
    attempt=st.integers(1, 10_000),
    base=st.floats(0, 1e6),
    longest=st.floats(0, 1e6),
    seed=st.integers(),
)
def test_a_wait_is_within_its_bounds_whatever_the_numbers(attempt: int, base: float, longest: float, seed: int) -> None:
    delay = Retry(base=base, longest=longest).delay(attempt, random.Random(seed))

    assert 0 <= delay <= longest
    if attempt < 50:
        assert delay <= base * 2 ** (attempt - 1)


def test_waits_fill_their_span_so_that_clients_do_not_come_back_together() -> None:
    source = random.Random(1)
    delays = [Retry(base=1).delay(3, source) for _ in range(1_000)]

    assert min(delays) < 0.1
    assert max(delays) > 3.9
    assert 1.9 < sum(delays) / len(delays) < 2.1


@pytest.mark.parametrize("name", ["Retry-After", "RetryAfter", "retry-after"])
async def test_a_stated_wait_takes_the_place_of_a_drawn_one(
    ev: EvEnergy, network: Network, clock: FakeClock, name: str
) -> None:
    script(network, [busy(503, 41, name), 200], "GET")

    await do(ev, GET)

    assert clock.naps == [41]


async def test_a_wait_may_be_stated_as_a_date(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    until = START + dt.timedelta(seconds=50)
    script(network, [busy(503, format_datetime(until, usegmt=True)), 200], "GET")

    await do(ev, GET)

    assert clock.now() == until


async def test_a_stated_wait_may_be_longer_than_any_drawn_one(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    script(network, [busy(429, 1_800), 200], "POST")

    await do(ev.with_options(deadline=dt.timedelta(hours=1)), POST)

    assert clock.monotonic() >= 1_800


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1e3", "Thu, 99 Foo 2026", "2026-03-14"])
async def test_a_malformed_wait_is_replaced_by_a_random_one(
    ev: EvEnergy, network: Network, clock: FakeClock, nonsense: str
) -> None:
    script(network, [busy(503, nonsense), 200], "GET")

    await do(ev, GET)

    assert len(clock.naps) == 1
    assert clock.naps[0] <= 0.5


@given(st.text())
def test_no_header_is_too_strange_to_be_read(text: str) -> None:
    wait = retry_after(503, {"Retry-After": text}, START)

    assert wait is None or 0 <= wait < float("inf")


@given(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2026, 12, 31), timezones=st.just(dt.UTC)))  # noqa: DTZ001  # without a zone on purpose
def test_a_date_is_read_to_the_second_and_one_in_the_past_is_now(when: dt.datetime) -> None:
    when = when.replace(microsecond=0)

    assert retry_after(503, {"Retry-After": format_datetime(when, usegmt=True)}, START) == max(
        0, (when - START).total_seconds()
    )


# --- What does not fit the deadline


@pytest.mark.parametrize("what", [GET, DELETE, POST], ids=["GET", "DELETE", "POST"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_beyond_the_deadline_raises_at_once_with_the_time_of_the_next_attempt(
    ev: EvEnergy, network: Network, clock: FakeClock, what: Operation[None], status: int
) -> None:
    script(network, [busy(status, 61), 200], what.method)

    with pytest.raises(ApiError) as raised:
        await do(ev, what)

    assert raised.value.status == status
    assert raised.value.retry_at == START + dt.timedelta(seconds=61)
    assert "2026-03-14T12:01:01" in str(raised.value)
    assert (len(network.sent), clock.monotonic()) == (1, 0)


async def test_a_wait_that_just_fits_is_waited(ev: EvEnergy, network: Network) -> None:
    script(network, [busy(503, 59), 200], "GET")

    await do(ev, GET)

    assert len(network.sent) == 2


async def test_the_deadline_bounds_all_waits_together(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    script(network, [busy(503, 25)], "GET")

    with pytest.raises(ServiceUnavailable) as raised:
        await do(ev.with_options(retry=Retry(attempts=9)), GET)

    assert len(network.sent) == 3
    assert clock.monotonic() == 50
    assert raised.value.retry_at == START + dt.timedelta(seconds=75)


@pytest.mark.parametrize("ages", ["9" * 30, "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_wait_of_ages_is_still_the_servers_error(ev: EvEnergy, network: Network, ages: str) -> None:
    script(network, [busy(503, ages)], "GET")

    with pytest.raises(ServiceUnavailable) as raised:
        await do(ev, GET)

    assert raised.value.retry_at is not None
    assert raised.value.retry_at > START + dt.timedelta(days=365)


# --- Hooks


async def test_a_hook_hears_of_each_repetition_before_it_waits(ev: EvEnergy, network: Network) -> None:
    script(network, [REFUSED, busy(503, 3), 500, 200], "GET")
    heard: list[tuple[RetryEvent, int]] = []
    policy = Retry(before=lambda event: heard.append((event, len(network.sent))))

    await do(ev.with_options(retry=policy), GET)

    assert [(event.attempt, sent) for event, sent in heard] == [(1, 1), (2, 2), (3, 3)]
    first, second, third = (event for event, _ in heard)
    assert isinstance(first.outcome, ConnectionFailed)
    assert not isinstance(second.outcome, Exception)
    assert (second.outcome.status, second.delay) == (503, 3)
    assert 0 <= third.delay <= 2
    assert "Authorization" not in first.request.headers


async def test_a_hook_hears_nothing_when_nothing_is_repeated(ev: EvEnergy, network: Network) -> None:
    script(network, [DROPPED], "POST")
    script(network, [200], "GET")
    heard: list[RetryEvent] = []
    patient = ev.with_options(retry=Retry(before=heard.append))

    await do(patient, GET)
    with pytest.raises(OutcomeUnknown):
        await do(patient, POST)

    assert heard == []


async def test_a_hook_may_call_it_off(ev: EvEnergy, network: Network) -> None:
    script(network, [500, 200], "GET")

    def refuse(_: RetryEvent) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await do(ev.with_options(retry=Retry(before=refuse)), GET)

    assert len(network.sent) == 1


@pytest.mark.parametrize("stated", ["3601", "1773500000", "9" * 400, "Sat, 14 Mar 2126 12:00:00 GMT"])
def test_no_429_asks_for_more_than_the_hour_of_the_bucket(stated: str) -> None:
    assert retry_after(429, {"Retry-After": stated}, START) == 3_600
    assert (retry_after(503, {"Retry-After": stated}, START) or 0) > 3_600
