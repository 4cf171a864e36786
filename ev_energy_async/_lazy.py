"""Packages whose names are imported when they are first used (PEP 562).

A package's `__init__` calls `face` with the names that others may use; what it does not name is private to the package.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["face"]


def face(package: str, **homes: Sequence[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: Its `__name__`.
        homes: The names that each of its modules gives to the package.

    Example:
        >>> __getattr__, __dir__, __all__ = face(__name__, grants=("ClientCredentials",))  # doctest: +SKIP
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    names = sorted(home_of)

    def get(name: str) -> Any:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, names.copy, names
