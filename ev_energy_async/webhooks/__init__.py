"""Webhooks: verify deliveries, decode them, and handle each once.

For services that receive ev.energy's webhooks, which Svix signs. `WebhookVerifier` takes the raw body and the headers
of a request, from any framework, and returns an `Event` or raises. `Deduplicator` handles redeliveries once, and
`webhook_handler` puts both behind a route of `aiohttp.web`. Nothing here makes a request. Deliveries can be lost for
good, so keep a polling fallback. Verifying needs the extra `[webhooks]`.

With aiohttp:

    verifier = WebhookVerifier(os.environ["WEBHOOK_SECRET"])

    async def on_event(event: Event) -> None:
        match event.payload:
            case ChargingSubSessionEnded(data=session):
                await save(session)
            case ChargingSubSessionCreated():
                ...
            case UnknownEvent(type=kind):
                log.info("unhandled webhook type: %s", kind)

    app.router.add_post("/ev-energy", webhook_handler(verifier, on_event, deduplicator=Deduplicator()))

With FastAPI, and likewise with any framework that gives access to the raw body:

    deduplicator = Deduplicator()

    @app.post("/ev-energy", status_code=204)
    async def receive(request: Request) -> None:
        try:
            event = verifier.verify(await request.body(), request.headers)
        except WebhookVerificationError as error:
            raise HTTPException(400) from error
        await deduplicator.once(event.id, lambda: on_event(event))
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.webhooks.deduplication import DeduplicationStore as DeduplicationStore
    from ev_energy_async.webhooks.deduplication import Deduplicator as Deduplicator
    from ev_energy_async.webhooks.deduplication import MemoryDeduplicationStore as MemoryDeduplicationStore
    from ev_energy_async.webhooks.delivery import webhook_handler as webhook_handler
    from ev_energy_async.webhooks.events import ChargingSubSessionCreated as ChargingSubSessionCreated
    from ev_energy_async.webhooks.events import ChargingSubSessionEnded as ChargingSubSessionEnded
    from ev_energy_async.webhooks.events import Event as Event
    from ev_energy_async.webhooks.events import Payload as Payload
    from ev_energy_async.webhooks.events import UnknownEvent as UnknownEvent
    from ev_energy_async.webhooks.sqlite import SqliteDeduplicationStore as SqliteDeduplicationStore
    from ev_energy_async.webhooks.verifier import Body as Body
    from ev_energy_async.webhooks.verifier import Headers as Headers
    from ev_energy_async.webhooks.verifier import WebhookVerificationError as WebhookVerificationError
    from ev_energy_async.webhooks.verifier import WebhookVerifier as WebhookVerifier
    from ev_energy_async.webhooks.verifier import verify as verify
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        deduplication=("DeduplicationStore", "Deduplicator", "MemoryDeduplicationStore"),
        delivery=("webhook_handler",),
        events=("ChargingSubSessionCreated", "ChargingSubSessionEnded", "Event", "Payload", "UnknownEvent"),
        sqlite=("SqliteDeduplicationStore",),
        verifier=("Body", "Headers", "WebhookVerificationError", "WebhookVerifier", "verify"),
    )
