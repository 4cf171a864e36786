"""The fixtures. The asynchronous ones work with pytest-asyncio in its strict and `auto` modes.

Every run of pytest imports them, so the package is imported when a test asks for one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import pytest_asyncio

import ev_energy_async
from ev_energy_async import testing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ev_energy_async import EvEnergy
    from ev_energy_async.sandbox import Sandbox
    from ev_energy_async.testing import MockApi

__all__ = ["ev", "ev_api", "ev_factories", "ev_options", "ev_sandbox", "ev_sandbox_options"]

_VEHICLES: Final = 20


def _stands_still(options: dict[str, Any]) -> bool:
    from ev_energy_async import sandbox  # noqa: PLC0415  # pytest would load a module in this one's namespace

    return isinstance(options.get("clock", sandbox.SteppedClock(testing.START)), sandbox.SteppedClock)


@pytest.fixture
def ev_sandbox_options() -> dict[str, Any]:
    """Return the arguments for the sandbox of `ev_sandbox`; override this fixture to change them.

    See `ev_energy_async.sandbox.Sandbox`. By default there are 20 vehicles, and time stands at `START`.
    """
    return {}


@pytest_asyncio.fixture
async def ev_sandbox(ev_sandbox_options: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """A sandbox for one test, on a free port; always the same, because seed and time are fixed.

    Its time moves with `ev_sandbox.advance(seconds)`; what it was asked is in `ev_sandbox.requests`.
    """
    from ev_energy_async import sandbox  # noqa: PLC0415  # as above

    options: dict[str, Any] = {
        "vehicles": _VEHICLES,
        "clock": sandbox.SteppedClock(testing.START),
        **ev_sandbox_options,
    }
    async with sandbox.Sandbox(**options) as running:
        yield running


@pytest.fixture
def ev_options() -> dict[str, Any]:
    """Return further arguments for the client of `ev`; override this fixture to change them.

    See `ev_energy_async.EvEnergy`; those that are given here win, `auth` and `clock` too.
    """
    return {}


@pytest_asyncio.fixture
async def ev(
    ev_sandbox: Sandbox, ev_sandbox_options: dict[str, Any], ev_options: dict[str, Any]
) -> AsyncIterator[EvEnergy]:
    """A client of `ev_sandbox`, with the credentials of its application.

    Where time in the sandbox stands still, as it does by default, it is the client's time too: what the client sleeps,
    between retries or for the budget, moves the sandbox on, and the test does not wait.
    """
    options: dict[str, Any] = {
        "auth": ev_energy_async.ClientCredentials(
            ev_sandbox.client_id, ev_sandbox.client_secret, token_url=ev_sandbox.token_url
        ),
        "base_url": ev_sandbox.base_url,
        "clock": testing.SandboxClock(ev_sandbox) if _stands_still(ev_sandbox_options) else None,
    }
    async with ev_energy_async.EvEnergy(**{**options, **ev_options}) as client:
        yield client


@pytest.fixture
def ev_api() -> Iterator[MockApi]:
    """A mocked network with nothing but what the test registers, for every aiohttp session; see `MockApi`.

    Servers of the test's own, on this machine, are reached as always.
    """
    with testing.MockApi(passthrough=("http://127.0.0.1", "http://localhost")) as api:
        yield api


@pytest.fixture(autouse=True)
def ev_factories() -> None:
    """Reset the seed of `build` and `batch` for each test, so that no test depends on earlier ones."""
    if "ev_energy_async.testing.factories" in sys.modules:  # whatever drew nothing needs no seed
        testing.reseed()
