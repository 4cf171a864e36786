"""(a) The floor: aiohttp, and orjson to dictionaries. No models, no types."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.contenders.plain import Plain

__all__ = ["make"]


def make(base_url: str) -> Plain[Any, Any]:
    """Make the client."""
    return Plain(base_url, orjson.loads, orjson.loads, orjson.loads)
