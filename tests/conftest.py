"""Fixtures of all tests: a mocked network, a fake clock, a client on both, and a watch for leaked secrets.

Network and clock come from `ev_energy_async.testing`, which users have too.
"""

from __future__ import annotations

import gc
import random
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.testing import START, Answer, FakeClock, Sent
from ev_energy_async.testing import MockApi as Network

from .conformance import responses_conform, watch
from .leaks import no_leak, watching_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

__all__ = [
    "START",
    "Answer",
    "FakeClock",
    "Network",
    "Sent",
    "responses_conform",
    "clock",
    "ev",
    "network",
    "no_leak",
    "watch",
    "watching_all",
]


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ev(network: Network, clock: FakeClock) -> AsyncIterator[EvEnergy]:  # noqa: ARG001  # before the session is
    """A client with a token on the mocked network."""
    async with EvEnergy(StaticToken("token-of-the-tests"), clock=clock, random=random.Random(7)) as client:
        yield client


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported and collected out of garbage collections, of which it would be most of the cost."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        # Large pages are millions of objects: at the default of 700 the collector would take a twentieth of all time.
        gc.set_threshold(50_000)
        gc.enable()
