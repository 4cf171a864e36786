"""Views with a token of their own: many users on one client, each with their own token and budget."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async import ConnectionFailed, EvEnergy, InvalidArgument, MemoryTokenStore, RefreshToken, StaticToken
from tests.servers import RawServer, reply, until

if TYPE_CHECKING:
    from tests.conftest import FakeClock, Network
    from tests.servers import Connection

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"


def of(number: int) -> RefreshToken:
    return RefreshToken("id", f"refresh-of-{number}")


async def test_each_view_has_a_token_and_a_budget_of_its_own(network: Network) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    async with EvEnergy(StaticToken("of-the-client"), user=USER) as app:
        views = [app.with_auth(StaticToken(f"of-user-{number}")) for number in range(3)]
        for each in (*views, app):
            await each.regions.list()

        assert [sent.headers["Authorization"] for sent in network.sent] == [
            "Bearer of-user-0",
            "Bearer of-user-1",
            "Bearer of-user-2",
            "Bearer of-the-client",
        ]
        assert [each.user_id for each in views] == [None] * 3, "a token of a user's own needs no context"
        assert [each.budget.used for each in (*views, app)] == [1] * 4
        assert views[0].stats().calls == app.stats().calls == 1


async def test_groups_and_fleet_that_were_used_before_do_not_leak_into_a_view(network: Network) -> None:
    network.answer("GET", "/regions", [], repeat=True)
    async with EvEnergy(StaticToken("first")) as app:
        await app.regions.list()
        fleet = app.fleet
        view = app.with_auth(StaticToken("second"))
        await view.regions.list()

        assert network.sent[-1].headers["Authorization"] == "Bearer second"
        assert view.fleet is not fleet
        assert view.with_options(timeout=1).has_credentials


async def test_a_view_may_be_without_credentials(network: Network) -> None:
    network.answer("GET", "/vehicle_makes", [])
    async with EvEnergy(StaticToken("t")) as app:
        await app.with_auth(None).vehicle_makes.list()

    assert "Authorization" not in network.sent[-1].headers


def test_what_cannot_authenticate_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="auth"):
        EvEnergy().with_auth("a token")  # type: ignore[arg-type]  # as somebody without a type checker would


async def test_closing_the_client_ends_its_views() -> None:
    async def silence(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.until_closed()

    async with RawServer(silence) as server:
        app = EvEnergy(base_url=server.base_url)
        view = app.with_auth(StaticToken("t"))
        call = asyncio.create_task(_read(view))
        await until(lambda: bool(server.requests))
        await app.close()

        with pytest.raises(ConnectionFailed, match="closed"):
            await call
        with pytest.raises(ConnectionFailed, match="closed"):
            await view.regions.list()


async def _read(ev: EvEnergy) -> object:
    return await ev.regions.list()


async def test_closing_a_view_leaves_the_client_open() -> None:
    async def answer(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b"[]"))

    async with RawServer(answer) as server, EvEnergy(base_url=server.base_url) as app:
        async with app.with_auth(StaticToken("t")) as view:
            await view.regions.list()
        await app.regions.list()
        await app.with_auth(StaticToken("u")).regions.list()

        assert server.opened <= 3


async def test_tokens_that_end_together_are_no_storm(clock: FakeClock) -> None:
    under_way = most = 0

    async def slowly(line: Connection, _: RawServer) -> None:
        nonlocal under_way, most
        while request := await line.receive():
            if b"/o/token/" in request:
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0.002)
                under_way -= 1
                await line.send(reply(b'{"access_token": "a", "token_type": "Bearer", "refresh_token": "r"}'))
            else:
                await line.send(reply(b"[]"))

    async with RawServer(slowly) as server, EvEnergy(base_url=server.base_url, clock=clock) as app:
        await asyncio.gather(*(_read(app.with_auth(of(number))) for number in range(250)))

    assert 1 < most <= 8


async def test_a_view_takes_half_a_kilobyte_and_what_its_first_call_needs_is_made_then() -> None:
    async def answer(line: Connection, _: RawServer) -> None:
        while await line.receive():
            await line.send(reply(b"[]", headers={"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900"}))

    async with RawServer(answer) as server, EvEnergy(base_url=server.base_url) as app:
        tracemalloc.start()
        await _read(app.with_auth(StaticToken("first")))
        tokens, grants = [StaticToken(f"of-{number}") for number in range(100)], [of(number) for number in range(100)]
        before = _traced()
        waiting = [app.with_auth(grant) for grant in grants]
        made = _traced()
        called = [app.with_auth(token) for token in tokens]
        for view in called:
            await _read(view)
        after = _traced()
        tracemalloc.stop()

    assert (made - before) / len(waiting) < 512
    assert (after - made) / len(called) < 3_072


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_a_closed_client_ends_the_token_fetches_and_waits_of_all_its_views(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ev_energy_async.auth.source._LAST_SECONDS", 0.01)

    async def silence(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.until_closed()

    async with RawServer(silence) as server:
        app = EvEnergy(base_url=server.base_url)
        fetching, waiting = app.with_auth(of(1)), app.with_auth(StaticToken("t"))
        calls = [asyncio.create_task(_read(fetching)), *(asyncio.create_task(_read(waiting)) for _ in range(6))]
        await until(lambda: len(server.requests) == 5 and waiting.budget.waiting == 2)
        await app.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(each) for each in ended] == [ConnectionFailed] * 7
    assert waiting.budget.waiting == 0
    assert [task for task in asyncio.all_tasks() if "token" in task.get_name()] == []


async def test_a_client_that_closes_keeps_the_token_that_a_view_is_about_to_get(clock: FakeClock) -> None:
    closing, store = asyncio.Event(), MemoryTokenStore()

    async def answer(line: Connection, server: RawServer) -> None:
        while request := await line.receive():
            server.requests.append(request)
            if b"/o/token/" not in request:
                await line.send(reply(b"[]"))
                continue
            if sum(b"/o/token/" in each for each in server.requests) > 1:
                await closing.wait()
            token = {"access_token": f"of-{clock.now().hour}", "refresh_token": "r", "expires_in": 7200}
            await line.send(reply(json.dumps({**token, "token_type": "Bearer"}).encode()))

    async with RawServer(answer) as server:
        app = EvEnergy(base_url=server.base_url, clock=clock)
        view = app.with_auth(RefreshToken("id", "first", store=store))
        await _read(view)
        clock.advance(7000)  # it is renewed in the background: no call waits for it
        await _read(view)
        await until(lambda: sum(b"/o/token/" in each for each in server.requests) == 2)
        asyncio.get_running_loop().call_soon(closing.set)
        await app.close()

    kept = await store.load()
    assert kept is not None
    assert kept.access_token == f"of-{clock.now().hour}"
