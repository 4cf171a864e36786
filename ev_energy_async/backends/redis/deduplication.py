"""A store of completed webhook deliveries in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.backends.redis.database import PREFIX, InRedis, Place, Script, microseconds
from ev_energy_async.errors import EvEnergyError

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.clock import Clock

__all__ = ["RedisDeduplicationStore"]

# KEYS: the delivery. ARGV: the time, and when the key expires, in microseconds.
_HEAD: Final = """
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or tonumber(time[1]) * 1000000 + tonumber(time[2])
local found = redis.call('GET', KEYS[1])
local is_there = found and tonumber(found) > now
"""
_CONTAINS: Final = Script(_HEAD + "return is_there and 1 or 0")
_ADD: Final = Script(
    _HEAD
    + """
if is_there then return 0 end
local left = math.ceil((tonumber(ARGV[2]) - now) / 1000)
if left > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', left) end
return 1
"""
)


class RedisDeduplicationStore(InRedis):
    """Keeps the keys of completed deliveries in Redis until they expire.

    Args:
        database: A URL, or a `redis.asyncio.Redis` of yours, which is left open.
        prefix: What the keys begin with.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(self, database: Place, *, prefix: str = PREFIX, clock: Clock | None = None) -> None:
        super().__init__(database, prefix)
        self._clock = clock

    async def contains(self, key: str) -> bool:
        """Return whether a key was added and has not expired.

        Raises:
            EvEnergyError: Redis cannot be reached, or refuses.
        """
        keys = [self._database.key(key, "delivery")]
        return bool(await self._database.run(EvEnergyError, _CONTAINS, keys, [microseconds(self._clock)]))

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Keep a key until a time (aware); return whether it is new.

        Raises:
            EvEnergyError: Redis cannot be reached, or refuses.
        """
        keys = [self._database.key(key, "delivery")]
        given = [microseconds(self._clock), round(expires_at.timestamp() * 1_000_000)]
        return bool(await self._database.run(EvEnergyError, _ADD, keys, given))
