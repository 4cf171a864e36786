"""Checkpoint, lease, budget, token store and deduplication store in Redis or Valkey. Needs the extra `[redis]`.

Their keys begin with a prefix, `ev-energy` unless another is given, and those of one object are in one slot of a
cluster. Every change is one Lua script: all of it happens or nothing. Each class takes a URL, or a
`redis.asyncio.Redis` of yours, which it leaves open.
"""

from ev_energy_async._extras import extra

with extra("redis", __name__, "redis"):
    from ev_energy_async.backends.redis.budget import RedisBudget
    from ev_energy_async.backends.redis.checkpoint import RedisCheckpoint
    from ev_energy_async.backends.redis.deduplication import RedisDeduplicationStore
    from ev_energy_async.backends.redis.lease import RedisLease
    from ev_energy_async.backends.redis.tokens import RedisTokenStore

__all__ = ["RedisBudget", "RedisCheckpoint", "RedisDeduplicationStore", "RedisLease", "RedisTokenStore"]
