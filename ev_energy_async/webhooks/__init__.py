"""Webhook events: verification, deduplication and a handler for aiohttp.

Web applications call it; it sends nothing.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.webhooks.delivery import DeduplicationStore as DeduplicationStore
    from ev_energy_async.webhooks.delivery import Deduplicator as Deduplicator
    from ev_energy_async.webhooks.delivery import MemoryDeduplicationStore as MemoryDeduplicationStore
    from ev_energy_async.webhooks.delivery import webhook_handler as webhook_handler
    from ev_energy_async.webhooks.verifier import ChargingSubSessionCreated as ChargingSubSessionCreated
    from ev_energy_async.webhooks.verifier import ChargingSubSessionEnded as ChargingSubSessionEnded
    from ev_energy_async.webhooks.verifier import Event as Event
    from ev_energy_async.webhooks.verifier import Headers as Headers
    from ev_energy_async.webhooks.verifier import Payload as Payload
    from ev_energy_async.webhooks.verifier import UnknownEvent as UnknownEvent
    from ev_energy_async.webhooks.verifier import WebhookVerificationError as WebhookVerificationError
    from ev_energy_async.webhooks.verifier import WebhookVerifier as WebhookVerifier
    from ev_energy_async.webhooks.verifier import verify as verify
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        delivery=(
            "DeduplicationStore",
            "Deduplicator",
            "MemoryDeduplicationStore",
            "webhook_handler",
        ),
        verifier=(
            "ChargingSubSessionCreated",
            "ChargingSubSessionEnded",
            "Event",
            "Headers",
            "Payload",
            "UnknownEvent",
            "WebhookVerificationError",
            "WebhookVerifier",
            "verify",
        ),
    )
