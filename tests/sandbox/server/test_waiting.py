"""Delayed responses, redirects, and requests in flight."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import Held, HugeBody, Redirected, SlowDrip, TruncatedJson
from tests.sandbox.raw import Line, exchange

if TYPE_CHECKING:
    from ev_energy_async.sandbox.faults import Effect
    from tests.sandbox.conftest import Client


async def _until_under_way(sandbox: Sandbox, count: int) -> None:
    async with asyncio.timeout(10):
        while sandbox.under_way != count:  # noqa: ASYNC110  # nobody here could set an event
            await asyncio.sleep(0.001)


async def test_what_is_held_comes_when_another_plan_does(client: Client) -> None:
    sandbox = client.sandbox
    sandbox.faults = FaultPlan((Rule(Held(), operation="vehicles.list"),))
    calls = [asyncio.create_task(client.get("/vehicles?page_size=1")) for _ in range(3)]
    await _until_under_way(sandbox, 3)
    assert (await client.get("/users?page_size=1")).status == 200
    assert not any(call.done() for call in calls)
    assert sandbox.most_under_way == 4

    sandbox.faults = FaultPlan()

    assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3
    await _until_under_way(sandbox, 0)
    assert len({served.port for served in sandbox.requests}) == 4, "one connection each"


async def test_what_is_held_ends_with_the_sandbox(clock: SteppedClock) -> None:
    async with Sandbox(vehicles=1, clock=clock, faults=FaultPlan((Rule(Held()),))) as sandbox:
        call = asyncio.create_task(exchange(sandbox, "GET", "/v2/vehicles"))
        await _until_under_way(sandbox, 1)
    async with asyncio.timeout(5):
        await call


async def test_a_redirect_points_to_another_origin(client: Client) -> None:
    client.sandbox.faults = FaultPlan((Rule(Redirected("https://login.example/?next=1", 307)),))

    answer = await client.call("DELETE", f"/vehicles/{next(iter(client.sandbox.world.vehicles)).id}")

    assert (answer.status, answer.headers["Location"]) == (307, "https://login.example/?next=1")
    assert len(client.sandbox.world.vehicles) == 40, "nothing was handled"
    with pytest.raises(ValueError, match="status is a redirect"):
        Redirected(status=200)


async def test_a_malformed_request_is_logged_in_one_line(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    line = await Line.to(sandbox.origin)
    line.writer.write(b"GET /v2/vehicles HTTP/1.1\r\nBad Header: \x00\r\n\r\n")
    assert (await line.receive()).status == 400
    await line.close()

    (record,) = [record for record in caplog.records if record.name.startswith("aiohttp.server")]
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert "\n" not in record.getMessage().strip()


@pytest.mark.parametrize("effect", [TruncatedJson(cut_connection=True), SlowDrip(16, 0.0), HugeBody(10_000_000)])
async def test_a_client_that_disconnects_before_its_response_is_not_logged(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, effect: Effect
) -> None:
    sandbox.faults = FaultPlan((Rule(Held()), Rule(effect)))
    head = f"GET /v2/vehicles HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sandbox.issue_token()}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(sandbox.origin.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        await _until_under_way(sandbox, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Between these two the server has no turn: it finds out when it writes.
    sandbox.faults = FaultPlan()
    await _until_under_way(sandbox, 0)

    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []
