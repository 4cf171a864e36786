"""Imports and warms up everything that is lazy, for programs whose event loop must not block.

Home Assistant integrations and the like call `preload` before they make a client; nothing in the package does. What is
lazy is found by walking the package, so that a new module needs no entry here.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import api, codec, models
from ev_energy_async._extras import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["preload"]

_ROOT: Final = Path(__file__).parent
# Libraries that a module of ours imports when it needs them.
_LIBRARIES: Final = ("cattrs",)
# Programs and test kits, which no service runs beside its event loop.
_APART: Final = frozenset({"cli", "demo", "sandbox", "testing"})


def preload() -> None:
    """Import every module that the package loads lazily, and make the decoder of every response.

    Call it off the event loop, before the first client is made: Home Assistant forbids blocking imports in the loop.
    Takes about half a second of CPU, once. Modules of extras that are not installed are left out.

    Example:
        >>> await asyncio.to_thread(ev_energy_async.preload)  # doctest: +SKIP
    """
    for name in (*_LIBRARIES, *_modules([str(_ROOT)], "ev_energy_async.")):
        _load(name)
    for name in models.__all__:
        getattr(models, name)
    for name in api.__all__:
        function: Any = getattr(api, name)
        operation = vars(importlib.import_module(function.__module__))[f"_{name.upper()}"]
        if operation.into is not None:
            codec.warm(operation.response_type())
        if operation.body is not None and operation.body() is not None:
            codec.warm(operation.body())


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except MissingExtra:
        return None


def _modules(path: Iterable[str], prefix: str) -> Iterator[str]:
    # Not `walk_packages`, which imports the programs too.
    for found in pkgutil.iter_modules(path, prefix):
        short = found.name.removeprefix("ev_energy_async.")
        if short in _APART or found.name.rpartition(".")[2].startswith("__"):
            continue
        yield found.name
        if found.ispkg:
            package = _load(found.name)
            if package is not None:
                yield from _modules(package.__path__, f"{found.name}.")
