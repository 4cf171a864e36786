"""Items of a list that cannot be understood: raised with the good ones, skipped, or replaced."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    UNSET,
    DecodeError,
    EvEnergy,
    InvalidArgument,
    StaticToken,
    api,
    models,
)
from ev_energy_async.codec import Drift

if TYPE_CHECKING:
    from ev_energy_async.messages import BadItem
    from tests.conftest import FakeClock, Network

FEED: Final = "cabf01HRFF3SEVSCRAV9B3CHVDFN0H"
PAGE: Final = [{"name": "A"}, {"name": 5}, {"name": "C"}, {"name": ["kim@example.com"]}, {"name": "E"}]
INTENSITY: Final = {
    "co2_intensity_grams_per_kilowatt_hour": 100,
    "created_at": "2026-03-14T12:00:00Z",
    "interval_seconds": 1800,
    "started_at": "2026-03-14T12:00:00Z",
}


def names(regions: Any) -> list[str]:
    return [region.name for region in regions]


# --- One bad item does not take the others with it


async def test_an_error_carries_the_good_items_and_the_way_on(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions?page_size=5", PAGE, headers={"Link": "<?page_after=E>; rel=next"})
    network.answer("GET", "/regions?page_after=E", [{"name": "F"}])
    regions = ev.regions.list(page_size=5)

    with pytest.raises(DecodeError) as raised:
        await regions
    error = raised.value

    assert error.path == "$[1].name"
    assert error.items is not None
    assert names(error.items) == ["A", "C", "E"]
    assert error.next_cursor == "/regions?page_after=E"
    assert [names(page) async for page in regions.pages(cursor=error.next_cursor)] == [["F"]]


async def test_an_error_on_the_last_page_leads_nowhere(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", PAGE)

    with pytest.raises(DecodeError) as raised:
        await ev.regions.list().all()

    assert raised.value.next_cursor is None
    assert len(raised.value.items or ()) == 3


async def test_an_error_shows_where_and_not_what(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", PAGE[3:])

    with pytest.raises(DecodeError) as raised:
        await ev.regions.list()

    assert "$[0].name" in str(raised.value)
    assert "kim" not in f"{raised.value} {raised.value!r}"


async def test_skipping_reports_the_drift_once(network: Network) -> None:
    network.answer("GET", "/regions", PAGE, repeat=True)
    seen: list[Drift] = []

    async with EvEnergy(StaticToken("t"), on_bad_item="skip", on_drift=seen.append) as ev:
        assert names(await ev.regions.list()) == ["A", "C", "E"]
        assert names([region async for region in ev.regions.list()]) == ["A", "C", "E"]
        assert ev.stats().drift == {Drift("Region", "[]", "undecodable")}

    assert seen == [Drift("Region", "[]", "undecodable")]


async def test_a_function_gives_what_takes_the_place_or_nothing(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", PAGE)
    bad: list[BadItem] = []

    def replace(item: BadItem) -> Any:
        bad.append(item)
        return models.Region(name="replaced") if item.index == 1 else UNSET

    page = await ev.with_options(on_bad_item=replace).regions.list()

    assert names(page) == ["A", "replaced", "C", "E"]
    assert [(item.index, item.path) for item in bad] == [(1, "$.name"), (3, "$.name")]
    assert json.loads(bad[0].raw) == {"name": 5}
    assert "kim" not in repr(bad[1]), "the raw item may hold personal data"


async def test_none_is_a_replacement_like_any_other(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", PAGE[:2])

    page = await ev.with_options(on_bad_item=lambda _: None).regions.list()

    assert list(page)[1] is None


async def test_what_the_function_raises_passes_through(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", PAGE)

    def refuse(_: BadItem) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await ev.with_options(on_bad_item=refuse).regions.list()


@pytest.mark.parametrize("body", [b'{"name": "A"}', b"null", b'"x"', b'[{"name": "A"}', b"[{]", b""])
async def test_a_page_that_is_no_list_is_an_error_whatever_is_done_with_items(
    ev: EvEnergy, network: Network, body: bytes
) -> None:
    network.answer("GET", "/regions", body=body)

    with pytest.raises(DecodeError) as raised:
        await ev.with_options(on_bad_item="skip").regions.list()

    assert raised.value.items is None


# --- Set by the call itself


@pytest.fixture
def two_pages(network: Network) -> Network:
    """A list of two pages, with a bad item on each."""
    network.answer("GET", "/regions", PAGE[:2], headers={"Link": "<?page_after=B>; rel=next"}, repeat=True)
    network.answer("GET", "/regions?page_after=B", PAGE[2:], repeat=True)
    return network


@pytest.mark.usefixtures("two_pages")
async def test_what_a_call_says_of_bad_items_holds_for_each_page(ev: EvEnergy) -> None:
    assert names(await ev.regions.list(on_bad_item="skip").all()) == ["A", "C", "E"]
    assert [names(page) async for page in ev.regions.list(on_bad_item="skip").pages()] == [["A"], ["C", "E"]]


@pytest.mark.usefixtures("two_pages")
async def test_it_applies_when_a_list_is_resumed_from_a_cursor(ev: EvEnergy) -> None:
    pages = ev.regions.list(on_bad_item="skip").pages(cursor="/regions?page_after=B")

    assert [names(page) async for page in pages] == [["C", "E"]]


@pytest.mark.usefixtures("two_pages")
async def test_a_function_of_the_call_is_asked_for_each_bad_item(ev: EvEnergy) -> None:
    asked: list[int] = []

    def replace(bad: BadItem) -> models.Region:
        asked.append(bad.index)
        return models.Region(name=f"replaced {len(asked)}")

    everything = await ev.regions.list(on_bad_item=replace).all()

    assert names(everything) == ["A", "replaced 1", "C", "replaced 2", "E"]
    assert asked == [1, 1]


@pytest.mark.usefixtures("two_pages")
async def test_what_a_call_says_wins_over_the_client_and_its_views(clock: FakeClock) -> None:
    async with EvEnergy(StaticToken("t"), on_bad_item="skip", clock=clock) as ev:
        assert names(await ev.regions.list()) == ["A"]
        with pytest.raises(DecodeError) as raised:
            await ev.regions.list(on_bad_item="raise")
        assert raised.value.next_cursor == "/regions?page_after=B"

        refusing = ev.with_options(on_bad_item="raise")
        assert names(await refusing.regions.list(on_bad_item="skip")) == ["A"]
        assert names((await refusing.regions.list.with_response(on_bad_item="skip")).data) == ["A"]
        with pytest.raises(DecodeError):
            await refusing.regions.list(on_bad_item=None)


@pytest.mark.parametrize("wrong", ["ignore", "", 0, ["skip"], UNSET])
async def test_any_other_value_is_refused_before_anything_is_sent(ev: EvEnergy, network: Network, wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"on_bad_item: expected 'raise', 'skip', or a function"):
        ev.regions.list(on_bad_item=wrong)

    assert network.sent == []


def test_every_list_takes_it_and_nothing_else_does() -> None:
    functions = [getattr(api, name) for name in api.__all__]
    takes = {each.__name__ for each in functions if "on_bad_item" in inspect.signature(each).parameters}

    assert takes == {each.__name__ for each in functions if not inspect.iscoroutinefunction(each)}
    assert all("on_bad_item: " in (inspect.getdoc(each) or "") for each in functions if each.__name__ in takes)
    assert len(takes) > 50


# --- The same where the items stand in an object


def feed(*items: Any) -> dict[str, Any]:
    return {"carbon_feed": "https://api.ev.energy/v2/carbon_feeds/x", "carbon_intensities": list(items)}


BAD_FEED: Final = feed(INTENSITY, {**INTENSITY, "interval_seconds": "long"}, INTENSITY)
FEED_PATH: Final = f"/carbon_feeds/{FEED}/carbon_intensities"


async def test_a_page_that_is_an_object_keeps_its_good_items_too(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", FEED_PATH, BAD_FEED, headers={"Link": "<?page_after=x>; rel=next"}, repeat=True)
    intensities = ev.with_options(on_bad_item="skip").carbon_feeds.list_carbon_intensities

    page = await intensities(FEED)
    answer = await intensities.with_response(FEED)

    assert len(page) == 2
    assert all(isinstance(each, models.CarbonIntensity) for each in page)
    assert len(answer.data) == 2
    assert ev.stats().drift == {Drift("CarbonIntensity", "[]", "undecodable")}


async def test_the_rest_of_such_an_object_is_kept(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", FEED_PATH, BAD_FEED)

    page = await ev.with_options(on_bad_item=lambda _: UNSET).carbon_feeds.list_carbon_intensities(FEED)

    document: Any = page.response.data
    assert isinstance(document, models.CarbonIntensities)
    assert document.carbon_feed == BAD_FEED["carbon_feed"]


async def test_an_error_in_such_an_object_carries_its_good_items(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", FEED_PATH, BAD_FEED, headers={"Link": "<?page_after=x>; rel=next"})

    with pytest.raises(DecodeError) as raised:
        await ev.carbon_feeds.list_carbon_intensities(FEED)

    assert raised.value.path == "$.carbon_intensities[1].interval_seconds"
    assert len(raised.value.items or ()) == 2
    assert raised.value.next_cursor == f"{FEED_PATH}?page_after=x"


@pytest.mark.parametrize("body", [{"carbon_intensities": {}}, {"carbon_intensities": [INTENSITY], "url": 5}])
async def test_an_object_that_is_wrong_elsewhere_is_an_error(ev: EvEnergy, network: Network, body: Any) -> None:
    network.answer("GET", FEED_PATH, body)

    with pytest.raises(DecodeError) as raised:
        await ev.with_options(on_bad_item="skip").carbon_feeds.list_carbon_intensities(FEED)

    assert raised.value.items is None
