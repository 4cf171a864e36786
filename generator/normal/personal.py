"""Whether the name of a field says that it holds personal data. Pure.

Which fields do is stated in corrections.yaml, one by one; this finds those that a new document adds.
"""

from __future__ import annotations

import re
from typing import Final

NOBODY: Final = "nobody"
"""The entry in the corrections for a field that only looks personal."""

_TELLING: Final = re.compile(
    r"(^|_)(e_?mail|phone|mobile|first_name|last_name|full_name|street|address(_\d)?|post_?code|postal_code|city"
    r"|latitude|longitude|birth(day|_date)?|vin|iccid|serial_number|ip_address|iban|user|owner)(_id)?"
)


def looks_personal(name: str) -> bool:
    """Return whether a field of this name is likely to hold personal data."""
    return _TELLING.fullmatch(name) is not None
