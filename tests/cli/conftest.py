"""A sandbox, and a user of the command line in front of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from ev_energy_async.cli.app import app
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import START
from tests.sandbox.conftest import Client
from tests.sandbox.places import Places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

VARIABLES: Final = (
    *("CLIENT_ID", "CLIENT_SECRET", "TOKEN", "USER", "BASE_URL", "TOKEN_URL", "ALLOW_HTTP", "PROFILE", "OUTPUT"),
    *("READ_ONLY", "WEBHOOK_SECRET", "AUTHORIZE_URL", "REDIRECT_URI", "POSTGRES_DSN", "REDIS_URL"),
)


class User:
    """Somebody who types commands, with an environment and folders of their own.

    Attributes:
        env: The environment.
        home: The folder of the configuration and of logins.
    """

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        none = dict.fromkeys((f"EV_ENERGY_{name}" for name in VARIABLES), None)
        folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA")}
        self.env: dict[str, str | None] = {
            **none,
            **folders,
            "HOME": str(home),
            "NO_COLOR": None,
            "COLUMNS": "100",
            **env,
        }

    def types(self, *words: str, stdin: str | bytes | None = None, color: bool = False) -> Result:
        """Run a command that needs no server, and return what came of it."""
        # In a thread of its own: it makes an event loop, and tests have one.
        with ThreadPoolExecutor(1) as pool:
            run = CliRunner(env=self.env).invoke
            return pool.submit(run, app, words, input=stdin, color=color, prog_name="ev-energy").result()

    async def runs(self, *words: str, stdin: str | bytes | None = None, color: bool = False) -> Result:
        """Run a command beside the sandbox, and return what came of it."""
        return await asyncio.to_thread(self.types, *words, stdin=stdin, color=color)


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """A user without any settings."""
    return User(tmp_path)


@pytest.fixture(scope="module")
def sandbox_clock() -> SteppedClock | None:
    """The clock of the sandbox; None for that of the machine."""
    return SteppedClock(START)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(sandbox_clock: SteppedClock | None) -> AsyncIterator[Places]:
    """A furnished sandbox for the tests of a module."""
    async with (
        Sandbox(vehicles=40, seed=7, clock=sandbox_clock, rate_limit=1_000_000) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        made = Places(Client(sandbox, session))
        await made.furnish()
        yield made


@pytest.fixture
def user(places: Places, tmp_path: Path) -> User:
    """A user with a token for everything in the sandbox."""
    token: Any = places.sandbox.issue_token()
    return User(tmp_path, EV_ENERGY_BASE_URL=places.sandbox.base_url, EV_ENERGY_TOKEN=token)
