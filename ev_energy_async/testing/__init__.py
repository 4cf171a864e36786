"""Tools for testing your own code: fixtures, a sandbox, a mocked API, models, clocks, signed webhooks.

Needs the extra `[testing]`. In the `conftest.py` at the root of the tests:

    pytest_plugins = ["ev_energy_async.testing"]

That gives the fixtures `ev_sandbox`, `ev` and `ev_api`. There is no entry point that would turn them on by itself: one
would be active in every run of pytest on a machine that has the package, wanted or not, and cost its import each time.

Nothing of the package imports this. Everything drawn at random comes from a seed, so a test sees the same each time.

PYTEST_DONT_REWRITE: there are no assertions in here, and a conftest may import it before pytest does.
"""

from __future__ import annotations

import importlib
from typing import Final

_NEEDED: Final = ("aioresponses", "polyfactory", "pytest", "pytest_asyncio", "standardwebhooks")

for _name in _NEEDED:
    try:
        importlib.import_module(_name)
    except ModuleNotFoundError as error:
        if error.name != _name:
            raise
        raise ModuleNotFoundError(
            f"ev_energy_async.testing needs {_name}: pip install 'ev-energy-async[testing]'", name=_name
        ) from None

# Below the check, which names the extra.
from ev_energy_async.testing.answers import api_error, page, paginated, respond  # noqa: E402
from ev_energy_async.testing.clock import START, FakeClock, SandboxClock  # noqa: E402
from ev_energy_async.testing.contracts import check_checkpoint, check_token_store  # noqa: E402
from ev_energy_async.testing.factories import SEED, ModelFactory, batch, build, reseed  # noqa: E402
from ev_energy_async.testing.fixtures import ev, ev_api, ev_factories, ev_sandbox, ev_sandbox_options  # noqa: E402
from ev_energy_async.testing.mock_api import Answer, MockApi, Sent  # noqa: E402
from ev_energy_async.testing.signing import sign  # noqa: E402

__all__ = [
    "Answer",
    "FakeClock",
    "MockApi",
    "ModelFactory",
    "SEED",
    "START",
    "SandboxClock",
    "Sent",
    "api_error",
    "batch",
    "build",
    "check_checkpoint",
    "check_token_store",
    "ev",
    "ev_api",
    "ev_factories",
    "ev_sandbox",
    "ev_sandbox_options",
    "page",
    "paginated",
    "reseed",
    "respond",
    "sign",
]
