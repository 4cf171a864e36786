"""The program in `examples/cluster`: two of them write each event once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp
import psycopg

from ev_energy_async.sandbox import Sandbox
from examples.cluster.poller import poll

from .servers import free_port

if TYPE_CHECKING:
    import pytest

    from .servers import PostgresServer, RedisServer


async def test_two_pollers_write_each_event_once_and_serve_metrics(
    postgres: PostgresServer, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    async with Sandbox(vehicles=5) as sandbox:
        monkeypatch.setenv("EV_ENERGY_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("EV_ENERGY_CLIENT_SECRET", sandbox.client_secret)
        monkeypatch.setenv("EV_ENERGY_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("EV_ENERGY_TOKEN_URL", sandbox.token_url)
        first = asyncio.create_task(poll(postgres.dsn, cycles=1, redis=redis.url, port=port))
        shown = ""
        async with aiohttp.ClientSession() as session:
            while not first.done() and "ev_energy_watch_leader" not in shown:
                with contextlib.suppress(aiohttp.ClientError):  # it does not listen yet
                    shown = await (await session.get(f"http://127.0.0.1:{port}/metrics")).text()
                await asyncio.sleep(0)
        await asyncio.gather(first, poll(postgres.dsn, cycles=1, redis=redis.url))
    assert "ev_energy_watch_leader" in shown
    async with await psycopg.AsyncConnection.connect(postgres.dsn) as connection:
        cursor = await connection.execute("SELECT key FROM event")
        keys = [key for (key,) in await cursor.fetchall()]
    assert sum(key.endswith("/added/1") for key in keys) == 5
    assert sum(key.startswith("fleet/cycle/") for key in keys) == 2
