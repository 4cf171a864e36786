"""The API's time, as the `Date` of its responses tells it.

What is stored, or compared with the times of logs, is taken from here and never from this machine's clock, which may be
wrong by minutes or by years. `follow`, the watch and audits use it.
"""

from __future__ import annotations

import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.instants import SECOND, instant_of

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import Response

__all__ = ["ServerTime", "date_of"]

_LOG: Final = logging.getLogger("ev_energy_async")
# A difference that is worth a warning.
_NOTABLE: Final = 60 * SECOND


def date_of(response: Response[Any] | None) -> int | None:
    """Return the instant in the `Date` of a response (RFC 9110, section 6.6.1); None if it states none."""
    stated = None if response is None else response.headers.get("Date")
    try:
        date = None if stated is None else parsedate_to_datetime(stated)
    except ValueError:
        return None
    return None if date is None or date.tzinfo is None else instant_of(date)


class ServerTime:
    """The time by the API's clock: that of the last response, and what has passed since on a clock that only runs on.

    Until a response states its `Date`, this machine's clock has to do.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base: int | None = None
        self._base_monotonic = 0.0
        self._has_warned = False

    def now(self) -> int:
        """Return the time as an instant; as far as it is known, never later than it is."""
        if self._base is None:
            return instant_of(self._clock.now())
        return self._base + round((self._clock.monotonic() - self._base_monotonic) * SECOND)

    def read_at(self, response: Response[Any] | None, began: int) -> int:
        """Return when a reading was made, by the API's clock. Warns once if this machine's clock differs.

        Args:
            response: The first response of the reading.
            began: What `now` was before it was asked for, for a response that states no `Date`.
        """
        date = date_of(response)
        if date is None:
            return began
        self._base, self._base_monotonic = date, self._clock.monotonic()
        ahead = instant_of(self._clock.now()) - date
        if abs(ahead) > _NOTABLE and not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "this machine's clock is %.0f s %s of the API's; times are taken from the API",
                abs(ahead) / SECOND,
                "ahead" if ahead > 0 else "behind",
            )
        return date
