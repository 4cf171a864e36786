"""Logs of devices, read through handles from a sandbox whose time stands still."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec import UNSET

from ev_energy_async import EvEnergy, InvalidArgument, ResourceId, StaticToken, models
from ev_energy_async.devices import history as _history
from ev_energy_async.devices.kinds import DEVICES
from ev_energy_async.errors import ConnectionFailed
from ev_energy_async.instants import SECOND
from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.conftest import START

from .follow_kit import MINUTE, ModelServer, QuickClock, Stored, text_at, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ev_energy_async.devices.logs import LogQuery
    from tests.conftest import Network

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
DAY: Final = dt.timedelta(days=1)
SECONDS: Final = dt.timedelta(seconds=1)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=12, evses=8, seed=7, rate_limit=10_000, clock=SteppedClock(START)) as running:
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    async with EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as client:
        yield client


@pytest.fixture
async def busy(live: EvEnergy) -> str:
    """A vehicle with more than one page of status logs in three days."""
    for vehicle in await live.vehicles.list():
        if len(await live.vehicle(vehicle.id).status_logs(since=START - 3 * DAY).all()) > 100:
            return vehicle.id
    raise AssertionError("no vehicle has enough logs")


def times(logs: list[Any], field: str = "sampled_at") -> list[dt.datetime]:
    return [getattr(log, field) for log in logs]


async def test_status_logs_come_newest_first_and_page_by_page(live: EvEnergy, sandbox: Sandbox, busy: str) -> None:
    sandbox.requests.clear()

    logs = [log async for log in live.vehicle(busy).status_logs(since=START - 3 * DAY)]

    assert all(isinstance(log, models.VehicleStatusLog) for log in logs)
    assert times(logs) == sorted(set(times(logs)), reverse=True)
    assert len(sandbox.requests) == -(-len(logs) // 100)
    assert all("page_size=100" in served.path for served in sandbox.requests)


async def test_oldest_first_is_the_same_the_other_way_round(live: EvEnergy, busy: str) -> None:
    query = live.vehicle(busy).status_logs(since=START - 3 * DAY)

    assert [log async for log in query.oldest_first()] == list(reversed(await query.all()))


async def test_since_and_until_are_inclusive(live: EvEnergy, busy: str) -> None:
    logs = await live.vehicle(busy).status_logs(since=START - DAY).all()
    newest, oldest = times(logs)[2], times(logs)[6]

    some = await live.vehicle(busy).status_logs(since=oldest, until=newest).all()
    one = await live.vehicle(busy).status_logs(since=newest, until=newest).all()

    assert times(some) == times(logs)[2:7]
    assert one == [logs[2]]


async def test_a_query_is_one_page_when_awaited_and_can_go_on_from_its_cursor(live: EvEnergy, busy: str) -> None:
    query = live.vehicle(busy).status_logs(since=START - 3 * DAY)

    first = await query
    rest = [log async for page in query.pages(cursor=first.next_cursor) for log in page]

    assert len(first) == 100
    assert [*first, *rest] == await query.all()


async def test_error_logs_are_bounded_by_when_they_were_logged(live: EvEnergy) -> None:
    found = 0
    for vehicle in await live.vehicles.list():
        logs = await live.vehicle(vehicle).error_logs(since=START - 3 * DAY).all()
        assert times(logs, "logged_at") == sorted(times(logs, "logged_at"), reverse=True)
        assert all(START - 3 * DAY <= time <= START for time in times(logs, "logged_at"))
        found += len(logs)

    assert found


async def test_a_charger_has_logs_of_four_kinds(live: EvEnergy) -> None:
    kinds: set[type[object]] = set()
    for evse in await live.evses.list():
        handle = live.evse(evse.id)
        queries: list[tuple[LogQuery[Any], str]] = [
            (handle.status_logs(since=START - 2 * DAY), "sampled_at"),
            (handle.error_logs(since=START - 30 * DAY), "sampled_at"),
            (handle.command_logs(since=START - 30 * DAY), "logged_at"),
            (handle.ocpp_logs(since=START - DAY), "sampled_at"),
        ]
        for query, field in queries:
            logs = await query
            assert query.kind.time == field
            assert times(list(logs), field) == sorted(times(list(logs), field), reverse=True)
            kinds.update(map(type, logs))

    assert kinds == {
        models.EVSEStatusLog,
        models.EVSEAPIErrorLog,
        models.EVSECommandLog,
        models.EVSEOCPPLog,
    }


async def test_ocpp_logs_are_filtered_by_message(live: EvEnergy, sandbox: Sandbox) -> None:
    evse, *_ = [each.id for each in await live.evses.list() if await live.evse(each.id).ocpp_logs()]
    every = await live.evse(evse).ocpp_logs(since=START - DAY).all()
    actions = {log.action for log in every}
    action = next(iter(sorted(map(str, actions))))
    sandbox.requests.clear()

    some = await live.evse(evse).ocpp_logs(since=START - DAY, action=action).all()

    assert "action=" in sandbox.requests[-1].path
    assert some == [log for log in every if log.action == action]
    assert 0 < len(some) < len(every)


# --- A long past


def past(count: int) -> ModelServer:
    """A server with logs of so many half minutes, all of them past."""
    logs = [Stored(text_at(-number * MINUTE / 2), START) for number in range(count)]
    return ModelServer(QuickClock(), logs)


async def test_the_next_page_is_fetched_while_the_last_one_is_worked_on() -> None:
    server = past(250)
    asked: list[int] = []

    async for _ in server.vehicle.status_logs():
        await asyncio.sleep(0)
        asked.append(len(server.queries))

    assert (asked[0], asked[100], asked[249]) == (2, 3, 3)


async def test_pages_come_with_the_next_one_on_its_way_and_go_on_from_a_cursor() -> None:
    server = past(250)
    query = server.vehicle.status_logs()
    cursors: list[str | None] = []
    async for page in query.pages():
        cursors.append(page.next_cursor)
        await asyncio.sleep(0)
        assert len(server.queries) == min(len(cursors) + 1, 3)

    assert [len(page) async for page in query.pages(cursor=cursors[0])] == [100, 50]
    assert cursors[2] is None


async def test_who_stops_early_leaves_no_task_behind() -> None:
    server = past(450)
    async for _ in server.vehicle.status_logs():
        break
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)

    assert len(server.queries) <= 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("way", ["newest first", "oldest first", "pages"])
async def test_who_is_cancelled_leaves_no_task_behind(way: str) -> None:
    server = past(2_000)
    query = server.vehicle.status_logs()
    ways: dict[str, Callable[[], AsyncIterator[object]]] = {
        "newest first": query.__aiter__,
        "oldest first": query.oldest_first,
        "pages": query.pages,
    }
    begun = asyncio.Event()

    async def use() -> None:
        async for _ in ways[way]():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await begun.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_the_next_page_comes_after_the_logs_of_the_last_one() -> None:
    server = past(250)
    server.fail = lambda number, request: ConnectionFailed(request, "reset") if number == 2 else None
    logs = aiter(server.vehicle.status_logs())

    assert len([await anext(logs) for _ in range(100)]) == 100
    with pytest.raises(ConnectionFailed):
        await anext(logs)


@pytest.mark.parametrize("since", [None, START - 365 * DAY])
async def test_a_long_past_comes_oldest_first_in_windows(since: dt.datetime | None) -> None:
    server = past(6_000)
    most = 0
    found: list[str] = []

    async for log in server.vehicle.status_logs(since=since).oldest_first():
        if not found:
            most = len(server.queries)
        found.append(text_of(log))

    assert found == [stored.text for stored in reversed(server.logs)]
    assert most < 40, "the first comes long before all are read"
    assert len(server.queries) < 120, "60 full pages at the least"


async def test_a_log_on_the_bound_of_two_windows_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def span(_logs: object) -> int:
        return 300 * SECOND

    monkeypatch.setattr(_history, "_span_for", span)
    server = ModelServer(QuickClock(), [])
    server.logs += [
        Stored(text_at(dt.timedelta(seconds=second), digits), START)
        for second in range(-1_500, 0)
        for digits in ("", "0000001")
    ]
    found = [text_of(log) async for log in server.vehicle.status_logs(since=START - 1_500 * SECONDS).oldest_first()]

    assert found == [stored.text for stored in server.logs]


async def test_a_past_with_long_gaps_costs_little_more() -> None:
    server = ModelServer(QuickClock(), [])
    for days in (900, 400, 399, 30, 0):
        server.logs += [Stored(text_at(-days * DAY - number * MINUTE), START) for number in range(700)]
    server.logs.sort(key=lambda stored: stored.at)

    found = [text_of(log) async for log in server.vehicle.status_logs(since=START - 1_000 * DAY).oldest_first()]

    assert found == [stored.text for stored in server.logs]
    assert len(server.queries) < 150, "35 full pages at the least"


async def test_a_past_that_is_older_than_the_device_comes_too() -> None:
    server = ModelServer(QuickClock(), [])
    for year in (1998, 2010, 2026):
        begin = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        server.logs += [Stored(f"{begin + number * MINUTE:%Y-%m-%dT%H:%M:%S}Z", START) for number in range(900)]

    found = [text_of(log) async for log in server.vehicle.status_logs().oldest_first()]

    assert found == [stored.text for stored in server.logs]


async def test_more_logs_of_one_moment_than_a_window_holds_all_come() -> None:
    server = ModelServer(QuickClock(), [])
    server.logs += [Stored(text_at(MINUTE * 0, f"0000001{number:05}"), START) for number in range(1_200)]
    server.logs += [Stored(text_at(-number * MINUTE), START) for number in range(1, 30)]

    found = [text_of(log) async for log in server.vehicle.status_logs(since=START - DAY).oldest_first()]

    assert sorted(found) == sorted(stored.text for stored in server.logs)
    assert len(found) == 1_229


# --- What is asked for, of each kind


@pytest.mark.parametrize(
    ("device", "logs", "path", "field"),
    [
        ("vehicle", "status_logs", "vehicles/vhcl1/status_logs", "sampled_at"),
        ("vehicle", "error_logs", "vehicles/vhcl1/error_logs", "logged_at"),
        ("vehicle", "command_logs", "vehicles/vhcl1/command_logs", "logged_at"),
        ("vehicle", "location_logs", "vehicles/vhcl1/location_logs", "sampled_at"),
        ("evse", "status_logs", "evses/evse1/status_logs", "sampled_at"),
        ("evse", "error_logs", "evses/evse1/error_logs", "sampled_at"),
        ("evse", "command_logs", "evses/evse1/command_logs", "logged_at"),
        ("evse", "ocpp_logs", "evses/evse1/ocpp_logs", "sampled_at"),
        ("home_battery", "status_logs", "home_batteries/hoba1/status_logs", "sampled_at"),
        ("boundary_meter", "status_logs", "boundary_meters/bmet1/status_logs", "sampled_at"),
        ("ct_clamp", "logs", "ct_clamps/ctcl1/logs", "sampled_at"),
    ],
)
async def test_each_kind_of_log_is_bounded_by_the_time_of_its_collection(
    ev: EvEnergy, network: Network, device: str, logs: str, path: str, field: str
) -> None:
    bounds = f"{field}__gte=2026-03-13T12%3A00%3A00Z&{field}__lte=2026-03-14T12%3A00%3A00Z"
    network.answer("GET", f"/{path}?{bounds}&page_size=100", [])
    network.answer("GET", f"/{path}?page_size=100", [])
    read: Callable[..., LogQuery[Any]] = getattr(getattr(ev, device)(path.split("/")[1]), logs)

    query = read(since=START - DAY, until=START)
    assert network.sent == [], "nothing is asked before the logs are"
    assert await query.all() == []
    assert await read().all() == []


def test_every_kind_of_log_is_a_row_of_data_that_a_handle_reads() -> None:
    rows = {row.function for device in DEVICES.values() for row in device.logs.values() if row.function}

    assert len(rows) == 11


# --- What is refused


@pytest.mark.parametrize(
    ("bounds", "argument"),
    [
        ({"since": START, "until": START - dt.timedelta(microseconds=1)}, "since"),
        ({"since": START.replace(tzinfo=None)}, "since"),
        ({"until": START.replace(tzinfo=None)}, "until"),
        ({"since": START, "until": START.replace(tzinfo=None)}, "until"),
        ({"since": "2026-03-14T12:00:00Z"}, "since"),
        ({"until": START.date()}, "until"),
        ({"since": UNSET}, "since"),
    ],
)
def test_bounds_are_aware_and_in_order(bounds: Any, argument: str) -> None:
    for query in (EvEnergy().vehicle(VEHICLE).status_logs, EvEnergy().evse("evse1").ocpp_logs):
        with pytest.raises(InvalidArgument) as raised:
            query(**bounds)
        assert raised.value.argument == argument


async def test_a_filter_that_the_collection_has_not_is_an_error(ev: EvEnergy, network: Network) -> None:
    colour: Any = {"colour": "blue"}
    sideways: Any = {"direction": "Sideways"}
    with pytest.raises(TypeError, match="colour"):
        await ev.evse("evse1").ocpp_logs(**colour)
    with pytest.raises(InvalidArgument, match="direction"):
        await ev.evse("evse1").ocpp_logs(**sideways)

    assert network.sent == []


@pytest.mark.parametrize("name", ["vehicle", "evse", "home_battery", "boundary_meter", "ct_clamp"])
@pytest.mark.parametrize("reference", ["", "user01HN2NJ9NMRZBXT1H6FT9N7735", None, 5])
def test_a_handle_takes_an_id_of_its_kind_alone(name: str, reference: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"{name}_id"):
        getattr(EvEnergy(), name)(reference)


def test_a_handle_is_made_of_an_id_a_url_or_the_resource() -> None:
    ev = EvEnergy()

    for reference in (
        VEHICLE,
        f"{ev.base_url}/vehicles/{VEHICLE}/",
        ResourceId.parse(VEHICLE),
        models.Region(id=VEHICLE),
    ):
        assert ev.vehicle(reference).id == VEHICLE
    assert repr(ev.vehicle(VEHICLE)) == f"<VehicleHandle {VEHICLE}>"
