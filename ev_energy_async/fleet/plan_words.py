"""The words of a plan: what devices are called, and how long something takes. Pure."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["named", "spoken"]

# Seconds from which on days are counted.
_DAYS: Final = 2 * 86_400


def named(kind: str, count: int) -> str:
    """Return what devices of a kind are called."""
    name = {"evses": "chargers", "ct_clamps": "CT clamps"}.get(kind, kind.replace("_", " "))
    if count != 1:
        return name
    return f"{name[:-3]}y" if name.endswith("ies") else name[:-1]


def spoken(duration: float) -> str:
    """Return seconds in the one or two units that suit them, as in `1 h 30 min`."""
    if duration == math.inf:
        return "no time"
    if duration < 60:  # noqa: PLR2004  # a minute
        return f"{duration:.3g} s"
    rest = round(duration)
    parts: list[str] = []
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for name, length in units if rest >= _DAYS else units[1:]:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
        if len(parts) == 2:  # noqa: PLR2004  # units
            break
    return " ".join(filter(None, parts))
