"""A backfill in batches: the items and the cursor of the iterator, a page of a vehicle at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.fleet.backfill.backfill import Backfill

from .backfill_kit import Fleet, key, logs, refusal, vehicle_id

if TYPE_CHECKING:
    from ev_energy_async.messages.request import Request

ONE, TWO = vehicle_id(1), vehicle_id(2)


async def test_a_batch_is_a_page_of_one_vehicle() -> None:
    fleet = Fleet({ONE: logs(1, 2, 3, 4, 5), TWO: logs(1)}, page_size=2)

    found = [[key(item) for item in items] async for items in Backfill(fleet, "status").batches()]

    assert all(len({each.partition("/")[0] for each in batch}) == 1 for batch in found)
    assert sorted(map(len, found)) == [1, 1, 2, 2]


async def test_a_vehicle_that_fails_is_in_a_batch_too() -> None:
    fleet = Fleet({ONE: logs(1), TWO: logs(1)})

    def refuse(_number: int, request: Request[Any]) -> Exception | None:
        return refusal(403, request) if TWO in request.path else None

    fleet.fail = refuse
    found = [[key(item) for item in items] async for items in Backfill(fleet, "status", [ONE, TWO]).batches()]

    assert sorted(each.partition(" ")[2] for batch in found for each in batch) == ["", "failed"]


async def test_vehicles_that_are_left_out_count_among_those_that_are_done() -> None:
    backfill = Backfill(Fleet({ONE: logs(1), TWO: []}), "status")
    assert [key(item) async for item in backfill] == [
        key(item) async for item in Backfill(Fleet({ONE: logs(1)}), "status")
    ]
    assert backfill.done == 2


@given(counts=st.lists(st.integers(0, 7), min_size=1, max_size=4), page_size=st.integers(1, 3), after=st.integers(0, 6))
async def test_batches_are_the_items_and_resume_behind_each_batch(
    counts: list[int], page_size: int, after: int
) -> None:
    vehicles = {vehicle_id(number): logs(*range(1, count + 1)) for number, count in enumerate(counts, 1)}
    expected = sorted([key(item) async for item in Backfill(Fleet(vehicles, page_size=page_size), "status", vehicles)])
    first = Backfill(Fleet(vehicles, page_size=page_size), "status", vehicles)
    found: list[str] = []
    number = 0
    async for items in first.batches():
        found += map(key, items)
        number += 1
        if number > after:
            break
    second = Backfill(Fleet(vehicles, page_size=page_size), "status", vehicles, cursor=first.cursor)
    found += [key(item) async for items in second.batches() for item in items]

    assert sorted(found) == expected
