"""Webhook events: the contents of a genuine delivery.

`verifier` makes them, users match on them. Plain values: nothing here verifies or decodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.models import ChargingSubSessionCreatedWebhook as ChargingSubSessionCreated
from ev_energy_async.models import ChargingSubSessionEndedWebhook as ChargingSubSessionEnded
from ev_energy_async.values import UNSET, UnsetType

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["EVENT_TYPES", "ChargingSubSessionCreated", "ChargingSubSessionEnded", "Event", "Payload", "UnknownEvent"]

# By the `type` of the signed body. The header `svix-event-type` is not covered by the signature, so it is ignored.
EVENT_TYPES: Final[dict[str, type[ChargingSubSessionCreated | ChargingSubSessionEnded]]] = {
    "charging_sub_session.created": ChargingSubSessionCreated,
    "charging_sub_session.ended": ChargingSubSessionEnded,
}


@attrs.frozen
class UnknownEvent(AsDict):
    """An event of a type that this version does not know.

    Attributes:
        type: The type, e.g. `vehicle.created`.
        timestamp: When it took place, aware; UNSET if the message has no readable time.
        data: Its data as plain JSON values; UNSET if it has none.
    """

    type: str
    timestamp: dt.datetime | UnsetType | None = UNSET
    data: Any = UNSET


Payload: TypeAlias = "ChargingSubSessionCreated | ChargingSubSessionEnded | UnknownEvent"
"""The contents of an event; types added to the API later are an `UnknownEvent` until this package knows them."""


@attrs.frozen
class Event(AsDict):
    """A genuine delivery.

    Attributes:
        id: The `svix-id`, the same in every delivery of one event: deduplicate by it.
        sent_at: When this delivery was sent, in UTC; `payload.timestamp` is when the event took place.
        payload: The event itself.
        body: The raw body, for fields that the payload's model does not know.
    """

    id: str
    sent_at: dt.datetime
    payload: Payload
    body: bytes = attrs.field(repr=False)
