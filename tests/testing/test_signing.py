"""`sign` makes deliveries that verify, and those that do not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ev_energy_async import (
    InvalidArgument,
    WebhookVerificationError,
    codec,
)
from ev_energy_async.models import (
    ChargingSubSessionCreatedWebhook,
    ChargingSubSessionEndedWebhook,
)
from ev_energy_async.testing import (
    START,
    FakeClock,
    build,
    sign,
)
from ev_energy_async.webhooks import Deduplicator, WebhookVerifier

SECRET = "whsec_dGhlIHNlY3JldCBvZiBhbGwgdGhlIHRlc3Rz"
OLD_SECRET = "whsec_dGhlIG9uZSBiZWZvcmUsIHdoaWNoIGlzIG9sZA=="


@pytest.mark.parametrize("model", [ChargingSubSessionCreatedWebhook, ChargingSubSessionEndedWebhook])
def test_a_signed_event_is_genuine(model: type[Any]) -> None:
    made = build(model)
    body = codec.encode(made)

    event = WebhookVerifier(SECRET).verify(body, sign(body, SECRET))

    assert event.payload == made


def test_a_changed_body_and_another_secret_are_not_genuine() -> None:
    headers = sign(b'{"type":"a"}', SECRET)

    for body, secret in ((b'{"type":"b"}', SECRET), (b'{"type":"a"}', OLD_SECRET)):
        with pytest.raises(WebhookVerificationError):
            WebhookVerifier(secret).verify(body, headers)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_a_delivery_signed_with_two_secrets_verifies_with_each(secret: str) -> None:
    body = b'{"type":"a"}'

    assert WebhookVerifier(secret).verify(body, sign(body, [OLD_SECRET, SECRET])).body == body


def test_a_delivery_has_the_given_age() -> None:
    body, clock = b'{"type":"a"}', FakeClock()
    verifier = WebhookVerifier(SECRET, clock=clock)
    headers = sign(body, SECRET, sent_at=clock.now())

    assert verifier.verify(body, headers).sent_at == START
    clock.advance(dt.timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="past"):
        verifier.verify(body, headers)


async def test_the_same_message_id_is_a_redelivery() -> None:
    body, handled = b'{"type":"a"}', list[str]()
    verifier, deduplicator = WebhookVerifier(SECRET), Deduplicator()

    async def deliver(headers: dict[str, str]) -> None:
        event = verifier.verify(body, headers)

        async def handle() -> None:
            handled.append(event.id)

        await deduplicator.once(event.id, handle)

    await deliver(sign(body, SECRET, message_id="msg_1"))
    await deliver(sign(body, SECRET, message_id="msg_1"))
    await deliver(sign(body, SECRET))
    await deliver(sign(body, SECRET))

    assert len(handled) == 3


@pytest.mark.parametrize(
    ("body", "secret", "sent_at", "named"),
    [
        ("text", SECRET, None, "body"),
        (b"{}", "whsec_not base64", None, "secret"),
        (b"{}", [], None, "secret"),
        (b"{}", SECRET, dt.datetime(2026, 3, 14, 12), "sent_at"),  # noqa: DTZ001  # which is what is refused
    ],
)
def test_invalid_arguments_of_sign_are_refused(body: Any, secret: Any, sent_at: dt.datetime | None, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        sign(body, secret, sent_at=sent_at)
