"""Following the logs of a device: what comes, in which order and when, and how it goes on from a cursor."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ev_energy_async import models
from ev_energy_async.errors import InvalidArgument
from tests.conftest import START

from .follow_kit import MINUTE, VEHICLE, ModelServer, QuickClock, log, take, text_of, texts

Log = models.VehicleStatusLog


@pytest.fixture
def server() -> ModelServer:
    """A server with no logs, which ends each test after a day."""
    made = ModelServer(QuickClock(), [])
    made.until = START + dt.timedelta(days=1)
    return made


# --- What comes


async def test_what_comes_from_now_on_is_yielded_and_what_was_there_is_not(server: ModelServer) -> None:
    before, soon, later = log(-5), log(2), log(30)
    server.logs += [before, later, soon]

    assert await take(server.vehicle.status_logs().follow(every=60), 2) == texts(soon, later)
    assert server.clock.elapsed == 30 * 60


async def test_what_was_sampled_before_the_start_and_comes_after_it_is_yielded(server: ModelServer) -> None:
    server.logs += [log(-5), log(-10, logged=3)]

    logs = server.vehicle.status_logs().follow()

    assert await take(logs, 1) == texts(server.logs[1])


@pytest.mark.parametrize("where", ["query", "follow"])
async def test_it_begins_at_the_given_time(server: ModelServer, where: str) -> None:
    server.logs += [log(minute) for minute in (-30, -20, -10, 5)]
    since = START - 20 * MINUTE

    if where == "query":
        logs = server.vehicle.status_logs(since=since).follow()
    else:
        logs = server.vehicle.status_logs().follow(since=since)

    assert await take(logs, 3) == texts(*server.logs[1:])


async def test_a_log_that_arrives_late_is_yielded_once_and_marked(server: ModelServer) -> None:
    first, late, last = log(10), log(2, logged=15), log(20)
    server.logs += [first, late, last]

    logs = server.vehicle.status_logs(since=START).follow()

    assert await take(logs, 3) == [*texts(first), *texts(late, late=True), *texts(last)]


async def test_a_log_two_days_late_is_found_where_it_stands_on_the_page_that_is_read_anyway(
    server: ModelServer,
) -> None:
    server.logs += [log(-60 * hour) for hour in range(60, 0, -1)]
    late = log(-60 * 48.5, logged=10)
    server.logs.append(late)

    logs = server.vehicle.status_logs().follow(lateness=60)

    assert await take(logs, 1) == texts(late)
    assert logs.cursor is not None
    assert "page_after" not in str(server.queries), "full pages, one a reading"


async def test_logs_of_one_reading_come_in_the_order_of_their_time(server: ModelServer) -> None:
    server.logs += [log(minute, logged=10 + minute % 3) for minute in (1, 5, 3, 2, 4)]

    logs = server.vehicle.status_logs(since=START).follow(every=20 * MINUTE)

    assert await take(logs, 5) == texts(*sorted(server.logs, key=lambda each: each.at))


async def test_logs_of_the_same_time_are_distinguished_by_the_digits_of_their_urls(server: ModelServer) -> None:
    # All but the last round to the same microsecond.
    same = [log(1, digits=digits) for digits in ("1234566", "1234567", "123457", "5")]
    server.logs += reversed(same)

    logs = server.vehicle.status_logs(since=START).follow()

    assert await take(logs, 4) == texts(*same)


@pytest.mark.parametrize("states_date", [True, False])
@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_clock_that_is_five_minutes_off_loses_nothing(minutes: int, states_date: bool) -> None:
    server = ModelServer(QuickClock(minutes * MINUTE), [])
    server.states_date = states_date
    server.until = START + 80 * MINUTE
    # So many that those that come late stand on no page that is read anyway; and the device's clock runs ahead too.
    server.logs += [log(second / 60) for second in range(0, 3_600, 4)]
    server.logs += [log(minute + 5, logged=minute, digits="7") for minute in range(1, 60)]
    server.logs += [log(minute, logged=minute + 14.5, digits="5") for minute in (20, 30, 35)]

    came = await take(server.vehicle.status_logs(since=START).follow(), len(server.logs))

    assert {text for text, _ in came} == {each.text for each in server.logs}


async def test_a_clock_that_is_ahead_of_the_server_does_not_let_logs_go_too_soon() -> None:
    server = ModelServer(QuickClock(5 * MINUTE), [log(10), log(5, logged=19.5), log(12)])
    server.until = START + 80 * MINUTE

    logs = server.vehicle.status_logs(since=START).follow(ordered=True)

    assert await take(logs, 3) == texts(*sorted(server.logs, key=lambda each: each.at))
    assert server.clock.elapsed == (12 + 15) * 60


async def test_held_back_logs_come_in_the_order_of_their_time(server: ModelServer) -> None:
    first, late, last = log(10), log(2, logged=15), log(20)
    server.logs += [last, first, late]

    logs = server.vehicle.status_logs(since=START).follow(ordered=True)

    assert await take(logs, 3) == texts(late, first, last)
    assert server.clock.elapsed == (20 + 15) * 60


async def test_a_held_back_log_that_is_later_still_comes_at_once_and_marked(server: ModelServer) -> None:
    first, very_late, last = log(10), log(2, logged=40), log(35)
    server.logs += [first, very_late, last]

    logs = server.vehicle.status_logs(since=START).follow(ordered=True)

    assert await take(logs, 3) == [*texts(first), *texts(very_late, late=True), *texts(last)]


async def test_a_long_absence_is_caught_up_in_order_without_holding_all_of_it(server: ModelServer) -> None:
    server.logs += [log(-minute / 2) for minute in range(4_000, 0, -1)]

    logs = server.vehicle.status_logs(since=START - dt.timedelta(days=3)).follow()
    first = await anext(logs)
    asked = len(server.queries)
    found = [text_of(first), *(text for text, late in await take(logs, 3_999) if not late)]

    assert found == [each.text for each in server.logs]
    assert asked < len(server.queries) / 2, "the first comes long before all are read"
    assert len(server.queries) < 90


async def test_it_ends_when_the_end_of_the_query_and_the_lateness_are_over(server: ModelServer) -> None:
    server.logs += [log(1), log(2, logged=16), log(3), log(4)]

    query = server.vehicle.status_logs(since=START, until=START + 3 * MINUTE)
    for ordered in (False, True):
        server.clock.elapsed = 0
        found = [text_of(each) async for each in query.follow(ordered=ordered)]
        assert sorted(found) == [each.text for each in server.logs[:3]]
        assert server.clock.elapsed <= 25 * 60


# --- When it looks


async def test_it_looks_in_steady_intervals_however_long_the_consumer_takes(server: ModelServer) -> None:
    server.logs += [log(minute) for minute in (1, 2, 10)]

    logs = server.vehicle.status_logs(since=START).follow(every=MINUTE)
    await anext(logs)
    server.clock.elapsed += 40
    await anext(logs)
    assert server.clock.naps[-1] == 20
    server.clock.elapsed += 8 * 60
    asked = len(server.queries)
    await anext(logs)

    assert len(server.queries) == asked + 1, "what was missed meanwhile is one reading"


async def test_how_often_it_looks_may_depend_on_what_was_seen(server: ModelServer) -> None:
    seen: list[str | None] = []

    def every(newest: Log | None) -> float | dt.timedelta:
        seen.append(None if newest is None else text_of(newest))
        return 60 if len(seen) < 4 else 10 * MINUTE

    server.logs += [log(0), log(2), log(30)]
    logs = server.vehicle.status_logs().follow(every=every)

    assert await take(logs, 2) == texts(*server.logs[1:])
    assert seen[:4] == [server.logs[0].text] * 2 + [server.logs[1].text] * 2
    assert server.clock.naps == [60, 60, 60, 600, 600, 600]


# --- Cursors


async def test_a_cursor_goes_on_after_the_last_log(server: ModelServer) -> None:
    server.logs += [log(minute) for minute in range(1, 30)]
    logs = server.vehicle.status_logs(since=START).follow(every=10 * MINUTE)

    assert logs.cursor is None
    found: list[tuple[str, bool]] = []
    for _ in range(29):
        found += await take(logs, 1)
        assert logs.cursor is not None
        logs = server.vehicle.status_logs().follow(every=10 * MINUTE, cursor=logs.cursor)

    assert found == texts(*server.logs)


async def test_a_log_that_was_being_worked_on_comes_again_from_the_cursor_before_it(server: ModelServer) -> None:
    server.logs += [log(1), log(2)]
    logs = server.vehicle.status_logs(since=START).follow()
    await anext(logs)
    saved = logs.cursor
    await anext(logs)

    assert await take(server.vehicle.status_logs().follow(cursor=saved), 1) == texts(server.logs[1])


async def test_a_cursor_is_of_one_device_and_one_kind_and_of_a_known_version(server: ModelServer) -> None:
    server.logs.append(log(1))
    logs = server.vehicle.status_logs(since=START).follow()
    await anext(logs)
    cursor = logs.cursor
    assert isinstance(cursor, str)
    assert cursor.startswith("1.")

    with pytest.raises(InvalidArgument, match=f"{VEHICLE}/status"):
        server.vehicle.error_logs().follow(cursor=cursor)
    for broken in ("", "2" + cursor[1:], cursor[:-9], "1.", "1.AAAA", 5):
        with pytest.raises(InvalidArgument, match="cursor"):
            server.vehicle.status_logs().follow(cursor=broken)  # type: ignore[arg-type]  # what a caller may pass


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"every": 0}, "every"),
        ({"every": "60"}, "every"),
        ({"lateness": -1}, "lateness"),
        ({"since": START.replace(tzinfo=None)}, "since"),
        ({"since": START + MINUTE}, "since"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(server: ModelServer, options: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        server.vehicle.status_logs(until=START).follow(**options)
    assert raised.value.argument == argument


def test_a_key_identifies_a_log(server: ModelServer) -> None:
    one = log(1, digits="1234567").model()
    by_time = models.VehicleStatusLog(sampled_at=START)

    query = server.vehicle.status_logs()

    assert query.key(one) == f"{VEHICLE}/status/2026-03-14T12:01:00.1234567Z"
    assert query.key(by_time) == f"{VEHICLE}/status/2026-03-14T12:00:00Z"
    assert server.vehicle.location_logs().key(models.VehicleLocationLog(sampled_at=START)) != query.key(by_time)
