"""aiohttp alone: the baseline of the import. It has no calls."""

import aiohttp as aiohttp  # noqa: PLC0414  # the import is the measurement

__all__ = ["make"]


def make(base_url: str) -> str:
    """Make nothing."""
    return base_url
