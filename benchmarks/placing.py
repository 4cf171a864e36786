"""Assign processes of the benchmarks to cores."""

from __future__ import annotations

import os

__all__ = ["CLIENT_CORE", "SERVER_CORE", "pin"]


def _cores() -> list[int]:
    # Not available everywhere, e.g. on macOS.
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


_FOUND = _cores()
SERVER_CORE: int | None = _FOUND[1] if len(_FOUND) > 1 else None
CLIENT_CORE: int | None = _FOUND[0] if len(_FOUND) > 1 else None


def pin(core: int | None) -> None:
    """Keep this process on one core, where the system supports it."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
