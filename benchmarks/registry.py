"""The contenders, and the environment of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BENCH", "CONTENDERS", "EXTRAS", "Entry", "entry"]

BENCH: Final = "bench"
"""The environment of this package, the floor and the limit."""


@dataclass(frozen=True)
class Entry:
    """A contender.

    Attributes:
        key: Its name in the results, and that of its module in `contenders`.
        letter: Its letter in the tables.
        label: Its description.
        environment: Its virtual environment.
        share: The share of the requests that it makes; results are per 1,000. The slow ones would take all day.
    """

    key: str
    letter: str
    label: str
    environment: str
    share: float = 1.0

    @property
    def module(self) -> str:
        """The module of its adapter."""
        return f"benchmarks.contenders.{self.key}"


CONTENDERS: Final = (
    Entry("floor", "a", "aiohttp + orjson, dictionaries", BENCH),
    Entry("limit", "b", "aiohttp + msgspec, attrs classes", BENCH),
    Entry("openapi_python_client", "c", "openapi-python-client", "openapi_python_client", 0.2),
    Entry("openapi_generator", "d", "openapi-generator, asyncio", "openapi_generator", 0.2),
    Entry("clientele", "e", "clientele", "clientele", 0.2),
    Entry("ours", "f", "ev-energy-async", BENCH),
)

EXTRAS: Final = (
    Entry("aiohttp_alone", "-", "aiohttp alone", BENCH),
    Entry("ours_lean", "-", "ev-energy-async without raw bodies", BENCH),
    Entry("ours_speed", "-", "ev-energy-async with isal and uvloop", BENCH),
    Entry("ours_hooked", "-", "ev-energy-async with a hook", BENCH),
)


def entry(key: str) -> Entry:
    """Return a contender by its key."""
    return next(each for each in CONTENDERS + EXTRAS if each.key == key)
