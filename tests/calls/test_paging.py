"""Lists: the `Link` header, pages, cursors that are kept, and addresses that are not followed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from ev_energy_async import DecodeError, EvEnergy, InvalidArgument, Page, Response, StaticToken, api, models
from ev_energy_async.calls.paging import next_cursor
from ev_energy_async.codec import decode
from ev_energy_async.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async import Request
    from tests.conftest import Network

BASE: Final = "https://api.ev.energy/v2"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
LOG: Final[list[dict[str, str]]] = [{}]
NONE: Final[list[str]] = []
NONE_AT_ALL: Final[dict[str, str]] = {}


class Server:
    """A `Sender` with the pages of lists in its memory, by target."""

    def __init__(
        self, pages: Mapping[str, tuple[object, str | None]], link_origins: frozenset[str] = frozenset()
    ) -> None:
        self.pages = pages
        self.link_origins = link_origins
        self.base_url = BASE
        self.asked: list[Request[Any]] = []

    async def send(self, request: Request[Any]) -> Response[Any]:
        self.asked.append(request)
        document, link = self.pages[spelled(request)]
        body = json.dumps(document).encode()
        headers = {} if link is None else {"Link": link}
        url = self.base_url + request.target
        return Response(request, url, 200, headers, body, decode(body, request.operation.response_type()))

    @property
    def targets(self) -> list[str]:
        return [spelled(request) for request in self.asked]


def spelled(request: Request[Any]) -> str:
    """A target without the size of a full page, which lists ask for by default."""
    return re.sub(r"[?&]page_size=100$", "", request.target)


def regions(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def names(items: Any) -> list[Any]:
    return [item.name for item in items]


def following(target: str, rel: str = "next") -> str:
    return f'<{target}>; rel="{rel}", <about:blank>; rel="previous"'


TWO: Final[dict[str, tuple[object, str | None]]] = {
    "/regions": (regions("a", "b"), following(f"{BASE}/regions?page_after=b")),
    "/regions?page_after=b": (regions("c"), following("about:blank")),
}


# --- One page, every item, page by page


async def test_a_list_that_is_awaited_is_its_first_page() -> None:
    server = Server(TWO)

    page = await api.list_regions(server)

    assert isinstance(page, Page)
    assert (names(page), len(page), page[0].name, names(page[1:])) == (["a", "b"], 2, "a", ["b"])
    assert page.next_cursor == "/regions?page_after=b"
    assert page.response.status == 200
    assert server.targets == ["/regions"]


async def test_a_list_that_is_iterated_is_every_item_of_every_page() -> None:
    server = Server(TWO)
    found = api.list_regions(server)

    assert [region.name async for region in found] == ["a", "b", "c"]
    assert names(await found.all()) == ["a", "b", "c"], "a paginator can be used again"
    assert server.targets == ["/regions", "/regions?page_after=b"] * 2


async def test_pages_are_asked_for_one_by_one() -> None:
    server = Server(TWO)

    async for page in api.list_regions(server).pages():
        assert server.targets[-1:] == ["/regions"]
        assert names(page) == ["a", "b"]
        break

    assert server.targets == ["/regions"]


async def test_about_blank_ends_a_list() -> None:
    page = await api.list_regions(Server({"/regions": (regions("a"), "<about:blank>; rel=next")}))

    assert page.next_cursor is None
    assert repr(page) == "<Page of 1, the last>"


async def test_a_list_without_paging_is_one_page() -> None:
    server = Server({"/regions": (regions("a"), None)})

    assert names(await api.list_regions(server).all()) == ["a"]
    assert server.targets == ["/regions"]


async def test_headers_of_the_call_go_with_every_page() -> None:
    server = Server(
        {
            "/notifications?page_size=1": (NONE, following("?page_size=1&page_after=x")),
            "/notifications?page_size=1&page_after=x": (NONE, None),
        }
    )

    await api.list_notifications(server, page_size=1, accept_language="fr").all()

    assert [dict(request.headers) for request in server.asked] == [{"Accept-Language": "fr"}] * 2


# --- Where the next page is


@pytest.mark.parametrize(
    "target",
    [
        f"{BASE}/regions?page_after=b",
        "https://API.EV.ENERGY:443/v2/regions?page_after=b",
        "HTTPS://api.ev.energy/v2/regions?page_after=b#here",
        "/v2/regions?page_after=b",
        "regions?page_after=b",
        "?page_after=b",
        "//api.ev.energy/v2/regions?page_after=b",
        f"{BASE}/regions/?page_after=b",
        "https://api.ev.energy/regions?page_after=b",
    ],
)
async def test_a_target_may_be_written_in_many_ways(target: str) -> None:
    server = Server({**TWO, "/regions": (regions("a", "b"), following(target))})

    assert names(await api.list_regions(server).all()) == ["a", "b", "c"]
    assert server.targets == ["/regions", "/regions?page_after=b"]


async def test_a_timestamp_is_a_cursor_like_any_other() -> None:
    path = f"/vehicles/{VEHICLE}/status_logs"
    cursor = "page_size=1&page_after=2024-04-18T08%3A53%3A52.225655%2B00%3A00"
    server = Server(
        {f"{path}?page_size=1": (LOG, following(f"{BASE}{path}?{cursor}")), f"{path}?{cursor}": (NONE, None)}
    )

    assert len(await api.list_vehicle_status_logs(server, VEHICLE, page_size=1).all()) == 1
    assert server.targets[1] == f"{path}?{cursor}"


async def test_a_timestamp_that_was_not_encoded_is_followed_as_it_stands() -> None:
    path = f"/vehicles/{VEHICLE}/status_logs"
    cursor = "page_after=2024-04-18T08:53:52.225655Z"
    server = Server({path: (LOG, following(f"{BASE}{path}?{cursor}")), f"{path}?{cursor}": (NONE, None)})

    assert len(await api.list_vehicle_status_logs(server, VEHICLE).all()) == 1


async def test_page_numbers_are_followed_as_cursors_are() -> None:
    tariff = {"currency": "GBP", "id": "x", "name": "x", "supplier": "x", "url": "x"}
    server = Server(
        {
            "/tariffs": ([tariff], following(f"{BASE}/tariffs?page=2")),
            "/tariffs?page=2": ([tariff], following(f"{BASE}/tariffs?page=3")),
            "/tariffs?page=3": ([tariff], following("about:blank")),
        }
    )

    assert len(await api.list_tariffs(server).all()) == 3


async def test_a_list_may_be_an_object_that_holds_the_items() -> None:
    path = "/carbon_feeds/cabf01HRFF3SEVSCRAV9B3CHVDFN0H/carbon_intensities"
    first = {"url": "x", "carbon_intensities": LOG * 2}
    server = Server(
        {
            path: (first, following(f"{BASE}{path}?page_after=x")),
            f"{path}?page_after=x": ({"carbon_intensities": LOG}, following(f"{BASE}{path}?page_after=y")),
            f"{path}?page_after=y": (NONE_AT_ALL, None),
        }
    )

    found = api.list_carbon_feed_carbon_intensities(server, "cabf01HRFF3SEVSCRAV9B3CHVDFN0H")
    page = await found

    assert len(await found.all()) == 3
    assert len(page) == 2
    assert isinstance(page.response.data, models.CarbonIntensities)
    assert page.response.data.url == "x"


async def test_a_next_link_may_have_a_header_of_its_own() -> None:
    several = CIMultiDict([("Link", "<about:blank>; rel=previous"), ("Link", "</v2/regions?page_after=b>; rel=next")])
    page = await api.list_regions(Server({"/regions": (NONE, None)}))

    response = page.response
    again = Response(response.request, response.url, 200, several, b"[]", b"[]")

    assert next_cursor(again, frozenset()) == "/regions?page_after=b"


async def test_what_no_request_line_takes_is_encoded() -> None:
    header = following('/v2/regions?page_after=a b"\u00e9|')
    server = Server({"/regions": ([], header), "/regions?page_after=a%20b%22%C3%A9%7C": (regions("c"), None)})

    assert names(await api.list_regions(server).all()) == ["c"]


# --- Where it may not be


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/v2/regions?page_after=b",
        "http://api.ev.energy/v2/regions?page_after=b",
        "https://api.ev.energy:8443/v2/regions?page_after=b",
        "//evil.example/v2/regions",
        "https://api.ev.energy@evil.example/v2/regions?page_after=b",
        "https://api.ev.energy.evil.example/v2/regions?page_after=b",
        "ftp://api.ev.energy/v2/regions?page_after=b",
        "javascript:alert(1)",
        "https://[/v2/regions",
        "https://api.ev.energy:99999/v2/regions",
    ],
)
async def test_a_link_to_another_origin_is_refused(network: Network, target: str) -> None:
    network.answer("GET", "/regions", regions("a"), headers={"Link": following(target)}, repeat=True)

    async with EvEnergy(StaticToken("token")) as ev:
        with pytest.raises(DecodeError, match="Link leads to"):
            await ev.regions.list()
        with pytest.raises(DecodeError) as raised:
            await ev.regions.list().all()

    assert raised.value.path == "Link"
    assert {sent.url for sent in network.sent} == {f"{BASE}/regions?page_size=100"}, "the token goes nowhere else"


@pytest.mark.parametrize("target", ["/v2/users?page_after=b", "/v2/regions/x?a=b", "/v1/regions?a=b", "/", "../x"])
async def test_a_link_to_another_list_is_refused(target: str) -> None:
    with pytest.raises(DecodeError, match="another list"):
        await api.list_regions(Server({"/regions": (NONE, following(target))}))


async def test_a_link_from_a_page_to_itself_is_refused() -> None:
    loop = f"{BASE}/regions?page_after=b"
    server = Server({"/regions": (NONE, following(loop)), "/regions?page_after=b": (regions("c"), following(loop))})

    with pytest.raises(DecodeError, match="itself"):
        await api.list_regions(server).all()

    assert server.targets == ["/regions", "/regions?page_after=b"]


async def test_a_gateway_in_front_of_the_api_is_named_and_used(network: Network) -> None:
    gateway = "https://gateway.example/energy"
    network.answer(
        "GET", f"{gateway}/regions", regions("a"), headers={"Link": following(f"{BASE}/regions?page_after=a")}
    )
    network.answer("GET", f"{gateway}/regions?page_after=a", regions("b"))

    async with EvEnergy(StaticToken("token"), base_url=gateway, link_origins=["https://api.ev.energy"]) as ev:
        assert names(await ev.regions.list().all()) == ["a", "b"]

    assert [sent.url for sent in network.sent] == [
        f"{gateway}/regions?page_size=100",
        f"{gateway}/regions?page_after=a",
    ]


@pytest.mark.parametrize("origins", ["https://a.example", ["https://A.example:443/x"], ("https://a.example",)])
def test_link_origins_are_origins_however_they_are_written(origins: Any) -> None:
    assert EvEnergy(link_origins=origins).link_origins == {"https://a.example:443"}


@pytest.mark.parametrize("origins", [["a.example"], ["ftp://a.example"], [""], [None], ["https://["]])
def test_what_is_no_origin_is_refused(origins: Any) -> None:
    with pytest.raises(InvalidArgument, match="link_origins"):
        EvEnergy(link_origins=origins)


@pytest.mark.parametrize(
    ("one", "other"),
    [("https://a.example", "HTTPS://A.example:443/x?y"), ("http://a.example/", "http://a.example:80")],
)
def test_an_origin_is_spelled_in_one_way(one: str, other: str) -> None:
    assert origin_of(one) == origin_of(other)


# --- Cursors


async def test_a_list_goes_on_from_a_cursor_that_was_kept() -> None:
    saved = (await api.list_regions(Server(TWO))).next_cursor
    later = Server(TWO)

    pages = [names(page) async for page in api.list_regions(later).pages(cursor=saved)]

    assert pages == [["c"]]
    assert later.targets == ["/regions?page_after=b"]


@pytest.mark.parametrize(
    "cursor",
    [
        "/users?page_after=b",
        "",
        "b",
        f"{BASE}/regions?page_after=b",
        "/regions/x?page_after=b",
        "/regions?page_after=a b",
        "/regions?page_after=b HTTP/1.1\r\nHost: evil.example",
        "/regions?page_after=\u00e9",
        5,
    ],
)
async def test_a_cursor_of_another_list_is_refused(cursor: Any) -> None:
    server = Server(TWO)

    with pytest.raises(InvalidArgument, match="cursor") as raised:
        async for _ in api.list_regions(server).pages(cursor=cursor):
            pass

    assert "GET /regions" in raised.value.expected
    assert server.asked == []


async def test_the_content_of_a_cursor_is_shown_in_no_error() -> None:
    with pytest.raises(InvalidArgument) as raised:
        async for _ in api.list_regions(Server(TWO)).pages(cursor="/users?email=kim@example.com"):
            pass

    assert "kim" not in f"{raised.value} {raised.value!r}"


# --- Any chain of pages


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    cursors=st.lists(st.text(min_size=1, max_size=20), min_size=12, max_size=12, unique=True),
    relative=st.booleans(),
    start=st.integers(0, 11),
)
async def test_any_chain_of_pages_is_walked_completely_once_and_in_order(
    sizes: list[int], cursors: list[str], relative: bool, start: int
) -> None:
    from urllib.parse import quote, quote_plus  # noqa: PLC0415  # of this test alone

    encode = quote_plus if relative else quote
    queries = ["", *(f"?page_after={encode(cursor)}" for cursor in cursors[: len(sizes) - 1])]
    items = [str(n) for n in range(sum(sizes))]
    pages: dict[str, tuple[object, str | None]] = {}
    taken = 0
    for n, size in enumerate(sizes):
        target = "about:blank" if n + 1 == len(sizes) else f"{'' if relative else f'{BASE}/regions'}{queries[n + 1]}"
        pages[f"/regions{queries[n]}"] = (regions(*items[taken : taken + size]), following(target))
        taken += size
    server = Server(pages)

    seen = [page async for page in api.list_regions(server).pages()]

    assert [name for page in seen for name in names(page)] == items
    assert server.targets == list(pages)
    resumed = [cursor for page in seen if (cursor := page.next_cursor) is not None][start : start + 1]
    for cursor in resumed:
        rest = [name async for page in api.list_regions(server).pages(cursor=cursor) for name in names(page)]
        assert rest == items[sum(sizes[: start + 1]) :]
