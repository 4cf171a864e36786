"""Webhooks: what is taken for genuine, what becomes of it, and how often.

The signatures are made here by the scheme itself, an HMAC over `{id}.{timestamp}.{body}`, so that the library that
the package signs with is tested as well.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import pickle
from contextlib import nullcontext
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.codec import Codec, Drift, make_converter
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.models import ChargingSubSessionCreatedWebhook, ChargingSubSessionEndedWebhook
from ev_energy_async.values import UNSET
from ev_energy_async.webhooks import (
    ChargingSubSessionCreated,
    ChargingSubSessionEnded,
    UnknownEvent,
    WebhookVerificationError,
    WebhookVerifier,
    verify,
)
from tests.conftest import START, FakeClock

KEY: Final = b"a key that nobody knows, yet"
OLD_KEY: Final = b"the key of last year, retired"
NOW: Final = int(START.timestamp())
ID: Final = "msg_2p5jXN8AQM9LWM0D4loKWxJek"


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def mac(body: bytes, *, key: bytes = KEY, id: str = ID, timestamp: str = str(NOW)) -> str:  # noqa: A002  # its name
    signed = id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed(body: bytes, *, id: str = ID, timestamp: str = str(NOW)) -> dict[str, str]:  # noqa: A002  # its name
    return {"svix-id": id, "svix-timestamp": timestamp, "svix-signature": mac(body, id=id, timestamp=timestamp)}


def event_body(kind: str = "charging_sub_session.ended", **changes: Any) -> bytes:
    session: dict[str, Any] = {
        "id": "csub01KZVH2GZNHZ67FEY2JB79R2MV",
        "url": "https://api.ev.energy/v2/charging_sub_sessions/csub01KZVH2GZNHZ67FEY2JB79R2MV",
        "start": "2026-03-14T08:42:10Z",
        "end": "2026-03-14T11:15:00Z",
        "mode": "SMART",
        "energy_delivered_watt_hours": 14_200,
        "grid_energy_delivered_watt_hours": 14_200,
        "solar_energy_delivered_watt_hours": 0,
        "cost": 114,
        "currency": "GBP",
        "location": {"name": "Home", "coordinates": {"latitude": 51.48, "longitude": -2.61}},
        "total_co2_grams": 1_676,
        "co2_intensity_grams_per_kilowatt_hour": 118,
        "co2_intensity_classification": "low",
        "duration_minutes": 122,
    }
    return json.dumps({"type": kind, "timestamp": "2026-03-14T11:15:02Z", "data": session | changes}).encode()


BODY: Final = event_body()


def verifier(*keys: bytes, now: float = NOW, **more: Any) -> WebhookVerifier:
    clock = FakeClock(dt.datetime.fromtimestamp(now, dt.UTC))
    return WebhookVerifier([secret_of(key) for key in keys or (KEY,)], clock=clock, **more)


# What a genuine delivery becomes.


def test_an_ended_sub_session_is_its_model() -> None:
    event = verifier().verify(BODY, signed(BODY))
    assert event.id == ID
    assert event.sent_at == START
    assert event.body == BODY
    assert isinstance(event.payload, ChargingSubSessionEnded)
    assert event.payload.timestamp == dt.datetime(2026, 3, 14, 11, 15, 2, tzinfo=dt.UTC)
    assert event.payload.data.energy_delivered_watt_hours == 14_200


def test_a_created_sub_session_is_its_model() -> None:
    body = event_body("charging_sub_session.created", end=None)
    event = verifier().verify(body, signed(body))
    assert isinstance(event.payload, ChargingSubSessionCreated)
    assert event.payload.data.end is None


def test_the_events_are_the_models_of_the_document() -> None:
    assert ChargingSubSessionCreated is ChargingSubSessionCreatedWebhook
    assert ChargingSubSessionEnded is ChargingSubSessionEndedWebhook


def test_an_event_of_an_unknown_type_comes_as_it_is() -> None:
    body = b'{"type": "vehicle.sold", "timestamp": "2026-03-14T11:00:00Z", "data": {"price": [1, null]}, "more": 1}'
    event = verifier().verify(body, signed(body))
    assert event.payload == UnknownEvent(
        "vehicle.sold", dt.datetime(2026, 3, 14, 11, tzinfo=dt.UTC), {"price": [1, None]}
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", UNSET),
        (', "timestamp": null', None),
        (', "timestamp": "soon"', UNSET),
        (', "timestamp": 7', UNSET),
        (', "timestamp": "2026-03-14T13:00:00+01:00"', START),
        (', "timestamp": "2026-03-14T12:00:00"', START),
    ],
)
def test_the_time_of_an_unknown_event_is_aware_or_not_there(written: str, read: object) -> None:
    body = f'{{"type": "vehicle.sold"{written}}}'.encode()
    payload = verifier().verify(body, signed(body)).payload
    assert isinstance(payload, UnknownEvent)
    assert payload.timestamp == read
    assert not isinstance(payload.timestamp, dt.datetime) or payload.timestamp.utcoffset() is not None
    assert payload.data is UNSET


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    kind=st.text(), data=JSON, timestamp=JSON, more=st.dictionaries(st.text(), JSON, max_size=2), ascii_=st.booleans()
)
def test_any_event_of_an_unknown_type_comes_through(
    kind: str, data: Any, timestamp: Any, more: dict[str, Any], *, ascii_: bool
) -> None:
    document = {**more, "type": f"unknown.{kind}", "data": data, "timestamp": timestamp}
    body = json.dumps(document, ensure_ascii=ascii_).encode()
    payload = verifier().verify(body, signed(body)).payload
    assert isinstance(payload, UnknownEvent)
    assert payload.type == f"unknown.{kind}"
    assert payload.data == data


def test_the_unsigned_event_type_header_decides_nothing() -> None:
    event = verifier().verify(BODY, signed(BODY) | {"svix-event-type": "charging_sub_session.created"})
    assert isinstance(event.payload, ChargingSubSessionEnded)


def test_an_event_that_departs_from_the_schema_is_delivered_and_the_drift_reported() -> None:
    seen: list[Drift] = []
    body = event_body(duration_minutes=122.0, currency=None, brand_new=True)
    event = verifier(codec=Codec(on_drift=seen.append)).verify(body, signed(body))
    assert isinstance(event.payload, ChargingSubSessionEnded)
    assert event.payload.data.duration_minutes == 122
    assert {(d.type, d.path, d.kind) for d in seen} == {
        ("ChargingSubSession", "duration_minutes", "number"),
        ("ChargingSubSession", "currency", "null"),
    }


def test_hooks_of_a_users_codec_apply_to_the_event() -> None:
    converter = make_converter()
    converter.register_structure_hook(float, lambda value, _: round(value))
    event = verifier(codec=Codec(converter)).verify(BODY, signed(BODY))
    assert isinstance(event.payload, ChargingSubSessionEnded)
    assert event.payload.data.location is not None
    assert "latitude=51," in repr(event.payload.data.location)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"[]", "$"),
        (b"<html>", "$"),
        (b"{}", "$.type"),
        (b'{"type": null}', "$.type"),
        (b'{"type": 7}', "$.type"),
        (event_body(duration_minutes="5"), "$.data.duration_minutes"),
    ],
)
def test_a_genuine_message_that_makes_no_sense_is_a_decode_error(body: bytes, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        verifier().verify(body, signed(body))
    assert caught.value.path == path


def test_the_function_does_what_the_verifier_does() -> None:
    clock = FakeClock()
    assert verify(BODY, signed(BODY), secret_of(KEY), clock=clock).id == ID
    clock.advance(11)
    with pytest.raises(WebhookVerificationError, match="past"):
        verify(BODY, signed(BODY), secret_of(KEY), tolerance=10, clock=clock)


def test_by_default_the_time_is_the_machines() -> None:
    timestamp = str(int(dt.datetime.now(dt.UTC).timestamp()))
    assert verify(BODY, signed(BODY, timestamp=timestamp), secret_of(KEY)).id == ID


def test_the_repr_of_an_event_leaves_the_raw_body_out() -> None:
    body = b'{"type": "vehicle.sold", "beside": "the data"}'
    assert "beside" not in repr(verifier().verify(body, signed(body)))


# Signatures and keys.


def test_a_vector_from_the_providers_own_documentation() -> None:
    # docs.svix.com/receiving/verifying-payloads/how-manual: secret, message and signature are printed there.
    body = b'{"test": 2432232314}'
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    documented = WebhookVerifier(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", clock=FakeClock(dt.datetime.fromtimestamp(1_614_265_330, dt.UTC))
    )
    with pytest.raises(DecodeError):  # genuine, and no event of this API
        documented.verify(body, headers)


def test_one_fitting_signature_among_several_is_enough() -> None:
    headers = signed(BODY)
    others = [mac(BODY, key=OLD_KEY), "v1a,of-another-scheme", "v1,", "v1", "no comma", "v1,%%%"]
    headers["svix-signature"] = " ".join([*others, headers["svix-signature"], *others])
    assert verifier().verify(BODY, headers).id == ID


@pytest.mark.parametrize("keys", [(KEY, OLD_KEY), (OLD_KEY, KEY)])
@pytest.mark.parametrize("signer", [KEY, OLD_KEY])
def test_during_a_rotation_both_secrets_hold(keys: tuple[bytes, ...], signer: bytes) -> None:
    headers = signed(BODY) | {"svix-signature": mac(BODY, key=signer)}
    assert verifier(*keys).verify(BODY, headers).id == ID


@pytest.mark.parametrize("fitting", [0, 1, 2, None])
def test_timing_does_not_reveal_which_signature_matches(monkeypatch: pytest.MonkeyPatch, fitting: int | None) -> None:
    compared: list[tuple[bytes, bytes]] = []
    in_constant_time = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return in_constant_time(one, other)

    given = [mac(BODY, key=b"another key, of number %d" % number) for number in range(3)]
    if fitting is not None:
        given[fitting] = mac(BODY)
    checking = verifier(KEY, OLD_KEY)
    monkeypatch.setattr(hmac, "compare_digest", compare)

    with nullcontext() if fitting is not None else pytest.raises(WebhookVerificationError):
        checking.verify(BODY, signed(BODY) | {"svix-signature": " ".join(given)})

    expected = [mac(BODY, key=key).encode() for key in (KEY, OLD_KEY)]
    assert compared == [(one, other.encode()) for one in expected for other in given]


def test_after_a_rotation_the_old_secret_holds_no_longer() -> None:
    headers = signed(BODY) | {"svix-signature": mac(BODY, key=OLD_KEY)}
    with pytest.raises(WebhookVerificationError, match="no signature matches"):
        verifier(KEY).verify(BODY, headers)


@pytest.mark.parametrize("key", [b"k" * 24, b"\xfb\xff\xfe" * 8, bytes(range(64))])
def test_a_secret_is_base64_with_and_without_prefix_and_padding(key: bytes) -> None:
    headers = signed(BODY) | {"svix-signature": mac(BODY, key=key)}
    secret = secret_of(key)
    for spelled in (secret, secret.rstrip("="), secret.removeprefix("whsec_")):
        assert WebhookVerifier(spelled, clock=FakeClock()).verify(BODY, headers).id == ID


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_dG9wIHNlY3JldA==\n",
        " whsec_dG9wIHNlY3JldA==",
        "whsec_dG9wIHN!Y3JldA==",
        "whsec_dG9wIHNlY3JldA===",
        "whsec_dG9wI",
        "whsec_dG9wIHNl-Y3J_dA==",
        "whsec_",
        "wrong_dG9wIHNlY3JldA==",
        "geheimnisvölle",
    ],
)
def test_a_secret_that_is_no_base64_is_refused_and_not_shown(secret: str) -> None:
    for given_secret in (secret, [secret_of(KEY), secret]):
        with pytest.raises(InvalidArgument, match=r"secret: expected .*base64") as caught:
            WebhookVerifier(given_secret)
        told = f"{caught.value!r} {caught.value} {vars(caught.value)} {caught.value.__cause__}"
        assert "dG9w" not in told
        assert "geheim" not in told
        assert caught.value.__context__ is None
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  # made here


@pytest.mark.parametrize("secret", [None, b"whsec_dG9w", [], [None], 7, ""])
def test_what_is_no_secret_at_all_is_refused(secret: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^secret: expected"):
        WebhookVerifier(secret)


def test_no_secret_in_what_a_verifier_shows() -> None:
    shown = verifier(KEY, OLD_KEY, tolerance=dt.timedelta(minutes=2))
    assert repr(shown) == "WebhookVerifier(2 secrets, tolerance=120.0)"
    assert repr(verifier()) == "WebhookVerifier(1 secret, tolerance=300.0)"
    everything = f"{shown!r} {shown} {vars(shown)}"
    for key in (KEY, OLD_KEY):
        assert secret_of(key).removeprefix("whsec_") not in everything
        assert key.decode() not in everything


@pytest.mark.parametrize("key", [b"", b"k", b"k" * 23])
def test_a_key_of_less_than_24_bytes_is_refused_and_not_shown(key: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^secret: expected ") as caught:
        WebhookVerifier(secret_of(key))
    assert "one that is not shown" in str(caught.value)
    assert WebhookVerifier(secret_of(b"k" * 24))


# Time.


@pytest.mark.parametrize(
    ("tolerance", "allowed"), [(300, 300), (10, 10), (dt.timedelta(minutes=1), 60), (0.5, 0.5), (None, 300)]
)
def test_the_tolerance_reaches_both_ways_to_its_edge(tolerance: Any, allowed: float) -> None:
    options = {} if tolerance is None else {"tolerance": tolerance}
    for now in (NOW, NOW + allowed, NOW - allowed):
        assert verifier(now=now, **options).verify(BODY, signed(BODY)).sent_at == START
    for now, direction in ((NOW + allowed + 0.001, "past"), (NOW - allowed - 0.001, "future")):
        with pytest.raises(WebhookVerificationError, match=f"too far in the {direction}"):
            verifier(now=now, **options).verify(BODY, signed(BODY))


@pytest.mark.parametrize(
    "tolerance",
    [0, -1, float("nan"), float("inf"), dt.timedelta(0), dt.timedelta(days=1, seconds=1), 1e12, "300", True, None],
)
def test_a_tolerance_is_a_duration(tolerance: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^tolerance: "):
        verifier(tolerance=tolerance)


def test_a_captured_message_sent_again_much_later_is_refused() -> None:
    clock = FakeClock()
    taking = WebhookVerifier(secret_of(KEY), clock=clock)
    headers = signed(BODY)
    assert taking.verify(BODY, headers)
    clock.advance(86_400)
    with pytest.raises(WebhookVerificationError, match="past"):
        taking.verify(BODY, headers)
