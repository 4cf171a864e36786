"""A poller for several machines: one leads, the others stand by; events go into PostgreSQL with the progress.

    python -m examples.cluster.poller postgresql:///fleet

Credentials are those of `EvEnergy.from_env`. Start it twice, kill the one that leads, and see the other take over.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from ev_energy_async import CheckpointConflict, EvEnergy
from ev_energy_async.backends.postgres import PostgresBudget, PostgresCheckpoint, PostgresLease

if TYPE_CHECKING:
    from ev_energy_async.fleet import Role

_LOG = logging.getLogger("cluster")
_TTL = 10
_PROCESSES = 4  # pollers and web services that spend from the budget


def note(role: Role) -> None:
    """Log that this process leads now, or stands by."""
    _LOG.warning("%s%s", role.name, "" if role.epoch is None else f", term {role.epoch}")


async def poll(dsn: str, every: float = 300, cycles: int | None = None) -> None:
    """Write every event into a table, once, whichever process leads.

    Args:
        dsn: PostgreSQL.
        every: Seconds between snapshots.
        cycles: After how many snapshots to end; None for never.
    """
    async with (
        PostgresCheckpoint(dsn) as checkpoint,
        EvEnergy.from_env(budget=PostgresBudget(dsn, processes=_PROCESSES)) as ev,
    ):
        async with checkpoint.transaction() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS event (key text PRIMARY KEY, vehicle text)")
        async with ev.fleet.watch(
            every=every,
            cycles=cycles,
            checkpoint=checkpoint,
            lease=PostgresLease(dsn, ttl=_TTL),
            ack="explicit",
            on_role_change=note,
        ) as watch:
            async for event in watch:
                try:
                    async with checkpoint.transaction() as connection:
                        vehicle = getattr(event, "vehicle_id", None)
                        await connection.execute("INSERT INTO event VALUES (%s, %s)", (event.key, vehicle))
                        await event.ack()
                except CheckpointConflict:
                    _LOG.warning("another process leads now; %s is for it", event.key)


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(poll(sys.argv[1]))
