"""Options of a client and of its views, the read-only client, and time limits."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec.structs import replace

from ev_energy_async import (
    Budget,
    ClientCredentials,
    DecodeError,
    EvEnergy,
    InvalidArgument,
    NotFound,
    RequestTimeout,
    Response,
    Retry,
    ServerError,
    StaticToken,
    api,
)
from ev_energy_async.calls import build_request
from ev_energy_async.messages.operations import Operation, Param
from ev_energy_async.sandbox import Sandbox
from tests.servers import Connection, RawServer, leap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async import Middleware, Request
    from ev_energy_async.messages import CallOptions
    from ev_energy_async.messages.request import Handler, RawResponse
    from tests.conftest import FakeClock, Network

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"


def noting(seen: list[CallOptions]) -> Middleware:
    """A middleware that keeps the options of each call, and answers it."""

    async def note(request: Request[Any], _: Handler) -> RawResponse:
        seen.append(request.options)
        return Response(request, "https://api.ev.energy/v2/regions", 200, {}, b"[]", b"[]")

    return note


# --- Views


async def test_a_view_changes_what_is_given_and_keeps_the_rest(network: Network) -> None:  # noqa: ARG001  # pytest passes it
    seen: list[CallOptions] = []
    retry = Retry(attempts=2)
    async with EvEnergy(middleware=[noting(seen)], timeout=7, retry=retry, on_bad_item="skip", label="fleet") as ev:
        view = ev.with_options(timeout=3).with_options(deadline=dt.timedelta(minutes=2), priority=5)
        await view.regions.list()
        await ev.regions.list()

    first, second = seen
    assert (first.timeout, first.deadline, first.priority) == (3, 120, 5)
    assert (second.timeout, second.deadline, second.priority) == (7, 60, None)
    for options in seen:
        assert (options.retry, options.on_bad_item, options.label) == (retry, "skip", "fleet")


async def test_a_held_response_is_without_its_body_on_request_and_an_error_with_it(network: Network) -> None:
    network.answer("GET", "/regions", [{"id": "regn01"}], repeat=True)
    network.answer("GET", "/users/me", {"title": "no"}, status=404, repeat=True)
    async with EvEnergy(keep_body=False) as ev:
        page = await ev.regions.list()
        kept = await ev.with_options(keep_body=True).regions.list()
        with pytest.raises(NotFound) as caught:
            await ev.users.get("me")

    assert (len(page), page.response.body, page.response.status) == (1, b"", 200)
    assert kept.response.body == b'[{"id": "regn01"}]'
    assert b"no" in caught.value.response.body


async def test_a_page_whose_items_cannot_be_decoded_has_its_body_without_keep_body_too(network: Network) -> None:
    network.answer("GET", "/regions", [{"id": 5}])
    async with EvEnergy(keep_body=False) as ev:
        with pytest.raises(DecodeError) as caught:
            await ev.regions.list()

    assert caught.value.response is not None
    assert caught.value.response.body == b'[{"id": 5}]'


async def test_durations_are_seconds_or_a_timedelta(network: Network) -> None:  # noqa: ARG001  # pytest passes it
    seen: list[CallOptions] = []
    half = dt.timedelta(milliseconds=500)
    async with EvEnergy(middleware=[noting(seen)], timeout=half, deadline=dt.timedelta(minutes=1)) as ev:
        await ev.regions.list()
        await ev.with_options(timeout=dt.timedelta(seconds=9), deadline=9.5).regions.list()

    assert [(each.timeout, each.deadline) for each in seen] == [(0.5, 60), (9, 9.5)]


async def test_views_share_session_token_and_budget() -> None:
    async with Sandbox(vehicles=1, rate_limit=1_000) as sandbox:
        (user,) = (user.id for user in sandbox.world.users)
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
        async with EvEnergy(credentials, base_url=sandbox.base_url) as another:
            await another.regions.list()
        sandbox.requests.clear()
        async with EvEnergy(credentials, base_url=sandbox.base_url) as ev:
            view = ev.with_options(timeout=5)
            assert view.budget is ev.budget
            async with view.as_user(user) as driver:
                await driver.regions.list()
            await ev.regions.list()
            await view.close()
            await view.regions.list()

            assert [served.path.partition("?")[0] for served in sandbox.requests] == ["/o/token/", *["/v2/regions"] * 3]
            assert len({served.port for served in sandbox.requests}) == 1
            assert ev.stats() == view.stats()
            assert ev.stats().calls == 3
            assert ev.budget.used == 4, "what the headers say, which count what others have used too"


def test_a_view_keeps_its_user_and_its_class() -> None:
    class Mine(EvEnergy):
        pass

    view = Mine(user=USER).with_options(timeout=1)

    assert view.user_id == USER
    assert type(view) is Mine
    assert view.as_user(USER).with_options().user_id == USER


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": dt.timedelta(0)}, "timeout"),
        ({"timeout": dt.timedelta(seconds=-1)}, "timeout"),
        ({"deadline": "60"}, "deadline"),
        ({"retry": 3}, "retry"),
        ({"priority": "high"}, "priority"),
        ({"priority": True}, "priority"),
        ({"on_bad_item": "ignore"}, "on_bad_item"),
        ({"keep_body": "no"}, "keep_body"),
        ({"on_bad_item": ["skip"]}, "on_bad_item"),
        ({"headers": [("X-A", "1")]}, "headers"),
    ],
)
def test_a_wrong_option_is_named(options: Any, argument: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        EvEnergy().with_options(**options)

    assert raised.value.argument == argument


@pytest.mark.parametrize("options", [{"retry": 0}, {"on_bad_item": "ignore"}, {"deadline": dt.timedelta(0)}])
def test_a_wrong_option_of_the_client_is_named_too(options: Any) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        EvEnergy(**options)


# --- Headers


async def test_headers_of_the_callers_own_go_with_each_request(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    traced = ev.with_options(headers={"X-Request-ID": "1", "X-Team": "a"})

    await traced.regions.list()
    await traced.with_options(headers={"x-request-id": "2"}).regions.list()
    await ev.regions.list()

    assert [sent.headers.getall("X-Request-ID", []) for sent in network.sent] == [["1"], ["2"], []]
    assert [sent.headers.get("X-Team") for sent in network.sent] == ["a", "a", None]
    assert all(sent.headers["Authorization"] == "Bearer token-of-the-tests" for sent in network.sent)


async def test_a_header_of_the_view_takes_the_place_of_the_arguments(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}", {"id": VEHICLE}, repeat=True)
    operation: Operation[None] = Operation(
        name="x", method="GET", path=f"/vehicles/{VEHICLE}", headers=(Param("lang", wire="Accept-Language"),)
    )

    await ev.with_options(headers={"accept-language": "fr"}).send(build_request(operation, headers=["en"]))

    assert network.sent[0].headers.getall("Accept-Language") == ["fr"]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "EvEnergy-User",
        "EVENERGY-VERSION",
        "Host",
        "Content-Length",
        "content-type",
        "Accept",
        "User-Agent",
        "Transfer-Encoding",
        "",
        "X Y",
        "X:Y",
        "X-Y\r\nHost",
        "X-é",
        5,
    ],
)
def test_a_header_that_is_the_clients_own_or_none_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgument, match="headers"):
        EvEnergy().with_options(headers={name: "s3cr3t"})


@pytest.mark.parametrize("value", ["a\r\nHost: evil", "é", 5, None])
def test_a_value_that_no_header_takes_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="headers"):
        EvEnergy().with_options(headers={"X-Mine": value})


def test_a_refused_header_keeps_its_value_to_itself() -> None:
    with pytest.raises(InvalidArgument) as raised:
        EvEnergy().with_options(headers={"X-Key": "s3cr3té"})

    assert "s3cr3t" not in str(raised.value)
    assert "X-Key" in str(raised.value)


# --- Priority


async def test_a_call_with_priority_passes_those_that_wait(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    network.answer("GET", "/tariffs", [], repeat=True)
    network.answer("POST", f"/vehicles/{VEHICLE}/disconnect", status=204)

    async with EvEnergy(StaticToken("t"), budget=Budget(1, clock=clock), clock=clock, deadline=9e9) as ev:
        network.answer("GET", "/users", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})
        await ev.users.list()
        first = asyncio.create_task(ev.regions.list.with_response())
        await asyncio.sleep(0)
        polls = [first, asyncio.create_task(ev.regions.list.with_response())]
        command = asyncio.create_task(ev.vehicles.disconnect(VEHICLE))
        urgent = asyncio.create_task(ev.with_options(priority=2).tariffs.list.with_response())
        for _ in range(5):
            await asyncio.sleep(0)
        assert ev.budget.waiting == 4
        await asyncio.wait([*polls, command, urgent])

    assert [sent.url.rpartition("/v2/")[2].partition("?")[0] for sent in network.sent] == [
        "users",
        "tariffs",
        f"vehicles/{VEHICLE}/disconnect",
        "regions",
        "regions",
    ]


# --- Read-only


def operations() -> Iterator[Operation[Any]]:
    for name in api.__all__:
        module = importlib.import_module(getattr(api, name).__module__)
        found: list[Any] = [value for value in vars(module).values() if isinstance(value, Operation)]
        yield from found


WRITES: Final = sorted(
    {each.name: each for each in operations() if each.method != "GET"}.values(), key=lambda each: each.name
)


async def test_a_client_that_only_reads_refuses_every_write_before_it_is_sent(network: Network) -> None:
    assert len(WRITES) > 50
    async with EvEnergy(StaticToken("t"), read_only=True, user=USER) as ev:
        for operation in WRITES:
            bare = replace(operation, path="/x", path_params=(), query=(), headers=(), body=None)
            for client in (ev, ev.as_user(USER), ev.with_options(priority=9)):
                with pytest.raises(InvalidArgument, match="read-only") as raised:
                    await client.send(build_request(bare))
                assert operation.name in str(raised.value)
        assert ev.stats().calls == 0

    assert network.sent == []


async def test_a_client_that_only_reads_reads(network: Network) -> None:
    network.answer("POST", TOKEN_URL, {"access_token": "t", "token_type": "Bearer"})
    network.answer("GET", "/regions", [])

    async with EvEnergy(ClientCredentials("id", "secret"), read_only=True) as ev:
        assert await ev.regions.list() is not None

    assert len(network.sent) == 2, "a token is no write"


async def test_a_client_that_only_reads_does_not_command_or_upload(network: Network) -> None:
    async with EvEnergy(StaticToken("t"), read_only=True) as ev:
        with pytest.raises(InvalidArgument, match="read-only"):
            await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)
        with pytest.raises(InvalidArgument, match="read-only"):
            await ev.vehicles.delete(VEHICLE)
        with pytest.raises(InvalidArgument, match="read-only"):
            await ev.upload_rebate_evidence(b"x", evidence_type="https://x.example/1", file_name="x.pdf")

    assert network.sent == []


# --- Labels


def test_a_label_distinguishes_clients() -> None:
    ev = EvEnergy(label="fleet-a")

    assert ev.label == "fleet-a"
    assert repr(ev) == "<EvEnergy 'fleet-a' https://api.ev.energy/v2>"
    assert repr(ev.as_user(USER)) == f"<EvEnergy 'fleet-a' https://api.ev.energy/v2 as {USER}>"
    assert ev.with_options(timeout=1).stats().label == "fleet-a"


# --- Time limits on a real wire


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await leap(3)
    await line.until_closed()


async def test_a_view_may_be_less_patient_than_its_client() -> None:
    async with RawServer(silence) as server, EvEnergy(base_url=server.base_url) as ev:
        hasty = ev.with_options(timeout=3, retry=Retry(attempts=2, base=0))
        with pytest.raises(RequestTimeout, match="not within 3 s"):
            await hasty.regions.list()
        assert len(server.requests) == 2

        with pytest.raises(RequestTimeout, match="deadline of 3 s"):
            await ev.with_options(deadline=dt.timedelta(seconds=3)).regions.list()
        await server.none_open()


async def test_the_deadline_spans_all_attempts() -> None:
    async with RawServer(silence) as server, EvEnergy(base_url=server.base_url) as ev:
        patient = ev.with_options(timeout=3, deadline=8, retry=Retry(attempts=1_000, base=0))
        with pytest.raises(RequestTimeout):
            await patient.regions.list()

        assert len(server.requests) == 3
        await server.none_open()


async def test_a_retry_of_the_view_is_its_own(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", status=500, repeat=True)

    with pytest.raises(ServerError):
        await ev.with_options(retry=Retry(attempts=1)).regions.list()
    assert len(network.sent) == 1
    with pytest.raises(ServerError):
        await ev.regions.list()
    assert len(network.sent) == 5


async def test_what_to_do_with_bad_items_is_the_views_own(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", [{"name": "A"}, {"name": 5}], repeat=True)

    assert len(await ev.with_options(on_bad_item="skip").regions.list()) == 1
    with pytest.raises(DecodeError):
        await ev.regions.list()


async def test_a_middleware_that_makes_a_request_of_its_own_loses_neither_version_nor_user(network: Network) -> None:
    async def bare(request: Request[Any], following: Handler) -> RawResponse:
        return await following(request.changed(headers={}))

    network.answer("GET", "/regions", [])
    async with EvEnergy(StaticToken("t"), middleware=[bare], user=USER) as ev:
        await ev.regions.list()

    [sent] = network.sent
    assert sent.headers["EvEnergy-User"].endswith(USER)
    assert "EvEnergy-Version" in sent.headers
