"""A lease as a hash in Redis."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.redis.database import PREFIX, Database, Place, Script, microseconds, text
from ev_energy_async.clock import seconds
from ev_energy_async.lease import KeptLease, LeaseError, Term

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock, Duration

__all__ = ["RedisLease"]

_TTL: Final = 30.0
# KEYS: the lease. ARGV: holder, epoch, TTL and time in microseconds. The hash stays when a term ends, for its epoch;
# epochs follow the server's time in microseconds, so that none is given twice even if Redis loses its last second.
_HEAD: Final = """
local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = tonumber(ARGV[4]) or server
local found = redis.call('HMGET', KEYS[1], 'holder', 'epoch', 'expires_at')
local is_held = found[3] and tonumber(found[3]) > now
local is_mine = is_held and found[1] == ARGV[1] and found[2] == ARGV[2]
"""
_TAKE: Final = Script(
    _HEAD
    + """
if is_held then return {} end
local epoch = string.format('%.0f', math.max(tonumber(found[2] or 0) + 1, server))
local expires_at = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'epoch', epoch, 'expires_at', expires_at)
return {ARGV[1], epoch, expires_at}
"""
)
_RENEW: Final = Script(
    _HEAD
    + """
if not is_mine then return {} end
local expires_at = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'expires_at', expires_at)
return {ARGV[1], ARGV[2], expires_at}
"""
)
_RELEASE: Final = Script(
    _HEAD
    + """
if is_mine then redis.call('HSET', KEYS[1], 'expires_at', string.format('%.0f', now)) end
return {}
"""
)
_CURRENT: Final = Script(
    _HEAD
    + """
return is_held and found or {}
"""
)


class RedisLease(KeptLease):
    """A lease between processes on any number of machines. Terms expire by the server's time, whatever theirs is.

    Args:
        database: A URL, or a `redis.asyncio.Redis` of yours, which is left open.
        name: The name of this lease among others with the same prefix.
        ttl: How long a term lasts unless it is renewed; seconds or a `timedelta`. Whoever stands by takes over so much
            later, and a second, if its holder vanishes.
        holder: The name of this holder; machine, process and some characters at random unless given.
        prefix: What the keys begin with.
        clock: Where time comes from, for tests; the server's time unless given.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(
        self,
        database: Place | Database,
        name: str = "default",
        *,
        ttl: Duration = _TTL,
        holder: str | None = None,
        prefix: str = PREFIX,
        clock: Clock | None = None,
    ) -> None:
        self._database = database if isinstance(database, Database) else Database(database, prefix)
        self._name = check_name("name", name)
        super().__init__(seconds("ttl", ttl), holder, clock)
        self._given_clock = clock
        self._epoch = 0

    async def take(self) -> Term | None:
        """Begin a term; None if somebody has the lease.

        Raises:
            LeaseError: Redis cannot be reached, or refuses.
        """
        term = await self._term(_TAKE)
        if term is not None:
            self._epoch = term.epoch
        return term

    async def renew(self) -> Term | None:
        """Extend this holder's term; None if it has none any more.

        Raises:
            LeaseError: Redis cannot be reached, or refuses.
        """
        return await self._term(_RENEW)

    async def release(self) -> None:
        """End this holder's term; nothing if it has none.

        Raises:
            LeaseError: Redis cannot be reached, or refuses.
        """
        await self._term(_RELEASE)

    async def current(self) -> Term | None:
        """Return the unexpired term; None if nobody has one.

        Raises:
            LeaseError: Redis cannot be reached, or refuses.
        """
        return await self._term(_CURRENT)

    async def close(self) -> None:
        """Close its connections, unless they are those of a client of yours; they are opened again when needed."""
        await self._database.close()

    async def _term(self, script: Script) -> Term | None:
        keys = [self._database.key(self._name, "lease")]
        given = [self._holder, self._epoch, round(self._ttl * 1_000_000), microseconds(self._given_clock)]
        found = await self._database.run(LeaseError, script, keys, given)
        if not found:
            return None
        holder, epoch, expires_at = map(text, found)
        return Term(holder, int(epoch), dt.datetime.fromtimestamp(int(expires_at) / 1_000_000, dt.UTC))
