"""Checkpoints in databases on the command line: what takes a file takes them too, and `checkpoint copy` moves them."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import EvEnergy, SqliteCheckpoint, StaticToken
from ev_energy_async.backends.postgres import PostgresCheckpoint, PostgresLease
from ev_energy_async.backends.redis import RedisCheckpoint, RedisLease
from ev_energy_async.checkpoint import Advance, Owner
from ev_energy_async.fleet import StatusLogged
from ev_energy_async.lease import LeaseError
from ev_energy_async.sandbox import Sandbox
from tests.checkpoint.owner_kit import check_takeovers
from tests.cli.conftest import User

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async.checkpoint import Checkpoint
    from ev_energy_async.lease import Lease

    from .servers import PostgresServer, RedisServer

OWNER = Owner("https://api.ev.energy/v2", "a client", None)


async def test_a_checkpoint_goes_from_a_file_to_postgres_to_redis_and_back(
    postgres: PostgresServer, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ev_energy_async.cli.checkpoint._AT_ONCE", 70)
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


async def test_an_unfinished_copy_is_taken_over_by_whoever_names_it_alone(
    postgres: PostgresServer, redis: RedisServer, place: str
) -> None:
    await check_takeovers(lambda adopt: PostgresCheckpoint(postgres.dsn, name=place, adopt=adopt))
    await check_takeovers(lambda adopt: RedisCheckpoint(redis.url, name=place, adopt=adopt))


async def test_a_led_watch_goes_on_from_a_copy_under_a_lease_in_another_database(
    postgres: PostgresServer, redis: RedisServer, place: str, tmp_path: Path
) -> None:
    user = User(tmp_path, EV_ENERGY_POSTGRES_DSN=postgres.dsn, EV_ENERGY_REDIS_URL=redis.url)
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    old, new = RedisLease(redis.url, place), PostgresLease(postgres.dsn, place)

    async def told(checkpoint: Checkpoint, lease: Lease) -> set[str]:
        """Watch for a cycle, and return the keys of the logs."""
        watch = ev.fleet.watch(checkpoint=checkpoint, lease=lease, cycles=1, since=begin, complete_within=None)
        async with asyncio.timeout(20), watch:
            return {event.key async for event in watch if isinstance(event, StatusLogged)}

    async with (
        Sandbox(vehicles=3, seed=7) as sandbox,
        EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev,
        RedisCheckpoint(redis.url, name=place) as first,
        PostgresCheckpoint(postgres.dsn, name=place) as second,
    ):
        known = await told(first, old)
        assert known
        # The terms of Redis are counted by its clock, those of PostgreSQL from one.
        with pytest.raises(LeaseError, match="checkpoint copy"):
            await told(first, new)
        copied = await user.runs("checkpoint", "copy", f"redis:{place}", f"postgres:{place}")
        assert copied.exit_code == 0, copied.output
        assert not known & await told(second, new)
    await old.close()
    await new.close()


@pytest.mark.parametrize("database", ["postgres", "redis"])
async def test_a_watch_keeps_its_progress_in_a_database_where_coverage_audit_and_report_find_it(
    postgres: PostgresServer, redis: RedisServer, tmp_path: Path, place: str, database: str
) -> None:
    user = User(tmp_path, EV_ENERGY_POSTGRES_DSN=postgres.dsn, EV_ENERGY_REDIS_URL=redis.url)
    at = ("--checkpoint", f"{database}:{place}")
    async with Sandbox(vehicles=3, seed=7) as sandbox:
        user.env |= {"EV_ENERGY_BASE_URL": sandbox.base_url, "EV_ENERGY_TOKEN": sandbox.issue_token()}
        nobody = await user.runs("fleet", "coverage", *at)
        assert (nobody.exit_code, "a watch has opened" in nobody.stderr) == (2, True)
        first, again = [await user.runs("fleet", "watch", "--cycles", "1", "--since", "2h", *at) for _ in range(2)]
        assert (first.exit_code, again.exit_code) == (0, 0), first.stderr + again.stderr
        told, told_again = [
            {each["key"] for each in map(json.loads, done.stdout.splitlines()) if each["event"] == "StatusLogged"}
            for done in (first, again)
        ]
        assert told
        assert not told & told_again
        assert len(json.loads((await user.runs("fleet", "coverage", *at)).stdout)) > 3
        audited = await user.runs("fleet", "audit", "--since", "1h", *at)
        assert audited.exit_code == 0, audited.stderr
        drawn = await user.runs("fleet", "report", "--out", str(tmp_path / "fleet.html"), *at)
        assert drawn.exit_code == 0, drawn.stderr
