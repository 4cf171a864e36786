"""Faults over real sockets: their errors, the number of requests, and that nothing is left open.

Reads may be repeated, so that a fault which lasts is met by each try; a write is sent once. Then the same question for
cancellation: a call is cancelled at each step it takes, and the next one must find everything as it should be.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from ev_energy_async import (
    ConnectionFailed,
    EvEnergy,
    NotFound,
    OutcomeUnknown,
    RequestTimeout,
    Retry,
    StaticToken,
)
from ev_energy_async.masking import chained
from tests.conftest import FakeClock
from tests.servers import Connection, RawServer, reply

if TYPE_CHECKING:
    from pathlib import Path
from .socket_kit import (
    ATTEMPTS,
    BROKEN,
    CERTIFICATE,
    KEY,
    LIMIT,
    STALLED,
    VEHICLE,
    client,
    create,
    ours,
    read,
    remove,
    reset_at_once,
)

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
        async with client(server, timeout=LIMIT, deadline=60) as ev:
            with pytest.raises(RequestTimeout, match=r"not within 3 s"):
                await read(ev)
            assert len(server.requests) == ATTEMPTS
            await server.none_open()
        assert ours(before) == set()


@pytest.mark.parametrize("script", STALLED)
async def test_a_write_that_takes_too_long_was_sent_once_and_is_in_doubt(script: Any) -> None:
    async with RawServer(script) as server, client(server, timeout=LIMIT, deadline=60) as ev:
        with pytest.raises(OutcomeUnknown, match=r"not within 3 s"):
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

    for each in chained(raised.value, None):
        assert "kim" not in f"{each} {each!r}"
