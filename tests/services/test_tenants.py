"""Tenants: spread evenly, the longest due first, polled once each; those that fail or leave disturb no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from taskiq import InMemoryBroker

from ev_energy_async import ClientCredentials, EvEnergy, StaticToken
from ev_energy_async.auth import RefreshToken
from ev_energy_async.backends.postgres import PostgresCheckpoint, PostgresLease
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.tenants import Registry, Tenants
from ev_energy_async.tenants.postgres import PostgresTenants
from ev_energy_async.testing import START, FakeClock, SandboxClock
from tests.soak import tenants

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async.auth import Grant

    from .servers import PostgresServer, RedisServer


async def no_grant(tenant: str) -> Grant:
    raise AssertionError(tenant)


async def test_tenants_are_due_evenly_and_the_longest_due_comes_first(postgres: PostgresServer, place: str) -> None:
    clock = FakeClock(moves_by_itself=False)
    async with PostgresTenants(postgres.dsn, no_grant, claim=30, schema=place, clock=clock) as registry:
        assert isinstance(registry, Registry)
        for number in range(40):
            await registry.add(f"user{number}", 400)
        due: list[int] = []
        order: list[str] = []
        for _ in range(8):
            clock.advance(50)
            found = await registry.claim(100)
            due.append(len(found))
            order += found
            for tenant in found:
                await registry.finish(tenant)
        assert sum(due) == len(set(order)) == 40
        assert max(due) < 16
        # In the next round as in the first, although all were polled a little late.
        again: list[str] = []
        for _ in range(8):
            clock.advance(50)
            found = await registry.claim(100)
            again += found
            for tenant in found:
                await registry.finish(tenant)
        assert again == order


async def test_a_tenant_that_is_claimed_fails_or_stops_is_due_when_it_should_be(
    postgres: PostgresServer, place: str
) -> None:
    clock = FakeClock(moves_by_itself=False)
    async with PostgresTenants(postgres.dsn, no_grant, claim=30, schema=place, clock=clock) as registry:
        await registry.add("user1", 100)
        clock.advance(101)
        assert await registry.claim(10) == ["user1"]
        assert await registry.claim(10) == []
        clock.advance(31)  # whoever had claimed it has vanished
        assert await registry.claim(10) == ["user1"]
        for pause in (200, 400, 800):
            await registry.postpone("user1", RuntimeError("out of order"))
            clock.advance(pause - 1)
            assert await registry.claim(10) == []
            assert await registry.lateness() == 0
            clock.advance(2)
            assert await registry.claim(10) == ["user1"]
        assert 0 < await registry.lateness() < 3
        await registry.stop("user1", RuntimeError("the user has left"))
        clock.advance(10_000)
        assert await registry.claim(10) == []
        assert await registry.stopped() == {"user1": "the user has left"}
        await registry.add("user1", 100)
        assert await registry.claim(10) == ["user1"]


async def test_a_tenant_that_was_queued_twice_is_polled_once(postgres: PostgresServer, place: str) -> None:
    clock = FakeClock(moves_by_itself=False)

    async def grant_of(tenant: str) -> Any:
        return StaticToken(tenant)

    async with PostgresTenants(postgres.dsn, grant_of, claim=30, schema=place, clock=clock) as registry:
        await registry.add("user1", 100)
        clock.advance(100)
        for wait in (0, 31):  # the queue is long, so that the claim ends before the first task begins
            clock.advance(wait)
            assert await registry.claim(10) == ["user1"]
        assert await registry.auth("user1") is not None
        await registry.finish("user1")
        assert await registry.auth("user1") is None
        await registry.finish("user1")
        clock.advance(100)
        assert await registry.claim(10) == ["user1"], "polled in each interval, however often it was finished"


async def test_a_revoked_grant_stops_its_tenant_and_a_failure_postpones_it(
    postgres: PostgresServer, place: str
) -> None:
    said: list[tuple[str, str]] = []
    stored: list[str] = []

    class Noted(PostgresTenants):
        async def stop(self, tenant: str, error: Exception) -> None:
            said.append(("stop", tenant))
            await super().stop(tenant, error)

        async def postpone(self, tenant: str, error: Exception) -> None:
            said.append(("postpone", tenant))
            await super().postpone(tenant, error)

    async def keep(tenant: str, events: list[Any], connection: Any) -> None:
        assert events
        if tenant == "broken":
            raise RuntimeError("a secret of a row")
        await connection.execute("SELECT 1")
        stored.append(tenant)

    async with (
        Sandbox(clock=SteppedClock(START), vehicles=3) as sandbox,
        AsyncConnectionPool(postgres.dsn, min_size=1, open=False) as pool,
        EvEnergy(
            ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url),
            base_url=sandbox.base_url,
            clock=SandboxClock(sandbox),
        ) as app,
    ):
        user = next(iter(sandbox.world.vehicles)).user.id
        grants = {
            "good": StaticToken(sandbox.issue_token(user=user)),
            "broken": StaticToken(sandbox.issue_token(user=user)),
            "left": RefreshToken(
                sandbox.client_id, "a-refresh-token-of-the-past", sandbox.client_secret, token_url=sandbox.token_url
            ),
            "forbidden": StaticToken(sandbox.issue_token(user=user, scopes=["user:read"])),
        }

        async def grant_of(tenant: str) -> Any:
            return grants[tenant]

        registry = Noted(pool, grant_of, schema=place)
        broker = InMemoryBroker(await_inplace=True)
        work = Tenants(
            app,
            registry,
            checkpoint=lambda tenant: PostgresCheckpoint(pool, name=tenant, schema=place),
            lease=lambda tenant: PostgresLease(pool, tenant, schema=place),
            sink=keep,
            logs={"status"},
        )
        work.register(broker)
        for tenant in grants:
            await registry.add(tenant, 0.001)
        assert await work.queue_due() == 4
        assert stored == ["good"]
        assert sorted(said) == [("postpone", "broken"), ("postpone", "forbidden"), ("stop", "left")]
        async with pool.connection() as connection:
            why = sql.SQL("SELECT failed_because FROM {}.tenant WHERE name = 'broken'").format(sql.Identifier(place))
            cursor = await connection.execute(why)
            assert await cursor.fetchone() == ("RuntimeError, see the log of the worker",)
        assert list(await registry.stopped()) == ["left"]


async def test_many_tenants_are_polled_while_a_worker_is_killed(
    postgres: PostgresServer, redis: RedisServer, tmp_path: Path
) -> None:
    options = tenants.TenantOptions(vehicles=30, every=6, kills=1, speed=60, ttl=1.5)
    found = await tenants.run(options, 1, tmp_path, postgres, redis)
    assert found.logs > 10
    # On a busy machine an interval as short as this is not kept; by hand it is ten times as long, and judged.
    assert attrs.evolve(found, late=0).is_good, found
