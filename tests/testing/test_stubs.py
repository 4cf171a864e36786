"""Stubs of pages, lists, responses and errors behave like the real ones."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async import (
    BadRequest,
    InvalidArgument,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    codec,
)
from ev_energy_async.models import (
    Vehicle,
)
from ev_energy_async.testing import (
    api_error,
    batch,
    build,
    page,
    paginated,
    respond,
)


async def test_a_paginated_list_works_like_the_real_one() -> None:
    fleet = batch(Vehicle, 5)
    stub = paginated(fleet, page_size=2)

    first = await stub
    assert list(first) == fleet[:2]
    assert [vehicle async for vehicle in stub] == fleet
    assert await stub.all() == fleet
    assert [len(each) async for each in stub.pages()] == [2, 2, 1]
    assert [len(each) async for each in stub.pages(cursor=first.next_cursor)] == [2, 1]


@given(count=st.integers(0, 30), size=st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_pages_of_a_stub_hold_all_items_once(count: int, size: int) -> None:
    async def pages() -> list[list[int]]:
        return [list(each) async for each in paginated(range(count), page_size=size).pages()]

    found = asyncio.run(pages())
    assert [item for each in found for item in each] == list(range(count))
    assert all(len(each) == size for each in found[:-1])
    assert len(found) == max(1, -(-count // size))


async def test_a_failing_list_yields_its_items_first() -> None:
    items = aiter(paginated([1, 2, 3], page_size=3, error=api_error(503)))
    assert [await anext(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ServiceUnavailable):
        await anext(items)
    with pytest.raises(ServiceUnavailable):
        await paginated([], error=api_error(503))


async def test_a_cursor_of_another_list_is_refused_by_a_stub_too() -> None:
    with pytest.raises(InvalidArgument, match="cursor"):
        _ = [each async for each in paginated([1]).pages(cursor="/users?page_after=1")]


def test_a_page_size_below_one_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="page_size"):
        paginated([1], page_size=0)


def test_a_page_is_a_sequence_with_its_cursor() -> None:
    assert (list(page([1, 2])), page([1, 2]).next_cursor) == ([1, 2], None)
    assert page(batch(Vehicle, 2), "/vehicles?page_after=x").next_cursor == "/vehicles?page_after=x"


def test_a_response_has_data_status_headers_and_body() -> None:
    vehicle = build(Vehicle)

    response = respond(vehicle, status=201, headers={"x-ratelimit-limit": "10", "X-RateLimit-Remaining": "9"})

    assert (response.data, response.status) == (vehicle, 201)
    assert codec.decode(response.body, Vehicle) == vehicle
    assert response.rate_limit is not None
    assert response.rate_limit.remaining == 9
    assert respond(None, status=204).body == b""


def test_an_error_has_the_type_of_its_status() -> None:
    missing = api_error(404, detail="No such vehicle.")
    limited = api_error(429, headers={"Retry-After": "7"})
    invalid = api_error(400, field_errors={"email": ["Enter a valid email address."]})

    assert isinstance(missing, NotFound)
    assert "No such vehicle." in str(missing)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 7
    assert isinstance(invalid, BadRequest)
    assert invalid.problem.field_errors["email"] == ("Enter a valid email address.",)
    with pytest.raises(InvalidArgument, match="status"):
        api_error(200)
