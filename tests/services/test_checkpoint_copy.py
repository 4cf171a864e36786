"""`ev-energy checkpoint copy` between a file, PostgreSQL and Redis."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from ev_energy_async import SqliteCheckpoint
from ev_energy_async.checkpoint import Advance, Owner
from tests.cli.conftest import User

if TYPE_CHECKING:
    from pathlib import Path

    from .servers import PostgresServer, RedisServer

OWNER = Owner("https://api.ev.energy/v2", "a client", None)


async def test_a_checkpoint_goes_from_a_file_to_postgres_to_redis_and_back(
    postgres: PostgresServer, redis: RedisServer, tmp_path: Path
) -> None:
    user = User(tmp_path, EV_ENERGY_POSTGRES_DSN=postgres.dsn, EV_ENERGY_REDIS_URL=redis.url)
    first, last = tmp_path / "first.db", tmp_path / "last.db"
    async with SqliteCheckpoint(first) as checkpoint:
        await checkpoint.open(OWNER)
        await checkpoint.advance_all([Advance(f"fleet/{number}", 0, f"{number}" * 9) for number in range(300)])

    way = (str(first), "postgres:copied", "redis:copied", str(last))
    for source, target in itertools.pairwise(way):
        done = await user.runs("checkpoint", "copy", source, target)
        assert done.exit_code == 0, done.output
    shown = [json.loads((await user.runs("checkpoint", "show", place)).stdout) for place in way]
    assert [each["owner"]["client"] for each in shown] == ["a client"] * 4
    assert [each["streams"] for each in shown] == [shown[0]["streams"]] * 4

    async with SqliteCheckpoint(first) as old, SqliteCheckpoint(last) as new:
        before = {key: each.value async for key, each in old.entries()}
        assert before == {key: each.value async for key, each in new.entries()}

    refused = await user.runs("checkpoint", "copy", str(first), "postgres:copied")
    assert (refused.exit_code, "without a checkpoint" in refused.stderr) == (2, True)
    nobody = await user.runs("checkpoint", "copy", "redis:nobody", str(tmp_path / "none.db"))
    assert (nobody.exit_code, "a watch has opened" in nobody.stderr) == (2, True)
