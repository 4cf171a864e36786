"""The arguments of a watch, checked: which devices it is of, with the settings for each kind. Pure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypedDict

import attrs

from ev_energy_async.clock import seconds
from ev_energy_async.devices import DEVICES
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.backfill import device_ids
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from ev_energy_async.clock import Duration
    from ev_energy_async.fleet.watch import Settings
    from ev_energy_async.ids import Ref
    from ev_energy_async.models import Vehicle

__all__ = [
    "CONCURRENCY",
    "LOGS",
    "Replaced",
    "at_least_one",
    "check_ack",
    "nanoseconds",
    "settings_of",
    "warn_of_replaced",
]

CONCURRENCY: Final = 20
"""Collections that are read at once."""
_VEHICLES: Final = "vehicles"
LOGS: Final = DEVICES[_VEHICLES].watched
"""The logs that are watched."""
_REPLACED: Final = {
    "read_every": "history is read in full pages, as `complete_within=` and the budget allow",
    "reread_every": "late logs are found with the history, within `complete_within=`",
    "reread_share": "late logs are found with the history, within `complete_within=`",
}


class Replaced(TypedDict, total=False):
    """Arguments of `watch` that have no effect any more."""

    read_every: Duration | None
    reread_every: Duration
    reread_share: float


def check_ack(ack: object) -> None:
    """Check what acknowledges events.

    Raises:
        InvalidArgument: It is neither `next` nor `explicit`.
    """
    if ack not in ("next", "explicit"):
        raise InvalidArgument("ack", ack, "'next' or 'explicit'")


def warn_of_replaced(given: Iterable[str]) -> None:
    """Warn of arguments that have no effect any more.

    Raises:
        TypeError: There never was such an argument.
    """
    for argument in given:
        if argument not in _REPLACED:
            raise TypeError(f"watch() got an unexpected keyword argument {argument!r}")
        warnings.warn(f"{argument}= has no effect any more; {_REPLACED[argument]}", DeprecationWarning, stacklevel=3)


def settings_of(
    common: Settings, kinds: Iterable[str], vehicles: Iterable[Ref] | Callable[[Vehicle], bool] | None
) -> list[Settings]:
    """Return the settings of a watch for each kind of devices, in the order of the table.

    Args:
        common: What holds for all of them.
        kinds: The kinds; one may be given by itself.
        vehicles: Which vehicles; None for all.

    Raises:
        InvalidArgument: There is no such kind, or none is given, or there are no such vehicles.
    """
    given = {kinds} if isinstance(kinds, str) else set(kinds) if isinstance(kinds, Iterable) else set[str]()
    if not given or not given <= set(DEVICES):
        raise InvalidArgument("kinds", kinds, f"any of {', '.join(map(repr, DEVICES))}")
    selects = _selection(vehicles)
    if selects is not None and _VEHICLES not in given:
        raise InvalidArgument("vehicles", vehicles, "nothing where `kinds` is without vehicles")
    found: list[Settings] = []
    for kind, row in DEVICES.items():
        if kind not in given:
            continue
        rules = attrs.evolve(
            common.rules,
            of=row,
            errors=common.rules.errors and "error" in row.watched,
            # What has no collection shows its newest log, and that is all.
            reads=common.rules.reads and bool(row.regular.function),
            in_order=common.rules.in_order and bool(row.regular.function),
        )
        complete_within = common.complete_within if rules.reads else 0.0
        is_selected = kind == _VEHICLES
        found.append(
            attrs.evolve(common, rules=rules, complete_within=complete_within, selects=selects if is_selected else None)
        )
    return found


def _selection(vehicles: Iterable[Ref] | Callable[[Vehicle], bool] | None) -> Callable[[Any], bool] | None:
    if vehicles is None:
        return None
    if callable(vehicles):
        return vehicles
    ids = frozenset(device_ids(vehicles))
    return lambda vehicle: vehicle.id in ids


def nanoseconds(argument: str, duration: Duration) -> int:
    """Return a duration in nanoseconds.

    Raises:
        InvalidArgument: It is no duration.
    """
    return round(seconds(argument, duration) * SECOND)


def at_least_one(argument: str, number: int) -> int:
    """Return a number that is at least 1.

    Raises:
        InvalidArgument: It is not.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidArgument(argument, number, "an integer of at least 1")
    return number
