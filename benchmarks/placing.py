"""Assign processes of the benchmarks to cores, and read their arguments."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CLIENT_CORE", "SERVER_CORE", "arguments", "pin"]


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


def arguments(
    about: str | None, given: Sequence[str] | None, wanted: Mapping[str, type[Any]], /, **options: Any
) -> argparse.Namespace:
    """Read the arguments of a benchmark that runs alone, and keep its process on the core that they name.

    Args:
        about: The documentation of its module.
        given: The arguments; None for those of the process.
        wanted: The names and types of what follows the base URL, in order.
        options: Options with their defaults, which are of the type of the option.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("base_url")
    for name, kind in wanted.items():
        parser.add_argument(name, type=kind)
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=default.__class__, default=default)
    parser.add_argument("--core", type=int, default=None)
    found = parser.parse_args(given)
    pin(found.core)
    return found
