"""The requests of a watch, each a job with its own handling of what comes of it.

`engine` decides which are due and runs them side by side; a job asks, and notes its outcome in the state of the fleet.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from ev_energy_async import api
from ev_energy_async.devices import DEVICES, PAGE_SIZE, pages_of
from ev_energy_async.errors import NotFound
from ev_energy_async.fleet.watch.collection import Counted
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from ev_energy_async.calls import Page
    from ev_energy_async.fleet.watch.collection import Reading
    from ev_energy_async.fleet.watch.cycle import Cycle
    from ev_energy_async.fleet.watch.settings import FleetClient
    from ev_energy_async.messages import BadItem

__all__ = ["Lookup", "PageJob", "ReadJob", "WatchJob"]


class WatchJob(Protocol):
    """One request, or several that belong together."""

    async def run(self) -> Any:
        """Ask; can be repeated if it fails or is cancelled."""
        ...


@attrs.define(eq=False)
class PageJob:
    """The next page of a snapshot.

    Attributes:
        client: What to ask through.
        cycle: The cycle whose snapshot it is of.
        bad: The devices that could not be decoded.
        calls: How many requests were answered.
    """

    client: FleetClient
    cycle: Cycle
    bad: list[BadItem] = attrs.field(factory=list["BadItem"])
    calls: int = 0

    async def run(self) -> Page[Any]:
        """Return the page."""
        sender = Counted(self.client)
        rows = DEVICES["vehicles"]
        newest = [row.newest for row in rows.logs.values() if row.newest is not None]
        devices = getattr(api, rows.list_devices)(
            sender, expand=newest, page_size=PAGE_SIZE, on_bad_item=self._put_aside
        )
        async with aclosing(pages_of(devices, self.cycle.cursor)) as pages:
            page = await anext(pages)
        self.calls = sender.calls
        return page

    def _put_aside(self, item: BadItem) -> object:
        self.bad.append(item)
        return UNSET


@attrs.define(eq=False)
class ReadJob:
    """A read of one log of a device, portion by portion.

    Attributes:
        purpose: What it is for: `history`, `errors` or `late`.
        reading: The read.
        is_new: Whether nothing of it was asked for yet.
    """

    purpose: str
    reading: Reading
    is_new: bool = True

    async def run(self) -> None:
        """Read the next portion."""
        await self.reading.fetch()


@attrs.define(eq=False)
class Lookup:
    """Whether a device is still there that a snapshot was without.

    Attributes:
        client: What to ask through.
        device_id: Which device.
    """

    client: FleetClient
    device_id: str

    async def run(self) -> bool:
        """Return whether it is there."""
        try:
            await getattr(api, DEVICES["vehicles"].get_device)(self.client, self.device_id)
        except NotFound:
            return False
        return True
