"""aiohttp alone: the baseline of the import. It has no calls."""

import aiohttp

__all__ = ["aiohttp", "make"]


def make(base_url: str) -> str:
    """Make nothing."""
    return base_url
