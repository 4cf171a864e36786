"""A small cluster: whoever is killed, paused or cut off, each log is delivered, and one process leads at a time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from ev_energy_async.backends.redis import RedisCheckpoint
from ev_energy_async.checkpoint import CheckpointError, Owner
from tests.soak import cluster

from .conftest import unavailable
from .servers import PostgresServer, RedisServer, ServerMissing

if TYPE_CHECKING:
    from pathlib import Path

# How soon another leads is for the soak of a quiet machine to judge, and how many requests that takes for several runs
# together; here neither may be beyond all bounds.
OPTIONS = cluster.ClusterOptions(attacks=4, takes_over_within=20, most_ratio=1.25)
OWNER = Owner("https://api.ev.energy/v2", "app")


@pytest.mark.parametrize("kind", [PostgresServer, RedisServer])
async def test_a_cluster_loses_nothing_whatever_happens_to_it(
    kind: type[PostgresServer | RedisServer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")  # connections are cut on purpose
    try:
        server = kind()
    except ServerMissing as missing:
        unavailable(missing)
        raise
    with server:
        found = await cluster.run(OPTIONS, 1, tmp_path, server)
    assert found.is_good(OPTIONS), found
    assert found.verdict.logs > 20
    assert found.terms > 2


async def test_redis_that_loses_everything_is_noticed_and_never_a_fresh_start() -> None:
    try:
        server = RedisServer(appendonly=False)
    except ServerMissing as missing:
        unavailable(missing)
        raise
    with server:
        checkpoint = RedisCheckpoint(server.url)
        later = RedisCheckpoint(server.url, create=False)
        await checkpoint.open(OWNER)
        version = await checkpoint.advance("a", 0, "1")
        server.restart()
        with pytest.raises(CheckpointError, match="has lost the checkpoint"):
            await checkpoint.advance("a", version, "2")
        with pytest.raises(CheckpointError, match="has lost the checkpoint"):
            await checkpoint.open(OWNER)
        with pytest.raises(CheckpointError, match="has no checkpoint"):
            await later.open(OWNER)
        await checkpoint.close()
        await later.close()


async def test_redis_with_an_append_only_file_loses_nothing_when_it_is_killed() -> None:
    try:
        server = RedisServer()
    except ServerMissing as missing:
        unavailable(missing)
        raise
    with server:
        checkpoint = RedisCheckpoint(server.url)
        await checkpoint.open(OWNER)
        version = 0
        for number in range(20):
            version = await checkpoint.advance("a", version, str(number))
        server.restart()
        entry = await checkpoint.get("a")
        assert entry is not None
        assert (entry.value, entry.version) == ("19", version)
        await checkpoint.close()
