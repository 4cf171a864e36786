"""Lists that are taken up again, asked for one item, or lead in a circle."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async import DecodeError, InvalidArgument, NotExactlyOne, Page, api
from tests.calls.test_paging import NONE, TWO, Server, following, names, regions

if TYPE_CHECKING:
    from ev_energy_async.models import Region

Pages = dict[str, tuple[object, str | None]]


async def pages_from(server: Server, cursor: str | None) -> list[Page[Region]]:
    return [page async for page in api.list_regions(server).pages(cursor=cursor)]


async def test_a_list_is_taken_up_after_any_of_its_pages() -> None:
    whole = await pages_from(Server(TWO), None)
    for number, page in enumerate(whole, 1):
        kept = json.loads(json.dumps(page.resume))
        assert [names(each) for each in await pages_from(Server(TWO), kept)] == [names(each) for each in whole[number:]]


async def test_after_the_last_page_nothing_is_asked_for() -> None:
    *_, last = await pages_from(Server(TWO), None)
    server = Server(TWO)
    assert last.next_cursor is None
    assert await pages_from(server, last.resume) == []
    assert server.asked == []


async def test_the_end_of_another_list_is_refused() -> None:
    *_, last = await pages_from(Server(TWO), None)
    with pytest.raises(InvalidArgument, match="cursor"):
        await anext(api.list_users(Server({})).pages(cursor=last.resume))


async def test_without_a_cursor_a_list_starts_at_its_beginning() -> None:
    assert [names(page) for page in await pages_from(Server(TWO), None)] == [["a", "b"], ["c"]]


async def test_one_page_is_a_coroutine_for_task_groups() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(api.list_regions(Server(TWO)).page())
    assert names(task.result()) == ["a", "b"]


async def test_the_first_item_takes_one_request() -> None:
    server = Server(TWO)
    first = await api.list_regions(server).first()
    assert first is not None
    assert first.name == "a"
    assert len(server.asked) == 1


async def test_an_empty_page_is_not_the_end_of_a_list() -> None:
    pages: Pages = {"/regions": (NONE, following("?page_after=b")), "/regions?page_after=b": (regions("c"), None)}
    first = await api.list_regions(Server(pages)).first()
    assert first is not None
    assert first.name == "c"


async def test_an_empty_list_has_no_first_item() -> None:
    assert await api.list_regions(Server({"/regions": (NONE, None)})).first() is None


async def test_the_only_item_of_a_list_is_returned() -> None:
    assert (await api.list_regions(Server({"/regions": (regions("a"), None)})).one()).name == "a"


@pytest.mark.parametrize(("found", "count"), [(regions(), 0), (regions("a", "b"), 2), (regions("a", "b", "c"), 2)])
async def test_what_is_not_the_only_item_is_an_error(found: Any, count: int) -> None:
    with pytest.raises(NotExactlyOne, match="exactly one item from GET /regions") as raised:
        await api.list_regions(Server({"/regions": (found, None)})).one()
    assert raised.value.found == count


@pytest.mark.parametrize("length", [2, 3, 50])
async def test_pages_that_lead_in_a_circle_end_with_an_error(length: int) -> None:
    pages: Pages = {
        f"/regions?page_after={number}": (regions(str(number)), following(f"?page_after={(number + 1) % length}"))
        for number in range(length)
    }
    server = Server({**pages, "/regions": (regions("first"), following("?page_after=0"))})
    with pytest.raises(DecodeError, match="a page that came before"):
        await api.list_regions(server).all()
    assert len(server.asked) == 1 + length, "each page was read once"
