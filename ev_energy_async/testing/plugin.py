"""The plugin that pytest finds by its entry point; `-p no:ev_energy` turns it off.

It is loaded in every run of pytest on a machine that has the package, so it imports as good as nothing. The fixtures
need pytest-asyncio: without it there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_configure"]


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures."""
    if config.pluginmanager.hasplugin("asyncio"):
        from ev_energy_async.testing import fixtures  # noqa: PLC0415  # it imports pytest-asyncio

        config.pluginmanager.register(fixtures, "ev_energy fixtures")
