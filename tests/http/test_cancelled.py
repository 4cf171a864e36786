"""Calls of several requests, cancelled at any step: nothing is held or continued, and the next call works."""

from __future__ import annotations

import asyncio
import gc
import math
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    Budget,
    ClientCredentials,
    EvEnergy,
    FileTokenStore,
    RefreshToken,
    Retry,
    StaticToken,
)
from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.conftest import START, FakeClock
from tests.servers import RawServer, until

from .test_cancelled_steps import cancel_after
from .test_transport import STALLED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


MANY: Final = 10_000_000
"""Requests an hour: no call is refused for them."""
SHORT: Final = 0.05
"""Seconds: for what is to run out."""


async def page_by_page(ev: EvEnergy, _: Path) -> object:
    makes = [make async for make in ev.vehicle_makes.list(page_size=5)]
    assert len(makes) > 5, "several pages"
    return makes


async def onboard(ev: EvEnergy, _: Path) -> object:
    """From the make over its models to the trims of one."""
    url = await ev.find_onboarding_url(await first_make(ev), model="Model 3", trim="Long Range")
    assert "trim_id" in (url or "")
    return url


async def upload(ev: EvEnergy, folder: Path) -> object:
    kind = str((await ev.rebate_evidence_types.list())[0].url)
    return await ev.upload_rebate_evidence(folder / "receipt.pdf", evidence_type=kind)


async def many(ev: EvEnergy, _: Path) -> object:
    return await ev.vehicle_makes.get_many([await first_make(ev)] * 5, concurrency=2)


async def first_make(ev: EvEnergy) -> str:
    (make,) = await ev.vehicle_makes.list(page_size=1)
    return make.id


def others(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The tasks that were not there before, apart from those of the server."""
    return {task for task in asyncio.all_tasks() - before if " coro=<RequestHandler." not in repr(task)}


async def nobody_but(before: set[asyncio.Task[Any]]) -> None:
    await until(lambda: not others(before))


def next_after(steps: int) -> int:
    """Every step at first; a thread that reads a file takes its time then, whatever the loop does meanwhile."""
    return steps + 1 if steps < 40 else math.ceil(steps * 1.1)


@pytest.mark.parametrize("call", [page_by_page, onboard, upload, many])
async def test_what_takes_several_requests_may_be_cancelled_at_any_step(
    call: Callable[[EvEnergy, Path], Awaitable[object]], tmp_path: Path
) -> None:
    (tmp_path / "receipt.pdf").write_bytes(b"x" * 200_000)
    connector = aiohttp.TCPConnector(limit=2)
    async with (
        Sandbox(vehicles=1, rate_limit=MANY) as sandbox,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        clock = FakeClock()
        budget = Budget(MANY, clock=clock)
        token = StaticToken(sandbox.issue_token())
        ev = EvEnergy(token, base_url=sandbox.base_url, session=session, budget=budget, clock=clock)
        await call(ev, tmp_path)
        before = asyncio.all_tasks()
        is_under_way, steps, cancelled = True, 0, 0
        while is_under_way:
            is_under_way = await cancel_after(steps, call(ev, tmp_path))
            cancelled += is_under_way
            assert ev.stats().under_way == 0
            assert budget.waiting == 0
            assert not connector._acquired, "a connection is held"  # pyright: ignore[reportPrivateUsage]  # no public way to it
            await nobody_but(before)
            steps = next_after(steps)
        assert cancelled > 8, "it was cancelled on its way"

        await asyncio.wait_for(call(ev, tmp_path), 5)
        await ev.close()
    gc.collect()  # a file that was left open would warn, and a warning is an error


async def test_a_refresh_with_a_store_of_files_may_be_cancelled_at_any_step(tmp_path: Path) -> None:
    async with Sandbox(vehicles=1, rate_limit=MANY) as sandbox:
        is_under_way, steps = True, 0
        while is_under_way:
            before = asyncio.all_tasks()
            store = FileTokenStore(tmp_path / f"{steps}.json")
            refresh = RefreshToken(sandbox.client_id, sandbox.issue_refresh_token(), store=store)
            ev = EvEnergy(refresh, base_url=sandbox.base_url, deadline=8)
            is_under_way = await cancel_after(steps, page_by_page(ev, tmp_path))

            await asyncio.wait_for(page_by_page(ev, tmp_path), 5)
            async with asyncio.timeout(5), store.lock():
                assert await store.load() is not None, "what the server gave is kept"
            asked = [served for served in sandbox.requests if served.path == "/o/token/"]
            assert [served.status for served in asked] == [200], "a refresh token is spent once"
            sandbox.requests.clear()
            await ev.close()
            await nobody_but(before)
            steps = next_after(steps)
        assert steps > 20


async def test_a_wait_for_the_budget_may_be_cancelled_at_any_step() -> None:
    async with Sandbox(vehicles=1, rate_limit=2, clock=SteppedClock(START)) as sandbox:
        clock = FakeClock(moves_by_itself=False)
        budget = Budget(2, clock=clock)
        token = StaticToken(sandbox.issue_token())
        ev = EvEnergy(token, base_url=sandbox.base_url, budget=budget, clock=clock, deadline=7_200)
        await asyncio.gather(ev.regions.list.with_response(), ev.regions.list.with_response())
        before = asyncio.all_tasks()
        for steps in range(12):
            assert await cancel_after(steps, ev.regions.list.with_response())
            assert budget.waiting == 0
            assert others(before) <= {task for task in asyncio.all_tasks() if "udget" in repr(task)}
        assert len(sandbox.requests) == 2

        last = asyncio.ensure_future(ev.regions.list.with_response())
        await until(lambda: budget.waiting == 1)
        sandbox.advance(3_601)
        clock.advance(3_601)
        await asyncio.wait_for(last, 5)
        assert budget.used == 1, "those who gave up have spent nothing"
        await ev.close()


async def test_a_connection_that_is_being_made_may_be_given_up() -> None:
    class Slow(aiohttp.TCPConnector):
        async def _create_connection(self, *_: Any, **__: Any) -> Any:
            waiting.set()
            await asyncio.Event().wait()

    waiting = asyncio.Event()
    async with aiohttp.ClientSession(connector=Slow(limit=1)) as session:
        ev = EvEnergy(StaticToken("t"), session=session)
        for _ in range(3):
            call = asyncio.ensure_future(ev.regions.list.with_response())
            await asyncio.wait_for(waiting.wait(), 5)
            waiting.clear()
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
        assert ev.stats().under_way == 0


# --- A limit of the caller's own


@pytest.mark.parametrize("script", STALLED, ids=["no answer", "half a body"])
@pytest.mark.parametrize("credentials", [StaticToken("t"), ClientCredentials("id", "secret")], ids=["call", "token"])
async def test_a_timeout_of_the_callers_own_holds_wherever_a_call_is(script: Any, credentials: Any) -> None:
    async with (
        RawServer(script) as server,
        EvEnergy(credentials, base_url=server.base_url, retry=Retry(attempts=1)) as ev,
    ):
        limit = asyncio.timeout(None)

        async def call() -> None:
            async with limit:
                await ev.regions.list()

        calling = asyncio.create_task(call())
        await until(lambda: bool(server.requests))
        limit.reschedule(asyncio.get_running_loop().time() + SHORT)

        with pytest.raises(TimeoutError):
            await calling
        assert len(server.requests) == 1
        assert ev.stats().under_way == 0
