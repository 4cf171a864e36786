"""Names that examples use without saying where they come from: each reader has their own. Here are their types.

Nothing here has a value: `reader` gives an example what it runs with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Sequence

    from ev_energy_async import ClientCredentials, EvEnergy, SqliteCheckpoint
    from ev_energy_async.webhooks import Event


class Warehouse(Protocol):
    """A place that a reader's rows go to."""

    def insert(self, rows: Sequence[object], /) -> Awaitable[object]:
        """Store some rows."""
        ...


checkpoint: SqliteCheckpoint
credentials: ClientCredentials
ev: EvEnergy
ids: list[str]
last_week: dt.datetime
on_event: Callable[[Event], Awaitable[None]]
store: Callable[..., Awaitable[object]]
today: dt.datetime
vehicle_id: str
warehouse: Warehouse
yesterday: dt.datetime
