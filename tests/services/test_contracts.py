"""The stores in PostgreSQL and Redis keep the contracts, with several clients at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.backends.postgres import (
    PostgresBudget,
    PostgresCheckpoint,
    PostgresDeduplicationStore,
    PostgresLease,
    PostgresTokenStore,
)
from ev_energy_async.backends.redis import (
    RedisBudget,
    RedisCheckpoint,
    RedisDeduplicationStore,
    RedisLease,
    RedisTokenStore,
)
from ev_energy_async.testing import (
    FakeClock,
    check_budget,
    check_checkpoint,
    check_deduplication_store,
    check_lease,
    check_token_store,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .servers import PostgresServer, RedisServer


@contextlib.asynccontextmanager
async def made_by(kind: Callable[..., Any], *given: Any, **named: Any) -> AsyncGenerator[Callable[[], Any]]:
    """Return a factory, and close in the end what it has made."""
    async with contextlib.AsyncExitStack() as stack:

        def make() -> Any:
            found = kind(*given, **named)
            stack.push_async_callback(found.close)
            return found

        yield make


@pytest.fixture(params=["postgres", "redis"])
def at(request: pytest.FixtureRequest, place: str) -> tuple[str, str, dict[str, str]]:
    """The database, where it is, and the schema or prefix in it."""
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return "postgres", postgres.dsn, {"schema": place}
    redis: RedisServer = request.getfixturevalue("redis")
    return "redis", redis.url, {"prefix": place}


async def test_checkpoints_keep_their_contract(at: tuple[str, str, dict[str, str]]) -> None:
    database, url, named = at
    kind = PostgresCheckpoint if database == "postgres" else RedisCheckpoint
    async with made_by(kind, url, **named) as make:
        await check_checkpoint(make)


async def test_leases_keep_their_contract(at: tuple[str, str, dict[str, str]]) -> None:
    database, url, named = at
    kind = PostgresLease if database == "postgres" else RedisLease
    async with made_by(kind, url, ttl=2, **named) as make:
        await check_lease(make)
    clock = FakeClock(moves_by_itself=False)
    async with made_by(kind, url, "by another clock", clock=clock, **named) as make:
        await check_lease(make, clock=clock)


async def test_token_stores_keep_their_contract(at: tuple[str, str, dict[str, str]]) -> None:
    database, url, named = at
    kind = PostgresTokenStore if database == "postgres" else RedisTokenStore
    async with made_by(kind, url, "user1", **named) as make:
        await check_token_store(make)


async def test_deduplication_stores_keep_their_contract(at: tuple[str, str, dict[str, str]]) -> None:
    database, url, named = at
    kind = PostgresDeduplicationStore if database == "postgres" else RedisDeduplicationStore
    async with made_by(kind, url, **named) as make:
        await check_deduplication_store(make)
    clock = FakeClock(moves_by_itself=False)
    async with made_by(kind, url, clock=clock, **{name: f"{value}_fake" for name, value in named.items()}) as make:
        await check_deduplication_store(make, clock=clock)


async def test_budgets_keep_their_contract(at: tuple[str, str, dict[str, str]]) -> None:
    database, url, named = at
    kind = PostgresBudget if database == "postgres" else RedisBudget
    clock = FakeClock()
    async with made_by(kind, url, limit=20, processes=3, clock=clock, **named) as make:
        await check_budget(make, clock=clock)
