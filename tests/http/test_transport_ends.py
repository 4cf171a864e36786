"""The end of calls, of clients and of sessions: cancelled, closed, on another loop."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from ev_energy_async import (
    ConnectionFailed,
    EvEnergy,
    EvEnergyError,
    NotFound,
    Retry,
    TransportError,
)
from tests.servers import RawServer, reply, until

from .test_transport import SHORT, STALLED, answer, client, create, header, read, silence

if TYPE_CHECKING:
    from tests.servers import Connection


@pytest.mark.parametrize("script", STALLED)
async def test_a_cancelled_call_leaves_no_connection_and_no_task(script: Any) -> None:
    async with RawServer(script) as server, client(server) as ev:
        before = asyncio.all_tasks()
        call = asyncio.create_task(create(ev))
        await until(lambda: bool(server.requests))

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await server.none_open()
        assert {task for task in asyncio.all_tasks() - before if "_accept" not in repr(task)} == set()


async def test_a_timeout_of_the_callers_own_is_theirs() -> None:
    async with RawServer(silence) as server, client(server) as ev:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await create(ev)
        await server.none_open()


async def test_a_session_that_was_handed_in_stays_open() -> None:
    async with RawServer(answer) as server, aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        async with client(server, session=session) as ev:
            await read(ev)
        assert not session.closed
        async with session.get(server.base_url) as answered:
            assert answered.status == 200
        assert [header(request, "X-Mine") for request in server.requests] == ["1", "1"]
        with pytest.raises(ConnectionFailed, match="closed"):
            await read(ev)


async def test_a_session_of_our_own_is_closed() -> None:
    async with RawServer(answer) as server:
        async with client(server) as ev:
            await read(ev)
            assert server.open == 1
        await server.none_open()

        for call in (read, create):
            with pytest.raises(ConnectionFailed, match="the client is closed"):
                await call(ev)
        await ev.close()
        assert server.opened == 1


async def test_closing_a_client_that_never_sent_anything_opens_nothing() -> None:
    ev = EvEnergy()

    await ev.close()


async def test_a_session_that_its_owner_closed_is_an_error_of_ours() -> None:
    session = aiohttp.ClientSession()
    await session.close()

    with pytest.raises(ConnectionFailed, match="the session is closed"):
        await read(EvEnergy(session=session))


async def test_closing_ends_the_calls_under_way_and_those_in_the_queue() -> None:
    async with RawServer(silence) as server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2)) as session:
        ev = client(server, session=session)
        # Two have a connection, some wait for one, the others for the budget.
        calls = [asyncio.create_task(read(ev)) for _ in range(20)]
        await until(lambda: server.open == 2)

        await ev.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)

        assert {type(each) for each in ended} == {ConnectionFailed}
        assert {str(each) for each in ended} == {"no complete response to GET /regions: the client is closed"}
        await server.none_open()


def test_a_client_belongs_to_one_event_loop() -> None:
    async def call(ev: EvEnergy) -> None:
        with pytest.raises(TransportError):
            await read(ev)

    async def call_again(ev: EvEnergy) -> None:
        with pytest.raises(EvEnergyError, match="another event loop"):
            await read(ev)

    async def close(ev: EvEnergy) -> None:
        await call(ev)
        await ev.close()

    ev = EvEnergy(base_url="http://127.0.0.1:1/v2", retry=Retry(base=0))
    asyncio.run(close(ev))
    asyncio.run(call_again(ev))


async def test_a_response_of_any_status_is_complete_and_never_a_transport_error() -> None:
    async def refuse(line: Connection, _: RawServer) -> None:
        while await line.receive():
            await line.send(reply(b"\xff" * 100_000, 404))

    async with RawServer(refuse) as server, client(server) as ev:
        for call in (read, create):
            with pytest.raises(NotFound) as raised:
                await call(ev)
            twin = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # our own bytes
            assert twin.response.headers["content-length"] == "100000"


async def test_headers_beyond_aiohttps_limit_are_named_and_not_asked_for_again() -> None:
    async def boastful(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b"[]", headers={"X-Long": "x" * 20_000}))
        await line.until_closed()

    async with RawServer(boastful) as server, client(server) as ev:
        with pytest.raises(ConnectionFailed, match="more or larger headers than aiohttp reads"):
            await read(ev)
        assert len(server.requests) == 1
