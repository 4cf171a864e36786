"""The fleet of a running sandbox as tests change it, and the ground truth about its logs. No I/O.

In Python it is `Sandbox.fleet`; other processes have the control endpoint.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

import attrs

from ev_energy_async.sandbox.instants import Instant, instant, moment, text
from ev_energy_async.sandbox.simulation import source
from ev_energy_async.sandbox.world.entities import Evse, User, Vehicle, VehicleTrim
from ev_energy_async.sandbox.world.world import Integrated, World

_TOUCHING: Final = 71  # a kind of draws


@attrs.frozen
class Logged:
    """One log as the world holds it: the ground truth to compare with what a client saw."""

    device: str
    """The ID of the vehicle or charge point."""
    kind: str
    """The collection, such as `status_logs`."""
    at: str
    """The timestamp that identifies the log, as written in its URL and in the record's `Served.logs`."""
    visible_at: datetime
    """The moment from which it could be read; for a late log long after its own time."""


class Fleet:
    """The vehicles of a sandbox, for tests to change and inspect.

    Example:
        >>> car = sandbox.fleet.add()
        >>> sandbox.fleet.integrate(car, "INACTIVE")
        >>> sandbox.advance(3_600)
        >>> [log.at for log in sandbox.fleet.logs("status_logs", device=car)]
    """

    def __init__(self, world: World, now: Callable[[], datetime], forget: Callable[[str], None]) -> None:
        """Make a hand on a world.

        Args:
            world: the world of the vehicles.
            now: returns the present.
            forget: called with the ID of each vehicle that was added, changed or removed.
        """
        self._world = world
        self._now = now
        self._forget = forget
        self._touches = 0

    def add(self, *, user: str | None = None, trim: str | None = None, integrated: Integrated = "ACTIVE") -> str:
        """Add a vehicle to the platform and return its ID. Its logs begin now.

        Args:
            user: the ID of its owner; by default the first user.
            trim: the ID of its trim; by default the first one.
            integrated: how it is linked.

        Raises:
            KeyError: there is no such user or trim.
        """
        world = self._world
        owner: User = next(iter(world.users)) if user is None else world.users[user]
        of_trim: VehicleTrim = next(iter(world.vehicle_trims)) if trim is None else world.vehicle_trims[trim]
        vehicle = world.add_vehicle(owner, of_trim, integrated, instant(self._now()))
        self._forget(vehicle.id)
        return vehicle.id

    def remove(self, vehicle: str) -> None:
        """Remove a vehicle from the platform. Its logs can still be read here.

        Raises:
            KeyError: there is no such vehicle.
        """
        self._world.remove_vehicle(self._world.vehicles[vehicle], instant(self._now()))
        self._forget(vehicle)

    def integrate(self, vehicle: str, integrated: Integrated) -> None:
        """Change a vehicle's link at once. Existing logs stay as they are.

        Raises:
            KeyError: there is no such vehicle.
        """
        self._world.integrate(self._world.vehicles[vehicle], integrated, instant(self._now()))
        self._forget(vehicle)

    def touch(self, vehicles: Iterable[str] | None = None, *, share: float | None = None) -> list[str]:
        """Let vehicles report their state now, in addition to their own logs; return the IDs of those that did.

        One that is not linked does not, nor one that has reported at this very moment.

        Args:
            vehicles: their IDs; by default all.
            share: a share of them from 0 to 1 instead of all, drawn from the world's seed on each call.

        Raises:
            KeyError: there is no such vehicle.
            ValueError: `share` is not from 0 to 1.
        """
        world, now = self._world, instant(self._now())
        chosen = list(world.vehicles) if vehicles is None else [world.vehicles[each] for each in vehicles]
        if share is not None:
            if not 0 <= share <= 1:
                raise ValueError(f"share is a number from 0 to 1, not {share}")
            self._touches += 1
            chosen = source(world.seed, _TOUCHING, self._touches).sample(chosen, round(len(chosen) * share))
        return [vehicle.id for vehicle in chosen if world.touch(vehicle, now)]

    def logs(
        self, kind: str, *, device: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Logged]:
        """Return the logs that have become visible by now, each once: by device, and in the order of their own time.

        Devices that were taken off the platform are among them, with what was visible until then.

        Args:
            kind: the collection, such as `status_logs`.
            device: the ID of a vehicle or charge point; by default all vehicles.
            since: the earliest time of a log, inclusive.
            until: the latest, inclusive.

        Raises:
            KeyError: there is no such device, or it has no such logs.
        """
        return list(self.each_log(kind, device=device, since=since, until=until))

    def each_log(
        self, kind: str, *, device: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Logged]:
        """Yield the same, one after the other."""
        first = None if since is None else instant(since)
        last = None if until is None else instant(until)
        present = instant(self._now())
        for found, seen_until in self._devices(device, present):
            for log in found.logs[kind].visible(seen_until, first, last):
                yield Logged(found.id, kind, text(log.at), moment(log.logged_at))

    def _devices(self, device: str | None, now: Instant) -> Iterator[tuple[Vehicle | Evse, Instant]]:
        world = self._world
        if device is None:
            yield from ((vehicle, now) for vehicle in world.vehicles)
            yield from (each for each in world.gone.values() if isinstance(each[0], Vehicle))
        elif device in world.gone:
            yield world.gone[device]
        else:
            yield (world.vehicles[device] if device in world.vehicles else world.evses[device]), now
