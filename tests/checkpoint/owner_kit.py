"""What every checkpoint that can be taken over refuses; the databases use it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async.checkpoint import CheckpointMismatch, Owner
from ev_energy_async.checkpoint.protocol import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from ev_energy_async.backends.postgres import PostgresCheckpoint
    from ev_energy_async.backends.redis import RedisCheckpoint
    from ev_energy_async.checkpoint import SqliteCheckpoint

__all__ = ["check_takeovers"]

BASE_URL: Final = "https://api.ev.energy/v2"
COPY: Final = Owner(BASE_URL, UNFINISHED)
ONE: Final = Owner(BASE_URL, "one")
TWO: Final = Owner(BASE_URL, "two")


async def check_takeovers(
    make: Callable[
        [bool | Owner], AbstractAsyncContextManager[SqliteCheckpoint | PostgresCheckpoint | RedisCheckpoint]
    ],
) -> None:
    """Check who takes over a checkpoint from whom, and that whoever is refused changes nothing."""

    async def opens(owner: Owner, adopt: bool | Owner) -> None:
        async with make(adopt) as checkpoint:
            await checkpoint.open(owner)
            assert await checkpoint.owner() == owner

    async def is_refused(owner: Owner, adopt: bool | Owner, text: str) -> None:
        async with make(adopt) as checkpoint:
            before = await checkpoint.owner()
            with pytest.raises(CheckpointMismatch, match=text):
                await checkpoint.open(owner)
            assert await checkpoint.owner() == before

    await opens(COPY, COPY)
    async with make(COPY) as checkpoint:
        await checkpoint.open(COPY)
        version = await checkpoint.advance("a", 0, "1")
    for adopt in (False, True, TWO):
        await is_refused(ONE, adopt, "repeat `ev-energy checkpoint copy`")
    await opens(COPY, adopt=False)
    await opens(ONE, COPY)
    for adopt in (False, COPY):
        await is_refused(TWO, adopt, "adopt=True")
    await opens(TWO, ONE)
    await opens(ONE, adopt=True)
    async with make(False) as checkpoint:
        await checkpoint.open(ONE)
        entry = await checkpoint.get("a")
        assert entry is not None
        assert (entry.value, entry.version) == ("1", version)
