"""The requests of a watch, each a job with its own handling of what comes of it.

`engine` decides which are due and runs them side by side; a job asks, and notes its outcome in the state of the fleet.
"""

from __future__ import annotations

from contextlib import aclosing
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from ev_energy_async import api
from ev_energy_async.devices import MOST_WAITS, PAGE_SIZE, pages_of
from ev_energy_async.errors import NotFound
from ev_energy_async.fleet.watch.collection import Counted
from ev_energy_async.fleet.watch.raw import raw_newest_of
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async.calls import Page
    from ev_energy_async.devices import DeviceKind
    from ev_energy_async.fleet.watch.collection import Reading
    from ev_energy_async.fleet.watch.settings import FleetClient
    from ev_energy_async.fleet.watch.shown import Glance
    from ev_energy_async.fleet.watch.walk import Walker
    from ev_energy_async.messages import BadItem

__all__ = ["Lookup", "PageJob", "ReadJob", "WatchJob"]


class WatchJob(Protocol):
    """One request, or several that belong together."""

    @property
    def kind(self) -> str:
        """The kind of devices that it is for."""
        ...

    async def run(self) -> Any:
        """Ask; can be repeated if it fails or is cancelled."""
        ...


@attrs.define(eq=False)
class PageJob:
    """A page of a snapshot.

    Attributes:
        client: What to ask through.
        of: The kind of devices.
        walker: Whose next page it is.
        is_raw: Whether the raw newest logs are kept.
        glance: Which devices need not be decoded; None to decode all of them.
        bad: The devices that could not be decoded.
        calls: How many requests were answered.
        took: How long they took, in seconds.
        most_waits: How often in a row a page that cannot be understood is asked for again.
    """

    client: FleetClient
    of: DeviceKind
    walker: Walker
    is_raw: bool = False
    glance: Glance | None = None
    bad: list[BadItem] = attrs.field(factory=list["BadItem"])
    calls: int = 0
    took: float = 0.0
    most_waits: int = MOST_WAITS
    _raws: dict[str, bytes] = attrs.field(factory=dict[str, bytes])

    @property
    def kind(self) -> str:
        """The kind of devices."""
        return self.of.kind

    async def run(self) -> Page[Any]:
        """Return the page."""
        sender = Counted(self.client, pick=None if self.glance is None else self.glance.pick)
        newest = [row.newest for row in self.of.logs.values() if row.newest is not None]
        expand = {"expand": newest} if newest else {}
        lister = getattr(api, self.of.list_devices)
        devices = lister(sender, page_size=PAGE_SIZE, on_bad_item=self._put_aside, **expand)
        began = self.client.clock.monotonic()
        async with aclosing(pages_of(devices, self.walker.cursor)) as pages:
            page = await anext(pages)
        self.took = self.client.clock.monotonic() - began
        self.calls = sender.calls
        if self.is_raw and newest:
            self._raws = raw_newest_of(page.response.body, newest[0])
        return page

    def marks(self, devices: int) -> Iterator[int | None]:
        """Return the hashes of the devices that were decoded, so many; None where they are not known."""
        bad = {item.index for item in self.bad}
        marks = [] if self.glance is None else [mark for at, mark in enumerate(self.glance.marks) if at not in bad]
        return iter(marks) if len(marks) == devices else repeat(None, devices)

    def raw_of(self, device_id: str) -> bytes | None:
        """Return the raw JSON of the newest log of a device, if it was kept."""
        return self._raws.get(device_id)

    def _put_aside(self, item: BadItem) -> object:
        self.bad.append(item)
        return UNSET


@attrs.define(eq=False)
class ReadJob:
    """A read of one log of a device, portion by portion.

    Attributes:
        purpose: What it is for: `history`, `errors` or `late`.
        reading: The read.
        is_wanted: Whether the history of the device was wanted, which a `late` read may bring along.
        is_new: Whether nothing of it was asked for yet.
    """

    purpose: str
    reading: Reading
    is_wanted: bool = False
    is_new: bool = True

    @property
    def kind(self) -> str:
        """The kind of the device."""
        return self.reading.of.kind

    async def run(self) -> None:
        """Read the next portion."""
        await self.reading.fetch()


@attrs.define(eq=False)
class Lookup:
    """Whether a device is still there that a snapshot was without.

    Attributes:
        client: What to ask through.
        of: Its kind.
        device_id: Which device.
    """

    client: FleetClient
    of: DeviceKind
    device_id: str

    @property
    def kind(self) -> str:
        """The kind of the device."""
        return self.of.kind

    async def run(self) -> bool:
        """Return whether it is there."""
        try:
            await getattr(api, self.of.get_device)(self.client, self.device_id)
        except NotFound:
            return False
        return True
