"""Verifies that a webhook delivery is genuine and recent, and decodes it.

For users' servers, through `webhooks`, and for `delivery`. Deliveries are signed by Svix. Pure: no I/O, and the time
comes from an injected clock.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

import msgspec

from ev_energy_async import codec as _codec
from ev_energy_async._extras import extra
from ev_energy_async.clock import Clock, Duration, SystemClock, seconds
from ev_energy_async.errors import DecodeError, InvalidArgument, WebhookVerificationError
from ev_energy_async.values import UNSET, UnsetType, is_list
from ev_energy_async.webhooks.events import EVENT_TYPES, Event, Payload, UnknownEvent

with extra("webhooks", "WebhookVerifier", "standardwebhooks"):
    from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Body", "Headers", "WebhookVerificationError", "WebhookVerifier", "verify"]

# The default of Svix's own libraries, recommended by the Standard Webhooks specification.
_TOLERANCE: Final = 300.0
# Whoever records a delivery can replay it for as long as this. Redeliveries are signed anew, so more is never needed.
_LONGEST_TOLERANCE: Final = 86_400.0
# Standard Webhooks, "Signature scheme": a symmetric key has between 24 and 64 bytes.
_SHORTEST_KEY: Final = 24
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # the prefix of every secret, not a secret
_BASE64: Final = re.compile(r"([A-Za-z0-9+/]+)={0,2}")
_HEADERS: Final = ("svix-id", "svix-timestamp", "svix-signature")
_SCHEME: Final = "v1,"
# The signature covers `{id}.{timestamp}.{body}`. An ID without `{` keeps anyone from moving the dots: however a genuine
# message is cut anew, either the last part is not a JSON object or the first is not an ID.
_ID: Final = re.compile(r"[!-z|}~]+")
# No sign, leading zero or fraction: the signed number is spelled as in the header.
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,10}")

Body: TypeAlias = "bytes | bytearray | memoryview | str"
"""The raw body of a request. Text is encoded as UTF-8, which gives the bytes of the request back."""


class _HasItems(Protocol):
    """A collection of headers, as the requests of most frameworks have it."""

    def items(self) -> Iterable[tuple[object, object]]:
        """Return pairs of name and value."""
        ...


Headers: TypeAlias = "_HasItems | Iterable[tuple[object, object]]"
"""The headers of a request: a mapping, or pairs of name and value as in ASGI; names and values are text or bytes."""


class WebhookVerifier:
    """Verifies deliveries and decodes the genuine ones.

    Args:
        secret: The signing secret of the endpoint as the webhook portal shows it (`whsec_...`); during a rotation all
            valid ones, in any order.
        tolerance: How far the time of sending may lie in the past or, as clocks differ, in the future: seconds or a
            `timedelta`, inclusive, a day at most.
        clock: The clock to compare with; None for the system clock.
        codec: Decodes the events, for your own hooks and drift listener; None for that of `codec.decode`.

    Raises:
        InvalidArgument: A secret is not base64 or shorter than 24 bytes, without being shown; `tolerance` is not a
            duration of a day at most.

    Example:
        >>> secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
        >>> WebhookVerifier(secrets, tolerance=120)
        WebhookVerifier(2 secrets, tolerance=120.0)
    """

    def __init__(
        self,
        secret: str | Sequence[str],
        *,
        tolerance: Duration = _TOLERANCE,
        clock: Clock | None = None,
        codec: _codec.Codec | None = None,
    ) -> None:
        # Neither text nor a collection, such as the None of an unset variable: refused as a secret below.
        secrets = (secret,) if isinstance(secret, str) or not isinstance(secret, Iterable) else tuple(secret)
        if not secrets:
            raise InvalidArgument("secret", secret, "one secret or several")
        self._signers = tuple(_signer(each) for each in secrets)
        self._tolerance = seconds("tolerance", tolerance)
        if self._tolerance > _LONGEST_TOLERANCE:
            raise InvalidArgument(
                "tolerance", tolerance, "a day at most: a recorded delivery can be replayed that long"
            )
        self._clock = clock or SystemClock()
        self._decode: Any = codec.decode if codec is not None else _codec.decode

    def __repr__(self) -> str:
        count = len(self._signers)
        return f"WebhookVerifier({count} secret{'' if count == 1 else 's'}, tolerance={self._tolerance})"

    def verify(self, body: Body, headers: Headers) -> Event:
        """Return the event of a delivery that is genuine and recent.

        Args:
            body: The body of the request, byte for byte as received.
            headers: The headers of the request, in any type that frameworks have for them; only the three of Svix are
                looked at. The case of names does not matter.

        Raises:
            WebhookVerificationError: A header is missing or malformed, the time of sending is too far from now, or no
                signature matches. Respond 400.
            DecodeError: The delivery is genuine but cannot be decoded. Respond 500, and it is redelivered.
            InvalidArgument: `body` is not the raw body, or `headers` are not headers.
        """
        raw = _raw(body)
        message_id, timestamp, signatures = _svix_headers(headers)
        if not _ID.fullmatch(message_id):
            raise WebhookVerificationError("svix-id is malformed")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise WebhookVerificationError("svix-timestamp is not a time in Unix seconds")
        sent_at = dt.datetime.fromtimestamp(int(timestamp), dt.UTC)
        age = (self._clock.now() - sent_at).total_seconds()
        if abs(age) > self._tolerance:
            raise WebhookVerificationError(f"svix-timestamp is too far in the {'past' if age > 0 else 'future'}")
        self._check(message_id, sent_at, raw, signatures)
        return Event(message_id, sent_at, self._parse(raw), raw)

    def _check(self, message_id: str, sent_at: dt.datetime, body: bytes, signatures: str) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            # The library signs text, and JSON is never sent in another encoding (RFC 8259, section 8.1).
            raise WebhookVerificationError("the body is not UTF-8") from None
        # Base64 is compared as text: each MAC then has one spelling, and a malformed one merely differs.
        # Some servers decode header bytes that are not UTF-8 to surrogates.
        given = [each.encode(errors="surrogatepass") for each in signatures.split() if each.startswith(_SCHEME)]
        if not given:
            raise WebhookVerificationError("svix-signature has no signature of version v1")
        genuine = False
        for signer in self._signers:
            expected = signer.sign(message_id, sent_at, text).encode()
            for each in given:
                # All are compared even after a match, so that timing does not tell which one matched.
                genuine |= hmac.compare_digest(expected, each)
        if not genuine:
            raise WebhookVerificationError("no signature matches: the body was changed, or the secret is another one")

    def _parse(self, body: bytes) -> Payload:
        document = _codec.decode(body, dict[str, Any])
        kind = document.get("type")
        if not isinstance(kind, str):
            raise DecodeError("expected a string", "$.type")
        known = EVENT_TYPES.get(kind)
        if known is not None:
            payload: Payload = self._decode(body, known)
            return payload
        return UnknownEvent(kind, _time(document.get("timestamp", UNSET)), document.get("data", UNSET))


def verify(
    body: Body,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: Duration = _TOLERANCE,
    clock: Clock | None = None,
) -> Event:
    """Return the event of a delivery, for a single call; see `WebhookVerifier` for arguments and errors.

    Example:
        >>> event = verify(await request.body(), request.headers, secret)  # doctest: +SKIP
    """
    return WebhookVerifier(secret, tolerance=tolerance, clock=clock).verify(body, headers)


def _raw(body: Any) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(cast("bytes", body))
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise WebhookVerificationError("the body is not UTF-8") from None
    # Only the type: an error never shows a body.
    raise InvalidArgument(
        "body", type(body).__name__, "the raw body of the request: the signature covers that, not JSON parsed from it"
    )


def _svix_headers(headers: Headers) -> tuple[str, str, str]:
    """Return `svix-id`, `svix-timestamp` and `svix-signature`."""
    found: dict[str, str] = {}
    for name, value in _pairs(headers):
        key = _header_text(name).lower()
        if key not in _HEADERS:
            continue
        if key in found:
            raise WebhookVerificationError(f"{key} is there more than once")
        found[key] = _header_text(value)
    for key in _HEADERS:
        if not found.get(key):
            raise WebhookVerificationError(f"{key} is missing")
    message_id, timestamp, signatures = (found[key] for key in _HEADERS)
    return message_id, timestamp, signatures


def _pairs(headers: Any) -> Iterable[tuple[object, object]]:
    try:
        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        split: list[tuple[object, object]] = [(name, value) for name, value in pairs]
    except (TypeError, ValueError):  # not iterable, or not of pairs
        raise InvalidArgument("headers", type(headers).__name__, "a mapping, or pairs of name and value") from None
    # Most mappings have one value for a name; some, as those of AWS Lambda, have a list of them.
    found: list[tuple[object, object]] = []
    for name, value in split:
        values = value if isinstance(headers, Mapping) and is_list(value) else [value]
        found += [(name, each) for each in values]
    return found


def _header_text(value: object) -> str:
    """Return a header's name or value as text; bytes are ISO-8859-1, as in ASGI and in RFC 9110, section 5.5."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _time(value: Any) -> dt.datetime | UnsetType | None:
    """Return the time in a JSON value; UNSET if it has none."""
    if value is None or isinstance(value, UnsetType):
        return value
    try:
        time = msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError:
        return UNSET
    # As in the models: a time without an offset is in UTC.
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _signer(secret: str) -> Webhook:
    """Return the library's signer for one secret."""
    # Decoded here: the library skips characters that are not base64 and makes a key of the rest.
    encoded = _BASE64.fullmatch(secret.removeprefix(_SECRET_PREFIX)) if isinstance(secret, str) else None
    expected = f"the endpoint's secret, {_SECRET_PREFIX!r} and base64, nothing else"
    try:
        if encoded is not None:
            key = base64.b64decode(encoded[1] + "=" * (-len(encoded[1]) % 4))
            if len(key) >= _SHORTEST_KEY:
                return Webhook(key)
            expected += f", of at least {_SHORTEST_KEY} bytes"
    except binascii.Error:
        pass
    given = _Hidden() if isinstance(secret, str) else type(secret).__name__
    raise InvalidArgument("secret", given, expected)


class _Hidden:
    """A placeholder for a secret in an error."""

    def __repr__(self) -> str:
        return "one that is not shown"
