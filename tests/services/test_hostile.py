"""Requests of strangers, and connections that end at the wrong moment: errors of ours, and nothing half done."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from ev_energy_async import EvEnergyError
from ev_energy_async.backends.common import shown
from ev_energy_async.backends.postgres import (
    PostgresBudget,
    PostgresCheckpoint,
    PostgresDeduplicationStore,
    PostgresLease,
)
from ev_energy_async.backends.postgres.database import Database
from ev_energy_async.backends.redis import RedisCheckpoint, RedisDeduplicationStore, RedisLease
from ev_energy_async.checkpoint import CheckpointError, Owner
from ev_energy_async.lease import LeaseError

from .servers import free_port

if TYPE_CHECKING:
    from .servers import PostgresServer, RedisServer

OWNER = Owner("https://api.ev.energy/v2", "app")
TEXTS = ("'; DROP SCHEMA public CASCADE; --", "%(name)s {schema}", "{a}b}", "}", "a:lease", "ü 日本", "x" * 2_000)


async def test_names_and_keys_of_any_text_are_values(postgres: PostgresServer, redis: RedisServer, place: str) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    async with (
        AsyncConnectionPool(postgres.dsn, min_size=1, open=False) as pool,
        PostgresDeduplicationStore(pool, schema=place) as in_postgres,
        RedisDeduplicationStore(redis.url, prefix=place) as in_redis,
    ):
        for text in TEXTS:
            for store in (in_postgres, in_redis):
                assert await store.add(text, later)
                assert await store.contains(text)
                assert not await store.contains(f"{text} ")
            for lease in (PostgresLease(pool, text, schema=place), RedisLease(redis.url, text, prefix=place)):
                term = await lease.take()
                assert term is not None
                assert term.epoch > 0
                await lease.close()
            for checkpoint in (
                PostgresCheckpoint(pool, name=text, schema=place),
                RedisCheckpoint(redis.url, name=text, prefix=place),
            ):
                await checkpoint.open(OWNER)
                await checkpoint.advance(text, 0, text)
                assert [key async for key, _ in checkpoint.entries(text[:1])] == [text]
                await checkpoint.close()
        for store in (in_postgres, in_redis):
            with pytest.raises(EvEnergyError):
                await store.contains("half of a character: \ud800")


async def test_passwords_are_in_no_error(place: str) -> None:
    port = free_port()
    for url in (f"redis://127.0.0.1:{port}/0?password=hunter%402", f"redis://:hunter%402@127.0.0.1:{port}/0"):
        lease: Any = RedisLease(url, prefix=place)
        lease._database._patience = 0
        with pytest.raises(LeaseError) as caught:
            await lease.take()
        secret = shown(Exception("for hunter@2, that is hunter%402"), lease._database._secrets)
        assert not any("hunter" in text for text in (str(caught.value), repr(lease), secret))
        await lease.close()


async def test_a_pool_without_a_free_connection_is_an_error_and_a_budget_has_its_share(
    postgres: PostgresServer, place: str
) -> None:
    async with AsyncConnectionPool(postgres.dsn, min_size=1, max_size=1, timeout=0.3, open=False) as pool:
        lease = PostgresLease(pool, schema=place)
        budget = PostgresBudget(pool, processes=2, schema=place)
        (await budget.acquire()).settle(None)
        async with pool.connection():
            with pytest.raises(LeaseError):
                await lease.take()
            (await budget.acquire()).settle(None)
            assert budget.is_down
        assert await lease.take() is not None
        await budget.close()


async def test_a_server_that_restarts_within_a_transaction_undoes_all_of_it(
    postgres: PostgresServer, place: str
) -> None:
    async with PostgresCheckpoint(postgres.dsn, schema=place) as checkpoint:
        await checkpoint.open(OWNER)

        async def interrupted() -> None:
            async with checkpoint.transaction():
                await checkpoint.advance("a", 0, "1")
                await asyncio.to_thread(postgres.restart)

        with pytest.raises(CheckpointError):
            await interrupted()
        assert await checkpoint.get("a") is None
        await checkpoint.advance("a", 0, "2")


async def test_a_lease_whose_block_is_cancelled_is_free_at_once(
    postgres: PostgresServer, redis: RedisServer, place: str
) -> None:
    for make in (
        lambda: PostgresLease(postgres.dsn, ttl=30, schema=place),
        lambda: RedisLease(redis.url, ttl=30, prefix=place),
    ):
        lease, rival = make(), make()
        entered = asyncio.Event()

        async def work(lease: Any, entered: asyncio.Event) -> None:
            async with lease:
                entered.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work(lease, entered))
        await entered.wait()
        assert await rival.take() is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await rival.take() is not None
        await lease.close()
        await rival.close()


async def test_budgets_that_nobody_uses_any_more_are_removed(postgres: PostgresServer, place: str) -> None:
    async with AsyncConnectionPool(postgres.dsn, min_size=1, open=False) as pool:
        for name in ("old", "used", "new"):
            budget = PostgresBudget(pool, name, processes=1, schema=place)
            (await budget.acquire()).settle(None)
            await budget.close()
            if name == "used":
                async with pool.connection() as connection:
                    old = "UPDATE {}.budget SET changed_at = now() - interval '3 hours' WHERE name = 'old'"
                    await connection.execute(sql.SQL(old).format(sql.Identifier(place)))
        async with pool.connection() as connection:
            names = sql.SQL("SELECT name FROM {}.budget ORDER BY name").format(sql.Identifier(place))
            cursor = await connection.execute(names)
            assert await cursor.fetchall() == [("new",), ("used",)]


async def test_a_budget_that_is_used_again_is_not_removed_at_that_moment(
    postgres: PostgresServer, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncConnectionPool(postgres.dsn, min_size=3, open=False) as pool:
        used, new = (PostgresBudget(pool, name, processes=1, schema=place) for name in ("used", "new"))
        (await used.acquire()).settle(None)
        await used.close()
        async with pool.connection() as connection:
            old = "UPDATE {}.budget SET changed_at = now() - interval '3 hours'"
            await connection.execute(sql.SQL(old).format(sql.Identifier(place)))
        rows, is_between = Database.rows, True

        async def slow(self: Database, connection: Any, text: Any, parameters: Any) -> list[tuple[Any, ...]]:
            nonlocal is_between
            found = await rows(self, connection, text, parameters)
            if is_between and parameters.get("name") == "used":
                # Another process begins with a budget of its own after the first statement.
                is_between = False
                (await new.acquire()).settle(None)
            return found

        monkeypatch.setattr(Database, "rows", slow)
        again = PostgresBudget(pool, "used", processes=1, schema=place)
        (await again.acquire()).settle(None)
        assert not is_between
        assert again.used == 2, "what was spent before is known"
        await again.close()
        await new.close()


async def test_a_server_that_was_away_for_long_is_found_within_a_second(postgres: PostgresServer, place: str) -> None:
    lease = PostgresLease(postgres.dsn, schema=place)
    assert await lease.take() is not None
    await asyncio.to_thread(postgres.end, signal.SIGQUIT)
    asked = asyncio.create_task(lease.current())
    try:
        await asyncio.sleep(3.5)  # between attempts that come later and later there would be four seconds
    finally:
        await asyncio.to_thread(postgres.start)
    async with asyncio.timeout(2):
        assert await asked is not None
    await lease.close()
