"""Faults over real sockets: their errors, the number of requests, and that nothing is left open.

Reads may be repeated, so that a fault which lasts is met by each try; a write is sent once. Then the same question for
cancellation: a call is cancelled at each step it takes, and the next one must find everything as it should be.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    Budget,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    NotFound,
    OutcomeUnknown,
    RequestTimeout,
    Retry,
    StaticToken,
    TransportError,
)
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import Unavailable
from tests.conftest import START, FakeClock
from tests.servers import Connection, RawServer, reply, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
ONE_CAR: Final = "vhcl01GZBFXCPR7GEFD93NX6FAK4NF"
"""The vehicle of a sandbox that has one."""
ATTEMPTS: Final = 3
SHORT: Final = 0.05
"""Seconds: for what is to run out."""

# Made for this test, good for nothing else: nobody trusts it, which is the point.
CERTIFICATE: Final = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUAM2KHcdj41k5nnoIJ6Lvui/yEq8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE0NDE1NVoYDzIxMjYxMDI5
MTQ0MTU1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR29mnV0/fSxHLZIHepfnsdgVG27CusazWitgSR+dXmHFuzRN1wC6dx
hhdK2AUUUVEyYhu4m2VXcTTNJuOZsgEao28wbTAdBgNVHQ4EFgQUxlwVVYLAegiT
nx1XStf6O8tCX8gwHwYDVR0jBBgwFoAUxlwVVYLAegiTnx1XStf6O8tCX8gwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgXAqC0AYSVQzZNhgRO6C22qMXY6umV1uRjPgEXOAEQb4CIDFG
VdBhuWaw18gUdv+4YS++hAZNCZaHy8dBearJ43xw
-----END CERTIFICATE-----
"""
KEY: Final = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5Ud05ojX0aqcdyYH
7pQ24nQ1sk5JuL/FWOtCtquEcvOhRANCAAR29mnV0/fSxHLZIHepfnsdgVG27Cus
azWitgSR+dXmHFuzRN1wC6dxhhdK2AUUUVEyYhu4m2VXcTTNJuOZsgEa
-----END PRIVATE KEY-----
"""


def client(server: RawServer | Sandbox, **options: Any) -> EvEnergy:
    given: dict[str, Any] = {"timeout": 5, "deadline": 8, "retry": Retry(attempts=ATTEMPTS, base=0), **options}
    return EvEnergy(StaticToken("token"), base_url=server.base_url, **given)


async def read(ev: EvEnergy) -> object:
    return await ev.regions.list()


async def remove(ev: EvEnergy) -> object:
    return await ev.vehicles.delete(VEHICLE)


async def create(ev: EvEnergy) -> object:
    return await ev.as_user(USER).vehicles.create(model="m")


def ours(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The tasks that were not there before, apart from those of the server."""
    served = ("_accept", "RequestHandler.start")
    return {task for task in asyncio.all_tasks() - before if not any(name in repr(task) for name in served)}


# --- What servers do


async def reset_at_once(line: Connection, _: RawServer) -> None:
    line.reset()


async def reset_after_the_request(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    line.reset()


async def half_a_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(reply(b"[{}, {}]")[:-4])


async def half_a_body_in_chunks(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    await line.send(head + b"4\r\n[{},\r\n")


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.until_closed()


async def slow_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    whole = reply(b"[" + b" " * 1_000 + b"]")
    await line.send(whole[:-1_000])
    for _ in range(1_000):
        await line.send(b" ")
        await asyncio.sleep(0.01)


BROKEN: Final = [reset_at_once, reset_after_the_request, half_a_body, half_a_body_in_chunks]
STALLED: Final = [silence, slow_body]


# --- One fault each, for a read and for a write


@pytest.mark.parametrize("call", [read, remove])
@pytest.mark.parametrize("script", BROKEN)
async def test_a_lasting_fault_meets_each_attempt_of_a_read(script: Any, call: Any) -> None:
    before = asyncio.all_tasks()
    async with RawServer(script) as server:
        async with client(server) as ev:
            with pytest.raises(ConnectionFailed) as raised:
                await call(ev)
            assert (type(raised.value), raised.value.transient, raised.value.unsent) == (ConnectionFailed, True, False)
            assert server.opened == ATTEMPTS
            assert len(server.requests) == (0 if script is reset_at_once else ATTEMPTS)
            await server.none_open()
        assert ours(before) == set()


@pytest.mark.parametrize("script", BROKEN)
async def test_a_write_that_met_a_fault_was_sent_once_and_is_in_doubt(script: Any) -> None:
    before = asyncio.all_tasks()
    async with RawServer(script) as server:
        async with client(server) as ev:
            with pytest.raises(OutcomeUnknown):
                await create(ev)
            assert server.opened == 1
            await server.none_open()
        assert ours(before) == set()


@pytest.mark.parametrize("script", STALLED)
async def test_a_read_that_takes_too_long_is_tried_again_and_then_a_timeout(script: Any) -> None:
    before = asyncio.all_tasks()
    async with RawServer(script) as server:
        async with client(server, timeout=SHORT) as ev:
            with pytest.raises(RequestTimeout, match=r"not within 0\.05 s"):
                await read(ev)
            assert len(server.requests) == ATTEMPTS
            await server.none_open()
        assert ours(before) == set()


@pytest.mark.parametrize("script", STALLED)
async def test_a_write_that_takes_too_long_was_sent_once_and_is_in_doubt(script: Any) -> None:
    async with RawServer(script) as server, client(server, timeout=SHORT) as ev:
        with pytest.raises(OutcomeUnknown, match=r"not within 0\.05 s"):
            await create(ev)
        assert len(server.requests) == 1
        await server.none_open()


@pytest.mark.parametrize("call", [read, create])
async def test_a_refused_connection_is_tried_again_and_never_in_doubt(call: Any, unused_tcp_port: int) -> None:
    heard: list[int] = []
    policy = Retry(attempts=ATTEMPTS, base=0, before=lambda event: heard.append(event.attempt))
    async with EvEnergy(StaticToken("t"), base_url=f"http://127.0.0.1:{unused_tcp_port}/v2", retry=policy) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await call(ev)

    assert type(raised.value) is ConnectionFailed
    assert raised.value.unsent
    assert heard == [1, 2]


@pytest.mark.parametrize("call", [read, create])
async def test_a_server_that_comes_back_between_two_attempts_is_found(call: Any, unused_tcp_port: int) -> None:
    served: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await Connection(reader, writer).receive())
        writer.write(reply(b"[]" if served[0].startswith(b"GET") else b"{}", 200, {"Connection": "close"}))
        writer.close()

    class Booting(FakeClock):
        """A clock on which the first wait is as long as the server takes to start."""

        async def sleep(self, delay: float) -> None:
            servers.append(await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port))
            await super().sleep(delay)

    servers: list[asyncio.Server] = []
    base_url = f"http://127.0.0.1:{unused_tcp_port}/v2"
    async with EvEnergy(StaticToken("t"), base_url=base_url, clock=Booting()) as ev:
        if call is read:
            await ev.regions.list()
        else:
            await ev.vehicles.disconnect(VEHICLE)

    assert len(served) == 1
    servers[0].close()
    await servers[0].wait_closed()


async def test_a_fault_that_passes_goes_unseen() -> None:
    async def twice_broken(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        if len(server.requests) < ATTEMPTS:
            line.reset()
        else:
            await line.send(reply(b'[{"name": "A"}]'))

    async with RawServer(twice_broken) as server, client(server) as ev:
        (region,) = await ev.regions.list()

    assert region.name == "A"


async def test_a_delete_whose_response_was_lost_has_succeeded() -> None:
    async def deleted(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        if len(server.requests) == 1:
            line.reset()
        else:
            await line.send(reply(b"{}", 404, {"Connection": "close"}))

    async with RawServer(deleted) as server, client(server) as ev:
        await remove(ev)
        assert len(server.requests) == 2
        with pytest.raises(NotFound):
            await remove(ev)


# --- TLS


@pytest.fixture
def distrusted(tmp_path: Path) -> ssl.SSLContext:
    (tmp_path / "pair.pem").write_text(CERTIFICATE + KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pair.pem")
    return context


@pytest.mark.parametrize("call", [read, remove, create])
async def test_an_untrusted_certificate_ends_the_call_at_once(call: Any, distrusted: ssl.SSLContext) -> None:
    connections: list[object] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    def protocol() -> asyncio.StreamReaderProtocol:
        connections.append(None)
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

    before = asyncio.all_tasks()
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=distrusted)
    port = server.sockets[0].getsockname()[1]
    async with EvEnergy(StaticToken("t"), base_url=f"https://localhost:{port}/v2", retry=Retry(base=0)) as ev:
        with pytest.raises(ConnectionFailed, match="Certificate") as raised:
            await call(ev)
    server.close()
    await server.wait_closed()

    assert type(raised.value) is ConnectionFailed, "a write that was not sent is in no doubt"
    assert (raised.value.unsent, raised.value.transient) == (True, False)
    assert len(connections) == 1, "a certificate does not get better by asking again"
    assert ours(before) == set()


@pytest.mark.parametrize("call", [read, create])
async def test_a_server_that_speaks_no_tls_is_a_failed_connection(call: Any) -> None:
    async def plain(line: Connection, _: RawServer) -> None:
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with RawServer(plain) as server:
        server.base_url = server.base_url.replace("http:", "https:")
        async with client(server) as ev:
            with pytest.raises(ConnectionFailed) as raised:
                await call(ev)
        await server.none_open()

    assert type(raised.value) is ConnectionFailed
    assert raised.value.unsent


async def test_a_proxy_that_makes_no_connection_leaves_a_write_in_no_doubt() -> None:
    class Refusing(aiohttp.TCPConnector):
        async def connect(self, req: Any, *_: Any, **__: Any) -> Any:
            raise aiohttp.ClientHttpProxyError(req.request_info, (), status=502, message="Bad Gateway")

    async with aiohttp.ClientSession(connector=Refusing()) as session:
        ev = EvEnergy(StaticToken("token"), session=session, retry=Retry(attempts=1))
        with pytest.raises(ConnectionFailed) as raised:
            await create(ev)

    assert type(raised.value) is ConnectionFailed


# --- What an error keeps to itself


async def test_no_cause_of_an_error_names_the_query() -> None:
    async def no_http(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(b"220 mail.example ESMTP\r\n")

    async with RawServer(no_http) as server, client(server) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await ev.users.list(email="kim@example.com")

    shown: BaseException | None = raised.value
    while shown is not None:
        assert "kim" not in f"{shown} {shown!r}"
        shown = None if shown.__suppress_context__ and shown.__cause__ is None else shown.__cause__ or shown.__context__


# --- Cancelled at each step


async def write(ev: EvEnergy) -> object:
    return await ev.vehicles.disconnect(ONE_CAR)


def one_car() -> Sandbox:
    """A sandbox with one vehicle, always the same one."""
    sandbox = Sandbox(vehicles=1, clock=SteppedClock(START))
    assert ONE_CAR in sandbox.world.vehicles
    return sandbox


def credentials(kind: str, sandbox: Sandbox) -> StaticToken | ClientCredentials:
    if kind == "static":
        return StaticToken(sandbox.issue_token())
    return ClientCredentials(sandbox.client_id, sandbox.client_secret)


async def cancel_after(steps: int, call: Awaitable[object]) -> bool:
    """Cancel a call once the loop has gone round this often; whether it was still under way."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    was_under_way = task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() is was_under_way, "a cancellation is never swallowed"
    return was_under_way


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("kind", ["static", "fetched"])
@pytest.mark.parametrize("call", [read, write])
async def test_a_call_may_be_cancelled_at_any_step(
    call: Callable[[EvEnergy], Awaitable[object]], kind: str, *, is_warm: bool
) -> None:
    """After each: no connection is held, no task goes on, no request of the budget is lost, no lock is stuck.

    Warm is a client with an open connection, and a token that has ended.
    """
    before = asyncio.all_tasks()
    is_under_way, steps = True, 0
    while is_under_way:
        clock = FakeClock()
        budget = Budget(1_000, clock=clock)
        connector = aiohttp.TCPConnector(limit=1)
        async with one_car() as sandbox, aiohttp.ClientSession(connector=connector) as session:
            auth = credentials(kind, sandbox)
            ev = EvEnergy(auth, base_url=sandbox.base_url, session=session, budget=budget, clock=clock, deadline=8)
            if is_warm:
                await call(ev)
                clock.advance(36_001)
            is_under_way = await cancel_after(steps, call(ev))

            assert ev.stats().under_way == 0
            assert budget.waiting == 0
            asked = len(sandbox.requests)
            await asyncio.wait_for(call(ev), 5)
            assert len(sandbox.requests) > asked
            assert budget.remaining >= 990, "the headers have told, and nothing is thought to be under way"
            assert not connector._acquired, "the one connection is back"  # pyright: ignore[reportPrivateUsage]
            await ev.close()
            await until(lambda: ours(before) == set())
        steps += 1
    assert steps > 5, "the call was cancelled on its way"


@pytest.mark.parametrize("call", [read, write])
async def test_calls_cancelled_one_after_the_other_leave_nothing_behind(
    call: Callable[[EvEnergy], Awaitable[object]],
) -> None:
    async with one_car() as sandbox, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        clock, auth = FakeClock(), credentials("fetched", sandbox)
        ev = EvEnergy(auth, base_url=sandbox.base_url, session=session, clock=clock, deadline=8)
        for steps in range(40):
            # Each time the token has ended: whoever fetches the next one is cancelled.
            clock.advance(36_001)
            await cancel_after(steps, call(ev))
        clock.advance(3_601)

        await asyncio.wait_for(asyncio.gather(*(call(ev) for _ in range(5))), 5)

        assert ev.stats().under_way == 0
        assert ev.budget.remaining >= 890
        await ev.close()


async def test_a_cancelled_wait_between_two_attempts_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    clock = FakeClock(moves_by_itself=False)
    busy = FaultPlan((Rule(Unavailable(retry_after_seconds=7)),))
    async with Sandbox(vehicles=1, faults=busy) as sandbox, client(sandbox, clock=clock) as ev:
        call = asyncio.create_task(read(ev))
        await until(lambda: clock.naps == [7])

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert len(sandbox.requests) == 1
        await ev.close()
    await until(lambda: ours(before) == set())


async def test_closing_ends_the_wait_between_two_attempts_with_a_clear_error() -> None:
    clock = FakeClock(moves_by_itself=False)
    busy = FaultPlan((Rule(Unavailable(retry_after_seconds=7)),))
    async with Sandbox(vehicles=1, faults=busy) as sandbox, client(sandbox, clock=clock) as ev:
        call = asyncio.create_task(read(ev))
        await until(lambda: clock.naps == [7])

        await ev.close()

        with pytest.raises(TransportError, match="the client is closed"):
            await call


async def test_closing_ends_what_waits_for_a_token_with_a_clear_error() -> None:
    async with RawServer(silence) as server:
        ev = EvEnergy(ClientCredentials("id", "secret"), base_url=server.base_url)
        calls = [asyncio.create_task(each(ev)) for each in (read, create, remove)]
        await until(lambda: bool(server.requests))

        await ev.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)

        assert {type(each) for each in ended} == {ConnectionFailed}
        assert {str(each).rpartition(": ")[2] for each in ended} == {"the client is closed"}
        assert len(server.requests) == 1
        await server.none_open()
