"""Tools for testing your own code: fixtures, a sandbox, a mocked API, models, clocks, signed webhooks.

Needs the extra `[testing]`. pytest finds the fixtures `ev_sandbox`, `ev` and `ev_api` by itself, and imports nothing of
the package before a test asks for one; `-p no:ev_energy` turns them off. Without pytest's entry points:

    pytest_plugins = ["ev_energy_async.testing"]

Nothing of the package imports this. Everything drawn at random comes from a seed, so a test sees the same each time.

PYTEST_DONT_REWRITE: there are no assertions in here, and a conftest may import it before pytest does.
"""

from typing import TYPE_CHECKING, Any

from ev_energy_async._extras import extra
from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.testing.answers import api_error as api_error
    from ev_energy_async.testing.answers import page as page
    from ev_energy_async.testing.answers import paginated as paginated
    from ev_energy_async.testing.answers import respond as respond
    from ev_energy_async.testing.clock import START as START
    from ev_energy_async.testing.clock import FakeClock as FakeClock
    from ev_energy_async.testing.clock import SandboxClock as SandboxClock
    from ev_energy_async.testing.contracts import check_auth as check_auth
    from ev_energy_async.testing.contracts import check_budget as check_budget
    from ev_energy_async.testing.contracts import check_checkpoint as check_checkpoint
    from ev_energy_async.testing.contracts import check_deduplication_store as check_deduplication_store
    from ev_energy_async.testing.contracts import check_lease as check_lease
    from ev_energy_async.testing.contracts import check_middleware as check_middleware
    from ev_energy_async.testing.contracts import check_token_store as check_token_store
    from ev_energy_async.testing.factories import SEED as SEED
    from ev_energy_async.testing.factories import ModelFactory as ModelFactory
    from ev_energy_async.testing.factories import batch as batch
    from ev_energy_async.testing.factories import build as build
    from ev_energy_async.testing.factories import reseed as reseed
    from ev_energy_async.testing.fixtures import ev as ev
    from ev_energy_async.testing.fixtures import ev_api as ev_api
    from ev_energy_async.testing.fixtures import ev_factories as ev_factories
    from ev_energy_async.testing.fixtures import ev_options as ev_options
    from ev_energy_async.testing.fixtures import ev_sandbox as ev_sandbox
    from ev_energy_async.testing.fixtures import ev_sandbox_options as ev_sandbox_options
    from ev_energy_async.testing.mock_api import Answer as Answer
    from ev_energy_async.testing.mock_api import MockApi as MockApi
    from ev_energy_async.testing.mock_api import Sent as Sent
    from ev_energy_async.testing.signing import sign as sign
else:
    _get, __dir__, __all__ = face(
        __name__,
        answers=(
            "api_error",
            "page",
            "paginated",
            "respond",
        ),
        clock=(
            "START",
            "FakeClock",
            "SandboxClock",
        ),
        contracts=(
            "check_auth",
            "check_budget",
            "check_checkpoint",
            "check_deduplication_store",
            "check_lease",
            "check_middleware",
            "check_token_store",
        ),
        factories=(
            "SEED",
            "ModelFactory",
            "batch",
            "build",
            "reseed",
        ),
        fixtures=(
            "ev",
            "ev_api",
            "ev_factories",
            "ev_options",
            "ev_sandbox",
            "ev_sandbox_options",
        ),
        mock_api=(
            "Answer",
            "MockApi",
            "Sent",
        ),
        signing=("sign",),
    )

    def __getattr__(name: str) -> Any:
        with extra("testing", __name__, *_NEEDED):
            return _get(name)


_NEEDED = ("aioresponses", "hypothesis", "polyfactory", "pytest", "pytest_asyncio", "standardwebhooks", "ulid")
