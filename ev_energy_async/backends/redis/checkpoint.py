"""A checkpoint in Redis."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async.backends.common import check_name
from ev_energy_async.backends.redis.database import PREFIX, InRedis, Place, Script, text
from ev_energy_async.checkpoint import Advance, CheckpointConflict, CheckpointError, Entry, Owner
from ev_energy_async.checkpoint.protocol import check_adoption, each_key_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

__all__ = ["RedisCheckpoint"]

_LOG: Final = logging.getLogger("ev_energy_async")
_ROWS_AT_ONCE: Final = 2_000
_KINDS: Final = ("state", "versions", "values", "index")

# KEYS: the state, the version of each key, the value of each key, and the keys in their order (a sorted set of equal
# scores is sorted byte by byte, which in UTF-8 is the order of code points). ARGV[1]: the mark that was drawn when the
# checkpoint was made. A script that finds another one finds a checkpoint that was lost.
# ARGV of this one besides: the owner, '1' to make it if there is none, and the owner to replace, as it is stored.
_OPEN: Final = Script("""
local is_new = redis.call('EXISTS', KEYS[1]) == 0
if is_new then
    if ARGV[3] ~= '1' then return {'none'} end
    redis.call('HSET', KEYS[1], 'mark', ARGV[1], 'owner', ARGV[2], 'versions', '0')
end
local state = redis.call('HMGET', KEYS[1], 'mark', 'owner', 'versions')
if state[2] == ARGV[4] then
    redis.call('HSET', KEYS[1], 'owner', ARGV[2])
    state[2] = ARGV[2]
end
return {is_new and 'made' or 'found', state[1], state[2], state[3]}
""")
_OWNER: Final = Script("return redis.call('HGET', KEYS[1], 'owner')")
_HEAD: Final = """
local state = redis.call('HMGET', KEYS[1], 'mark', 'versions')
if state[1] ~= ARGV[1] then return {'lost'} end
"""
_PAGE: Final = Script(
    _HEAD
    + """
local keys = redis.call('ZRANGEBYLEX', KEYS[4], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
local found = {'found', state[2]}
if #keys > 0 then
    local versions = redis.call('HMGET', KEYS[2], unpack(keys))
    local values = redis.call('HMGET', KEYS[3], unpack(keys))
    for number, key in ipairs(keys) do
        table.insert(found, key)
        table.insert(found, versions[number])
        table.insert(found, values[number])
    end
end
return found
"""
)
# ARGV from the second on: key, expected version, '1' to keep it or '' to remove it, and the value, of each change.
# Versions follow the server's time in microseconds, so that none is given twice even if Redis loses its last second.
_ADVANCE: Final = Script(
    _HEAD
    + """
for at = 2, #ARGV, 4 do
    local version = redis.call('HGET', KEYS[2], ARGV[at]) or '0'
    if version ~= ARGV[at + 1] then return {'conflict', state[2], ARGV[at], ARGV[at + 1], version} end
end
local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000000 + tonumber(time[2])
local version = string.format('%.0f', math.max(tonumber(state[2]) + 1, server))
redis.call('HSET', KEYS[1], 'versions', version)
for at = 2, #ARGV, 4 do
    if ARGV[at + 2] == '1' then
        redis.call('HSET', KEYS[2], ARGV[at], version)
        redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 3])
        redis.call('ZADD', KEYS[4], 0, ARGV[at])
    else
        redis.call('HDEL', KEYS[2], ARGV[at])
        redis.call('HDEL', KEYS[3], ARGV[at])
        redis.call('ZREM', KEYS[4], ARGV[at])
    end
end
return {'done', version}
"""
)


class RedisCheckpoint(InRedis):
    """Stores progress in Redis, for processes on any number of machines.

    Redis keeps what its persistence keeps: with an append-only file (`appendonly yes`) a crash of the server loses
    nothing, and one of the machine the last second, which is redelivered. Without one, a restart loses everything. A
    process that had it open raises `CheckpointError` then; for one that starts later, set `create=False` once the
    checkpoint exists.

    Args:
        database: A URL, or a `redis.asyncio.Redis` of yours, which is left open.
        name: The name of this checkpoint among others with the same prefix.
        prefix: What the keys begin with.
        adopt: Whether to take over the checkpoint of another owner, as after a change of credentials; or the only
            `Owner` from whom to take it over. `True` does not take over an unfinished copy.
        create: Whether to make it if there is none.

    Raises:
        InvalidArgument: An argument is not what it should be.
    """

    def __init__(
        self,
        database: Place,
        *,
        name: str = "default",
        prefix: str = PREFIX,
        adopt: bool | Owner = False,
        create: bool = True,
    ) -> None:
        super().__init__(database, prefix)
        self._name = check_name("name", name)
        self._adopt = adopt
        self._create = create
        self._keys = [self._database.key(name, kind) for kind in _KINDS]
        self._mark: str | None = None
        self._newest = 0
        self._is_open = False

    def __repr__(self) -> str:
        return f"RedisCheckpoint(name={self._name!r})"

    async def open(self, owner: Owner) -> None:
        """Open it for an owner; see `Checkpoint.open`.

        Raises:
            CheckpointMismatch: It belongs to another owner, and `adopt` does not allow to take it over.
            CheckpointError: Redis cannot be reached, has lost the checkpoint, or has none and `create` is false.
        """
        entered = msgspec.json.encode([owner.base_url, owner.client, owner.user]).decode()
        # Whoever has known it makes no new one in its place.
        creates = self._create and self._mark is None
        replaced = ""
        while True:
            given = [secrets.token_hex(8), entered, int(creates), replaced]
            what, *state = map(text, await self._database.run(CheckpointError, _OPEN, self._keys, given))
            if what == "none" and self._mark is None:
                raise CheckpointError(f"Redis has no checkpoint {self._name}; `create=True` makes one")
            if what == "none" or self._mark not in {None, state[0]}:
                raise self._lost()
            mark, stored, versions = state
            found = _owner(stored)
            if found == owner:
                break
            check_adoption(owner, found, self._adopt)
            replaced = stored
        if what == "made":
            _LOG.warning("Redis: created a new checkpoint %s", self._name)
        if self._mark is None and await self._database.persists() is False:
            _LOG.warning("Redis keeps no append-only file: the checkpoint %s is lost when it restarts", self._name)
        self._mark = mark
        self._note(int(versions), self._newest)
        self._is_open = True

    async def owner(self) -> Owner | None:
        """Return whose checkpoint it is; None if it was opened for nobody yet.

        Raises:
            CheckpointError: Redis cannot be reached.
        """
        stored = await self._database.run(CheckpointError, _OWNER, self._keys[:1], [])
        return _owner(text(stored)) if stored else None

    async def get(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        found = await self._page(f"[{key}", f"[{key}", 1)
        return found[0][1] if found else None

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        """Yield all keys that begin with a prefix, with their entries, in the order of the keys."""
        start, end = f"[{prefix}", f"({prefix}\U0010ffff"  # no character comes after this one
        while True:
            found = await self._page(start, end, _ROWS_AT_ONCE)
            for each in found:
                yield each
            if len(found) < _ROWS_AT_ONCE:
                return
            start = f"({found[-1][0]}"

    async def advance(self, key: str, expected_version: int, value: str | None) -> int:
        """Replace a value and return its new version; see `Checkpoint.advance`.

        A cancelled call may have been carried out: read the key again.
        """
        return (await self.advance_all([Advance(key, expected_version, value)]))[0]

    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        """Make several changes, all or none; see `Checkpoint.advance_all`."""
        wanted = each_key_once(changes)
        if not wanted:
            return []
        given: list[str] = []
        for change in wanted:
            kept = ("", "") if change.value is None else ("1", change.value)
            given += [change.key, str(change.expected), *kept]
        what, version, *found = await self._run(_ADVANCE, given)
        if what == "conflict":
            key, expected, stored = found
            raise CheckpointConflict(key, int(expected), int(stored))
        return [0 if change.value is None else int(version) for change in wanted]

    async def close(self) -> None:
        """Close its connections, unless they are those of a client of yours; it can be opened again."""
        self._is_open = False
        await super().close()

    async def _page(self, start: str, end: str, most: int) -> list[tuple[str, Entry]]:
        _, _, *found = await self._run(_PAGE, [start, end, most])
        return [
            (key, Entry(value, int(version)))
            for key, version, value in zip(found[::3], found[1::3], found[2::3], strict=True)
        ]

    async def _run(self, script: Script, given: Sequence[Any]) -> list[str]:
        """Run a script that finds what this object has known, and return what it says, the last version second."""
        before = self._newest
        if self._mark is None or not self._is_open:
            raise CheckpointError("the checkpoint is not open")
        what, *found = map(text, await self._database.run(CheckpointError, script, self._keys, [self._mark, *given]))
        if what == "lost":
            raise self._lost()
        self._note(int(found[0]), before)
        return [what, *found]

    def _note(self, versions: int, before: int) -> None:
        """Compare the last version with that before the call; others may have had their responses meanwhile."""
        if versions < before:
            self._newest = versions
            raise CheckpointError(
                f"Redis has lost its last writes, and with them progress in the checkpoint {self._name}; what was "
                "acknowledged since is redelivered"
            )
        self._newest = max(self._newest, versions)

    def _lost(self) -> CheckpointError:
        return CheckpointError(
            f"Redis has lost the checkpoint {self._name}: restore it from a backup, or begin anew with another object"
        )


def _owner(stored: str) -> Owner:
    return Owner(*msgspec.json.decode(stored, type=tuple[str, str | None, str | None]))
