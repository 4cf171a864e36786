"""Sign webhook deliveries in tests, as Svix signs them."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING

from standardwebhooks import Webhook
from ulid import ULID

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.webhooks import WebhookVerifier

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["sign"]


def sign(
    body: bytes, secret: str | Sequence[str], *, message_id: str | None = None, sent_at: dt.datetime | None = None
) -> dict[str, str]:
    """Return the headers that make a body a genuine delivery.

    Args:
        body: The body, byte for byte as it will be delivered.
        secret: The signing secret of the endpoint (`whsec_...`), or several, as during a rotation.
        message_id: The `svix-id`; a new one by default. A repeated one makes it a redelivery.
        sent_at: When it was sent, aware; now by default. Use the clock's time for a verifier with a clock.

    Raises:
        InvalidArgument: The body is not `bytes`, a secret is malformed, or the time is naive.

    Example:
        >>> body = codec.encode(build(ChargingSubSessionEndedWebhook))  # doctest: +SKIP
        >>> event = WebhookVerifier(secret).verify(body, sign(body, secret))  # doctest: +SKIP
    """
    if not isinstance(body, bytes):
        raise InvalidArgument("body", type(body).__name__, "the bytes that will be delivered")
    moment = dt.datetime.now(dt.UTC) if sent_at is None else sent_at
    if moment.utcoffset() is None:
        raise InvalidArgument("sent_at", sent_at, "a datetime with a time zone")
    WebhookVerifier(secret)  # rejects a malformed secret without showing it
    secrets = (secret,) if isinstance(secret, str) else tuple(secret)
    message = message_id or f"msg_{ULID()}"
    text = body.decode()
    return {
        "svix-id": message,
        "svix-timestamp": str(int(moment.timestamp())),
        "svix-signature": " ".join(Webhook(_key(each)).sign(message, moment, text) for each in secrets),
    }


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_").rstrip("=")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
