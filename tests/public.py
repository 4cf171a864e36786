"""The hand-written modules that users import from, taken from what exists: one that is added counts, unless named here.

`public_modules` is what tests over the whole public surface go by.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final

import ev_energy_async
from ev_energy_async import backends

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["PACKAGE", "names_of", "public_modules"]

PACKAGE: Final = ev_energy_async.__name__
# Directly below the package, and yet left out, each with the reason.
LEFT_OUT: Final = {
    "api": "is generated, and so are its pages",
    "calls": "makes the generated functions; what users need of it, such as `Paginator`, is in the package itself",
    "config": "checks the arguments of a client",
    "demo": "is a program",
    "files": "keeps files from other users of the machine",
    "flows": "is a base of the client, which has its methods",
    "http": "is the way of a request; `Stats` is in the package itself",
    "instants": "counts nanoseconds",
    "loops": "holds a lock for those who store",
    "masking": "hides secrets",
    "models": "is generated, and so are its pages",
    "urls": "checks URLs",
}


def _parts(package: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    return pkgutil.iter_modules(package.__path__)


# Two levels below it and yet public. Most packages export what users need of their parts.
_NESTED: Final = (
    *("sandbox.faults", "tenants.postgres"),
    *(f"backends.{each.name}" for each in _parts(backends) if each.ispkg),
)


def public_modules() -> dict[str, ModuleType]:
    """Return the modules by their names below the package; that of the package itself is empty."""
    found = {each.name for each in _parts(ev_energy_async) if not each.name.startswith("_")}
    assert found >= LEFT_OUT.keys(), "an exception for what does not exist"
    names = ["", *sorted(found - LEFT_OUT.keys()), *_NESTED]
    return {name: importlib.import_module(f"{PACKAGE}.{name}".removesuffix(".")) for name in names}


def names_of(module: ModuleType) -> list[str]:
    """Return the names that a module exports."""
    return list(getattr(module, "__all__", ()))
