"""The OAuth 2.0 token endpoint (RFC 6749) and the tokens it has given out. No I/O, time comes in as an argument."""

import base64
import binascii
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from secrets import token_urlsafe
from urllib.parse import parse_qsl, unquote_plus

from ev_energy_async.sandbox.instants import SECOND, Instant
from ev_energy_async.sandbox.messages import JsonObject, Reply, Request

_KEPT_TOKENS = 10_000
_FORM = "application/x-www-form-urlencoded"
_TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class Application:
    """The one application that the sandbox knows."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Token:
    """An access token: whom it stands for, what it may do, how long."""

    text: str
    client_id: str
    user_id: str | None
    """The user who granted it; None for the application's own."""
    scopes: frozenset[str]
    expires_at: Instant


class OAuthError(Exception):
    """An error answer of the token endpoint (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status


class TokenIssuer:
    """Gives out access tokens and knows them again."""

    def __init__(self, application: Application, scopes: frozenset[str], lifetime_seconds: int) -> None:
        self.application = application
        self.scopes = scopes
        self.lifetime_seconds = lifetime_seconds
        self._tokens: OrderedDict[str, Token] = OrderedDict()

    def issue(self, now: Instant, *, scopes: Iterable[str] | None = None, user_id: str | None = None) -> Token:
        """A new token, by default with every scope and for the application itself."""
        token = Token(
            token_urlsafe(_TOKEN_BYTES),
            self.application.client_id,
            user_id,
            self.scopes if scopes is None else frozenset(scopes),
            now + self.lifetime_seconds * SECOND,
        )
        self._tokens[token.text] = token
        if len(self._tokens) > _KEPT_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def find(self, text: str) -> Token | None:
        """The token of that text, expired or not."""
        return self._tokens.get(text)

    def answer(self, request: Request, now: Instant) -> Reply:
        """What `POST /o/token/` answers."""
        # RFC 6749, section 5.1: nothing of this may be kept by a cache.
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            body: JsonObject = self._grant(request, now)
        except OAuthError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
            body = {"error": error.code, "error_description": error.description}
            return Reply(error.status.value, body, headers)
        return Reply(HTTPStatus.OK.value, body, headers)

    def _grant(self, request: Request, now: Instant) -> JsonObject:
        form = _read_form(request)
        self._authenticate(request.headers)
        if "grant_type" not in form:
            raise OAuthError("invalid_request", "grant_type is missing.")
        if form["grant_type"] != "client_credentials":
            raise OAuthError("unsupported_grant_type", f"{form['grant_type']} is not a grant of the sandbox.")
        requested = form["scope"].split() if form.get("scope") else None
        if unknown := sorted(set(requested or ()) - self.scopes):
            raise OAuthError("invalid_scope", f"There is no scope {', '.join(unknown)}.")
        token = self.issue(now, scopes=requested)
        return {
            "access_token": token.text,
            "token_type": "Bearer",
            "expires_in": self.lifetime_seconds,
            "scope": " ".join(sorted(token.scopes)),
        }

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        scheme, _, encoded = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                client_id = secret = ""
            # RFC 6749, section 2.3.1, has both form-encoded before they are put together; many clients leave that out.
            if self._knows(unquote_plus(client_id), unquote_plus(secret)) or self._knows(client_id, secret):
                return
        raise OAuthError(
            "invalid_client", "HTTP Basic with the client's id and secret is needed.", HTTPStatus.UNAUTHORIZED
        )

    def _knows(self, client_id: str, secret: str) -> bool:
        application = self.application
        id_fits = compare_digest(client_id.encode(), application.client_id.encode())
        return compare_digest(secret.encode(), application.client_secret.encode()) and id_fits


def _read_form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise OAuthError("invalid_request", f"The body should be {_FORM}.")
    pairs = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    # RFC 6749, section 3.2: parameters must not be included more than once.
    if repeated := sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1):
        raise OAuthError("invalid_request", f"{', '.join(repeated)} is given more than once.")
    return dict(pairs)
