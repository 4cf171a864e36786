"""Many users in one process: views with a token of their own, which share the rest."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import random
import tracemalloc
from typing import Any

from ev_energy_async import ClientCredentials, EvEnergy, RefreshToken, Token
from ev_energy_async.auth.source import TokenSource, decide
from tests.conftest import START, FakeClock, Network

from .oauth_kit import SECRET, AuthServer, settle

TOKEN_URL = "https://api.ev.energy/o/token/"


def test_tokens_that_expire_together_are_renewed_at_different_times() -> None:
    token = Token("access", START + dt.timedelta(hours=10), "refresh", (), START)

    def renewed_at(jitter: float) -> int:
        minutes = range(600)
        return next(m for m in minutes if decide(token, None, START + dt.timedelta(minutes=m), jitter) == "renew")

    spread = [renewed_at(jitter / 10) for jitter in range(11)]
    assert spread == sorted(spread, reverse=True)
    assert (spread[0], spread[-1]) == (595, 590)


async def test_tokens_that_expire_together_are_no_storm(network: Network, clock: FakeClock) -> None:
    token = {"access_token": "token", "token_type": "Bearer", "expires_in": 36_000}
    network.answer("POST", TOKEN_URL, token, repeat=True)
    network.answer("GET", "/regions", [], repeat=True)
    async with EvEnergy(clock=clock, random=random.Random(7)) as ev:
        users = [ev.with_auth(RefreshToken("app", f"refresh-{number}")) for number in range(100)]
        await asyncio.gather(*(user.regions.list() for user in users))

        clock.advance(36_000 - 450)
        before = len(network.sent)
        await asyncio.gather(*(user.regions.list() for user in users))
        await settle()
        renewed = [sent.url for sent in network.sent[before:]].count(TOKEN_URL)
        assert 30 < renewed < 70, "about half of them, in the background"


async def test_a_view_with_a_token_of_its_own_is_small() -> None:
    ev = EvEnergy()
    views = [ev.with_auth(RefreshToken("app", f"refresh-{number}")) for number in range(10)]
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        views += [ev.with_auth(RefreshToken("app", f"refresh-token-{number}")) for number in range(2_000)]
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await ev.close()

    assert (after - before) / 2_000 < 4_096


async def test_whoever_closes_ends_the_fetch_of_no_other_user(clock: FakeClock) -> None:
    server = AuthServer()
    fetches: dict[asyncio.Task[Any], TokenSource] = {}
    grants = [ClientCredentials("id", SECRET) for _ in range(2)]
    closed, other = (TokenSource(grant, server.exchange, clock, 0.0, fetches) for grant in grants)
    server.go.clear()
    waiting = [asyncio.create_task(source.access_token()) for source in (closed, other)]
    await settle()

    await closed.close()
    server.go.set()

    ended, token = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
    assert str(token).startswith("access-")
    assert fetches == {}
