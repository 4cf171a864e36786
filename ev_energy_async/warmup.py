"""Import and warm all that is lazy, for programs that must not block their event loop."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ev_energy_async import api, codec, models

__all__ = ["preload"]

_LAZY = (
    "cattrs",
    "oauthlib.oauth2",
    "ulid",
    "ev_energy_async.auth.source",
    "ev_energy_async.auth.stores",
    "ev_energy_async.client",
    "ev_energy_async.codec.tolerant",
    "ev_energy_async.devices.logs",
    "ev_energy_async.http.middleware",
    "ev_energy_async.http.retry",
    "ev_energy_async.onboarding",
    "ev_energy_async.uploads",
)


def preload() -> None:
    """Import every module that the package loads lazily, and make the decoder of every answer.

    Call it off the event loop, before the first client is made: Home Assistant forbids blocking imports in the loop.
    Takes a few tenths of a second of CPU, once.

    Example:
        >>> await asyncio.to_thread(ev_energy_async.preload)  # doctest: +SKIP
    """
    for name in _LAZY:
        importlib.import_module(name)
    for package in (models, api):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in models.__all__:
        getattr(models, name)
    for name in api.__all__:
        function: Any = getattr(api, name)
        operation = vars(importlib.import_module(function.__module__))[f"_{name.upper()}"]
        if operation.into is not None:
            codec.warm(operation.answer_type())
        if operation.body is not None and operation.body() is not None:
            codec.warm(operation.body())
