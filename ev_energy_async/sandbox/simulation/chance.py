"""Seeded chance: the same numbers always give the same draws, in whatever order things are looked at."""

from random import Random
from typing import Final

_MASK: Final = (1 << 64) - 1


def mix(*parts: int) -> int:
    """Fold integers into one well-scattered 64-bit number.

    The finaliser is splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
    """
    folded = 0x9E3779B97F4A7C15
    for part in parts:
        folded = (folded + part + 0x9E3779B97F4A7C15) & _MASK
        folded = ((folded ^ (folded >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        folded = ((folded ^ (folded >> 27)) * 0x94D049BB133111EB) & _MASK
        folded ^= folded >> 31
    return folded


def source(*parts: int) -> Random:
    """Return a source of draws of its own for each combination of numbers."""
    return Random(mix(*parts))


def share(*parts: int) -> float:
    """Return one draw between 0 and 1 without the cost of a source."""
    return mix(*parts) / (_MASK + 1)
