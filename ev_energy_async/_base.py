"""The root of all errors, and the one that every module may raise.

A leaf, so that values and requests can refuse arguments; users import both from `errors`.
"""

from __future__ import annotations

from typing import Any, Final

from ev_energy_async.masking import without_userinfo
from ev_energy_async.values import Model, is_mapping

__all__ = ["EvEnergyError", "InvalidArgument"]

_LONGEST_SHOWN: Final = 80


class EvEnergyError(Exception):
    """The root of every error that this package raises."""


class InvalidArgument(EvEnergyError, ValueError):
    """An argument was refused before anything was sent.

    Attributes:
        argument: Name of the argument.
        given: What was passed.
        expected: What would have been right.
    """

    def __init__(self, argument: str, given: object, expected: str) -> None:
        shown = _shown(given)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[: _LONGEST_SHOWN - 1] + "…"
        super().__init__(f"{argument}: expected {expected}, got {shown}")
        self.argument = argument
        self.given = given
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.argument, self.given, self.expected)


def _shown(given: object) -> str:
    # A body may hold what no log may show; its keys say enough.
    if is_mapping(given):
        return f"a mapping with {', '.join(map(repr, given))}" if given else "an empty mapping"
    return f"a {type(given).__name__}" if isinstance(given, Model) else without_userinfo(repr(given))
