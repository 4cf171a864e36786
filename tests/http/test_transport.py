"""The wire, over real sockets: what breaks, what it is called, and what is left open afterwards (nothing)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from ev_energy_async import (
    ApiError,
    ClientCredentials,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    OutcomeUnknown,
    RequestTimeout,
    Retry,
    StaticToken,
    __version__,
)
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import Latency, Redirected
from tests.servers import Connection, RawServer, leap, reply, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
SHORT: Final = 0.05
"""Seconds: for what runs out, however busy the machine is."""
LIMIT: Final = 3
"""Seconds: more than a busy machine needs, for what runs out by a leap of the clock."""


def client(server: RawServer | Sandbox, **options: Any) -> EvEnergy:
    given: dict[str, Any] = {"timeout": 5, "deadline": 8, "retry": Retry(base=0), **options}
    token = server.issue_token() if isinstance(server, Sandbox) else "token"
    return EvEnergy(StaticToken(token), base_url=server.base_url, **given)


async def read(ev: EvEnergy) -> object:
    return await ev.regions.list()


async def remove(ev: EvEnergy) -> object:
    return await ev.vehicles.delete(VEHICLE)


async def create(ev: EvEnergy) -> object:
    return await ev.as_user(USER).vehicles.create(model="m")


async def change(ev: EvEnergy) -> object:
    return await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)


# --- What servers do


async def reset_at_once(line: Connection, _: RawServer) -> None:
    line.reset()


async def reset_after_the_request(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    line.reset()


async def close_after_the_request(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())


async def half_a_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(reply(b"[{}, {}]")[:-4])


async def half_a_head(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(b"HTTP/1.1 200 OK\r\nContent-")


async def no_http(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(b"220 mail.example ESMTP\r\n")
    await line.until_closed()


async def wrong_encoding(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(reply(b"not gzip", headers={"Content-Encoding": "gzip"}))
    await line.until_closed()


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.until_closed()


async def silence_beyond_the_limit(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await leap(LIMIT)
    await line.until_closed()


async def stalled_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(reply(b"[{}, {}]")[:-4])
    await leap(LIMIT)
    await line.until_closed()


BROKEN: Final = [
    reset_at_once,
    reset_after_the_request,
    close_after_the_request,
    half_a_body,
    half_a_head,
    no_http,
    wrong_encoding,
]
STALLED: Final = [silence_beyond_the_limit, stalled_body]


# --- No complete response


@pytest.fixture
def nobody() -> Iterator[str]:
    """A base URL at which nobody listens: its port is taken, but only taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v2"


@pytest.mark.parametrize("call", [read, remove, create, change])
async def test_a_refused_connection_is_a_failed_one_for_reads_and_writes(
    call: Callable[[EvEnergy], Any], nobody: str
) -> None:
    async with EvEnergy(StaticToken("token"), base_url=nobody, retry=Retry(base=0)) as ev:
        with pytest.raises(ConnectionFailed, match="Connect") as raised:
            await call(ev)

    assert raised.value.request.path.startswith(("/regions", "/vehicles"))


@pytest.mark.parametrize("call", [read, remove])
@pytest.mark.parametrize("script", BROKEN)
async def test_a_broken_connection_fails_what_is_safe_to_repeat(script: Any, call: Any) -> None:
    async with RawServer(script) as server, client(server) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await call(ev)
        assert type(raised.value) is ConnectionFailed


@pytest.mark.parametrize("call", [create, change])
@pytest.mark.parametrize("script", BROKEN)
async def test_a_write_without_a_response_has_an_unknown_outcome(script: Any, call: Any) -> None:
    async with RawServer(script) as server, client(server) as ev:
        with pytest.raises(OutcomeUnknown) as raised:
            await call(ev)
        assert server.opened == 1, "it was not repeated"
        assert "outcome unknown" in str(raised.value)


@pytest.mark.parametrize("script", STALLED)
async def test_the_timeout_covers_the_body(script: Any) -> None:
    async with RawServer(script) as server, client(server, timeout=LIMIT, deadline=60) as ev:
        with pytest.raises(RequestTimeout, match=r"not within 3 s"):
            await read(ev)
        with pytest.raises(OutcomeUnknown):
            await create(ev)
        await server.none_open()


@pytest.mark.parametrize("script", STALLED)
async def test_the_deadline_covers_the_call(script: Any) -> None:
    async with RawServer(script) as server, client(server, deadline=LIMIT) as ev:
        with pytest.raises(RequestTimeout, match="deadline"):
            await read(ev)
        with pytest.raises(RequestTimeout, match="deadline"):
            await remove(ev)
        with pytest.raises(OutcomeUnknown, match="deadline"):
            await create(ev)
        await server.none_open()


async def test_the_deadline_covers_the_token() -> None:
    async with RawServer(silence_beyond_the_limit) as server:
        async with EvEnergy(ClientCredentials("id", "secret"), base_url=server.base_url, deadline=LIMIT) as ev:
            # The first is there when the clock leaps; the others wait for the same token.
            for call, view in (
                (create, ev),
                (read, ev.with_options(deadline=SHORT)),
                (create, ev.with_options(deadline=SHORT)),
            ):
                with pytest.raises(RequestTimeout, match="deadline") as raised:
                    await call(view)
                assert type(raised.value) is RequestTimeout, "a write that was not sent is in no doubt"
        assert len(server.requests) == 1
        assert server.requests[0].startswith(b"POST /o/token/ ")
        await server.none_open()


async def test_a_write_that_waited_for_a_connection_until_the_deadline_is_in_no_doubt() -> None:
    async with RawServer(silence) as server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        ev = client(server, session=session)
        first = asyncio.create_task(read(ev))
        await until(lambda: bool(server.requests))

        with pytest.raises(RequestTimeout, match="deadline") as raised:
            await create(ev.with_options(deadline=SHORT))

        assert type(raised.value) is RequestTimeout
        assert len(server.requests) == 1
        await ev.close()
        first.cancel()
        await asyncio.wait([first])


async def test_no_error_of_the_wire_shows_what_was_sent(nobody: str) -> None:
    address = "kim@example.com"
    async with RawServer(half_a_body) as server:
        for base in (server.base_url, nobody):
            async with EvEnergy(StaticToken("s3cr3t"), base_url=base, retry=Retry(base=0)) as ev:
                with pytest.raises(ConnectionFailed) as raised:
                    await ev.users.list(email=address)
            error = raised.value
            for text in (str(error), repr(error)):
                assert "kim" not in text
                assert "s3cr3t" not in text
            assert "Authorization" not in error.request.headers


async def test_a_certificate_that_is_refused_is_a_failed_connection() -> None:
    class Refusing(aiohttp.TCPConnector):
        async def connect(self, *_: Any, **__: Any) -> Any:
            key = ConnectionKey("api.ev.energy", 443, True, True, None, None, None)
            raise aiohttp.ClientConnectorCertificateError(key, ssl.CertificateError("self-signed certificate"))

    async with aiohttp.ClientSession(connector=Refusing()) as session:
        with pytest.raises(ConnectionFailed, match="Certificate"):
            await create(EvEnergy(StaticToken("token"), session=session))


# --- What goes out


async def answer(line: Connection, server: RawServer) -> None:
    while request := await line.receive():
        server.requests.append(request)
        await line.send(reply(b"[]"))


def target(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


def header(request: bytes, name: str) -> str | None:
    """Return a header of a request as it was sent."""
    fields = (line.partition(": ") for line in request.partition(b"\r\n\r\n")[0].decode().split("\r\n"))
    return {key.lower(): value for key, _, value in fields}.get(name.lower())


async def test_a_request_says_who_sends_it_and_what_it_takes() -> None:
    async with RawServer(answer) as server, client(server) as ev:
        await read(ev)

    (request,) = server.requests
    assert (header(request, "User-Agent") or "").startswith(f"ev-energy-async/{__version__} ")
    assert header(request, "Accept") == "application/json, application/problem+json"
    assert header(request, "Authorization") == "Bearer token"
    assert target(request) == "/v2/regions?page_size=100"


async def test_a_path_and_a_query_arrive_as_they_were_encoded() -> None:
    async with RawServer(answer) as server, client(server) as ev:
        await ev.regions.list(page_after="a b/c?d=e&f+g%é")
        with pytest.raises(DecodeError):
            await ev.vehicles.get_status_log(VEHICLE, "2026-03-14T07:05:00+00:00")

    assert [target(request) for request in server.requests] == [
        "/v2/regions?page_after=a%20b%2Fc%3Fd%3De%26f%2Bg%25%C3%A9&page_size=100",
        f"/v2/vehicles/{VEHICLE}/status_logs/2026-03-14T07%3A05%3A00%2B00%3A00",
    ]


async def test_a_redirect_is_not_followed() -> None:
    async with Sandbox(vehicles=1) as sandbox, client(sandbox) as ev:
        sandbox.faults = FaultPlan((Rule(Redirected(f"{sandbox.base_url}/users")),))
        with pytest.raises(ApiError, match="302"):
            await read(ev)

    assert [served.path for served in sandbox.requests] == ["/v2/regions?page_size=100"]


async def test_the_location_of_an_onboarding_is_returned_and_not_followed() -> None:
    async with Sandbox(vehicles=1) as sandbox, client(sandbox) as ev:
        sandbox.faults = FaultPlan((Rule(Redirected(f"{sandbox.base_url}/regions?state=1")),))
        user = next(iter(sandbox.world.users)).id
        location = await ev.inverter_onboarding.start(client_id=sandbox.client_id, user_id=user)

    assert location == f"{sandbox.base_url}/regions?state=1"
    assert [served.operation for served in sandbox.requests] == ["inverter_onboarding.start"]


async def test_an_onboarding_that_leads_nowhere_is_an_error() -> None:
    async def nowhere(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b"", 302))

    async with RawServer(nowhere) as server, client(server) as ev:
        with pytest.raises(DecodeError, match="Location") as raised:
            await ev.inverter_onboarding.start(client_id="x", user_id=USER)

    assert raised.value.response is not None
    assert raised.value.response.status == 302


async def test_cookies_are_not_kept_from_call_to_call() -> None:
    async def with_cookie(line: Connection, server: RawServer) -> None:
        while request := await line.receive():
            server.requests.append(request)
            await line.send(reply(b"[]", headers={"Set-Cookie": "session=of-somebody; Path=/"}))

    async with RawServer(with_cookie) as server:
        # By name: aiohttp keeps no cookies of addresses anyway.
        server.base_url = server.base_url.replace("127.0.0.1", "localhost")
        ev = client(server)
        await read(ev)
        await read(ev)
        await ev.close()

    assert [header(request, "Cookie") for request in server.requests] == [None, None]


# --- Many calls, few connections


async def test_calls_that_queue_for_a_connection_do_not_time_out_in_the_queue() -> None:
    slowly = FaultPlan((Rule(Latency(0.05)),))
    connector = aiohttp.TCPConnector(limit=2)
    async with Sandbox(vehicles=1, faults=slowly) as sandbox, aiohttp.ClientSession(connector=connector) as session:
        ev = client(sandbox, session=session, timeout=0.5)
        # Thirty in two rows take 0.75 s and more, which is longer than the timeout of each.
        await asyncio.gather(*(read(ev) for _ in range(30)))

    assert len(sandbox.requests) == 30
    assert sandbox.most_under_way <= 2
