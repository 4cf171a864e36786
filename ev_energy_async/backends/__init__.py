"""State in databases that several processes share: one package a database, one extra each.

    from ev_energy_async.backends.postgres import PostgresCheckpoint, PostgresLease
    from ev_energy_async.backends.redis import RedisBudget, RedisTokenStore

Nothing in the package imports these; users hand their objects to a client, to `fleet.watch`, to a grant or to a
`webhooks.Deduplicator`.
"""
