"""The connections to Redis, and the prefix of the keys. Every class of this package has one `Database`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ev_energy_async.backends.common import InDatabase, passwords_of, shown
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.masking import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.clock import Clock
    from ev_energy_async.errors import EvEnergyError

__all__ = ["PATIENCE_SECONDS", "PREFIX", "Database", "InRedis", "Place", "Script", "microseconds", "text"]

Place: TypeAlias = "str | Redis"
"""A URL as `redis.asyncio.Redis.from_url` takes it, or a client of the user's own."""

PREFIX: Final = "ev-energy"
PATIENCE_SECONDS: Final = 30.0
"""The longest wait for a connection, in seconds: a server that restarts is back by then."""
_CONNECT_SECONDS: Final = 2.0
_RESPONSE_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class Script:
    """A Lua script, sent once and then called by its digest (EVALSHA)."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class Database:
    """Connections of one object: a client of the user's, or one of its own, made when first used.

    Args:
        place: A URL, or a client.
        prefix: What all keys begin with.
        patience: How long to wait for a connection, in seconds.

    Raises:
        InvalidArgument: An argument is not what it should be; a URL is not shown.
    """

    def __init__(self, place: Place, prefix: str, patience: float = PATIENCE_SECONDS) -> None:
        if not isinstance(prefix, str) or not prefix or set("{}") & set(prefix):
            raise InvalidArgument("prefix", prefix, "a non-empty text without braces")
        self._place: Redis | Secret[str]
        self._secrets: list[Secret[str]] = []
        if isinstance(place, Redis):
            self._place = place
        else:
            self._place = _checked(place)
            del place  # error trackers record the variables of a frame
            self._secrets = passwords_of(self._place, parse_url(self._place.reveal()))
        self._prefix = prefix
        self._patience = patience
        self._own: tuple[asyncio.AbstractEventLoop, Redis] | None = None

    def key(self, name: str, kind: str) -> str:
        """Return a key; those of one name are in one slot of a cluster (Redis, "Redis cluster specification")."""
        return f"{self._prefix}:{{{name}}}:{kind}"

    async def run(
        self, kind: type[EvEnergyError], script: Script, keys: Sequence[str], arguments: Sequence[Any]
    ) -> Any:
        """Run a script, and return its result.

        A connection is waited for; a script that may have been run is not repeated.

        Raises:
            EvEnergyError: As `kind`: Redis cannot be reached, or refuses.
        """
        client = self._client()
        try:
            await self._reach(client)
            try:
                return await client.evalsha(script.digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return await client.eval(script.source, len(keys), *keys, *arguments)
        except (RedisError, OSError, TimeoutError, UnicodeError) as error:
            raise kind(f"Redis: {shown(error, self._secrets)}") from None

    async def persists(self) -> bool | None:
        """Return whether the server keeps an append-only file; None if it does not say."""
        try:
            client: Any = self._client()
            found: dict[str, Any] = await client.info("persistence")
        except (RedisError, OSError, TimeoutError):
            return None
        kept = found.get("aof_enabled")
        return None if kept is None else bool(int(kept))

    async def close(self) -> None:
        """Close the connections of its own; they are opened again when needed."""
        own, self._own = self._own, None
        if own is not None and own[0] is asyncio.get_running_loop():
            await own[1].aclose()

    async def _reach(self, client: Any) -> None:
        """Wait until the server answers: it may be restarting. Nothing is at stake yet."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience, _FIRST_PAUSE
        while True:
            try:
                await client.ping()
            except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError):
                if loop.time() + pause >= until:
                    raise
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _client(self) -> Redis:
        if not isinstance(self._place, Secret):
            return self._place
        loop = asyncio.get_running_loop()
        if self._own is None or self._own[0] is not loop:
            client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]  # its further arguments have no types
                self._place.reveal(),
                retry=Retry(NoBackoff(), 0),  # a script that was cut short may have been run
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_RESPONSE_SECONDS,
            )
            self._own = loop, client
        return self._own[1]


class InRedis(InDatabase[Database]):
    """An object whose state is in Redis.

    Args:
        database: Where that is, or the connections that it shares with others.
        prefix: What the keys begin with.
    """

    def __init__(self, database: Place | Database, prefix: str) -> None:
        super().__init__(database if isinstance(database, Database) else Database(database, prefix))


def text(value: str | bytes) -> str:
    """Return a value as text, whether or not the client decodes it."""
    return value.decode() if isinstance(value, bytes) else value


def microseconds(clock: Clock | None) -> str:
    """Return the time of a clock as a script takes it; empty for the server's time."""
    return "" if clock is None else str(round(clock.now().timestamp() * 1_000_000))


def _checked(url: Any) -> Secret[str]:
    if isinstance(url, Secret):
        url = reveal(url)  # pyright: ignore[reportUnknownArgumentType]  # of text or bytes
    if isinstance(url, str):
        with contextlib.suppress(ValueError):
            parse_url(url)
            return Secret(url)
    kind = type(url).__name__
    del url  # error trackers record the variables of a frame
    raise InvalidArgument(
        "database", f"<{kind}, not shown>", "a URL as in redis://host:6379/0, or a redis.asyncio.Redis"
    )
