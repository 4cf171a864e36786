"""Numbers in response headers, read without trust: any length, script or size may come from outside.

`Response` and the errors use these; a value that cannot be read is None, never an exception.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["count", "retry_after_text", "seconds_stated"]

# `int` refuses texts of more than 4,300 digits; no count or delay has more than these.
_LONGEST_COUNT: Final = 15
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_LONGEST_STATED: Final = 366 * 86_400.0
"""Seconds: beyond it a time would be outside what a datetime holds."""


def count(text: str | None) -> int | None:
    """Return a non-negative integer; None if the text is anything else."""
    if text is None:
        return None
    digits = text.strip()
    return int(digits) if len(digits) <= _LONGEST_COUNT and digits.isascii() and digits.isdigit() else None


def retry_after_text(headers: Mapping[str, str]) -> str:
    """Return the value of `Retry-After`, empty if there is none; the API spells it `RetryAfter` in places."""
    return (headers.get("Retry-After") or headers.get("RetryAfter") or "").strip()


def seconds_stated(text: str) -> float | None:
    """Return a delay in seconds (RFC 9110, section 10.2.3), fractions included; None if the text is no number."""
    if not _SECONDS.fullmatch(text):
        return None
    stated = float(text)  # of any length: beyond a float's range it is infinite
    return _LONGEST_STATED if math.isinf(stated) else min(stated, _LONGEST_STATED)
