"""Receives webhook deliveries with aiohttp: reads, verifies, handles and acknowledges them.

For users' servers, through `webhooks`. Other frameworks call `WebhookVerifier` and `Deduplicator` themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

# The server half of aiohttp takes 200 ms to import, which is why this module stands alone.
from aiohttp import web

from ev_energy_async.clock import Duration, seconds
from ev_energy_async.errors import DecodeError, InvalidArgument, WebhookVerificationError
from ev_energy_async.webhooks.events import UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async.webhooks.deduplication import Deduplicator
    from ev_energy_async.webhooks.events import Event
    from ev_energy_async.webhooks.verifier import WebhookVerifier

__all__ = ["Notified", "webhook_handler"]

_LOG: Final = logging.getLogger("ev_energy_async")
# aiohttp's own default; events are a few kilobytes.
_LARGEST_BODY: Final = 1024 * 1024
# Svix gives up on a delivery after 15 seconds (docs.svix.com/retries).
_BODY_TIMEOUT: Final = 10.0


class Notified(Protocol):
    """Whoever is told of events: a watch of a fleet, or a stream of its charging sub-sessions."""

    def notify(self, event: Event, /) -> bool:
        """Take note of an event, and return whether it is news."""
        ...


def webhook_handler(
    verifier: WebhookVerifier,
    on_event: Callable[[Event], Awaitable[object]] | None = None,
    *,
    watch: Notified | Sequence[Notified] = (),
    deduplicator: Deduplicator | None = None,
    max_body_bytes: int = _LARGEST_BODY,
    body_timeout: Duration = _BODY_TIMEOUT,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for a POST route of `aiohttp.web`.

    Responds 204 once `on_event` has returned, now or for an earlier delivery; 400 to what is not genuine; 408 to a body
    that does not arrive in time and 413 to one that is too large; 500 if a genuine delivery cannot be decoded or
    `on_event` fails, so that it is redelivered. Responses have no body; the reasons are logged.

    `on_event` should take a few seconds at most, since the sender gives up on slow deliveries and repeats them. Put
    longer work into a queue.

    Args:
        verifier: Verifies deliveries.
        on_event: Called with each event, and again for each redelivery unless there is a deduplicator.
        watch: A watch of a fleet, a stream of sub-sessions, or several: told of each event that they understand, which
            they deliver once however often it comes.
        deduplicator: Keeps redeliveries of handled events from `on_event`.
        max_body_bytes: The largest body to read; it replaces the application's `client_max_size`.
        body_timeout: How long the body may take to arrive, in seconds or as a `timedelta`.

    Raises:
        InvalidArgument: `max_body_bytes` is not an integer of at least 1, `body_timeout` is not a duration, or nobody
            is to be told of events.

    Example:
        >>> handler = webhook_handler(verifier, on_event, deduplicator=Deduplicator())  # doctest: +SKIP
        >>> handler = webhook_handler(verifier, watch=[watch, sub_sessions])  # doctest: +SKIP
        >>> app.router.add_post("/ev-energy", handler)  # doctest: +SKIP
    """
    if isinstance(max_body_bytes, bool) or not isinstance(max_body_bytes, int) or max_body_bytes < 1:
        raise InvalidArgument("max_body_bytes", max_body_bytes, "an integer of at least 1")
    patience = seconds("body_timeout", body_timeout)
    notified: Sequence[Notified] = watch if isinstance(watch, Sequence) else (watch,)
    if on_event is None and not notified:
        raise InvalidArgument("on_event", None, "a function, where there is no `watch` either")

    async def tell(event: Event) -> None:
        if not isinstance(event.payload, UnknownEvent):
            for each in notified:
                each.notify(event)
        if on_event is not None:
            await on_event(event)

    async def handle(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(patience):
                body = await _read(request, max_body_bytes)
        except TimeoutError:
            _LOG.warning("a webhook was refused: its body did not arrive within %g s", patience)
            return _hang_up(HTTPStatus.REQUEST_TIMEOUT)
        if body is None:
            _LOG.warning("a webhook of more than %d bytes was refused", max_body_bytes)
            return _hang_up(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            event = verifier.verify(body, request.headers)
        except WebhookVerificationError as error:
            _LOG.warning("a webhook was refused: %s", error)
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        except DecodeError:
            _LOG.exception("a genuine webhook could not be decoded")
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            if deduplicator is None:
                await tell(event)
            elif not await deduplicator.once(event.id, lambda: tell(event)):
                _LOG.debug("webhook %s was handled before", event.id)
        except Exception:  # noqa: BLE001  # whatever the user's code raises, the sender must redeliver
            _LOG.exception("webhook %s could not be handled", event.id)
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    return handle


def _hang_up(status: HTTPStatus) -> web.Response:
    """Return a response that closes the connection, since the rest of the body is not read."""
    response = web.Response(status=status)
    response.force_close()
    return response


async def _read(request: web.Request, limit: int) -> bytes | None:
    """Return the body of a request; None if it is longer than the limit, without reading all of it."""
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
