"""Delivers the events of the world as Svix does: signed, and retried.

The server starts it where a webhook URL is given. It decides nothing about what happens in the world.
"""

from ev_energy_async.sandbox.webhooks.delivery import (
    WEBHOOK_SECRET,
    Deliverer,
    Event,
    checked_url,
    is_loopback,
    sign,
    signing_key,
)

__all__ = [
    "Deliverer",
    "Event",
    "WEBHOOK_SECRET",
    "checked_url",
    "is_loopback",
    "sign",
    "signing_key",
]
