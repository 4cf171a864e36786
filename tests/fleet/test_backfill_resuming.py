"""Backfills that are cut off, cancelled, paused and resumed, and their share of the budget."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.backfill import Backfill, LogRead
from ev_energy_async.fleet.backfill.positions import Saved, write_cursor
from ev_energy_async.fleet.events import PollFailed
from ev_energy_async.instants import instant_of
from tests.conftest import START
from tests.devices.follow_kit import MINUTE, Stored, text_at
from tests.servers import until

from .backfill_kit import Fleet, Limit, key, logs, refusal, vehicle_id

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from ev_energy_async.fleet.backfill.backfill import Read
    from ev_energy_async.messages.request import Request

QUICK: Final = settings(max_examples=150, deadline=None)


async def all_of(backfill: Backfill) -> list[str]:
    return [key(item) async for item in backfill]


# --- Going on from a cursor


@pytest.mark.parametrize("named", [False, True])
async def test_a_run_can_go_on_after_any_item(named: bool) -> None:
    fleet = Fleet({vehicle_id(number): logs(*range(number + 3)) for number in range(6)}, page_size=2, list_size=2)
    vehicles = list(fleet.logs) if named else None
    whole = await all_of(Backfill(fleet, "status", vehicles, concurrency=3))

    for stop in range(len(whole) + 1):
        backfill = Backfill(fleet, "status", vehicles, concurrency=3)
        before = [key(await anext(backfill)) for _ in range(stop)]
        after = await all_of(Backfill(fleet, "status", vehicles, concurrency=3, cursor=backfill.cursor))
        assert sorted(before + after) == sorted(whole)


async def test_items_after_a_cursor_come_again() -> None:
    fleet = Fleet({vehicle_id(1): logs(1, 2, 3, 4)}, page_size=3)
    backfill = Backfill(fleet, "status")
    await anext(backfill)
    cursor = backfill.cursor
    rest = await all_of(backfill)

    assert await all_of(Backfill(fleet, "status", cursor=cursor)) == rest
    assert len(rest) == 3


async def test_resuming_reads_only_the_pages_that_were_not_yielded() -> None:
    fleet = Fleet({vehicle_id(1): logs(*range(10))}, page_size=2)
    backfill = Backfill(fleet, "status")
    for _ in range(5):
        await anext(backfill)
    fleet.asked.clear()

    await all_of(Backfill(fleet, "status", cursor=backfill.cursor))

    assert [whose for whose, _ in fleet.asked] == [vehicle_id(1)] * 3


async def test_a_first_page_that_was_pushed_down_meanwhile_leaves_nothing_out() -> None:
    fleet = Fleet({vehicle_id(1): logs(1, 2, 3, 4)}, page_size=2)
    backfill = Backfill(fleet, "status")
    before = [key(await anext(backfill))]
    fleet.logs[vehicle_id(1)] += logs(5, 6, 7, 8, 9)

    after = await all_of(Backfill(fleet, "status", cursor=backfill.cursor))

    assert before + after == [f"1/{text_at(minute * MINUTE)}" for minute in (4, 3, 2, 1)]


async def test_an_undecodable_log_is_reported_once_across_runs() -> None:
    fleet = Fleet({vehicle_id(1): logs(*range(8))}, page_size=4)
    fleet.undecodable = {text_at(minute * MINUTE) for minute in (6, 5, 2, 1)}
    whole = [item.key async for item in Backfill(fleet, "status")]
    assert sum("/undecodable/" in key for key in whole) == 4

    for stop in range(len(whole) + 1):
        backfill = Backfill(fleet, "status")
        before = [(await anext(backfill)).key for _ in range(stop)]
        after = [item.key async for item in Backfill(fleet, "status", cursor=backfill.cursor)]
        assert before + after == whole


async def test_a_cursor_is_short() -> None:
    fleet = Fleet({vehicle_id(number * 7919**5): logs(*range(number % 20 + 1)) for number in range(300)}, page_size=7)
    backfill = Backfill(fleet, "status", concurrency=50)
    longest = 0
    async for _ in backfill:
        longest = max(longest, len(backfill.cursor))

    assert longest < 8_000
    assert len(backfill.cursor) < 100


async def test_a_forged_cursor_is_refused() -> None:
    forged = write_cursor(Saved("status", "", 0, None, True, (("evse1", None, "", 0),), ()))  # type: ignore[arg-type]  # forged
    with pytest.raises(InvalidArgument):
        Backfill(Fleet({}), "status", cursor=forged)


@attrs.frozen
class Course:
    """The events of one backfill."""

    vehicles: list[list[Stored]]
    page_size: int
    list_size: int
    concurrency: int
    named: bool
    since: int | None
    until: int | None
    crashes: list[int]
    failures: dict[int, int]
    undecodable: set[int]
    pause: float


@st.composite
def stored(draw: Callable[..., Any]) -> Stored:
    minute: int = draw(st.integers(-20, 20))
    digits: str = draw(st.sampled_from(["", "", "5", "1234561", "1234562"]))
    # Most are there from the start and stay; some come or go meanwhile.
    visible = START + draw(st.sampled_from([0, 0, 0, 0, 1, 3])) * MINUTE
    gone = START + draw(st.sampled_from([10_000, 10_000, 10_000, 2])) * MINUTE
    return Stored(text_at(minute * MINUTE, digits), visible, gone)


courses = st.builds(
    Course,
    vehicles=st.lists(
        st.one_of(
            st.lists(stored(), max_size=4, unique_by=lambda log: log.text),
            st.lists(stored(), min_size=6, max_size=14, unique_by=lambda log: log.text),
        ),
        min_size=1,
        max_size=6,
    ),
    page_size=st.integers(1, 4),
    list_size=st.integers(1, 3),
    concurrency=st.integers(1, 4),
    named=st.booleans(),
    since=st.one_of(st.none(), st.integers(-20, 20)),
    until=st.one_of(st.none(), st.none(), st.integers(-20, 20)),
    crashes=st.lists(st.integers(0, 9), min_size=1, max_size=8),
    failures=st.dictionaries(st.integers(1, 40), st.sampled_from([404, 403, 503, 429]), max_size=12),
    undecodable=st.sets(st.integers(0, 30), max_size=5),
    pause=st.sampled_from([0.0, 0.0, 7.0]),
)


async def run(course: Course, fleet: Fleet, since: dt.datetime | None, until: dt.datetime | None) -> list[Read]:
    """Read until nothing fails any more, die now and then, and say what was worked on to the end."""
    came: list[Read] = []
    cursor: str | None = None
    steps = 0
    vehicles = list(fleet.logs) if course.named else None
    while True:
        backfill = Backfill(
            fleet, "status", vehicles, since=since, until=until, concurrency=course.concurrency, cursor=cursor
        )
        has_failed = False
        async for item in backfill:
            steps += 1
            crash = course.crashes[steps % len(course.crashes)] if steps < 80 else 9
            if crash == 0:
                break
            came.append(item)
            cursor = backfill.cursor
            has_failed = has_failed or item.key.endswith("/failed")
            if crash == 1:
                break
        else:
            cursor = backfill.cursor
            if not has_failed:
                return came


@QUICK
@given(course=courses)
def test_each_log_comes_once_whatever_fails_and_wherever_it_is_cut_off(course: Course) -> None:
    fleet = Fleet(
        {vehicle_id(number): found for number, found in enumerate(course.vehicles)},
        page_size=course.page_size,
        list_size=course.list_size,
    )
    fleet.pause = course.pause

    def fail(number: int, request: Request[Any]) -> Exception | None:
        status = course.failures.get(number)
        is_list = request.path == "/vehicles"
        # A list of vehicles that is refused ends it; that is not what is tried here.
        return None if status is None or (is_list and status < 429) else refusal(status, request)

    fleet.fail = fail
    texts = sorted({log.text for found in course.vehicles for log in found})
    fleet.undecodable = {text for index, text in enumerate(texts) if index in course.undecodable}
    since = None if course.since is None else START + course.since * MINUTE
    until = None if course.until is None else max(START + course.until * MINUTE, since or START - 20 * MINUTE)

    came = asyncio.run(_until_done(course, fleet, since, until))

    read = [item for item in came if isinstance(item, LogRead)]
    keys = [item.key for item in read]
    assert len(keys) == len(set(keys)), "none twice"
    wanted = {
        (vehicle, log.text)
        for vehicle, found in fleet.logs.items()
        for log in found
        if log.visible == START and log.gone > START + 3_000 * MINUTE
        if (since is None or instant_of(since) <= log.at) and (until is None or log.at <= instant_of(until))
    }
    good = {(vehicle, text) for vehicle, text in wanted if text not in fleet.undecodable}
    assert good <= {(item.vehicle_id, item.key.rpartition("/")[2]) for item in read}, "none lost"
    told = [item.key for item in came if isinstance(item, PollFailed) and "/undecodable/" in item.key]
    assert len(set(told)) >= len({vehicle for vehicle, _ in wanted - good}), "nor kept quiet"
    for vehicle in fleet.logs:
        mine = [item.key.rpartition("/")[2] for item in read if item.vehicle_id == vehicle]
        assert mine == sorted(mine, key=lambda text: (Stored(text).at, text), reverse=True), "newest first"


async def _until_done(course: Course, fleet: Fleet, since: dt.datetime | None, until: dt.datetime | None) -> list[Read]:
    async with asyncio.timeout(20):
        return await run(course, fleet, since, until)


# --- Cancellation


async def test_a_wait_that_is_cut_short_loses_nothing_and_leaves_no_task() -> None:
    fleet = Fleet({vehicle_id(number): logs(1, 2) for number in range(4)})
    fleet.gate.clear()
    backfill = Backfill(fleet, "status")

    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(backfill)
        assert not fleet.under_way
        assert asyncio.all_tasks() == {asyncio.current_task()}
    fleet.gate.set()

    assert len(await all_of(backfill)) == 8


async def test_responses_from_before_a_cancellation_are_not_requested_again() -> None:
    fleet = Fleet({vehicle_id(number): logs(1) for number in range(3)})
    stuck = asyncio.Event()
    send = fleet.send

    async def slow(request: Request[Any]) -> Any:
        if vehicle_id(2) in request.path:
            await stuck.wait()
        return await send(request)

    fleet.send = slow  # type: ignore[method-assign]  # one of the vehicles hangs
    backfill = Backfill(fleet, "status", list(fleet.logs))

    waiting = asyncio.ensure_future(anext(backfill))
    await until(lambda: len(fleet.asked) == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stuck.set()

    assert len(await all_of(backfill)) == 3
    assert len(fleet.asked) == 3


async def test_one_task_at_a_time_may_wait() -> None:
    fleet = Fleet({vehicle_id(1): logs(1)})
    fleet.gate.clear()
    backfill = Backfill(fleet, "status")
    waiting = asyncio.create_task(all_of(backfill))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="another task"):
        await anext(backfill)
    with pytest.raises(RuntimeError, match="another task"):
        await backfill.aclose()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await backfill.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(backfill)


@pytest.mark.parametrize("way", ["break", "aclose", "with", "cancel"])
async def test_an_abandoned_backfill_leaves_nothing_behind(way: str) -> None:
    fleet = Fleet({vehicle_id(number): logs(*range(20)) for number in range(10)}, page_size=3)
    kept: list[str] = []

    async def use() -> None:
        backfill = Backfill(fleet, "status")
        async with backfill if way == "with" else Backfill(fleet, "status"):
            async for item in backfill:
                kept.append(key(item))
                if way == "aclose":
                    await backfill.aclose()
                if way == "cancel":
                    await asyncio.Event().wait()
                break
        kept.append(backfill.cursor)

    task = asyncio.create_task(use())
    while not kept:  # noqa: ASYNC110  # the model sets no event
        await asyncio.sleep(0)
    if way == "cancel":
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    gc.collect()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    if way != "cancel":
        assert len(await all_of(Backfill(fleet, "status", cursor=kept[1]))) == 199, "the cursor stays"


async def test_a_slow_consumer_slows_the_reading() -> None:
    fleet = Fleet({vehicle_id(1): logs(*range(20))}, page_size=5)
    backfill = Backfill(fleet, "status")

    await anext(backfill)
    for _ in range(20):
        await asyncio.sleep(0)

    assert len(fleet.asked) == 2


# --- The budget


async def test_it_passes_after_polls() -> None:
    fleet = Fleet({vehicle_id(1): logs(1)})

    await all_of(Backfill(fleet, "status"))

    assert set(fleet.priorities) == {-3}


async def test_it_takes_no_more_than_its_share_of_any_hour(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet({vehicle_id(number): logs(1) for number in range(100)})
    fleet.budget = Limit(50)
    fleet.pause = 3.0
    sent: list[float] = []

    def note(_number: int, _request: Request[Any]) -> None:
        sent.append(fleet.clock.elapsed)

    fleet.fail = note
    assert len(await all_of(Backfill(fleet, "status", list(fleet.logs), share=0.4, concurrency=7))) == 100

    assert all(later - earlier >= 3_600 for earlier, later in zip(sent, sent[20:], strict=False))
    assert sent[-1] < 5 * 3_700, "and that it takes"
    assert len(caplog.records) == 4
    assert "20 requests an hour" in caplog.text
