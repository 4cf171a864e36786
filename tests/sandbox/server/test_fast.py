"""The fast mode returns what the ordinary one does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.sandbox.conftest import START, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUERIES = (
    "",
    "?expand=latest_status_log&page_size=30",
    "?page_size=7&expand=trim.model.make&expand=latest_status_log",
    "?expand=user&page_size=3",
    "?page_size=0",
    "?expand=nonsense",
    "?page_after=nonsense",
    "?page_after=vhcl00000000000000000000000000&page_size=4",
)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Client, Client]]:
    """Clients of two sandboxes of the same world, the first of them fast."""
    clocks = SteppedClock(START), SteppedClock(START)
    async with (
        Sandbox(vehicles=30, clock=clocks[0], fast=True) as fast,
        Sandbox(vehicles=30, clock=clocks[1]) as plain,
        aiohttp.ClientSession() as session,
    ):
        yield Client(fast, session), Client(plain, session)


async def _same(pair: tuple[Client, Client], target: str, **headers: str) -> tuple[Any, str | None]:
    """The responses of both to the same request, without the origin, and the next page."""
    answers = [await client.get(target, headers=headers) for client in pair]
    texts = [[answer.status, answer.headers.get("Link"), str(answer.body)] for answer in answers]
    fast, plain = [str(text).replace(client.sandbox.origin, "") for text, client in zip(texts, pair, strict=True)]
    assert fast == plain, target
    following = answers[0].next
    return answers[0].body, None if following is None else following.removeprefix(pair[0].sandbox.base_url)


@pytest.mark.parametrize("query", QUERIES)
async def test_every_page_is_the_same(pair: tuple[Client, Client], query: str) -> None:
    target: str | None = f"/vehicles{query}"
    while target is not None:
        _, target = await _same(pair, target)


async def test_new_logs_are_seen_as_time_goes_by(pair: tuple[Client, Client]) -> None:
    seen: set[str] = set()
    for _ in range(12):
        body, _ = await _same(pair, "/vehicles?expand=latest_status_log&page_size=100")
        seen.add(str(body))
        for client in pair:
            client.sandbox.advance(600)
    assert len(seen) > 6


async def test_writes_are_seen_at_once(pair: tuple[Client, Client]) -> None:
    target = "/vehicles?expand=latest_status_log&page_size=100"
    before, _ = await _same(pair, target)
    for client in pair:
        change = {"maximum_charge_limit_percentage": 55}
        assert (await client.call("PATCH", f"/vehicles/{before[3]['id']}", json=change)).status == 200
        assert (await client.call("DELETE", f"/vehicles/{before[4]['id']}")).status == 204
    after, _ = await _same(pair, target)
    assert after[3]["maximum_charge_limit_percentage"] == 55
    assert len(after) == len(before) - 1
    await _same(pair, f"/vehicles?page_after={before[4]['id']}&page_size=5")


async def test_users_see_their_own_only(pair: tuple[Client, Client]) -> None:
    user = next(iter(pair[0].sandbox.world.users))
    body, _ = await _same(pair, "/vehicles", **{"EvEnergy-User": user.id})
    assert len(body) == len(user.vehicles)
    for client in pair:
        client.token = client.sandbox.issue_token(user=user.id)
    assert len((await _same(pair, "/vehicles"))[0]) == len(user.vehicles)


async def test_encoding_ahead_ends_with_the_sandbox() -> None:
    before = asyncio.all_tasks()
    async with Sandbox(vehicles=500, fast=True):
        pass
    assert asyncio.all_tasks() == before
