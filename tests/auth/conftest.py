"""An authorization server behind the mocked network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .oauth_kit import Service

if TYPE_CHECKING:
    from tests.conftest import Network


@pytest.fixture
def service(network: Network) -> Service:
    return Service(network)
