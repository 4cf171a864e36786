"""Pages and the links between them."""

from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.sandbox.handlers.listing import ById, ByName, Logs
from ev_energy_async.sandbox.instants import HOUR, MINUTE, Instant, instant
from ev_energy_async.sandbox.protocol.paging import NoSuchPage, Page, by_cursor, by_number, link_header
from ev_energy_async.sandbox.protocol.problems import Problem
from ev_energy_async.sandbox.simulation.log_kinds import Log
from ev_energy_async.sandbox.world.entities import Collection, Supplier
from ev_energy_async.sandbox.world.world import World
from tests.sandbox.conftest import START

URL = "http://127.0.0.1:1/v2/things"


def _suppliers(*ids: str) -> Collection[Supplier]:
    collection = Collection[Supplier]()
    for id_ in ids:
        collection.add(Supplier(id_, f"Supplier {id_}"))
    return collection


def _id(supplier: Supplier) -> str:
    return supplier.id


def _page(
    collection: Collection[Supplier], size: int, after: str | None = None, before: str | None = None
) -> Page[Supplier]:
    return by_cursor(collection, _id, after=after, before=before, size=size)


def test_pages_lead_forward_and_back() -> None:
    collection = _suppliers(*"abcdefg")
    first = _page(collection, 3)
    assert ([*map(_id, first.items)], first.next, first.previous) == (["a", "b", "c"], ("page_after", "c"), None)
    second = _page(collection, 3, after="c")
    assert ([*map(_id, second.items)], second.next, second.previous) == (
        ["d", "e", "f"],
        ("page_after", "f"),
        ("page_before", "d"),
    )
    last = _page(collection, 3, after="f")
    assert ([*map(_id, last.items)], last.next, last.previous) == (["g"], None, ("page_before", "g"))
    back = _page(collection, 3, before="d")
    assert ([*map(_id, back.items)], back.next, back.previous) == (["a", "b", "c"], ("page_after", "c"), None)
    assert [*map(_id, _page(collection, 2, before="d").items)] == ["b", "c"]


def test_page_before_is_ignored_beside_page_after() -> None:
    collection = _suppliers(*"abcdefg")
    assert [*map(_id, _page(collection, 2, after="c", before="c").items)] == ["d", "e"]


def test_a_cursor_stays_right_when_its_item_is_deleted() -> None:
    collection = _suppliers(*"abcdefg")
    collection.remove("c")
    assert [*map(_id, _page(collection, 2, after="c").items)] == ["d", "e"]
    assert [*map(_id, _page(collection, 2, before="c").items)] == ["a", "b"]


def test_a_page_beyond_everything_is_empty() -> None:
    page = _page(_suppliers("a"), 5, after="a")
    assert (page.items, page.next, page.previous) == ([], None, None)


def test_things_of_one_user_page_like_everything() -> None:
    things = ById([Supplier(id_, "") for id_ in "cab"])
    assert [*map(_id, by_cursor(things, _id, after="a").items)] == ["b", "c"]
    assert [*map(_id, by_cursor(things, _id, before="c", size=1).items)] == ["b"]


def test_an_order_by_name_takes_ids_as_cursors() -> None:
    named = [Supplier("1", "Zed"), Supplier("2", "Amp"), Supplier("3", "Ohm")]
    ascending = ByName(named, descending=False)
    assert [*map(_id, by_cursor(ascending, _id, after="2").items)] == ["3", "1"]
    assert [*map(_id, by_cursor(ascending, _id, before="1").items)] == ["2", "3"]
    assert [*map(_id, by_cursor(ByName(named, descending=True), _id).items)] == ["1", "3", "2"]
    with pytest.raises(Problem) as unknown:
        by_cursor(ascending, _id, after="9")
    assert unknown.value.field_errors == {"page_after": ["There is nothing of this ID in the list."]}


def test_page_numbers() -> None:
    items = list(range(7))
    assert by_number(items, number=1, size=3) == ([0, 1, 2], ("page", "2"), None)
    assert by_number(items, number=2, size=3) == ([3, 4, 5], ("page", "3"), ("page", "1"))
    assert by_number(items, number=3, size=3) == ([6], None, ("page", "2"))
    assert by_number([], number=1, size=3) == ([], None, None)
    assert by_number([1, 2], number=1, size=2) == ([1, 2], None, None)


@pytest.mark.parametrize("number", [0, -1, 4])
def test_a_page_number_that_does_not_exist(number: int) -> None:
    with pytest.raises(NoSuchPage):
        by_number(list(range(7)), number=number, size=3)


def test_links_keep_the_rest_of_the_query_and_replace_the_cursor() -> None:
    query = [("expand", "a.b"), ("page_before", "x"), ("expand", "c"), ("page_after", "old"), ("name", "a&b c")]
    link = link_header(Page([1], ("page_after", "2026-03-14T07:05:00.000001Z"), None), URL, query)
    assert link == (
        f"<{URL}?expand=a.b&expand=c&name=a%26b%20c&page_after=2026-03-14T07:05:00.000001Z>; "
        'rel="next", <about:blank>; rel="previous"'
    )
    assert "?page=3>" in link_header(Page([1], ("page", "3"), ("page", "1")), URL, [("page", "2")])


@given(
    initial=st.sets(st.text("abcdef", min_size=1, max_size=3), max_size=30),
    arrivals=st.lists(st.sets(st.text("abcdef", min_size=1, max_size=3), max_size=4), max_size=40),
    size=st.integers(1, 7),
)
def test_a_walk_yields_what_was_there_once_whatever_arrives(
    initial: set[str], arrivals: list[set[str]], size: int
) -> None:
    collection = _suppliers(*initial)
    seen: list[str] = []
    after: str | None = None
    for arriving in [*arrivals, *[set[str]()] * 40]:
        page = _page(collection, size, after=after)
        seen += map(_id, page.items)
        for id_ in arriving:
            if id_ not in collection:
                collection.add(Supplier(id_, ""))
        if page.next is None:
            break
        after = page.next[1]
    assert len(seen) == len(set(seen))
    assert initial <= set(seen)
    assert seen == sorted(seen)


_WORLD = World(vehicles=12, evses=None, seed=3, start=instant(START))


def _at(log: Log) -> Instant:
    return log.at


@given(
    vehicle=st.integers(0, 11),
    steps=st.lists(st.integers(0, 6 * HOUR), max_size=60),
    size=st.integers(1, 40),
)
def test_walking_a_vehicles_logs_while_new_and_late_ones_arrive(vehicle: int, steps: list[int], size: int) -> None:
    timeline = list(_WORLD.vehicles)[vehicle].logs["status_logs"]
    now = instant(START)
    there = [log.at for log in timeline.newest_first(now)]
    seen: list[Instant] = []
    after: Instant | None = None
    for step in [*steps, *[5 * MINUTE] * 400]:
        page = by_cursor(Logs(timeline, now, since=None, until=None), _at, after=after, size=size)
        seen += map(_at, page.items)
        if page.next is None:
            break
        after, now = seen[-1], now + step
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)
    assert seen == sorted(seen, reverse=True)


@given(size=st.integers(1, 50), hours=st.integers(1, 40))
def test_walking_back_from_an_old_log_reaches_the_newest(size: int, hours: int) -> None:
    timeline = next(iter(_WORLD.vehicles)).logs["status_logs"]
    now = instant(START)
    cursor = now - hours * HOUR
    expected = list[Instant]()
    for log in timeline.newest_first(now):
        if log.at > cursor:
            insort(expected, log.at)
    seen: list[Instant] = []
    before: Instant | None = cursor
    while before is not None:
        page = by_cursor(Logs(timeline, now, since=None, until=None), _at, before=before, size=size)
        assert [log.at for log in page.items] == sorted((log.at for log in page.items), reverse=True)
        seen = [*map(_at, page.items), *seen]
        before = page.items[0].at if page.previous else None
    assert seen == expected[::-1]
