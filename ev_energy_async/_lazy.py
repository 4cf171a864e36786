"""Lazy imports (PEP 562): a name or a module is imported when it is first used.

Importing the package and making a client stay cheap without imports inside functions. There are two patterns:

1. A package has a face: its `__init__` calls `face` with the names that others may use; other names are private.
   Whoever needs a name late imports the package on top and asks it for the name where it is used:

       from ev_energy_async import auth
       ...
       source = auth.TokenSource(grant)          # imports ev_energy_async.auth.source

2. A single module that few programs need is imported through `lazy_module`, with the import that type checkers and the
   import contract see beside it:

       if TYPE_CHECKING:
           from ev_energy_async import onboarding
       else:
           onboarding = lazy_module("ev_energy_async.onboarding")
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["face", "lazy_module"]


def face(package: str, **homes: Sequence[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: Its `__name__`.
        homes: For each of its modules, the names that the package takes from it.

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


class _LazyModule(ModuleType):
    """A stand-in that imports its module when it is first asked for something.

    It keeps the module and no name of it, so that it shows what the module has now: a test may have replaced a name.
    """

    _module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self.__name__)
        return getattr(self._module, name)


def lazy_module(name: str) -> ModuleType:
    """Return a stand-in for a module, which is imported at the first use of one of its names."""
    return _LazyModule(name)
