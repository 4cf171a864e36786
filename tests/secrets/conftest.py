"""A logger at DEBUG that is listened to, and a mocked network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from ev_energy_async.testing import MockApi

from .planted import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def heard() -> Iterator[Listener]:
    listener, logger = Listener(), logging.getLogger("ev_energy_async")
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    yield listener
    logger.setLevel(level)
    logger.removeHandler(listener)


@pytest.fixture
def network() -> Iterator[MockApi]:
    with MockApi() as running:
        yield running
