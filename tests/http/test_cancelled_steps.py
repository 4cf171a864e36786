"""Calls that are cancelled, or whose client is closed, at each step of their way over a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from ev_energy_async import (
    Budget,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    StaticToken,
    Token,
    TransportError,
)
from ev_energy_async.auth import TokenSource
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import Unavailable
from tests.conftest import START, FakeClock
from tests.servers import RawServer, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
from .socket_kit import ONE_CAR, client, create, ours, read, remove, silence


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
            assert budget.remaining >= 970, "the headers have told, and nothing is thought to be under way"
            assert not connector._acquired, "the one connection is back"  # pyright: ignore[reportPrivateUsage]  # no public way to it
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


@pytest.mark.parametrize("way", ["directly", "in a task of its own"])
async def test_on_token_may_close_the_client_whose_login_ends_well(way: str) -> None:
    async def close(_: Token) -> None:
        await (ev.close() if way == "directly" else asyncio.create_task(ev.close()))

    async with one_car() as sandbox, aiohttp.ClientSession() as session:
        before = asyncio.all_tasks()
        grant = ClientCredentials(sandbox.client_id, sandbox.client_secret, on_token=close)
        ev = EvEnergy(grant, base_url=sandbox.base_url)
        await ev.authenticate()
        await until(lambda: ours(before) == set())
        with pytest.raises(ConnectionFailed, match="closed"):
            await read(ev)

        ev = EvEnergy(grant, base_url=sandbox.base_url, session=session)
        with pytest.raises(ConnectionFailed, match="the client is closed"):
            await read(ev)
        assert not session.closed


@pytest.mark.parametrize("end", [asyncio.CancelledError(), OSError("no")], ids=["cancelled", "failed"])
async def test_the_session_is_closed_although_the_end_of_a_token_fetch_is_not_clean(
    end: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: TokenSource) -> None:
        raise end

    monkeypatch.setattr(TokenSource, "close", fail)
    async with RawServer(silence) as server:
        ev = EvEnergy(ClientCredentials("id", "secret"), base_url=server.base_url)
        call = asyncio.create_task(read(ev))
        await until(lambda: bool(server.requests))

        with pytest.raises(type(end)):
            await ev.close()

        with pytest.raises(ConnectionFailed, match="the client is closed"):
            await call
        await server.none_open()
