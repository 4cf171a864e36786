"""Tools for testing your own code: fixtures, a sandbox, a mocked API, models, clocks, signed webhooks.

Needs the extra `[testing]`. In the `conftest.py` at the root of the tests:

    pytest_plugins = ["ev_energy_async.testing"]

That gives the fixtures `ev_sandbox`, `ev` and `ev_api`. There is no entry point that would turn them on by itself: one
would be active in every run of pytest on a machine that has the package, wanted or not, and cost its import each time.

Nothing of the package imports this. Everything drawn at random comes from a seed, so a test sees the same each time.

PYTEST_DONT_REWRITE: there are no assertions in here, and a conftest may import it before pytest does.
"""

from __future__ import annotations

from ev_energy_async._extras import extra

_NEEDED = ("aioresponses", "hypothesis", "polyfactory", "pytest", "pytest_asyncio", "standardwebhooks", "ulid")

with extra("testing", __name__, *_NEEDED):
    from ev_energy_async.testing.answers import api_error, page, paginated, respond
    from ev_energy_async.testing.clock import START, FakeClock, SandboxClock
    from ev_energy_async.testing.contracts import (
        check_budget,
        check_checkpoint,
        check_deduplication_store,
        check_lease,
        check_token_store,
    )
    from ev_energy_async.testing.factories import SEED, ModelFactory, batch, build, reseed
    from ev_energy_async.testing.fixtures import ev, ev_api, ev_factories, ev_options, ev_sandbox, ev_sandbox_options
    from ev_energy_async.testing.mock_api import Answer, MockApi, Sent
    from ev_energy_async.testing.signing import sign

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
    "check_budget",
    "check_checkpoint",
    "check_deduplication_store",
    "check_lease",
    "check_token_store",
    "ev",
    "ev_api",
    "ev_factories",
    "ev_options",
    "ev_sandbox",
    "ev_sandbox_options",
    "page",
    "paginated",
    "reseed",
    "respond",
    "sign",
]
