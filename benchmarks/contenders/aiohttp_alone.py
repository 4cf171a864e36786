"""aiohttp and nothing else: what an import is compared with. It can do nothing."""

import aiohttp as aiohttp  # noqa: PLC0414  # the import is all there is to it

__all__ = ["make"]


def make(base_url: str) -> str:
    """Make nothing."""
    return base_url
