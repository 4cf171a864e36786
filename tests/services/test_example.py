"""The program in `examples/cluster`: two of them write each event once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from ev_energy_async.sandbox import Sandbox
from examples.cluster.poller import poll

if TYPE_CHECKING:
    import pytest

    from .servers import PostgresServer


async def test_two_pollers_write_each_event_once(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(vehicles=5) as sandbox:
        monkeypatch.setenv("EV_ENERGY_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("EV_ENERGY_CLIENT_SECRET", sandbox.client_secret)
        monkeypatch.setenv("EV_ENERGY_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("EV_ENERGY_TOKEN_URL", sandbox.token_url)
        await asyncio.gather(poll(postgres.dsn, cycles=1), poll(postgres.dsn, cycles=1))
    async with await psycopg.AsyncConnection.connect(postgres.dsn) as connection:
        cursor = await connection.execute("SELECT key FROM event")
        keys = [key for (key,) in await cursor.fetchall()]
    assert sum(key.endswith("/added/1") for key in keys) == 5
    assert sum(key.startswith("fleet/cycle/") for key in keys) == 2
