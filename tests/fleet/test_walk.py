"""A snapshot from several cursors at once misses nothing and shows nothing twice, whoever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.devices import DEVICES
from ev_energy_async.errors import NotFound
from ev_energy_async.fleet.allotment import Demand, allot
from ev_energy_async.fleet.events import VehicleAdded, VehicleRemoved
from ev_energy_async.fleet.watch.cycle import Cycle
from ev_energy_async.fleet.watch.jobs import PageJob
from ev_energy_async.fleet.watch.pages import Pages
from ev_energy_async.fleet.watch.scheduler import Scheduler
from ev_energy_async.fleet.watch.state import Meta
from ev_energy_async.fleet.watch.walk import Walk, Walker
from ev_energy_async.messages.request import Response
from tests.fleet.watch_kit import Car, cycle, end, fleet, keys, status_settings, vehicle_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.messages.request import Request

_MOST: Final = 40
_PAGE: Final = 3


def page_after(there: set[int], cursor: str | None) -> tuple[list[str], str | None]:
    """A page of a list that is ordered by number, and the cursor of the next one."""
    after = -1 if cursor is None else int(cursor)
    found = sorted(each for each in there if each > after)
    page = found[:_PAGE]
    return [str(each) for each in page], str(page[-1]) if len(found) > _PAGE else None


numbers = st.integers(0, _MOST - 1)


@given(
    st.sets(numbers),
    st.lists(numbers, max_size=6),
    st.lists(st.tuples(st.sampled_from(["walk", "walk", "walk", "come", "go", "refuse"]), numbers), max_size=60),
)
def test_all_that_is_there_from_beginning_to_end_is_met(
    there: set[int], begins: list[int], steps: list[tuple[str, int]]
) -> None:
    # The cursors may be of a list that was quite another one, in any order.
    walk = Walk(None, [str(each) for each in begins])
    constant, met, pages = set(there), set[str](), 0

    def go_on(number: int) -> None:
        walker = walk.walkers[number % len(walk.walkers)]
        device_ids, cursor = page_after(there, walker.cursor)
        met.update(device_ids)
        walk.move(walker, device_ids, cursor)

    for what, number in steps:
        if walk.is_over:
            break
        if what == "come":
            there.add(number)
        elif what == "go":
            there.discard(number)
            constant.discard(number)
        elif what == "walk":
            go_on(number)
        else:
            walker = walk.walkers[number % len(walk.walkers)]
            if walker.number and not walker.has_begun:
                walk.drop(walker)
    while not walk.is_over:
        pages += 1
        go_on(pages)
    assert {str(each) for each in constant} <= met
    assert pages <= (len(begins) + 1) * (_MOST // _PAGE + 1)


def test_walkers_that_begin_where_a_list_was_cut_ask_for_hardly_more_pages_than_one() -> None:
    there = set(range(_MOST))
    first = Walk()
    while not first.is_over:
        first.move(first.walkers[0], *page_after(there, first.resume))
    cursors = first.cursors
    assert len(cursors) == -(-_MOST // _PAGE) - 1
    walk, pages = Walk(None, cursors[3::4]), 0
    while not walk.is_over:
        walker = walk.walkers[pages % len(walk.walkers)]
        walk.move(walker, *page_after(there, walker.cursor))
        pages += 1
    assert pages <= len(cursors) + 1 + len(cursors[3::4])
    assert sorted(map(int, set(walk.cursors))) == sorted(map(int, set(cursors)))


def test_only_pages_that_take_longer_than_their_interval_are_under_way_side_by_side() -> None:
    scheduler = Scheduler(0.0)
    assert scheduler.walkers(1.0, 50) == 1  # nothing was chosen yet
    scheduler.follow(allot(Demand(devices=15_000, every=300, budget=10_000)), 150, 0.0)
    assert [scheduler.walkers(took, 50) for took in (1.0, 2.0, 4.0, 1_000.0)] == [1, 3, 4, 50]


def test_a_walker_that_is_shown_again_what_it_began_with_goes_on() -> None:
    walk = Walk(None, ["20"])
    first, _ = walk.walkers
    walk.move(first, ["1", "2"], "2")
    walk.move(first, ["2", "3"], "3")
    assert first in walk.walkers


def test_cursors_are_not_used_again_where_one_walker_has_read_the_part_of_another_too() -> None:
    walk = Walk(None, ["5"])
    first, second = walk.walkers
    walk.move(second, ["6"], "6")
    walk.move(first, ["1"], "1")
    walk.move(first, ["7"], None)  # the one with which the second began is gone
    walk.move(second, ["7"], None)
    assert walk.is_over
    assert walk.cursors == []


def test_a_walker_that_is_dropped_leaves_the_cursors_of_the_others() -> None:
    walk = Walk(None, ["5"])
    first, second = walk.walkers
    walk.drop(second)
    walk.move(first, ["1"], "1")
    walk.move(first, ["2"], None)
    assert walk.is_over
    assert walk.cursors == ["1"]


def pages_of_many() -> tuple[Pages, Any]:
    """The pages of the snapshots of 15,000 vehicles, and what they are asked for through."""
    api, _, _ = fleet(1)
    client: Any = api
    settings = status_settings()
    scheduler = Scheduler(0.0)
    scheduler.follow(allot(Demand(devices=15_000, every=300, budget=10_000)), 150, 0.0)
    return Pages(client, settings, scheduler), client


@pytest.mark.parametrize("number", [0, 1])
def test_pages_of_another_kind_neither_take_the_place_of_a_walker_nor_put_off_its_page(number: int) -> None:
    pages, client = pages_of_many()
    this_cycle = Cycle(Meta(), 0, 0.0)
    pages.begin(this_cycle, 0.0, is_paced=True)
    other = PageJob(client, DEVICES["evses"], Walker(number, None))

    assert pages.at(this_cycle, 0.0, [other]) == pages.at(this_cycle, 0.0, []) < math.inf
    [page] = pages.due(this_cycle, 0.0, [other])
    assert page.of is DEVICES["vehicles"]
    assert pages.due(this_cycle, 0.0, [other, page]) == []


@pytest.fixture
def walkers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages always take long."""

    def several(_scheduler: Scheduler, _took: float, most: int) -> int:
        return min(4, most)

    monkeypatch.setattr(Scheduler, "walkers", several)


@pytest.mark.usefixtures("walkers")
def test_a_snapshot_that_another_process_has_begun_goes_on_at_its_cursor_and_leaves_none_for_the_next() -> None:
    pages, _ = pages_of_many()
    resumed = Cycle(Meta(cursor="5"), 0, 0.0)
    pages.begin(resumed, 0.0, is_paced=True)
    assert [walker.cursor for walker in resumed.walk.walkers] == ["5"]

    resumed.walk.move(resumed.walk.walkers[0], ["6"], "6")
    resumed.walk.move(resumed.walk.walkers[0], ["7"], None)
    pages.walked(resumed)
    following = Cycle(Meta(), 0, 0.0)
    pages.begin(following, 0.0, is_paced=True)

    assert len(following.walk.walkers) == 1, "its cursors are those of a part of the list"


def asked_for(api: Any) -> list[str]:
    """Note the queries of lists from now on."""
    found: list[str] = []
    before: Callable[[int, Request[Any]], Exception | None] = api.fail

    def note(number: int, request: Request[Any]) -> Exception | None:
        if request.path == "/vehicles":
            found.append(request.query)
        return before(number, request)

    api.fail = note
    return found


@pytest.mark.usefixtures("walkers")
async def test_a_fleet_in_parts_is_watched_like_one_in_a_row() -> None:
    api, cars, _ = fleet(30, page_size=3)
    watch = api.watch(every=300, logs={"status"}, max_shrink=0.5)
    assert sum(isinstance(event, VehicleAdded) for event in await cycle(watch)) == 30
    asked = asked_for(api)
    logs = [car.log(2) for car in cars[::2]]
    late = Car(vehicle_id(29) + "B")
    late.log(1)
    api.cars[late.id] = late
    cars[7].until = cars[15].until = api.clock.true

    events = await cycle(watch)

    assert "page_after" in asked[1]  # several cursors at once
    assert len(asked) <= 10 + 4
    expected = {f"{car.id}/status/{log.text}" for car, log in zip(cars[::2], logs, strict=True)}
    assert set(keys(events)) == expected | {f"{late.id}/status/{late.status[0].text}"}
    assert len(keys(events)) == len(set(keys(events)))
    assert [event.vehicle_id for event in events if isinstance(event, VehicleAdded)] == [late.id]
    assert [event.vehicle_id for event in events if isinstance(event, VehicleRemoved)] == [cars[7].id, cars[15].id]
    assert end(events).vehicles == 29
    assert keys(await cycle(watch)) == []


@pytest.mark.usefixtures("walkers")
async def test_cursors_that_are_refused_leave_the_list_to_the_others() -> None:
    api, cars, _ = fleet(30, page_size=3)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    refused: set[str] = set()

    def refuse(_number: int, request: Request[Any]) -> Exception | None:
        if request.path != "/vehicles" or "page_after" not in request.query or len(refused) == 3:
            return None
        refused.add(request.query)
        return NotFound(Response(request, "", 404, {}, b"", b""))

    api.fail = refuse
    log = cars[20].log(2)

    events = await cycle(watch)

    assert len(refused) == 3
    assert keys(events) == [f"{cars[20].id}/status/{log.text}"]
    assert end(events).vehicles == 30


@pytest.mark.usefixtures("walkers")
async def test_a_snapshot_ends_where_the_last_walker_is_refused_after_the_others_have_come_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, cars, _ = fleet(6, page_size=3)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    for car in cars[3:]:
        car.until = api.clock.true  # the first page is the last one now
    refused: list[str] = []
    original = api.send

    async def send(request: Request[Any]) -> Any:
        if request.path != "/vehicles" or "page_after" not in request.query or refused:
            return await original(request)
        refused.append(request.query)
        # Long after the page of the first walker, which ends the list.
        for _ in range(20):
            await asyncio.sleep(0)
        raise NotFound(Response(request, "", 404, {}, b"", b""))

    monkeypatch.setattr(api, "send", send)
    log = cars[1].log(2)

    events = await cycle(watch)

    assert len(refused) == 1
    assert keys(events) == [f"{cars[1].id}/status/{log.text}"]
    assert end(events).vehicles == 3
    cars[2].log(3)
    assert len(keys(await cycle(watch))) == 1


def slow_pages(api: Any) -> list[int]:
    """Let each page take longer than two intervals, and note how many others are under way when it is asked for."""
    under_way, found = set[object](), list[int]()
    original = api.send

    async def send(request: Request[Any]) -> Any:
        if request.path != "/vehicles":
            return await original(request)
        found.append(len(under_way))
        under_way.add(request)
        try:
            api.clock.elapsed += 700  # at once, so that the next page is due while this one is under way
            for _ in range(20):
                await asyncio.sleep(0)
            return await original(request)
        finally:
            under_way.remove(request)

    api.send = send
    return found


async def reporting() -> tuple[Any, Any]:
    """A watch of a fleet of ten pages that is known, whose cars have all reported since."""
    api, cars, _ = fleet(30, page_size=3)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    for car in cars:
        car.log(2)
    return api, watch


@pytest.mark.usefixtures("walkers")
async def test_pages_are_asked_for_side_by_side_until_a_batch_is_full() -> None:
    api, watch = await reporting()
    beside = slow_pages(api)

    batch = await anext(watch.batches(max_items=30, max_age=86_400))

    assert len(keys(batch)) == len(set(keys(batch))) == 30
    assert 0 not in beside[2:], beside  # the second is not due until the first is over


@pytest.mark.usefixtures("walkers")
async def test_no_page_is_asked_for_once_a_batch_has_waited_long_enough() -> None:
    api, watch = await reporting()
    beside = slow_pages(api)
    batches = watch.batches(max_items=30, max_age=2_000)

    first = keys(await anext(batches))

    assert max(beside) > 1, beside
    assert len(beside) < 8, beside
    rest: list[str] = []
    while len(rest) < 30 - len(first):
        rest += keys(await anext(batches))
    assert len({*first, *rest}) == len(first) + len(rest) == 30


@pytest.mark.usefixtures("walkers")
async def test_a_batch_of_several_walkers_can_be_cancelled_at_every_step_and_loses_nothing() -> None:
    steps, is_filled = 0, False
    while not is_filled:
        api, watch = await reporting()
        slow_pages(api)
        task = asyncio.create_task(anext(watch.batches(max_items=30, max_age=86_400)))
        for _ in range(steps):
            await asyncio.sleep(0)
        is_filled = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        batch = task.result() if is_filled else await anext(watch.batches(max_items=30, max_age=86_400))
        assert len(keys(batch)) == len(set(keys(batch))) == 30, steps
        steps += 3
    assert steps > 60


@pytest.mark.usefixtures("walkers")
async def test_a_snapshot_in_parts_begins_no_later_than_its_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    api, _, clock = fleet(30, page_size=3)
    watch = api.watch(every=300, logs={"status"})
    await cycle(watch)
    original = api.send
    asked: list[Any] = []

    async def send(request: Request[Any]) -> Any:
        asked.append(clock.true)
        if request.path == "/vehicles" and "page_after" not in request.query:
            clock.elapsed += 60  # other pages may have been answered meanwhile
        return await original(request)

    monkeypatch.setattr(api, "send", send)
    assert end(await cycle(watch)).began_at <= asked[0]
