"""Arguments that cannot be sent are refused before anything is, in words that name what is wrong."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import (
    ClientCredentials,
    EvEnergy,
    InvalidArgument,
    ResourceId,
    Retry,
    StaticToken,
    api,
    models,
)
from ev_energy_async.calls import build_request
from ev_energy_async.clock import utc_text
from ev_energy_async.messages import Operation, Param, Request

from .refusal_kit import AWARE, EVSE, NAIVE, USER, VEHICLE, refusal, sending_nothing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ev_energy_async.messages.request import Request
    from tests.conftest import Network


@pytest.fixture
def ev() -> EvEnergy:
    return sending_nothing()


# --- IDs


@pytest.mark.parametrize(
    "reference",
    [
        EVSE,
        f"https://api.ev.energy/v2/evses/{EVSE}",
        ResourceId.parse(EVSE),
        models.Region(id=EVSE),
        "vhcl",
        "",
        "me",
        None,
        5,
        b"vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
        models.Region(name="no ID"),
    ],
)
async def test_an_id_of_another_collection_is_refused(ev: EvEnergy, reference: Any) -> None:
    error = await refusal(lambda: ev.vehicles.get(reference))

    assert (error.argument, error.given) == ("vehicle_id", reference)
    assert "'vhcl'" in error.expected


def request_for(param: Param, value: str) -> Request[Any]:
    """The request that reads a thing, which a path parameter names."""
    operation: Operation[Any] = Operation(
        name="things.get", method="GET", path=f"/things/{{{param.name}}}", path_params=(param,)
    )
    return build_request(operation, path=[value])


@pytest.mark.parametrize(
    "text",
    [
        "..",
        ".",
        "",
        "/",
        "a/b",
        "../users",
        "a?b=c",
        "a#b",
        "a\\b",
        "%2e%2e",
        "a%2Fb",
        "a b",
        "a\r\nHost: evil",
        "a\x00",
        "\ud800",
        "https://api.ev.energy",
        "https://api.ev.energy/v2/x/%2e%2e",
        "https://api.ev.energy/v2/x/a%2Fb",
        "https://[",
    ],
)
async def test_no_id_leads_to_another_path(ev: EvEnergy, text: str) -> None:
    # Of support tickets neither facts nor guide fix more than that an ID is one segment of a path.
    for param in (Param("thing_id", "id"), Param("thing_id", "id", prefix="vhcl")):
        with pytest.raises(InvalidArgument, match="thing_id"):
            request_for(param, text if param.prefix is None or text in {"", ".", ".."} else f"vhcl{text}")
    await refusal(lambda: ev.vehicles.get(text))


@given(st.text(max_size=30))
def test_an_id_is_always_one_segment_of_the_path(text: str) -> None:
    try:
        segment = request_for(Param("thing_id", "id"), text).path.removeprefix("/things/")
    except InvalidArgument:
        return
    assert segment
    assert segment not in {".", ".."}
    assert not set(segment) & set("/?#\\ \r\n")


@pytest.mark.parametrize(
    "reference", [VEHICLE, f"https://x.example/{VEHICLE}/", ResourceId.parse(VEHICLE), models.Region(id=VEHICLE)]
)
async def test_an_id_is_text_a_url_or_the_resource(network: Network, reference: Any) -> None:
    network.answer("DELETE", f"/vehicles/{VEHICLE}", status=204)

    async with EvEnergy() as client:
        await client.vehicles.delete(reference)

    assert len(network.sent) == 1


async def test_me_is_a_user_in_a_path_and_no_context(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/users/me", {}, status=401)
    async with EvEnergy() as client:
        with pytest.raises(Exception, match="401"):
            await client.users.get("me")

    with pytest.raises(InvalidArgument, match="user"):
        ev.as_user("me")


# --- Times


@pytest.mark.parametrize("value", [NAIVE, "2026-03-14T07:05:00Z", 1_710_400_000, AWARE.date(), None])
async def test_a_time_is_an_aware_datetime(ev: EvEnergy, value: Any) -> None:
    error = await refusal(lambda: ev.vehicles.list_status_logs(VEHICLE, sampled_at_gte=value))

    assert error.argument == "sampled_at_gte"
    assert "time zone" in error.expected


@pytest.mark.parametrize(("year", "hours"), [(1, 5), (9999, -5)])
def test_a_time_that_utc_has_not_is_refused(year: int, hours: int) -> None:
    edge = dt.datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=dt.UTC) + dt.timedelta(
        hours=0 if year == 1 else 23
    )

    with pytest.raises(InvalidArgument, match="9999"):
        utc_text("since", edge.replace(tzinfo=dt.timezone(dt.timedelta(hours=hours))))


def test_times_go_out_in_utc() -> None:
    assert utc_text("since", AWARE.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=45)))) == "2026-03-14T07:05:00Z"
    assert utc_text("since", AWARE.replace(microsecond=250_000)) == "2026-03-14T07:05:00.250000Z"


async def test_a_log_is_named_by_an_aware_time_or_the_text_of_its_url(ev: EvEnergy, network: Network) -> None:
    await refusal(lambda: ev.vehicles.get_status_log(VEHICLE, NAIVE))
    await refusal(lambda: ev.vehicles.get_status_log(VEHICLE, "../x"))
    async with EvEnergy(retry=Retry(attempts=1)) as client:
        for time in (AWARE.replace(microsecond=250_000), "2026-03-14T07:05:00.2500001+00:00"):
            with pytest.raises(Exception, match="ClientConnectionError"):
                await client.vehicles.get_status_log(VEHICLE, time)

    assert [sent.url.rpartition("/")[2] for sent in network.sent] == [
        "2026-03-14T07%3A05%3A00.250000Z",
        "2026-03-14T07%3A05%3A00.2500001%2B00%3A00",
    ]


# --- Numbers, lists and text in the query


@pytest.mark.parametrize("size", [0, 101, -1, True, 25.0, "25", None, float("nan")])
async def test_a_page_holds_1_to_100_items(ev: EvEnergy, size: Any) -> None:
    error = await refusal(lambda: ev.vehicles.list(page_size=size))

    assert error.argument == "page_size"
    assert error.given is size
    assert error.expected == "an integer from 1 to 100"


@pytest.mark.parametrize("size", [1, 100])
async def test_the_bounds_of_a_page_are_within(network: Network, size: int) -> None:
    network.answer("GET", f"/vehicles?page_size={size}", [])

    async with EvEnergy() as client:
        assert len(await client.vehicles.list(page_size=size)) == 0


@pytest.mark.parametrize("expand", ["trim", ["colour"], ["trim", 5], 5, None, b"trim", ["trim,user"]])
async def test_expand_is_a_list_of_listed_names(ev: EvEnergy, expand: Any) -> None:
    error = await refusal(lambda: ev.vehicles.get(VEHICLE, expand=expand))

    assert error.argument == "expand"
    assert "'trim.model.make'" in error.expected


@pytest.mark.parametrize("value", ["ab", b"ab", 5, None, [5], [None]])
def test_a_list_of_any_text_is_no_text(value: Any) -> None:
    param = Param("names", "array")
    with pytest.raises(InvalidArgument, match="names"):
        build_request(Operation[None](name="things.list", method="GET", path="/things", query=(param,)), query=[value])


async def test_text_that_utf_8_has_not_is_refused(ev: EvEnergy) -> None:
    error = await refusal(lambda: ev.vehicles.list(page_after="\ud800"))

    assert error.argument == "page_after"


@pytest.mark.parametrize("language", ["en\r\nX-Evil: 1", "en\n", "\u65e5\u672c", "en\x00"])
async def test_a_header_takes_visible_characters_alone(ev: EvEnergy, language: str) -> None:
    error = await refusal(lambda: ev.notifications.list(accept_language=language))

    assert error.argument == "accept_language"


# --- A user where the operation needs one


@pytest.mark.parametrize("name", ["vehicles.create", "incentive_schemes.list"])
async def test_a_missing_user_is_reported_under_client_credentials(network: Network, name: str) -> None:
    async with EvEnergy(ClientCredentials("id", "secret")) as ev:
        error = await refusal(lambda: call_without_user(ev, name))

    assert error.argument == "user"
    assert name in error.expected
    assert "as_user" in error.expected
    assert network.sent == []


@pytest.mark.parametrize("name", ["vehicles.create", "incentive_schemes.list"])
async def test_a_user_is_not_needed_under_a_token_of_ones_own(network: Network, name: str) -> None:
    network.answer("POST", "/vehicles", {}, status=201)
    network.answer("GET", "/incentive_schemes", [])

    async with EvEnergy(StaticToken("of a user's own".replace(" ", "-").replace("'", ""))) as ev:
        await call_without_user(ev, name)

    assert len(network.sent) == 1


def call_without_user(ev: EvEnergy, name: str) -> Awaitable[object]:
    return ev.vehicles.create(model="m") if name == "vehicles.create" else ev.incentive_schemes.list()


async def test_nothing_is_sent_and_no_token_fetched_for_what_is_refused(network: Network) -> None:
    async with EvEnergy(ClientCredentials("id", "secret")) as ev:
        await refusal(lambda: ev.vehicles.list(page_size=0))
        await refusal(lambda: ev.vehicles.get(EVSE))
        unknown: Any = {"model": "m", "colour": "blue"}
        await refusal(lambda: ev.as_user(USER).vehicles.create(unknown))

    assert network.sent == []


def test_every_list_function_checks_its_arguments_when_it_is_called(ev: EvEnergy) -> None:
    with pytest.raises(InvalidArgument, match="page_size"):
        api.list_vehicles(ev, page_size=0)
