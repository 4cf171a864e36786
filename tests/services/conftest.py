"""The servers, one of each for a run of the tests, and a place of its own for each test."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final

import pytest

from .servers import PostgresServer, RedisServer, ServerMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS: Final = itertools.count(1)


def unavailable(missing: ServerMissing) -> None:
    """Skip a test that needs a server; a run that requires the servers fails instead."""
    if os.environ.get("SERVICES") == "required":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except ServerMissing as missing:
        unavailable(missing)
        raise
    with server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    try:
        server = RedisServer()
    except ServerMissing as missing:
        unavailable(missing)
        raise
    with server:
        yield server


@pytest.fixture
def place() -> str:
    """A name for a schema or a prefix that no other test has."""
    return f"test_{next(_NUMBERS)}"
