"""Waits for connections, tokens and the next attempt, and the errors that report them."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
import random
import socket
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    OutcomeUnknown,
    RateLimited,
    RequestTimeout,
    Retry,
    ServerError,
    StaticToken,
)
from tests.conftest import START, FakeClock
from tests.servers import RawServer, leap, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Network
    from tests.servers import Connection

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
SHORT: Final = 0.05
"""Seconds: for what runs out, however busy the machine is."""
LIMIT: Final = 3
"""Seconds: more than a busy machine needs, for what runs out by a leap of the clock."""


async def read(ev: EvEnergy) -> object:
    return await ev.regions.list()


async def change(ev: EvEnergy) -> object:
    return await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)


async def command(ev: EvEnergy) -> object:
    return await ev.vehicles.reconnect(VEHICLE)


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await leap(LIMIT)
    await line.until_closed()


# --- Connections


@pytest.fixture
def deaf() -> Iterator[str]:
    """A base URL at which connections are neither taken nor refused: the queue for them is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v2"
        for each in waiting:
            each.close()


@pytest.mark.parametrize("call", [read, change, command])
@pytest.mark.parametrize("limit", ["timeout", "deadline"])
async def test_a_connection_that_is_not_made_in_time_leaves_a_write_in_no_doubt(
    deaf: str, call: Any, limit: str
) -> None:
    limits: Any = {limit: SHORT}
    async with EvEnergy(StaticToken("t"), base_url=deaf, retry=Retry(attempts=1), **limits) as ev:
        with pytest.raises(RequestTimeout) as raised:
            await call(ev)

        assert type(raised.value) is RequestTimeout
        assert raised.value.unsent
        assert ev.budget.used == 0, "the API never saw it"


async def test_such_a_write_is_tried_again(deaf: str) -> None:
    tries: list[int] = []
    policy = Retry(attempts=3, base=0, before=lambda event: tries.append(event.attempt))
    async with EvEnergy(StaticToken("t"), base_url=deaf, timeout=SHORT, retry=policy) as ev:
        with pytest.raises(RequestTimeout):
            await command(ev)

    assert tries == [1, 2]


async def test_with_a_session_of_the_callers_own_a_write_may_be_in_doubt(deaf: str) -> None:
    # Such a session does not tell whether there was a connection: the worst is assumed.
    async with aiohttp.ClientSession() as session:
        ev = EvEnergy(StaticToken("t"), base_url=deaf, session=session, timeout=SHORT, retry=Retry(attempts=1))
        with pytest.raises(OutcomeUnknown):
            await command(ev)


@pytest.mark.parametrize("limit", ["timeout", "deadline"])
async def test_once_there_is_a_connection_a_write_is_in_doubt(limit: str) -> None:
    async def once_and_no_more(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b"[]"))
        await silence(line, server)

    limits: Any = {limit: LIMIT}
    async with RawServer(once_and_no_more) as server, EvEnergy(StaticToken("t"), base_url=server.base_url) as ev:
        await read(ev)  # so that the connection is a kept one
        with pytest.raises(OutcomeUnknown):
            await command(ev.with_options(**limits))
        assert server.opened == 1
        assert len(server.requests) == 2


# --- Tokens


async def test_the_timeout_of_the_client_holds_for_its_token_requests() -> None:
    async with RawServer(silence) as server:
        credentials = ClientCredentials("id", "secret")
        ev = EvEnergy(credentials, base_url=server.base_url, timeout=LIMIT, retry=Retry(attempts=1))
        with pytest.raises(RequestTimeout, match="POST /o/token/: not within 3 s"):
            await asyncio.wait_for(command(ev), 30)
        await ev.close()
        await server.none_open()


# --- The next attempt


@pytest.mark.parametrize("wait", [7, 0])
async def test_a_date_to_come_back_is_read_as_seconds_from_now(network: Network, clock: FakeClock, wait: int) -> None:
    at = START.replace(microsecond=0) + dt.timedelta(seconds=wait)
    network.problem("GET", "/regions", 429, headers={"Retry-After": format_datetime(at, usegmt=True)})
    async with EvEnergy(StaticToken("t"), clock=clock, retry=Retry(attempts=1)) as ev:
        with pytest.raises(RateLimited) as raised:
            await read(ev)

    left = raised.value.retry_after
    assert left is not None
    assert max(0, wait - 1) <= left <= wait
    assert raised.value.retry_at is not None
    assert pickle.loads(pickle.dumps(raised.value)).retry_after == left  # noqa: S301  # our own bytes


async def test_without_the_header_there_is_no_retry_after(network: Network, clock: FakeClock) -> None:
    network.problem("GET", "/regions", 429)
    async with EvEnergy(StaticToken("t"), clock=clock, retry=Retry(attempts=1)) as ev:
        with pytest.raises(RateLimited) as raised:
            await read(ev)

    assert raised.value.retry_after is None


class Later(random.Random):
    """Draws the longest wait each time."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


async def test_a_wait_after_a_broken_connection_that_does_not_fit_is_reported(
    network: Network, clock: FakeClock
) -> None:
    network.fail("GET", "/regions", aiohttp.ServerDisconnectedError(), repeat=True)
    async with EvEnergy(
        StaticToken("t"), clock=clock, random=Later(), deadline=60, retry=Retry(base=90, longest=90)
    ) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await read(ev)

    assert clock.naps == [], "it was raised at once"
    assert raised.value.retry_at == clock.now() + dt.timedelta(seconds=90)
    assert pickle.loads(pickle.dumps(raised.value)).retry_at == raised.value.retry_at  # noqa: S301  # our own bytes


async def test_a_wait_after_an_error_response_that_does_not_fit_is_reported(network: Network, clock: FakeClock) -> None:
    network.problem("GET", "/regions", 502, repeat=True)
    async with EvEnergy(
        StaticToken("t"), clock=clock, random=Later(), deadline=60, retry=Retry(base=90, longest=90)
    ) as ev:
        with pytest.raises(ServerError) as raised:
            await read(ev)

    assert len(network.sent) == 1
    assert raised.value.retry_at == clock.now() + dt.timedelta(seconds=90)


async def test_after_the_last_attempt_there_is_no_next_one(network: Network, clock: FakeClock) -> None:
    network.fail("GET", "/regions", aiohttp.ServerDisconnectedError(), repeat=True)
    async with EvEnergy(StaticToken("t"), clock=clock, retry=Retry(attempts=2)) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await read(ev)

    assert raised.value.retry_at is None
