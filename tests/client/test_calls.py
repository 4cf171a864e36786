"""Calls of a client: middleware, the version, the complete response, many at once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    Forbidden,
    InvalidArgument,
    NotFound,
    Page,
    Request,
    Response,
    Retry,
    ServiceUnavailable,
    StaticToken,
    api,
    models,
)
from ev_energy_async.api._document import API_VERSION
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import Held, HtmlError, Stall
from tests.servers import until

if TYPE_CHECKING:
    from ev_energy_async import Middleware
    from ev_energy_async.messages.request import Handler, RawResponse
    from tests.conftest import FakeClock, Network

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"
BASE: Final = "https://api.ev.energy/v2"


# --- Middleware


async def test_middleware_is_outermost_called_once_and_sees_no_token(network: Network) -> None:
    seen: list[str] = []

    def named(name: str) -> Middleware:
        async def middleware(request: Request[Any], following: Handler) -> RawResponse:
            seen.append(f"{name} asks {request}")
            assert "Authorization" not in request.headers
            response = await following(request)
            seen.append(f"{name} hears {response.status}")
            assert "Authorization" not in response.request.headers
            return response

        return middleware

    network.answer("POST", TOKEN_URL, {"access_token": "t1", "token_type": "Bearer"})
    network.answer("POST", TOKEN_URL, {"access_token": "t2", "token_type": "Bearer"})
    network.answer("GET", "/regions", status=401)
    network.answer("GET", "/regions", [])

    both = [named("outer"), named("inner")]
    async with EvEnergy(ClientCredentials("id", "secret"), middleware=both, retry=Retry(base=0)) as ev:
        page = await ev.regions.list()
        assert len(network.sent) == 4
        with pytest.raises(ConnectionFailed) as raised:
            await ev.regions.list()

    calls = ["outer asks GET /regions", "inner asks GET /regions"]
    assert seen == [*calls, "inner hears 200", "outer hears 200", *calls]
    for request in (page.response.request, raised.value.request):
        assert request.headers["EvEnergy-Version"] == API_VERSION
        assert "Authorization" not in request.headers


async def test_middleware_may_change_a_request_or_respond_itself(network: Network) -> None:
    network.answer("GET", "/regions?page_size=5", [])

    async def change(request: Request[Any], following: Handler) -> RawResponse:
        if request.path == "/users":
            return Response(request, f"{BASE}/users", 404, {}, b"{}", b"{}")
        return await following(Request(request.operation, request.path, "page_size=5", {"X-Mine": "1"}, None))

    async with EvEnergy(middleware=[change]) as ev:
        await ev.regions.list()
        with pytest.raises(NotFound):
            await ev.users.list()

    (sent,) = network.sent
    assert (sent.url, sent.headers["X-Mine"]) == (f"{BASE}/regions?page_size=5", "1")


async def test_a_request_rebuilt_by_middleware_keeps_the_options_of_the_call(
    network: Network, clock: FakeClock
) -> None:
    network.fail("DELETE", f"/vehicles/{VEHICLE}", aiohttp.ServerDisconnectedError())
    network.answer("DELETE", f"/vehicles/{VEHICLE}", status=404, repeat=True)
    network.answer("GET", "/regions", status=503, repeat=True)

    async def anew(request: Request[Any], following: Handler) -> RawResponse:
        return await following(Request(request.operation, request.path))

    async with EvEnergy(StaticToken("t"), middleware=[anew], clock=clock) as ev:
        await ev.vehicles.delete(VEHICLE)
        assert ev.stats().retries == 1
        with pytest.raises(NotFound):
            await ev.vehicles.delete(VEHICLE)  # what was in doubt was another call
        before = len(network.sent)
        with pytest.raises(ServiceUnavailable):
            await ev.with_options(retry=Retry(attempts=1)).regions.list()

    assert len(network.sent) == before + 1


async def test_what_middleware_raises_passes_through() -> None:
    async def refuse(_: Request[Any], __: Handler) -> RawResponse:
        raise TimeoutError("mine")

    async with EvEnergy(middleware=[refuse]) as ev:
        with pytest.raises(TimeoutError, match="mine"):
            await ev.regions.list()


# --- The version


async def test_each_request_asks_for_the_version_that_the_code_was_made_for(network: Network) -> None:
    network.answer("GET", "/regions", [], repeat=True)

    async with EvEnergy() as ev, EvEnergy(version="2030-01-01") as later:
        await ev.regions.list()
        await later.regions.list()

    assert [sent.headers["EvEnergy-Version"] for sent in network.sent] == [API_VERSION, "2030-01-01"]


async def test_another_version_in_the_response_is_warned_about_once(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    network.answer("GET", "/regions", [], headers={"EvEnergy-Version": API_VERSION})
    network.answer("GET", "/regions", [], headers={"EvEnergy-Version": "1999-12-31"}, repeat=True)

    with caplog.at_level(logging.WARNING, logger="ev_energy_async"):
        async with EvEnergy() as ev:
            await ev.regions.list()
            assert not caplog.records
            await ev.regions.list()
            await ev.regions.list()
            await ev.as_user(USER).regions.list()

    (record,) = caplog.records
    assert API_VERSION in record.getMessage()
    assert "1999-12-31" in record.getMessage()


# --- The complete response


async def test_a_call_with_response_returns_the_complete_response(ev: EvEnergy, network: Network) -> None:
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "998"}
    network.answer("GET", "/regions/regn1", {"name": "A", "extra": 1}, headers=headers)

    answer = await ev.regions.get.with_response("regn1")

    assert isinstance(answer.data, models.RegionDetail)
    assert (answer.data.name, answer.status, answer.url) == ("A", 200, f"{BASE}/regions/regn1")
    assert b'"extra"' in answer.body
    assert answer.headers["x-ratelimit-limit"] == "1000"
    assert answer.rate_limit is not None
    assert answer.rate_limit.remaining == 998


async def test_a_list_with_response_returns_the_response_of_one_page(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions?page_size=2", [{"name": "A"}], headers={"Link": "<?page_after=A>; rel=next"})

    answer = await ev.regions.list.with_response(page_size=2)

    assert isinstance(answer.data, Page)
    assert answer.data.next_cursor == "/regions?page_after=A"
    assert [region.name for region in answer.data] == ["A"]


async def test_a_response_without_content_is_none(ev: EvEnergy, network: Network) -> None:
    network.answer("DELETE", f"/vehicles/{VEHICLE}", status=204)

    answer = await ev.vehicles.delete.with_response(VEHICLE)

    assert answer.status == 204
    assert answer.data is None


def test_a_bound_function_reads_as_the_function_it_binds() -> None:
    bound = EvEnergy().vehicles.get

    assert bound.__name__ == "get_vehicle"
    assert inspect.getdoc(bound) == inspect.getdoc(api.get_vehicle)
    assert list(inspect.signature(bound).parameters) == list(inspect.signature(api.get_vehicle).parameters)[1:]
    assert repr(bound) == f"<endpoint get_vehicle of <EvEnergy {BASE}>>"


def test_a_group_is_made_once() -> None:
    ev = EvEnergy()

    assert ev.vehicles is ev.vehicles
    assert ev.as_user(USER).vehicles is not ev.vehicles
    assert repr(ev.vehicles) == f"<Vehicles of <EvEnergy {BASE}>>"


# --- Many at once


async def test_many_are_got_with_an_error_in_the_place_of_each_that_failed() -> None:
    async with Sandbox(vehicles=30) as sandbox:
        ids = [vehicle.id for vehicle in sandbox.world.vehicles]
        refused = Rule(HtmlError(403), path=f"/vehicles/{ids[0]}")
        sandbox.faults = FaultPlan((refused, Rule(Held())))
        async with EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev:
            wanted = [ids[1], VEHICLE, "..", ids[0], *ids[1:]]
            many = asyncio.create_task(ev.vehicles.get_many(wanted, concurrency=4))
            await until(lambda: sandbox.under_way == 4)
            sandbox.faults = FaultPlan((refused,))
            found = await many

        assert [each.id for each in found if isinstance(each, models.Vehicle)] == [ids[1], *ids[1:]]
        assert [type(each) for each in found[1:4]] == [NotFound, InvalidArgument, Forbidden]
        assert sandbox.most_under_way == 4


async def test_get_many_of_no_ids_is_empty(network: Network) -> None:
    async with EvEnergy() as ev:
        assert await ev.vehicles.get_many([]) == []

    assert network.sent == []


async def test_many_take_the_options_of_one(network: Network) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}?expand=trim", {"id": VEHICLE}, repeat=True)

    async with EvEnergy() as ev:
        found = await ev.vehicles.get_many(iter([VEHICLE, VEHICLE]), expand=["trim"])
        assert [each.id for each in found if isinstance(each, models.Vehicle)] == [VEHICLE] * 2
        get_many: Any = ev.vehicles.get_many
        with pytest.raises(TypeError, match="colour"):
            await get_many([VEHICLE], colour="blue")


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "4", None])
async def test_concurrency_is_a_number_of_at_least_one(concurrency: Any) -> None:
    with pytest.raises(InvalidArgument, match="concurrency"):
        await EvEnergy().vehicles.get_many([VEHICLE], concurrency=concurrency)


async def test_cancelling_many_cancels_each() -> None:
    stalled = FaultPlan((Rule(Stall()),))
    async with (
        Sandbox(vehicles=1, faults=stalled) as sandbox,
        EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ev.vehicles.get_many([VEHICLE] * 8, concurrency=8)
        assert not [task for task in asyncio.all_tasks() if "_Many" in repr(task)]
