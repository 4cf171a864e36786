"""The table of handlers, by the operation's name."""

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
from ev_energy_async.sandbox.handlers.unsimulated import answer_from_schema
from ev_energy_async.sandbox.protocol import Operation

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


def handler_of(operation: Operation) -> Handler:
    """Return the handler of an operation; one that is not simulated responds from its schema."""
    return HANDLERS.get(operation.name, answer_from_schema)
