"""All records of a world by kind. A group of kinds is filled when one of them is first looked at."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ev_energy_async.sandbox.simulation import Households, mix
from ev_energy_async.sandbox.world.entities import ulid
from ev_energy_async.sandbox.world.records import KINDS, Record, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ev_energy_async.sandbox.instants import Instant
    from ev_energy_async.sandbox.world.entities import User, Vehicle
    from ev_energy_async.sandbox.world.stock import Stock

_FILLING: Final = 51  # kinds of draws
_RUNNING: Final = 52
_HOUSEHOLD_DAYS: Final = 1_000
_DRAWN_BITS: Final = 79  # of the 80, so that there is always a next one


class Group(NamedTuple):
    """Kinds of records that are filled together."""

    kinds: tuple[str, ...]
    fill: Callable[[Stock, Archive, Random], None]


class Archive:
    """The records of one world."""

    def __init__(self, stock: Stock, seed: int, groups: Sequence[Group]) -> None:
        """Make an archive beside a stock; the kinds of no group are empty at first."""
        self._stock = stock
        self._seed = seed
        self._groups = groups
        self._shelves: dict[str, Shelf] = {}
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}
        self.chance = Random(mix(seed, _RUNNING))
        """The source of IDs and the like while the sandbox runs."""
        self._latest_id = (0, 0)
        self.households = Households(_HOUSEHOLD_DAYS)

    def __getitem__(self, name: str) -> Shelf:
        """Return the records of a kind."""
        shelf = self._shelves.get(name)
        if shelf is None:
            self._fill(name)
            shelf = self._shelves[name]
        return shelf

    def add(
        self,
        kind: str,
        now: Instant,
        data: dict[str, Any],
        *,
        user: User | None = None,
        parent: Record | User | None = None,
        hidden: dict[str, Any] | None = None,
    ) -> Record:
        """Return a new record."""
        shelf = self[kind]
        id_ = self.new_id(shelf.kind.prefix, now)
        return shelf.add(Record(id_, shelf.kind, data, user, parent, hidden or {}))

    def new_id(self, prefix: str, now: Instant) -> str:
        """Return an ID that sorts after all earlier ones, even within one millisecond."""
        millisecond, drawn = now // 1_000, self.chance.getrandbits(_DRAWN_BITS)
        if millisecond == self._latest_id[0]:
            drawn = self._latest_id[1] + 1
        self._latest_id = millisecond, drawn
        return prefix + ulid(now, drawn)

    def settings(self, kind: str, owner: str, defaults: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of the thing with that ID, mutable in place; initially the defaults."""
        return self._settings.setdefault((kind, owner), dict(defaults))

    def forget(self, vehicle: Vehicle) -> None:
        """Clear the settings that refer to a vehicle that is gone."""
        for settings in self._settings.values():
            for name, value in settings.items():
                if value is vehicle:
                    settings[name] = None

    def _fill(self, name: str) -> None:
        for number, (kinds, fill) in enumerate(self._groups):
            if name in kinds:
                for kind in kinds:
                    self._shelves[kind] = Shelf(KINDS[kind])
                fill(self._stock, self, Random(mix(self._seed, _FILLING, number)))
                return
        self._shelves[name] = Shelf(KINDS[name])
