"""What answers each operation, by the operation's name.

All operations of the document have an entry. A handler gets a checked `Call` and gives a `Reply`; it does no I/O.
"""

from typing import Final

from ev_energy_async.sandbox.handlers import (
    catalogue,
    catalogue_writes,
    charging,
    devices,
    feeds,
    generic,
    home_energy,
    logs,
    onboarding,
    programs,
    rebates,
    regions,
    support,
    users,
)
from ev_energy_async.sandbox.handlers.calls import Handler

HANDLERS: Final[dict[str, Handler]] = {
    **generic.HANDLERS,
    **catalogue.HANDLERS,
    **catalogue_writes.HANDLERS,
    **charging.HANDLERS,
    **devices.HANDLERS,
    **feeds.HANDLERS,
    **home_energy.HANDLERS,
    **logs.HANDLERS,
    **onboarding.HANDLERS,
    **programs.HANDLERS,
    **rebates.HANDLERS,
    **regions.HANDLERS,
    **support.HANDLERS,
    **users.HANDLERS,
}
