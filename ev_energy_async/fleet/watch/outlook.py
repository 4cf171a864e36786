"""The facts about a fleet that a watch learns and its budget depends on. Pure.

The engine tells it what it reads, and the rule in `allotment` is given what it expects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.fleet.allotment import HOUR, REPORT_EVERY

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Outlook"]

_DAY: Final = 86_400.0
_USUAL: Final = HOUR / REPORT_EVERY
# Lateness that a page has room for anyway.
_NOTABLE: Final = 3_600.0


class Outlook:
    """The expected reporting of a fleet.

    Args:
        now: The time, in seconds of a monotonic clock.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        # 0 for those that report nobody knows how often.
        self._rates: dict[str, float] = {}
        self._sum = 0.0
        self._unrated = 0
        self._lateness = 0.0
        self._late_at = now

    def learn(self, device_id: str, per_hour: float) -> None:
        """Learn how many logs a device stores in an hour; 0 if it has stored one, and no read has seen several."""
        before = self._rates.get(device_id)
        if before and not per_hour:
            return
        self._unrated += (not per_hour) - (before == 0)
        self._sum += per_hour - (before or 0.0)
        self._rates[device_id] = per_hour

    def forget(self, device_ids: Iterable[str]) -> None:
        """Forget devices that are gone."""
        for device_id in device_ids:
            before = self._rates.pop(device_id, None)
            self._sum -= before or 0.0
            self._unrated -= before == 0

    def rate(self, devices: int, now: float) -> float:
        """Return the logs per device and hour that are to be expected.

        A device that was not heard of is taken to report as usual at first, and after a day to be silent; one that has
        reported, and whose logs were not read, to report as usual.
        """
        if not devices:
            return _USUAL
        unheard = max(0, devices - len(self._rates)) * max(0.0, 1 - (now - self._began) / _DAY)
        return max(0.0, self._sum + (self._unrated + unheard) * _USUAL) / devices

    def note_late(self, lateness: float, now: float) -> None:
        """Learn that a log was stored so many seconds after it was sampled, and after later ones had been read."""
        if lateness >= _NOTABLE:
            self._lateness, self._late_at = max(lateness, self.lateness(now)), now

    def lateness(self, now: float) -> float:
        """Return how late logs are to be expected, in seconds. Half of it is forgotten in a week."""
        found = self._lateness * 0.5 ** (max(0.0, now - self._late_at) / (7 * _DAY))
        return found if found >= _NOTABLE else 0.0
