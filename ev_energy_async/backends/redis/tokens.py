"""A token store in Redis, whose lock is a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.auth import Token, TokenStoreError
from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.locking import LOCK_SECONDS, LeasedLock, text_of, token_of
from ev_energy_async.backends.redis.database import PREFIX, InRedis, Place, Script
from ev_energy_async.backends.redis.lease import RedisLease

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["RedisTokenStore"]

# KEYS: the token and the lease. ARGV: the epoch of the lock, empty where nobody here holds it, and the token, empty to
# remove it.
_SAVE: Final = Script("""
local time = redis.call('TIME')
local found = redis.call('HMGET', KEYS[2], 'epoch', 'expires_at')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
if ARGV[1] ~= '' and (found[1] ~= ARGV[1] or tonumber(found[2]) <= now) then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
""")
_LOAD: Final = Script("return redis.call('GET', KEYS[1])")


class RedisTokenStore(InRedis):
    """Keeps a token in Redis: the first process to find it expired refreshes it, once; the others use the new one.

    Tokens are stored as they are: whoever can read the database can use them. A refresh token is lost with what Redis
    loses; where it is not to be lost, Redis needs an append-only file, or the store another database.

    Args:
        database: A URL, or a `redis.asyncio.Redis` of yours, which is left open.
        key: Whose token it is: one for each user and application.
        prefix: What the keys begin with.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(self, database: Place, key: str = "default", *, prefix: str = PREFIX) -> None:
        super().__init__(database, prefix)
        self._key = check_name("key", key)
        self._lock = LeasedLock(self._lease)

    def __repr__(self) -> str:
        return f"RedisTokenStore(key={self._key!r})"

    async def load(self) -> Token | None:
        """Return the stored token; None if there is none.

        Raises:
            TokenStoreError: Redis cannot be reached, or what is stored is no token.
        """
        found = await self._database.run(TokenStoreError, _LOAD, self._keys()[:1], [])
        return None if found is None else token_of(found, str(self))

    async def save(self, token: Token) -> None:
        """Store a token in place of the one before.

        Raises:
            TokenStoreError: Redis cannot be reached, or the lock has passed to another, who may have stored one.
        """
        await self._set(text_of(token))

    async def clear(self) -> None:
        """Remove the token; nothing if there is none.

        Raises:
            TokenStoreError: Redis cannot be reached, or the lock has passed to another.
        """
        await self._set("")

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that holds between processes: a lease, which expires if its holder vanishes.

        Raises:
            TokenStoreError: When entered: Redis cannot be reached. When left: it was lost meanwhile.
        """
        return self._lock.entered()

    async def _set(self, value: str) -> None:
        term = self._lock.term
        epoch = "" if term is None else str(term.epoch)
        if not await self._database.run(TokenStoreError, _SAVE, self._keys(), [epoch, value]):
            raise TokenStoreError(f"{self}: the lock has passed to another process; the token was not stored")

    def _keys(self) -> list[str]:
        return [self._database.key(f"token {self._key}", kind) for kind in ("token", "lease")]

    def _lease(self) -> RedisLease:
        return RedisLease(self._database, f"token {self._key}", ttl=LOCK_SECONDS)
