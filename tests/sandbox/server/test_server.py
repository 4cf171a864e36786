"""Starting, stopping, stepping: the sandbox as a thing to run."""

import asyncio
from datetime import datetime, timedelta
from io import BytesIO
from time import process_time

import aiohttp
import pytest

from ev_energy_async.sandbox import RealClock, Sandbox, ScaledClock, SteppedClock
from ev_energy_async.sandbox.handlers import HANDLERS
from ev_energy_async.sandbox.protocol import load
from tests.sandbox.conftest import START, Client


async def test_operations_that_are_not_simulated_are_warned_of_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(HANDLERS, "tariffs.get")
    async with Sandbox(vehicles=1) as sandbox:
        assert sandbox.unsimulated == ("tariffs.get",)
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.endswith(": tariffs.get")


async def test_it_starts_fast_enough_for_every_test_to_have_its_own() -> None:
    async with Sandbox(vehicles=1):
        pass
    begun = process_time()
    async with Sandbox(vehicles=100):
        assert process_time() - begun < 0.3


async def test_it_stops_without_leaving_anything_behind() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Sandbox(vehicles=3) as sandbox:
            url = sandbox.base_url + "/vehicle_makes"
            async with session.get(url) as response:
                assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)
        await sandbox.stop()
    assert asyncio.all_tasks() == before


async def test_it_can_be_started_again_but_not_twice() -> None:
    sandbox = Sandbox(vehicles=3)
    await sandbox.start()
    with pytest.raises(RuntimeError):
        await sandbox.start()
    await sandbox.stop()
    async with sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with Sandbox(vehicles=1) as sandbox:
        port = int(sandbox.origin.rpartition(":")[2])
        other = Sandbox(vehicles=1, port=port)
        with pytest.raises(OSError, match="in use"):
            await other.start()


async def test_many_requests_at_once(client: Client) -> None:
    answers = await asyncio.gather(*(client.get(f"/vehicles?page_size={size}") for size in range(1, 40)))
    assert [len(answer.body) for answer in answers] == list(range(1, 40))


async def test_a_body_of_any_size_gets_a_response(client: Client) -> None:
    vehicle = next(iter(client.sandbox.world.vehicles))
    large = b'{"smart_charging_enabled": false, "note": "%s"}' % (b"x" * 3_000_000)
    headers = {"Content-Type": "application/json"}
    answer = await client.call("PATCH", f"/vehicles/{vehicle.id}", data=BytesIO(large), headers=headers)
    assert answer.status == 200
    too_large = BytesIO(b" " * (20 * 1024 * 1024 + 1))
    answer = await client.call("PATCH", f"/vehicles/{vehicle.id}", data=too_large, headers=headers)
    assert answer.status == 413
    assert answer.headers["EvEnergy-Version"] == load().version


async def test_only_a_clock_that_can_be_moved_is_advanced(sandbox: Sandbox) -> None:
    sandbox.advance(timedelta(minutes=1))
    sandbox.advance(1.5)
    assert sandbox.now() == START + timedelta(seconds=61.5)
    with pytest.raises(ValueError, match="forward"):
        sandbox.advance(-1)
    with pytest.raises(RuntimeError, match="SteppedClock"):
        Sandbox(vehicles=0).advance(1)


def test_clocks() -> None:
    assert RealClock().now().utcoffset() == timedelta(0)
    without_zone = datetime(2026, 3, 14)  # noqa: DTZ001  # that is the point
    with pytest.raises(ValueError, match="zone"):
        SteppedClock(without_zone)
    with pytest.raises(ValueError, match="zone"):
        ScaledClock(2, without_zone)
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0)


def test_a_scaled_clock_runs_faster_and_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 10.0
    monkeypatch.setattr("ev_energy_async.sandbox.clock.monotonic", lambda: seconds)
    clock = ScaledClock(600, START)
    assert clock.now() == START
    seconds += 2
    assert clock.now() == START + timedelta(minutes=20)
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(minutes=80)


async def test_a_fast_world_moves_the_fleet_the_limits_and_the_tokens_together() -> None:
    clock = ScaledClock(1_000_000)  # an hour in 3.6 ms
    async with Sandbox(vehicles=3, clock=clock, rate_limit=1, token_lifetime=400 * 86_400) as sandbox:
        first, later = sandbox.issue_token(), sandbox.issue_token(scopes=[])
        async with aiohttp.ClientSession() as session:

            async def ask(token: str) -> tuple[int, str]:
                headers = {"Authorization": f"Bearer {token}"}
                async with session.get(f"{sandbox.base_url}/vehicles", headers=headers) as response:
                    return response.status, await response.text()

            before = await ask(first)
            sandbox.advance(3_600)
            after = await ask(first)
            assert (before[0], after[0]) == (200, 200)
            assert before[1] != after[1]
            sandbox.advance(400 * 86_400)
            assert (await ask(later))[0] == 401


def test_tokens_are_issued_for_known_users_only() -> None:
    with pytest.raises(ValueError, match="no user"):
        Sandbox(vehicles=1).issue_token(user="user1")
