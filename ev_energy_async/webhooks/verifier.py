"""Whether a delivery is genuine.

Deliveries come signed by Svix. Verification is pure: no I/O, the time comes from a clock that is handed in.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from ev_energy_async import codec as _codec
from ev_energy_async.clock import Clock, Duration, SystemClock, seconds
from ev_energy_async.errors import DecodeError, InvalidArgument, WebhookVerificationError
from ev_energy_async.values import UNSET, UnsetType
from ev_energy_async.webhooks.events import EVENT_TYPES, Event, Payload, UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from standardwebhooks import Webhook

__all__ = ["Headers", "WebhookVerificationError", "WebhookVerifier", "verify"]

# What Svix's own libraries allow, and the specification of Standard Webhooks recommends.
_TOLERANCE: Final = 300.0
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # what every secret starts with, not one
_BASE64: Final = re.compile(r"([A-Za-z0-9+/]+)={0,2}")
_HEADERS: Final = ("svix-id", "svix-timestamp", "svix-signature")
_SCHEME: Final = "v1,"
# What is signed is `{id}.{timestamp}.{body}`. An ID without `{` keeps anyone from moving the dots: whatever a genuine
# message is cut into anew, the last part is then no JSON object, or the first one is no ID.
_ID: Final = re.compile(r"[!-z|}~]+")
# No sign, no leading zero, no fraction: the number that is signed is spelled as the header spells it.
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,10}")


class Headers(Protocol):
    """The headers of a delivery: a mapping of text to text, or what a framework has in its place."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names, in any case, and values."""
        ...


class WebhookVerifier:
    """Tells genuine deliveries from others, and parses the genuine ones.

    Args:
        secret: The signing secret of the endpoint, as the webhook portal shows it (`whsec_...`); during a rotation all
            that are valid, in any order.
        tolerance: How far the time of sending may be from now, in the past or, as clocks differ, in the future: seconds
            or a `timedelta`. Both ends are still accepted.
        clock: Where the time comes from; None for the machine's clock.
        codec: What decodes the events, for hooks and a listener of drift; None for the codec of `codec.decode`.

    Raises:
        InvalidArgument: A secret is no base64; it is not shown.
        ModuleNotFoundError: The extra `[webhooks]` is not installed.

    Example:
        >>> verifier = WebhookVerifier(["whsec_bmV3IHNlY3JldA==", "whsec_b2xkIHNlY3JldA=="], tolerance=120)
        >>> verifier
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
        # What is no text and no collection, such as the None of an unset variable, is refused as a secret below.
        secrets = (secret,) if isinstance(secret, str) or not isinstance(secret, Iterable) else tuple(secret)
        if not secrets:
            raise InvalidArgument("secret", secret, "one secret or several")
        self._signers = tuple(_signer(each) for each in secrets)
        self._tolerance = seconds("tolerance", tolerance)
        self._clock = clock or SystemClock()
        self._decode: Any = codec.decode if codec is not None else _codec.decode

    def __repr__(self) -> str:
        count = len(self._signers)
        return f"WebhookVerifier({count} secret{'' if count == 1 else 's'}, tolerance={self._tolerance})"

    def verify(self, body: bytes, headers: Headers) -> Event:
        """Return the event that a delivery brings, if the delivery is genuine and recent.

        Args:
            body: The body of the request, byte for byte as it came.
            headers: The headers of the request; the case of their names does not matter.

        Raises:
            WebhookVerificationError: A header is missing or malformed, the time of sending is too far from now, or no
                signature fits. Answer 400.
            DecodeError: The delivery is genuine and still cannot be understood. Answer 500, and it is sent again.
            InvalidArgument: `body` is not `bytes`, or `headers` is no mapping of text.
        """
        if not isinstance(body, bytes):
            # The type alone: a body never stands in an error.
            raise InvalidArgument(
                "body",
                type(body).__name__,
                "the raw bytes of the request, as the signature covers these and not a text or JSON made of them",
            )
        message_id, timestamp, signatures = _svix_headers(headers)
        if not _ID.fullmatch(message_id):
            raise WebhookVerificationError("svix-id is malformed")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise WebhookVerificationError("svix-timestamp is no time in Unix seconds")
        sent_at = dt.datetime.fromtimestamp(int(timestamp), dt.UTC)
        age = (self._clock.now() - sent_at).total_seconds()
        if abs(age) > self._tolerance:
            raise WebhookVerificationError(f"svix-timestamp is too far in the {'past' if age > 0 else 'future'}")
        self._check(message_id, sent_at, body, signatures)
        return Event(message_id, sent_at, self._parse(body), body)

    def _check(self, message_id: str, sent_at: dt.datetime, body: bytes, signatures: str) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            # The MAC is made of text; no JSON document is sent in another encoding (RFC 8259, section 8.1).
            raise WebhookVerificationError("the body is not UTF-8") from None
        # Base64 is compared as text: then each MAC has one spelling, and a malformed one is just another that differs.
        # Headers of some servers hold surrogates for bytes that are no UTF-8.
        given = [each.encode(errors="surrogatepass") for each in signatures.split() if each.startswith(_SCHEME)]
        if not given:
            raise WebhookVerificationError("svix-signature holds no signature of version v1")
        genuine = False
        for signer in self._signers:
            expected = signer.sign(message_id, sent_at, text).encode()
            for each in given:
                # No way out of the loops at the first that fits: the time tells nothing of which one it was.
                genuine |= hmac.compare_digest(expected, each)
        if not genuine:
            raise WebhookVerificationError("no signature fits: the body was changed, or the secret is another one")

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
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: Duration = _TOLERANCE,
    clock: Clock | None = None,
) -> Event:
    """Return the event that a delivery brings, for a single call; see `WebhookVerifier` for arguments and errors.

    Example:
        >>> event = verify(await request.body(), request.headers, secret)  # doctest: +SKIP
    """
    return WebhookVerifier(secret, tolerance=tolerance, clock=clock).verify(body, headers)


def _svix_headers(headers: Headers) -> tuple[str, str, str]:
    """Return `svix-id`, `svix-timestamp` and `svix-signature`."""
    if not hasattr(headers, "items"):
        raise InvalidArgument("headers", type(headers).__name__, "a mapping of text to text")
    found: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            kinds = f"{type(name).__name__} to {type(value).__name__}"
            raise InvalidArgument("headers", kinds, "a mapping of text to text")
        key = name.lower()
        if key in found:
            raise WebhookVerificationError(f"{key} is there more than once")
        if key in _HEADERS:
            found[key] = value
    for key in _HEADERS:
        if not found.get(key):
            raise WebhookVerificationError(f"{key} is missing")
    message_id, timestamp, signatures = (found[key] for key in _HEADERS)
    return message_id, timestamp, signatures


def _time(value: Any) -> dt.datetime | UnsetType | None:
    """Return the time that a JSON value stands for; UNSET if it stands for none."""
    if value is None or isinstance(value, UnsetType):
        return value
    try:
        time = msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError:
        return UNSET
    # As in the models: without a zone it is in UTC.
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _signer(secret: str) -> Webhook:
    """Return what makes the MACs of one secret."""
    try:
        from standardwebhooks import Webhook  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as error:
        if error.name != "standardwebhooks":
            raise
        raise ModuleNotFoundError(
            "webhooks need standardwebhooks: pip install 'ev-energy-async[webhooks]'", name=error.name
        ) from None
    # Decoded here: the library skips characters that are no base64, and would make a key of the rest.
    encoded = _BASE64.fullmatch(secret.removeprefix(_SECRET_PREFIX)) if isinstance(secret, str) else None
    try:
        if encoded is not None:
            return Webhook(base64.b64decode(encoded[1] + "=" * (-len(encoded[1]) % 4)))
    except binascii.Error:
        pass
    given = _Hidden() if isinstance(secret, str) else type(secret).__name__
    raise InvalidArgument("secret", given, f"the endpoint's secret, {_SECRET_PREFIX!r} and base64, nothing else")


class _Hidden:
    """Stands for a secret in an error."""

    def __repr__(self) -> str:
        return "one that is not shown"
