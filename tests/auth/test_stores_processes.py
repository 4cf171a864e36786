"""Processes that share one file of tokens."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async import EvEnergy, FileTokenStore, RefreshToken, Token
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import ExpiredToken
from tests.systems import posix

from .oauth_kit import SECRET, AuthServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import FakeClock

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "token.json"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=1, client_id="my-id") as running:
        yield running


async def start(path: Path, sandbox: Sandbox, refresh_token: str, calls: str) -> asyncio.subprocess.Process:
    arguments = (str(path), sandbox.base_url, refresh_token, calls)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.auth.token_process", *arguments, cwd=ROOT)


def answers(sandbox: Sandbox, path: str) -> list[int | None]:
    return [served.status for served in sandbox.requests if served.path.partition("?")[0] == path]


async def test_processes_that_share_a_file_never_spend_one_refresh_token(path: Path, sandbox: Sandbox) -> None:
    sandbox.faults = FaultPlan((Rule(ExpiredToken(), operation="regions.list", probability=0.2),))
    refresh_token, began = sandbox.issue_refresh_token(), time.monotonic()
    async with asyncio.timeout(30):
        processes = await asyncio.gather(*(start(path, sandbox, refresh_token, "15") for _ in range(4)))
        codes = await asyncio.gather(*(process.wait() for process in processes))

    assert codes == [0] * 4, f"after {time.monotonic() - began:.1f} s"
    issued = answers(sandbox, "/o/token/")
    assert set(issued) == {200}, "a refresh token that comes twice would have been refused, and all that followed it"
    assert len(issued) >= 4, "there was something to contend for"
    assert len(issued) <= answers(sandbox, "/v2/regions").count(401) + 1, "each was asked for once"
    stored = await FileTokenStore(path).load()
    assert stored is not None
    sandbox.faults = FaultPlan()
    async with EvEnergy(RefreshToken("my-id", stored.refresh_token or ""), base_url=sandbox.base_url) as ev:
        await ev.regions.list()


@posix
async def test_a_process_that_dies_after_saving_loses_nothing(path: Path, sandbox: Sandbox) -> None:
    refresh_token = sandbox.issue_refresh_token()
    async with asyncio.timeout(30):
        killed = await start(path, sandbox, refresh_token, "kill")
        assert await killed.wait() == -9
    assert (answers(sandbox, "/o/token/"), answers(sandbox, "/v2/regions")) == ([200], [])

    source = RefreshToken("my-id", refresh_token, store=FileTokenStore(path))
    async with EvEnergy(source, base_url=sandbox.base_url) as ev:
        async with asyncio.timeout(5):
            await ev.regions.list()

    assert (answers(sandbox, "/o/token/"), answers(sandbox, "/v2/regions")) == ([200], [200])


async def test_the_store_is_read_again_once_the_lock_is_had(path: Path, clock: FakeClock) -> None:
    server = AuthServer()
    source = server.source(clock, RefreshToken("my-id", "refresh-0", SECRET), store=FileTokenStore(path))
    other = FileTokenStore(path)

    async with other.lock():
        call = asyncio.create_task(source.access_token())
        await asyncio.sleep(0.05)
        await other.save(Token("of-another-process", refresh_token="refresh-7"))

    assert await call == "of-another-process"
    assert server.forms == []
