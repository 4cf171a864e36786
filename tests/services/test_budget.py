"""Five clients with one budget in PostgreSQL or Redis, over rolling hours of the sandbox's time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.backends.postgres import PostgresBudget
from ev_energy_async.backends.redis import RedisBudget
from ev_energy_async.budget import shared
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import START, SandboxClock

if TYPE_CHECKING:
    from collections.abc import Generator

    from ev_energy_async.budget import SharedBudget

    from .servers import PostgresServer, RedisServer

# By hand with the limit of the API, for ten hours, which takes a while: BUDGET_LIMIT=1000 BUDGET_HOURS=10.
LIMIT: Final = int(os.environ.get("BUDGET_LIMIT", "30"))
HOURS: Final = int(os.environ.get("BUDGET_HOURS", "3"))
_QUIET: Final = 12  # turns after which whoever had its response has asked for the next


@pytest.fixture(params=["postgres", "redis"])
def kind(request: pytest.FixtureRequest, place: str) -> tuple[Any, str, dict[str, str]]:
    """The budget's class, where it is, and the schema or prefix there."""
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return PostgresBudget, postgres.dsn, {"schema": place}
    redis: RedisServer = request.getfixturevalue("redis")
    return RedisBudget, redis.url, {"prefix": place}


class BusyClock(SandboxClock):
    """The sandbox's clock, which stands still while a request is on its way to the API or to the database.

    Attributes:
        busy: How many are.
    """

    busy = 0

    async def sleep(self, delay: float) -> None:
        """Wait for seconds of this clock; the first to wake moves it, once nothing is on its way."""
        wake = self.monotonic() + delay
        insort(self._wakes, wake)
        try:
            quiet = 0
            while self.monotonic() < wake:
                await asyncio.sleep(0.001)
                quiet = 0 if self.busy else quiet + 1
                if quiet >= _QUIET and self._wakes[0] == wake:
                    self._reach(wake)
        finally:
            self._wakes.remove(wake)

    @contextlib.contextmanager
    def io(self) -> Generator[None]:
        """Return a context in which something is on its way."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    def watch(self, budget: Any) -> SharedBudget:
        """Stand still while a budget asks its store, and return it."""
        budget._store.update = self.still(budget._store.update)
        return budget  # type: ignore[no-any-return]  # as it was given

    def still(self, ask: Any) -> Any:
        """Return a function that asks, while the clock stands still."""

        async def asked(*given: Any, **named: Any) -> Any:
            with self.io():
                return await ask(*given, **named)

        return asked


async def test_five_clients_never_exceed_the_limit_and_web_calls_pass_the_polls(
    kind: tuple[Any, str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_PATIENCE", 60)  # a busy machine is no store that is down
    make, url, named = kind
    waits: list[float] = []
    async with Sandbox(
        clock=SteppedClock(START), vehicles=1, rate_limit=LIMIT, token_lifetime=1e6, kept_requests=None
    ) as sandbox:
        auth = StaticToken(sandbox.issue_token())
        clock = BusyClock(sandbox)
        end = clock.monotonic() + HOURS * 3_600
        settings: dict[str, Any] = {"processes": 5, "limit": LIMIT, "reserve": LIMIT // 7, "clock": clock}
        budgets = [clock.watch(make(url, **settings, **named)) for _ in range(5)]
        clients = [EvEnergy(auth, base_url=sandbox.base_url, budget=budget, clock=clock) for budget in budgets]

        for ev in clients:
            transport = vars(ev)["_core"].shared.transport
            monkeypatch.setattr(transport, "exchange", clock.still(transport.exchange))

        async def poll(ev: EvEnergy) -> None:
            polls = ev.with_options(priority=-1, deadline=2 * 3_600)
            while clock.monotonic() < end:
                await polls.vehicles.list(page_size=1).page()

        async def serve(ev: EvEnergy) -> None:
            calls = ev.with_options(priority=1, deadline=2 * 3_600)
            while clock.monotonic() < end:
                await clock.sleep(3_600 / (LIMIT // 10))
                began = clock.monotonic()
                await calls.users.list(page_size=1).page()
                waits.append(clock.monotonic() - began)

        async with asyncio.TaskGroup() as tasks:
            for ev in clients[1:]:
                tasks.create_task(poll(ev))
            tasks.create_task(serve(clients[0]))
        for ev, budget in zip(clients, budgets, strict=True):
            await ev.close()
            await budget.close()
        served = [request for request in sandbox.requests if request.operation in {"vehicles.list", "users.list"}]
        assert {request.status for request in served} == {200}, "no 429"
        times = [request.at.timestamp() for request in served]
        most = max(place - bisect_right(times, at - 3_600) + 1 for place, at in enumerate(times))
        assert most <= LIMIT
        assert len(served) > 0.8 * HOURS * LIMIT
        assert len(waits) > 0.7 * HOURS * (LIMIT // 10)
        assert max(waits) <= 1
    print(f"{make.__name__}: {len(served)} requests, {most} in an hour, web calls waited {max(waits):.2f} s at most")  # noqa: T201  # the result
