"""A request budget whose state is a hash in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.redis.database import PREFIX, Database, Place, Script, text
from ev_energy_async.budget import DEFAULT_LIMIT, SharedBudget
from ev_energy_async.errors import EvEnergyError
from ev_energy_async.lease import new_holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.clock import Clock

__all__ = ["RedisBudget"]

T = TypeVar("T")

_PATIENCE: Final = 1.0  # seconds; calls wait for it, and have their share without it
# What is older says nothing any more: all its requests have left the window.
_KEEP_SECONDS: Final = 8_000

_READ: Final = Script("""
local time = redis.call('TIME')
local found = redis.call('HMGET', KEYS[1], 'version', 'state')
return {found[1] or '', found[2] or '', time[1], time[2]}
""")
# ARGV: the version that was read, the state, and for how long it is kept. Versions follow the server's time, so that
# none is given twice after a loss.
_WRITE: Final = Script("""
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local version = string.format('%.0f', math.max((tonumber(ARGV[1]) or 0) + 1, time[1] * 1000000 + time[2]))
redis.call('HSET', KEYS[1], 'version', version, 'state', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")


class _Hash:
    """The state of one budget; a `BudgetStore`."""

    def __init__(self, database: Database, name: str, clock: Clock | None) -> None:
        self._database = database
        self._keys = [database.key(name, "budget")]
        self._clock = clock

    async def update(self, change: Callable[[str | None, float], tuple[str, T]]) -> T:
        """Replace the state by what a function makes of it, again where another process was quicker."""
        while True:
            version, state, seconds, micros = map(text, await self._database.run(EvEnergyError, _READ, self._keys, []))
            now = int(seconds) + int(micros) / 1_000_000 if self._clock is None else self._clock.now().timestamp()
            changed, result = change(state or None, now)
            given = [version, changed, _KEEP_SECONDS]
            if await self._database.run(EvEnergyError, _WRITE, self._keys, given):
                return result

    async def close(self) -> None:
        """Close the connections of its own."""
        await self._database.close()


class RedisBudget(SharedBudget):
    """A request budget that processes share through Redis, by the server's time; see `SharedBudget`.

    Args:
        database: A URL, or a `redis.asyncio.Redis` of yours, which is left open.
        name: The name of this budget: one for each pair of application and user.
        processes: How many processes share it at the most: if Redis is down, each has such a part of the limit.
        limit: Requests per rolling hour until the API's headers report it.
        reserve: Requests that only calls with a `priority` above zero may take; None for 2 % of the limit.
        prefix: What the keys begin with.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> async with RedisBudget("redis://localhost", processes=4) as budget:  # doctest: +SKIP
        ...     async with EvEnergy(credentials, budget=budget) as ev:
        ...         await poll(ev)
    """

    def __init__(
        self,
        database: Place,
        name: str = "default",
        *,
        processes: int,
        limit: int = DEFAULT_LIMIT,
        reserve: int | None = None,
        prefix: str = PREFIX,
        clock: Clock | None = None,
    ) -> None:
        store = _Hash(Database(database, prefix, _PATIENCE), check_name("name", name), clock)
        super().__init__(store, processes=processes, limit=limit, reserve=reserve, holder=new_holder(), clock=clock)
