"""The sandbox's world: all there is, and what can be done to it.

IDs, names and the catalogue depend on the seed alone; what the cars do depends on the date as well. No I/O, no clock.
"""

import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Final, Literal

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.simulation import Life, Silences, break_off, mix, restore
from ev_energy_async.sandbox.world.archive import Archive, Group
from ev_energy_async.sandbox.world.entities import Evse, EvseModel, Plug, User, Vehicle, VehicleTrim
from ev_energy_async.sandbox.world.population import fill_catalogue, fill_evses, fill_users, fill_vehicles
from ev_energy_async.sandbox.world.stock import HISTORY, Stock
from ev_energy_async.sandbox.world.sub_session_events import SubSessionEvent, SubSessionFeed
from ev_energy_async.sandbox.world.uploads import Upload

__all__ = ["HISTORY", "Integrated", "World"]

Integrated = Literal["ACTIVE", "INACTIVE", "UNINTEGRATED"]
"""The state of a vehicle's link to the platform."""

_SHARED: Final = 10  # every tenth car is its owner's second
_EVSES_PER_VEHICLE: Final = 0.6


class World(Stock):
    """Everything there is. Collections iterate in the order of IDs.

    Example:
        >>> world = World(vehicles=20, evses=None, seed=7, start=parse("2026-03-14T12:00:00Z"))
        >>> len(world.vehicles), len(world.evses)
        (20, 12)
    """

    def __init__(
        self, *, vehicles: int, evses: int | None, seed: int, start: Instant, groups: Sequence[Group] = ()
    ) -> None:
        """Make a world of that many vehicles and charge points as of `start`.

        Args:
            vehicles: the number of vehicles.
            evses: the number of charge points; by default three for every five vehicles.
            seed: the seed of everything drawn at random.
            start: the present.
            groups: the groups of records that exist from the start.
        """
        super().__init__(seed=seed, start=start)
        self.gone: dict[str, tuple[Vehicle | Evse, Instant]] = {}
        """The devices that were taken off the platform, and when: what their logs were is still asked for."""
        self.events = SubSessionFeed(self.sessions, self.plugs)
        self.records = Archive(self, seed, groups)
        self.upload_origin = "http://localhost"
        """The origin of presigned upload URLs; set by the server that listens there."""
        chance = Random(mix(seed))
        with _uncollected():
            fill_catalogue(self, chance)
            fill_users(self, max(1, vehicles - vehicles // _SHARED), chance)
            fill_vehicles(self, vehicles, chance)
            fill_evses(self, round(vehicles * _EVSES_PER_VEHICLE) if evses is None else evses, chance)

    def sub_session_events(self, since: Instant, until: Instant) -> list[SubSessionEvent]:
        """Return the starts and ends of sub-sessions after `since` and up to `until`, oldest first, up to a month."""
        return self.events.between(since, until)

    def switch_mode(self, plug: Plug, now: Instant, mode: str, reason: str) -> None:
        """Start a new sub-session in another mode within a plug's session."""
        plug.life.switch(now, mode, reason)
        self.sessions.switched.add(plug.number)
        self.sessions.changed(plug)
        self.events.note(plug, self._just_happened(plug, now))

    def wish(self, vehicle: Vehicle, now: Instant) -> None:
        """Let a car follow what its owner has set, from its next departure on."""
        vehicle.life.wish(now, target=vehicle.charge_limit, smart=vehicle.smart_charging)
        self.sessions.changed(vehicle.plug)

    def disconnect(self, vehicle: Vehicle, now: Instant) -> None:
        """Break a vehicle's link, which closes its open session; no effect without a link."""
        if vehicle.integration(now) != "ACTIVE":
            return
        vehicle.integrated, vehicle.reconnects_at = "INACTIVE", None
        reporter = vehicle.reporter
        silences = break_off(reporter.connection.silences, now)
        reporter.connection = reporter.connection._replace(silences=silences)
        self._changed(vehicle.plug, vehicle.life, now)

    def reconnect(self, vehicle: Vehicle, at: Instant, now: Instant) -> None:
        """Restore a vehicle's broken link at a future moment; no effect on a working link, or without one."""
        if vehicle.integration(now) != "INACTIVE":
            return
        vehicle.reconnects_at = at
        reporter = vehicle.reporter
        reporter.connection = reporter.connection._replace(silences=restore(reporter.connection.silences, at))
        self._changed(vehicle.plug, vehicle.life, now)

    def integrate(self, vehicle: Vehicle, integrated: Integrated, now: Instant) -> None:
        """Change a vehicle's link at once. Existing logs stay as they are."""
        if vehicle.integration(now) == integrated:
            return
        connection = vehicle.reporter.connection
        if not connection.integrated:
            # From now on it is one that was not linked so far: it keeps the logs it will have.
            never: Silences = ((0, None),)
            connection = connection._replace(integrated=True, silences=never, unlinked=never)
        heard, linked = integrated == "ACTIVE", integrated != "UNINTEGRATED"
        vehicle.reporter.connection = connection._replace(
            silences=(restore if heard else break_off)(connection.silences, now),
            unlinked=(restore if linked else break_off)(connection.unlinked, now),
        )
        vehicle.integrated, vehicle.reconnects_at = integrated, None
        self._changed(vehicle.plug, vehicle.life, now)

    def touch(self, vehicle: Vehicle, now: Instant) -> bool:
        """Let a vehicle report its state now; return whether it did, which a silent one does not."""
        log, timeline = vehicle.reporter.status_log_now(now), vehicle.logs["status_logs"]
        if log is None or vehicle.integration(now) != "ACTIVE" or timeline.at(now, now) is not None:
            return False
        timeline.add(log)
        return True

    def revive(self, evse: Evse, at: Instant, now: Instant) -> None:
        """Let a silent charge point report again from a future moment."""
        reporter = evse.reporter
        reporter.charger = reporter.charger._replace(silences=restore(reporter.charger.silences, at))
        self._changed(evse.plug, reporter.life, now)

    def add_user(self, email: str, now: Instant) -> User:
        """Return a new user of whom only the address is known."""
        chance = self.records.chance
        return self.users.add(
            User(
                id=self.records.new_id("user", now),
                full_name="",
                email=email,
                joined_at=now,
                consented=False,
                place=None,
                house_number=chance.randrange(1, 200),
                tariff=None,
            )
        )

    def add_vehicle(
        self, user: User, trim: VehicleTrim, integrated: str, now: Instant, *, battery: int | None = None
    ) -> Vehicle:
        """Return a new vehicle of a user."""
        return self.build_vehicle(
            user, trim, integrated, self.records.chance, disabled=False, joined_at=now, battery=battery
        )

    def add_evse(self, user: User, model: EvseModel, cpid: str, now: Instant) -> Evse:
        """Return a new charge point of a user, for the car that has none yet."""
        vehicle = next((it for it in user.vehicles if it.plug is not None and it.plug.evse is None), None)
        return self.build_evse(user, model, vehicle, 1, self.records.chance, joined_at=now, cpid=cpid)

    def remove_vehicle(self, vehicle: Vehicle, now: Instant) -> None:
        """Remove a vehicle from the platform; its charge point stays."""
        self.vehicles.remove(vehicle.id)
        self.gone[vehicle.id] = (vehicle, now)
        vehicle.user.vehicles.remove(vehicle)
        if vehicle.plug is not None:
            vehicle.plug.vehicle = None
        self.records.forget(vehicle)

    def remove_evse(self, evse: Evse, now: Instant) -> None:
        """Remove a charge point from the platform; its clamp stays, linked to nothing."""
        self.evses.remove(evse.id)
        self.gone[evse.id] = (evse, now)
        evse.user.evses.remove(evse)
        if evse.plug is not None:
            evse.plug.evse = None
        if evse.clamp is not None:
            evse.clamp.evse = None
        if evse.user.site is not None and evse in evse.user.site.evses:
            evse.user.site.evses.remove(evse)

    def upload(self, file_id: str) -> Upload | None:
        """Return the room for the content of a file of that ID whose upload was started."""
        record = self.records["rebate_evidence_files"].get(file_id)
        return None if record is None else record.hidden.get("upload")

    def _changed(self, plug: Plug | None, life: Life, now: Instant) -> None:
        life.changed(life.day_of(now))
        self.sessions.changed(plug)
        if plug is not None:
            self.events.note(plug, self._just_happened(plug, now))

    def _just_happened(self, plug: Plug, now: Instant) -> Iterator[SubSessionEvent]:
        return self.events.of(plug, now - 1, now)


@contextmanager
def _uncollected() -> Generator[None, None, None]:
    """Suspend garbage collection, which would take most of the time with a large fleet and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
