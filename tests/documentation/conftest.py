"""A registry for each test: the one of the process would refuse the second collector of the same metrics."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    made = CollectorRegistry()
    monkeypatch.setattr("prometheus_client.core.REGISTRY", made)
    return made
