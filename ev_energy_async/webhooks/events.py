"""Webhook events: what a genuine delivery says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ev_energy_async.models import ChargingSubSessionCreatedWebhook as ChargingSubSessionCreated
from ev_energy_async.models import ChargingSubSessionEndedWebhook as ChargingSubSessionEnded
from ev_energy_async.values import UNSET, UnsetType

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["EVENT_TYPES", "ChargingSubSessionCreated", "ChargingSubSessionEnded", "Event", "Payload", "UnknownEvent"]

# Only what the signature covers decides: `svix-event-type` is not covered, so it is not looked at.
EVENT_TYPES: Final[dict[str, type[ChargingSubSessionCreated | ChargingSubSessionEnded]]] = {
    "charging_sub_session.created": ChargingSubSessionCreated,
    "charging_sub_session.ended": ChargingSubSessionEnded,
}


@attrs.frozen
class UnknownEvent:
    """An event of a type that this version does not know.

    Attributes:
        type: The type, e.g. `vehicle.created`.
        timestamp: When it took place, aware; UNSET if the message does not say, or not in a way that can be read.
        data: What it says, as plain JSON values; UNSET if there is none.
    """

    type: str
    timestamp: dt.datetime | UnsetType | None = UNSET
    data: Any = UNSET


Payload: TypeAlias = "ChargingSubSessionCreated | ChargingSubSessionEnded | UnknownEvent"
"""What an event says; the types to come are an `UnknownEvent` until this package knows them."""


@attrs.frozen
class Event:
    """A genuine delivery.

    Attributes:
        id: The `svix-id`: the same for each delivery of one event, so the key for recognising a repetition.
        sent_at: When this delivery was sent, in UTC; `payload.timestamp` is when the event took place.
        payload: The event itself.
        body: The body as it came, for what the payload's model does not know.
    """

    id: str
    sent_at: dt.datetime
    payload: Payload
    body: bytes = attrs.field(repr=False)
