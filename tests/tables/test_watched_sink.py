"""A watch of a real sandbox, written into Parquet by processes that are killed: nothing is lost and nothing twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.sandbox import Sandbox

from . import crash_watch

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_watch_whose_process_is_killed_again_and_again_writes_each_log_once(tmp_path: Path) -> None:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=8)
    async with Sandbox(vehicles=12, seed=7) as sandbox:
        given = {"base_url": sandbox.base_url, "token": sandbox.issue_token(), "since": since.isoformat()}
        async with EvEnergy(StaticToken(given["token"]), base_url=sandbox.base_url) as ev:
            expected = {item.key async for item in ev.fleet.logs("status", since=since)}
        plan = {"plan": "at_random", "folder": str(tmp_path), "seed": 3, "kills": 6}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.tables.crash_watch", json.dumps({**plan, **given}), stdout=-1, stderr=-1
        )
        told, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert int(told) >= 4, "most of the lives were killed before their end"
    found = crash_watch.keys(tmp_path / "seed-3")
    assert len(expected) > 100
    assert expected <= set(found), "none is lost"
    assert len(found) == len(set(found)), "none is there twice"
