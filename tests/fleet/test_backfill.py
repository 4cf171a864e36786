"""Reading the past of many vehicles: merged, resumable, with failures that stay those of one vehicle."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import pytest

from ev_energy_async.errors import (
    AuthError,
    BudgetExhausted,
    ConnectionFailed,
    DecodeError,
    Forbidden,
    InvalidArgument,
    NotFound,
    Unauthorized,
)
from ev_energy_async.fleet.backfill import Backfill, LogRead
from ev_energy_async.fleet.events import PollFailed
from tests.conftest import START
from tests.devices.follow_kit import MINUTE, text_at

from .backfill_kit import Fleet, key, logs, refusal, vehicle_id

if TYPE_CHECKING:
    from ev_energy_async.devices import VehicleLog
    from ev_energy_async.messages.request import Request

HOUR: Final = dt.timedelta(hours=1)
ONE, TWO, THREE = (vehicle_id(number) for number in (1, 2, 3))


async def all_of(backfill: Backfill) -> list[str]:
    return [key(item) async for item in backfill]


def at(number: int, *minutes: float) -> list[str]:
    return [f"{number}/{text_at(minute * MINUTE)}" for minute in minutes]


# --- What is read


async def test_all_vehicles_are_read_each_newest_first() -> None:
    fleet = Fleet({ONE: logs(1, 2, 3, 4, 5), TWO: logs(1, 2), THREE: logs(9)}, page_size=2)

    found = await all_of(Backfill(fleet, "status"))

    assert [each for each in found if each.startswith("1/")] == at(1, 5, 4, 3, 2, 1)
    assert sorted(found) == sorted(at(1, 1, 2, 3, 4, 5) + at(2, 1, 2) + at(3, 9))
    assert found.index(at(2, 2)[0]) < found.index(at(1, 3)[0]), "in turns, a page at a time"
    assert fleet.lists == 1
    assert all(query["page_size"] == "100" for _, query in fleet.asked)


async def test_a_log_is_yielded_with_its_key() -> None:
    fleet = Fleet({ONE: logs(1)})

    (item,) = [item async for item in Backfill(fleet, "status", [ONE])]

    assert item == LogRead(
        key=f"{ONE}/status/{text_at(MINUTE)}", vehicle_id=ONE, log_kind="status", log=fleet.logs[ONE][0].model()
    )


@pytest.mark.parametrize(
    ("log", "time"),
    [("status", "sampled_at"), ("error", "logged_at"), ("command", "logged_at"), ("location", "sampled_at")],
)
async def test_each_log_has_its_own_time(log: VehicleLog, time: str) -> None:
    fleet = Fleet({ONE: logs(1, 2, 3, 4)})
    paths: list[str] = []

    def note(_number: int, request: Request[Any]) -> None:
        paths.append(request.path)

    fleet.fail = note
    items = [item async for item in Backfill(fleet, log, [ONE], since=START + 2 * MINUTE, until=START + 3 * MINUTE)]

    assert list(map(key, items)) == at(1, 3, 2)
    assert {item.log_kind for item in items} == {log}
    assert paths == [f"/vehicles/{ONE}/{log}_logs"]
    assert set(fleet.asked[0][1]) == {f"{time}__gte", f"{time}__lte", "page_size"}


async def test_named_vehicles_are_read_without_a_list_and_each_once() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(2), THREE: logs(3)})

    found = await all_of(Backfill(fleet, "status", iter([TWO, f"https://api.ev.energy/v2/vehicles/{ONE}", TWO])))

    assert found == at(2, 2) + at(1, 1)
    assert fleet.lists == 0
    assert await all_of(Backfill(fleet, "status", [])) == []


async def test_vehicles_without_logs_since_then_cost_nothing() -> None:
    fleet = Fleet({ONE: logs(1, 10), TWO: logs(1, 2), THREE: []})

    assert await all_of(Backfill(fleet, "status", since=START + 10 * MINUTE)) == at(1, 10)
    assert [whose for whose, _ in fleet.asked] == ["vehicles", ONE]


async def test_a_vehicle_whose_newest_log_is_given_as_a_url_is_left_out_by_that() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(2)})
    for vehicle, minute in ((ONE, 1), (TWO, 2)):
        fleet.newest[vehicle] = f"https://api.ev.energy/vehicles/{vehicle}/status_logs/{text_at(minute * MINUTE)}/"

    assert await all_of(Backfill(fleet, "status", since=START + 2 * MINUTE)) == at(2, 2)
    assert [whose for whose, _ in fleet.asked] == ["vehicles", TWO]


@pytest.mark.parametrize("log", ["error", "command", "location"])
async def test_the_newest_status_log_says_nothing_of_other_logs(log: VehicleLog) -> None:
    fleet = Fleet({ONE: logs(60), TWO: logs(61)})
    fleet.newest = {ONE: None, TWO: logs(-600)[0].model()}

    assert await all_of(Backfill(fleet, log, since=START)) == at(1, 60) + at(2, 61)


async def test_the_list_is_read_between_the_logs_and_not_held() -> None:
    fleet = Fleet({vehicle_id(number): logs(1) for number in range(100)}, list_size=10)
    backfill = Backfill(fleet, "status", concurrency=5)

    await anext(backfill)
    assert fleet.lists <= 2
    assert len(await all_of(backfill)) == 99
    assert fleet.lists == 10
    assert fleet.most_under_way == 5


async def test_one_at_a_time_is_possible() -> None:
    fleet = Fleet({vehicle_id(number): logs(1, 2, 3) for number in range(7)}, page_size=1, list_size=2)

    assert len(await all_of(Backfill(fleet, "status", concurrency=1))) == 21
    assert fleet.most_under_way == 1


async def test_no_more_than_a_page_of_each_vehicle_under_way_is_held() -> None:
    fleet = Fleet({vehicle_id(number): logs(*range(30)) for number in range(20)}, page_size=10)
    backfill = Backfill(fleet, "status", concurrency=4)

    for count in range(20 * 30):
        await anext(backfill)
        answered = 10 * sum(whose != "vehicles" for whose, _ in fleet.asked)
        assert answered - count - 1 <= 4 * 10


# --- What is refused


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("log", "statuses"),
        ("log", None),
        ("vehicles", ONE),
        ("vehicles", 5),
        ("vehicles", [ONE, "evse01HRFF3SEVSCRAV9B3CHVDFN0H"]),
        ("since", START.replace(tzinfo=None)),
        ("until", "2026-03-14"),
        ("since", START + HOUR),
        ("concurrency", 0),
        ("concurrency", True),
        ("share", 0),
        ("share", 1.5),
        ("cursor", ""),
        ("cursor", "1.x"),
        ("cursor", 5),
    ],
)
async def test_an_invalid_argument_is_refused_before_anything_is_sent(argument: str, value: object) -> None:
    fleet = Fleet({})
    given: dict[str, Any] = {"log": "status", "until": START + MINUTE, argument: value}

    with pytest.raises(InvalidArgument) as raised:
        Backfill(fleet, **given)

    assert raised.value.argument == argument
    assert fleet.asked == []


async def test_a_cursor_of_another_backfill_is_refused() -> None:
    fleet = Fleet({ONE: logs(1)})
    cursor = Backfill(fleet, "status", since=START).cursor
    named = Backfill(fleet, "status", [ONE], since=START).cursor
    others: list[dict[str, Any]] = [
        {"log": "error", "since": START},
        {"log": "status"},
        {"log": "status", "since": START + MINUTE},
        {"log": "status", "since": START, "until": START + HOUR},
        {"log": "status", "since": START, "vehicles": [ONE]},
    ]

    for other in others:
        with pytest.raises(InvalidArgument, match="cursor"):
            Backfill(fleet, **other, cursor=cursor)
    with pytest.raises(InvalidArgument, match="cursor"):
        Backfill(fleet, "status", [ONE, TWO], since=START, cursor=named)
    with pytest.raises(InvalidArgument, match="cursor"):
        Backfill(fleet, "status", since=START, cursor=named)
    same_instant = START.astimezone(dt.timezone(HOUR))
    Backfill(fleet, "status", since=same_instant, cursor=cursor)
    Backfill(fleet, "status", [f"/v2/vehicles/{ONE}/"], since=START, cursor=named)


# --- When something fails


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (403, Forbidden)])
async def test_a_vehicle_that_cannot_be_read_does_not_stop_the_others(status: int, error: type[Exception]) -> None:
    fleet = Fleet({ONE: logs(1, 2, 3), TWO: logs(1, 2, 3)}, page_size=1)
    broken = {3}
    fleet.fail = lambda number, request: refusal(status, request) if number in broken else None
    backfill = Backfill(fleet, "status")

    items = [item async for item in backfill]

    # The third request is for the second page of one of them.
    (failed,) = [item for item in items if isinstance(item, PollFailed)]
    assert isinstance(failed.error, error)
    assert failed.log_kind == "status"
    assert failed.key == f"{failed.vehicle_id}/status/failed"
    whole = next(number for number in (1, 2) if vehicle_id(number) != failed.vehicle_id)
    assert [key(item) for item in items if item.vehicle_id == vehicle_id(whole)] == at(whole, 3, 2, 1)

    # It is tried again by whoever goes on from there, and nothing else is.
    fleet.asked.clear()
    broken.clear()
    again = [item async for item in Backfill(fleet, "status", cursor=backfill.cursor)]
    assert {whose for whose, _ in fleet.asked} == {failed.vehicle_id}
    mine = [item.key for item in items + again if isinstance(item, LogRead) and item.vehicle_id == failed.vehicle_id]
    assert len(mine) == len(set(mine)) == 3


async def test_a_vehicle_fails_again_until_it_does_not() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(2)})
    fleet.fail = lambda _number, request: refusal(404, request) if ONE in request.path else None
    backfill = Backfill(fleet, "status")

    assert sorted(await all_of(backfill)) == ["1 failed", *at(2, 2)]
    backfill = Backfill(fleet, "status", cursor=backfill.cursor)
    assert await all_of(backfill) == ["1 failed"]
    fleet.fail = lambda _number, _request: None
    backfill = Backfill(fleet, "status", cursor=backfill.cursor)
    assert await all_of(backfill) == at(1, 1)
    assert await all_of(Backfill(fleet, "status", cursor=backfill.cursor)) == []


async def test_a_log_that_cannot_be_decoded_does_not_stop_its_vehicle() -> None:
    fleet = Fleet({ONE: logs(1, 2, 3, 4, 5)}, page_size=3)
    fleet.undecodable = {text_at(4 * MINUTE), text_at(MINUTE)}

    items = [item async for item in Backfill(fleet, "status")]

    assert [key(item) for item in items] == ["1 failed", *at(1, 5, 3), "1 failed", *at(1, 2)]
    bad = [item for item in items if isinstance(item, PollFailed)]
    assert bad[0].key != bad[1].key
    assert isinstance(bad[0].error, DecodeError)
    assert bad[0].error.path == "$[1].name"


async def test_a_vehicle_that_cannot_be_decoded_is_read_by_its_id() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(2)})
    fleet.undecodable = {TWO}

    assert sorted(await all_of(Backfill(fleet, "status"))) == at(1, 1) + at(2, 2)


async def test_a_vehicle_without_an_id_is_reported() -> None:
    fleet = Fleet({ONE: logs(1), "evse1": logs(2)})
    fleet.undecodable = {"evse1"}

    items = [item async for item in Backfill(fleet, "status")]

    assert [(item.vehicle_id, item.log_kind) for item in items] == [("unknown", "vehicle"), (ONE, "status")]


async def test_a_refusal_for_want_of_budget_is_everybodys_and_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ev_energy_async")
    fleet = Fleet({ONE: logs(1), TWO: logs(2)})

    def fail(number: int, request: Request[Any]) -> Exception | None:
        return BudgetExhausted(request, START + 30 * MINUTE) if number in {1, 3} else None

    fleet.fail = fail

    assert sorted(await all_of(Backfill(fleet, "status"))) == at(1, 1) + at(2, 2)
    assert fleet.clock.naps[0] == 30 * 60
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2
    assert "the backfill of status is interrupted; next attempt in 1800 s" in caplog.text


@pytest.mark.parametrize("status", [429, 503])
async def test_an_api_that_is_down_is_waited_for(status: int) -> None:
    fleet = Fleet({vehicle_id(number): logs(1) for number in range(4)})
    fleet.fail = lambda number, request: refusal(status, request) if 2 <= number < 14 else None

    found = await all_of(Backfill(fleet, "status"))

    assert sorted(found) == [f"{number}/{text_at(MINUTE)}" for number in range(4)]
    assert fleet.clock.naps == [5, 10, 20]


async def test_vehicles_without_a_response_fail_eventually() -> None:
    fleet = Fleet({vehicle_id(number): logs(1) for number in range(5)})
    fleet.fail = lambda number, request: refusal(503, request) if number > 1 else None

    assert sorted(await all_of(Backfill(fleet, "status"))) == [f"{number} failed" for number in range(5)]
    assert fleet.clock.naps == [5, 10, 20, 40, 80]


def made(error: type[Exception], request: Request[Any]) -> Exception:
    if error is ConnectionFailed:
        return ConnectionFailed(request, "the client is closed", transient=False)
    return refusal(401, request) if error is Unauthorized else error("invalid_client")


@pytest.mark.parametrize("error", [Unauthorized, AuthError, ConnectionFailed, ZeroDivisionError])
@pytest.mark.parametrize("number", [1, 2, 4])
async def test_what_is_wrong_for_everybody_is_raised_and_nothing_is_lost(error: type[Exception], number: int) -> None:
    fleet = Fleet({ONE: logs(1, 2), TWO: logs(1, 2)}, page_size=1)
    fleet.fail = lambda count, request: made(error, request) if count == number else None
    backfill = Backfill(fleet, "status")

    found: list[str] = []

    async def read() -> None:
        async for item in backfill:
            found.append(key(item))  # noqa: PERF401  # what came before the error counts

    with pytest.raises(error):
        await read()
    await read()

    assert sorted(found) == sorted(at(1, 1, 2) + at(2, 1, 2))


async def test_a_list_of_vehicles_that_is_refused_is_an_error() -> None:
    fleet = Fleet({ONE: logs(1)})
    fleet.fail = lambda number, request: refusal(403, request) if number == 1 else None

    with pytest.raises(Forbidden):
        await anext(Backfill(fleet, "status"))


async def test_the_list_of_vehicles_is_asked_for_with_the_newest_log_of_each_in_full_pages() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(2)})
    expands: list[list[str]] = []

    def note(_number: int, request: Request[Any]) -> None:
        if request.path == "/vehicles":
            expands.append([value for name, value in parse_qsl(request.query) if name == "expand"])

    fleet.fail = note
    await all_of(Backfill(fleet, "status", since=START))

    assert expands == [["latest_status_log"]]
    assert fleet.asked[0][1]["page_size"] == "100"


async def test_the_old_name_of_error_logs_is_taken_with_a_warning() -> None:
    fleet = Fleet({ONE: logs(1)})
    old: Any = "errors"

    with pytest.warns(DeprecationWarning, match='"errors" is now called "error"'):
        backfill = Backfill(fleet, old, [ONE])

    assert [item.log_kind async for item in backfill] == ["error"]
