"""Users' own tokens: whose checkpoint it is, is asked once and kept in the checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async import ClientCredentials, EvEnergy, MemoryCheckpoint, SqliteCheckpoint, StaticToken
from ev_energy_async.checkpoint import CheckpointMismatch
from ev_energy_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ev_energy_async import Checkpoint


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=4) as running:
        yield running


def user_client(sandbox: Sandbox, index: int) -> EvEnergy:
    user = list(sandbox.world.users)[index].id
    return EvEnergy(StaticToken(sandbox.issue_token(user=user)), base_url=sandbox.base_url)


def application(sandbox: Sandbox) -> EvEnergy:
    return EvEnergy(ClientCredentials(sandbox.client_id, sandbox.client_secret), base_url=sandbox.base_url)


async def begin(ev: EvEnergy, checkpoint: Checkpoint | None) -> None:
    async for _ in ev.fleet.watch(checkpoint=checkpoint):
        return


def asked(sandbox: Sandbox) -> int:
    return [served.path for served in sandbox.requests].count("/v2/users/me")


async def test_the_token_of_another_user_does_not_open_a_checkpoint(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    async with user_client(sandbox, 0) as ev, SqliteCheckpoint(path) as checkpoint:
        await begin(ev, checkpoint)
    async with user_client(sandbox, 1) as ev, SqliteCheckpoint(path) as checkpoint:
        with pytest.raises(CheckpointMismatch, match=r"as user\w+, not of no client at .* as user"):
            await begin(ev, checkpoint)
    async with user_client(sandbox, 0) as ev, SqliteCheckpoint(path) as checkpoint:
        await begin(ev, checkpoint)
        await ev.fleet.coverage()
        await ev.fleet.coverage(checkpoint)

    assert asked(sandbox) == 3, "once for each client"


async def test_the_owner_is_not_requested_if_it_is_known_or_does_not_matter(sandbox: Sandbox) -> None:
    user = next(iter(sandbox.world.users)).id
    async with user_client(sandbox, 0) as ev:
        await begin(ev, None)
        await ev.fleet.coverage()
    async with application(sandbox) as ev:
        await begin(ev, MemoryCheckpoint())
        await begin(ev.as_user(user), MemoryCheckpoint())

    assert asked(sandbox) == 0


async def test_a_static_token_where_client_credentials_stood_names_both(sandbox: Sandbox, tmp_path: Path) -> None:
    path: Final = tmp_path / "fleet.db"
    async with application(sandbox) as ev, SqliteCheckpoint(path) as checkpoint:
        await begin(ev, checkpoint)
    async with EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev:
        async with SqliteCheckpoint(path) as checkpoint:
            with pytest.raises(CheckpointMismatch, match=rf"of {sandbox.client_id} at .*not of no client"):
                await begin(ev, checkpoint)
        async with SqliteCheckpoint(path, adopt=True) as checkpoint:
            await begin(ev, checkpoint)
