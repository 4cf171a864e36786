"""A worker and a store for the tests of deliveries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.webhooks import Event


class Worker:
    """Counts its work, and fails or pauses when told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures = 0
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, event: Event | None = None) -> None:
        self.started.set()
        await self.may_end.wait()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is away")
        self.done.append(event.id if event is not None else "")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class SharedStore:
    """A store of the user's own, such as a database that several processes share."""

    def __init__(self) -> None:
        self.kept: dict[str, dt.datetime] = {}
        self.away = False

    async def contains(self, key: str) -> bool:
        if self.away:
            raise ConnectionError("no store")
        return key in self.kept

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        new = key not in self.kept
        self.kept.setdefault(key, expires_at)
        return new
