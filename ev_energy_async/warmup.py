"""Import and warm everything that is lazy, for programs that must not block their event loop."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING, Any, Final

import ev_energy_async
from ev_energy_async import api, codec, models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["preload"]

# Third-party modules that are imported where they are first needed.
_LIBRARIES: Final = ("cattrs", "oauthlib.oauth2", "ulid")
# Programs and test kits: no service runs them beside its event loop.
_APART: Final = frozenset({"demo", "sandbox", "testing"})


def preload() -> None:
    """Import every module that the package loads lazily, and make the decoder of every response.

    Call it off the event loop, before the first client is made: Home Assistant forbids blocking imports in the loop.
    Takes a few tenths of a second of CPU, once.

    Example:
        >>> await asyncio.to_thread(ev_energy_async.preload)  # doctest: +SKIP
    """
    for name in (*_LIBRARIES, *_modules(ev_energy_async.__path__, "ev_energy_async.")):
        importlib.import_module(name)
    for name in models.__all__:
        getattr(models, name)
    for name in api.__all__:
        function: Any = getattr(api, name)
        operation = vars(importlib.import_module(function.__module__))[f"_{name.upper()}"]
        if operation.into is not None:
            codec.warm(operation.answer_type())
        if operation.body is not None and operation.body() is not None:
            codec.warm(operation.body())


def _modules(path: Iterable[str], prefix: str) -> Iterator[str]:
    # Not `walk_packages`, which imports what it walks over.
    for found in pkgutil.iter_modules(path, prefix):
        short = found.name.removeprefix("ev_energy_async.")
        if short in _APART or short.startswith("_") or (short == "otel" and not _is_installed("opentelemetry")):
            continue
        yield found.name
        if found.ispkg:
            yield from _modules(importlib.import_module(found.name).__path__, f"{found.name}.")


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
