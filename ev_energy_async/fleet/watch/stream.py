"""A watch over a fleet, as its consumer sees it: a stream of events, one by one or in batches, each to be acknowledged.

`fleet` makes it; `engine` does the work, while somebody waits for the next event and at no other time.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, Self

from ev_energy_async.checkpoint import CheckpointConflict
from ev_energy_async.clock import seconds
from ev_energy_async.devices import Stream
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.watch.hints import devices_of
from ev_energy_async.fleet.watch.status import States

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ev_energy_async.clock import Duration
    from ev_energy_async.fleet.events import FleetEvent, WatchEvent
    from ev_energy_async.fleet.watch.driver import Driver
    from ev_energy_async.fleet.watch.engine import Engine
    from ev_energy_async.fleet.watch.hints import Hint

__all__ = ["Batch", "Deliveries", "E_co", "Watch"]

E = TypeVar("E", bound="FleetEvent", default="WatchEvent")
E_co = TypeVar("E_co", bound="FleetEvent", default="WatchEvent", covariant=True)


class Batch(list[E]):
    """Events in a row, acknowledged together."""

    async def ack(self) -> None:
        """Acknowledge all events of this batch, and all before it; see `FleetEvent.ack`."""
        if self:
            await self[-1].ack()


class Deliveries(Stream[E_co]):
    """An iterator over events that are acknowledged, one by one or in batches.

    Args:
        driver: What makes the events.
        ack: What acknowledges them: asking for the `next` one, or an `explicit` call.
        on_event: Called with each event that is delivered.
    """

    def __init__(
        self,
        driver: Driver[E_co],
        ack: Literal["next", "explicit"],
        on_event: Callable[[E_co], object] | None = None,
    ) -> None:
        super().__init__()
        self._driver = driver
        self._ack: Literal["next", "explicit"] = ack
        self._on_event = on_event

    @property
    def acknowledges(self) -> Literal["next", "explicit"]:
        """The way in which events are acknowledged: by asking for the `next` one, or by an `explicit` call of `ack`."""
        return self._ack

    async def load(self) -> Self:
        """Load the checkpoint now, before the first event.

        Raises:
            CheckpointError: It cannot be read, or is another's.
        """
        with self._entered():
            await self._driver.load()
        return self

    async def _next(self) -> E_co:
        events = await self._several()
        if not events:
            raise StopAsyncIteration
        return events[0]

    async def batches(self, max_items: int = 1_000, max_age: Duration = 60) -> AsyncGenerator[Batch[E_co]]:
        """Yield events in batches, for sinks that take many at once; `Batch.ack` acknowledges all of one.

        A batch is delivered when it is full, or when its first event is that old; a step under way is awaited.
        With `ack="next"`, asking for the next batch acknowledges the last one.

        Args:
            max_items: Events in a batch at the most.
            max_age: How long an event waits for others at the most; seconds or a `timedelta`.

        Raises:
            InvalidArgument: An argument is not what it should be.

        Example:
            >>> async for batch in ev.fleet.watch(checkpoint=checkpoint, ack="explicit").batches():  # doctest: +SKIP
            ...     await warehouse.insert(batch)
            ...     await batch.ack()
        """
        if isinstance(max_items, bool) or not isinstance(max_items, int) or max_items < 1:
            raise InvalidArgument("max_items", max_items, "an integer of at least 1")
        age = seconds("max_age", max_age)
        while True:
            with self._entered():
                if self._is_over:
                    return
                batch = Batch(await self._several(max_items, age))
                if not batch:
                    return
            yield batch

    async def _several(self, most: int = 1, age: float = 0.0) -> list[E_co]:
        while True:
            try:
                if self._ack == "next":
                    await self._driver.acknowledge()
                events = await self._driver.next(most, age)
            except CheckpointConflict as conflict:
                self._driver.give_way(conflict)
                continue
            if self._on_event is not None:
                for event in events:
                    self._on_event(event)
            return events


class Watch(Deliveries[E_co]):
    """An endless iterator over what happens to a fleet; `fleet.watch` makes it.

    Example:
        >>> async for event in ev.fleet.watch(every=300, checkpoint=SqliteCheckpoint("fleet.db")):  # doctest: +SKIP
        ...     match event:
        ...         case StatusLogged(vehicle_id=vehicle_id, log=log):
        ...             print(vehicle_id, log.sampled_at, log.state_of_charge_percentage)

    A slow consumer slows the polling. Waiting may be cancelled, as by `asyncio.timeout`, and loses nothing. One task at
    a time may wait. To abandon it nothing needs to be done; `aclose`, or leaving its `async with`, ends it for good.
    """

    _driver: Engine

    def __repr__(self) -> str:
        counts = (f"{len(track.state.devices)} {kind}" for kind, track in self._driver.tracks.items())
        return f"<Watch of {', '.join(counts)}{', closed' if self._is_over else ''}>"

    @property
    def state(self) -> States:
        """The latest known status of every device, as a mapping that follows the watch.

        After a restart it is there as soon as the checkpoint is loaded: with the first event, or `await watch.load()`.
        """
        return States([track.state for track in self._driver.tracks.values()], self._driver.clock)

    def notify(self, hint: Hint) -> bool:
        """Read a device soon, for it is said to have something new: its history comes before that of others.

        A hint costs nothing if it is wrong, and nothing is lost without it. What it brings is delivered once.

        Args:
            hint: A verified webhook event, whose payload names a vehicle or a charger, or a device (an ID, a URL or the
                resource).

        Returns:
            Whether it names a device that is watched and known.

        Raises:
            InvalidArgument: It names no device.
        """
        found = [self._driver.hint(device_id) for device_id in devices_of(hint)]
        return any(found)

    async def __anext__(self) -> E_co:
        """Return the next event, as soon as there is one.

        Raises:
            ApiError: The API refused the snapshot, other than for the moment.
            DecodeError: The snapshot cannot be understood, again and again.
            AuthError: The credentials were refused.
            CheckpointConflict: Another process advances the checkpoint time and again.
            CheckpointError: The checkpoint cannot be read or written, or is another's.
            LeaseError: The lease cannot be asked for, or the checkpoint knows a later term of a lease in another store.
            StopAsyncIteration: It was closed, or its last cycle is finished.
        """
        return await super().__anext__()
