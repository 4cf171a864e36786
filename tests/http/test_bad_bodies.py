"""Bodies that are no good: no JSON, too large, broken off; and the connection that they came on."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    Retry,
    ServerError,
    StaticToken,
)
from ev_energy_async.calls import build_request
from ev_energy_async.http.transport import Transport
from ev_energy_async.messages.operations import Operation
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import HugeBody
from tests.servers import RawServer, reply

if TYPE_CHECKING:
    from tests.conftest import Network
    from tests.servers import Connection

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


def names(regions: Any) -> list[str]:
    return [region.name for region in regions]


# --- No JSON, though the status is fine


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"<html>Maintenance</html>", "text/html", "text/html"),
        (b"", "text/html", "text/html"),
        (b"", "application/json", r"\$"),
        (b'[{"name": "A"}, {"na', "application/json", r"\$"),
        (b"\xff\xfe[]", "application/json", r"\$"),
        (b"[NaN]", "application/json", r"\$"),
    ],
)
async def test_a_response_that_is_not_json_is_named(
    ev: EvEnergy, network: Network, body: bytes, content_type: str, said: str
) -> None:
    network.answer("GET", "/regions", body=body, content_type=content_type)

    with pytest.raises(DecodeError, match=said) as raised:
        await ev.regions.list()

    assert raised.value.response is not None
    assert raised.value.response.body == body
    assert "Maintenance" not in str(raised.value)
    assert len(network.sent) == 1, "it was a complete answer, and is not asked for again"


async def test_json_under_another_name_is_read(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", [{"name": "A"}], content_type="text/plain")

    assert names(await ev.regions.list()) == ["A"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"<html>Bad gateway, kim@example.com</html>", b"", b'{"title": "trunc'])
async def test_a_proxys_page_is_a_server_error(network: Network, status: int, body: bytes) -> None:
    network.answer("GET", "/regions", status=status, body=body, content_type="text/html")

    async with EvEnergy(StaticToken("t"), retry=Retry(attempts=1)) as ev:
        with pytest.raises(ServerError, match=str(status)) as raised:
            await ev.regions.list()

    assert raised.value.status == status
    assert raised.value.response.body == body
    assert "kim" not in f"{raised.value} {raised.value!r}"


# --- Bodies over the limit, on a real wire


LIMIT: Final = 100_000
ANYTHING: Final[Operation[Any]] = Operation(name="x", method="GET", path="/x")
SMALL: Final[Operation[Any]] = Operation(name="x", method="GET", path="/small")


async def announced(line: Connection) -> None:
    await line.send(reply(b" " * (LIMIT + 1)))


async def chunked(line: Connection) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1_000):
        await line.send(b"2710\r\n" + b" " * 10_000 + b"\r\n")
    await line.send(b"0\r\n\r\n")


async def bomb(line: Connection) -> None:
    zeros = gzip.compress(b"[" + b" " * 50_000_000 + b"]", compresslevel=1)
    await line.send(reply(zeros, headers={"Content-Encoding": "gzip"}))


@pytest.mark.parametrize("too_much", [announced, chunked, bomb])
async def test_a_body_over_the_limit_is_given_up_and_its_connection_freed(too_much: Any) -> None:
    async def serve(line: Connection, _: RawServer) -> None:
        while request := await line.receive():
            await (line.send(reply(b"[]")) if b"/small " in request else too_much(line))

    connector = aiohttp.TCPConnector(limit=1)
    async with RawServer(serve) as server, aiohttp.ClientSession(connector=connector) as session:
        transport = Transport(server.base_url, session, largest_body=LIMIT)
        with pytest.raises(DecodeError, match="larger than 100,000 bytes") as raised:
            await transport(build_request(ANYTHING))

        small = await asyncio.wait_for(transport(build_request(SMALL)), 5)

    assert small.body == b"[]"
    assert raised.value.response is not None
    assert (raised.value.response.status, raised.value.response.body) == (200, b"")


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_a_body_up_to_the_limit_is_read(size: int) -> None:
    async def serve(line: Connection, _: RawServer) -> None:
        await line.receive()
        await line.send(reply(b"x" * size))

    async with RawServer(serve) as server:
        transport = Transport(server.base_url, None, largest_body=LIMIT)
        answer = await transport(build_request(ANYTHING))
        await transport.close()

    assert len(answer.body) == size


async def test_a_packed_body_within_the_limit_is_read() -> None:
    async def packed(line: Connection, _: RawServer) -> None:
        await line.receive()
        await line.send(reply(gzip.compress(b'[{"name": "A"}]'), headers={"Content-Encoding": "gzip"}))

    async with RawServer(packed) as server, EvEnergy(base_url=server.base_url) as ev:
        assert names(await ev.regions.list()) == ["A"]


async def test_a_page_of_twenty_megabytes_is_read() -> None:
    plan = FaultPlan((Rule(HugeBody(20_000_000), operation="vehicle_makes.list"),))
    async with (
        Sandbox(vehicles=1, faults=plan) as sandbox,
        EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev,
    ):
        page = await ev.vehicle_makes.list.with_response()

    assert len(page.body) == 20_000_000
    assert [make.name for make in page.data] == [make.name for make in sandbox.world.vehicle_makes]


# --- The connection is returned, whatever the response


async def truncated(line: Connection, server: RawServer) -> None:
    while request := await line.receive():
        server.requests.append(request)
        if b"/users" in request:
            await line.send(reply(b"[]"))
        elif len(server.requests) % 2:
            await line.send(reply(b"<html>", 520, {"Content-Type": "text/html"}))
        else:
            await line.send(reply(b'[{"name":', 200))


async def test_one_connection_serves_good_and_bad_responses_alike() -> None:
    connector = aiohttp.TCPConnector(limit=1)
    async with RawServer(truncated) as server, aiohttp.ClientSession(connector=connector) as session:
        ev = EvEnergy(StaticToken("t"), base_url=server.base_url, session=session, deadline=5)
        for _ in range(10):
            with pytest.raises(EvEnergyError) as raised:
                await ev.regions.list()
            assert not isinstance(raised.value, ConnectionFailed)
        assert list(await ev.users.list()) == []
        assert server.opened == 1
        await ev.close()


@pytest.mark.parametrize("status", [200, 204])
async def test_an_update_may_return_the_resource_or_nothing(ev: EvEnergy, network: Network, status: int) -> None:
    network.answer("PATCH", f"/vehicles/{VEHICLE}", {"id": VEHICLE}, status=200) if status == 200 else network.answer(
        "PATCH", f"/vehicles/{VEHICLE}", status=204
    )

    answer = await ev.vehicles.update.with_response(VEHICLE, smart_charging_enabled=True)

    assert answer.status == status
