"""Uploads and webhooks: no secret goes to another origin, and none is shown of what comes from there."""

from __future__ import annotations

import json
import re

import pytest

from ev_energy_async import (
    DecodeError,
    WebhookVerificationError,
)
from ev_energy_async.testing import FakeClock, MockApi, sign
from ev_energy_async.testing.mock_api import Answer
from ev_energy_async.webhooks import WebhookVerifier

from .planted import (
    API,
    ELSEWHERE,
    EMAIL,
    HOST,
    PLACE,
    PRESIGNED,
    WEBHOOK_SECRET,
    Listener,
    check,
    client,
    found_in,
    outcome,
    texts_of,
    token_answer,
)


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_an_upload_sends_no_token_to_the_other_host_and_shows_no_presigned_url(
    heard: Listener, network: MockApi, status: int
) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    started = {"id": "rbef01HN2NJ9NMRZBXT1H6FT9N7735", "presigned_url": f"{ELSEWHERE}?signature={PRESIGNED}"}
    network.handle("POST", HOST, lambda _: Answer(started))
    network.handle("PUT", re.compile(re.escape(ELSEWHERE)), lambda _: Answer(status=status, body=PRESIGNED.encode()))

    kind = f"{API}/v2/rebate_evidence_types/rbet01HN2NJ9NMRZBXT1H6FT9N7735"
    error = await outcome(
        lambda ev: ev.upload_rebate_evidence(b"a receipt", evidence_type=kind, file_name="receipt.pdf"), client()
    )

    assert (error is None) == (status == 200)
    [put] = [sent for sent in network.sent if sent.method == "PUT"]
    assert "Authorization" not in put.headers
    assert "EvEnergy-User" not in put.headers
    check(heard, network, error)


@pytest.mark.parametrize("case", ["tampered", "another secret", "no header", "old", "no event"])
def test_a_refused_webhook_shows_no_secret(heard: Listener, network: MockApi, case: str) -> None:
    clock = FakeClock()
    body = json.dumps({"type": 5 if case == "no event" else "a", "data": {"email": EMAIL, **PLACE}}).encode()
    headers = sign(body, WEBHOOK_SECRET, sent_at=clock.now())
    verifier = WebhookVerifier(
        "whsec_YW5vdGhlciB3ZWJob29rIHNpZ25pbmcga2V5" if case == "another secret" else WEBHOOK_SECRET, clock=clock
    )
    if case == "no header":
        del headers["svix-signature"]
    if case == "old":
        clock.advance(3600)

    with pytest.raises((WebhookVerificationError, DecodeError)) as raised:
        verifier.verify(body + b" " if case == "tampered" else body, headers)

    assert not found_in(repr(verifier))
    texts = [text for text in texts_of(raised.value) if found_in(text)]
    assert not texts
    assert headers.get("svix-signature", "nothing") not in str(raised.value)
    check(heard, network)
