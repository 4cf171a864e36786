"""The OAuth 2.0 endpoints below `/o/`: token (RFC 6749) and revocation (RFC 7009). No I/O, time is an argument.

Grants: client credentials, authorization code (with the secret, with PKCE, or with both), refresh token with rotation.
The page on which a user allows it all is in `consent`.
"""

import base64
import binascii
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import attrs

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.oauth.consent import AUTHORIZE_PATH, ConsentDesk
from ev_energy_async.sandbox.oauth.tokens import Consent, TokenIssuer
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, Request, not_found

TOKEN_PATH: Final = "/o/token/"  # noqa: S105  # a path
REVOKE_PATH: Final = "/o/revoke_token/"

_FORM: Final = "application/x-www-form-urlencoded"
# RFC 6749, section 5.1: nothing of this may be kept by a cache.
_UNCACHED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """An error response of the token endpoint (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status


@attrs.frozen
class _Client:
    """The client that sent a form, authenticated by its secret or named by its ID alone."""

    confidential: bool


class OAuth:
    """Serves everything below `/o/`."""

    def __init__(self, issuer: TokenIssuer, desk: ConsentDesk) -> None:
        self.issuer = issuer
        self.desk = desk

    def answer(self, request: Request, now: Instant) -> Reply:
        """Return the response to a request below `/o/`."""
        if request.path == AUTHORIZE_PATH:
            return self.desk.answer(request, now)
        for path, act in ((TOKEN_PATH, self._give), (REVOKE_PATH, self._revoke)):
            if request.path == path and request.method == "POST":
                return _answered(act, request, now)
            if request.path in {path, path.rstrip("/")}:
                detail = f"This is POST {path}, with the slash at its end."
                return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}).reply()
        return not_found("There is nothing at this path.").reply()

    def _give(self, request: Request, now: Instant) -> JsonObject:
        form = _read_form(request)
        client = self._authenticate(request, form)
        if "grant_type" not in form:
            raise OAuthError("invalid_request", "grant_type is missing.")
        match form["grant_type"]:
            case "client_credentials":
                return self._give_own(form, client, now)
            case "authorization_code":
                return self._give_for_code(form, client, now)
            case "refresh_token":
                return self._give_again(form, client, now)
            case other:
                raise OAuthError("unsupported_grant_type", f"{other} is not a grant of the sandbox.")

    def _give_own(self, form: dict[str, str], client: _Client, now: Instant) -> JsonObject:
        """Issue a token for the application itself, without a refresh token (RFC 6749, section 4.4)."""
        if not client.confidential:
            raise _unknown_client()
        requested = form["scope"].split() if form.get("scope") else None
        if unknown := sorted(set(requested or ()) - self.issuer.scopes):
            raise OAuthError("invalid_scope", f"There is no scope {', '.join(unknown)}.")
        token = self.issuer.issue(now, scopes=requested)
        return self._told(token.text, token.scopes)

    def _give_for_code(self, form: dict[str, str], client: _Client, now: Instant) -> JsonObject:
        """Exchange an authorization code (RFC 6749, section 4.1.3; RFC 7636, section 4.6)."""
        text, verifier = _needed(form, "code"), form.get("code_verifier")
        code = self.issuer.find_code(text)
        if code is None:
            raise OAuthError("invalid_grant", "There is no such code.")
        if code.spent:
            # RFC 6749, section 4.1.2: a code that comes twice was stolen; what was issued for it is no good.
            code.consent.revoked = True
            raise OAuthError("invalid_grant", "The code was used before. What it gave is revoked.")
        if now >= code.expires_at:
            raise OAuthError("invalid_grant", "The code has expired; it is good for one minute.")
        if code.redirect_uri is not None and form.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not the one of the authorization request.")
        if code.challenge is None:
            if not client.confidential:
                raise _unknown_client()
            if verifier is not None:
                # RFC 9700, section 4.8.2: the challenge was stripped on the way.
                raise OAuthError("invalid_grant", "There is a code_verifier, but the code was asked for without PKCE.")
        elif verifier is None:
            raise OAuthError("invalid_grant", "code_verifier is missing: the code was asked for with PKCE.")
        elif not compare_digest(_challenge(verifier), code.challenge.encode()):
            raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge.")
        code.spent = True
        code.consent.public = not client.confidential
        return self._told_with_refresh(code.consent, code.consent.scopes, now)

    def _give_again(self, form: dict[str, str], client: _Client, now: Instant) -> JsonObject:
        """Refresh a token (RFC 6749, section 6); each refresh token works once (RFC 9700, section 4.14.2)."""
        refresh = self.issuer.find_refresh(_needed(form, "refresh_token"))
        if refresh is None or refresh.consent.revoked:
            raise OAuthError("invalid_grant", "There is no such refresh token, or it is revoked.")
        if not client.confidential and not refresh.consent.public:
            raise _unknown_client()
        if refresh.spent:
            refresh.consent.revoked = True
            raise OAuthError("invalid_grant", "The refresh token was used before. All that followed it is revoked.")
        if refresh.expires_at is not None and now >= refresh.expires_at:
            raise OAuthError("invalid_grant", "The refresh token has expired.")
        scopes = frozenset(form["scope"].split()) if form.get("scope") else refresh.scopes
        if beyond := sorted(scopes - refresh.consent.scopes):
            raise OAuthError("invalid_scope", f"The user has not granted {', '.join(beyond)}.")
        refresh.spent = True
        return self._told_with_refresh(refresh.consent, scopes, now)

    def _told_with_refresh(self, consent: Consent, scopes: frozenset[str], now: Instant) -> JsonObject:
        token = self.issuer.issue(now, scopes=scopes, user_id=consent.user_id, consent=consent)
        # RFC 6749, section 6: a new refresh token has the scope of the old one, whatever the access token's.
        refresh = self.issuer.issue_refresh(now, consent, consent.scopes)
        return self._told(token.text, scopes) | {"refresh_token": refresh.text}

    def _told(self, text: str, scopes: frozenset[str]) -> JsonObject:
        return {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": self.issuer.expires_in,
            "scope": " ".join(sorted(scopes)),
        }

    def _revoke(self, request: Request, _now: Instant) -> None:
        """Revoke a token (RFC 7009, section 2); an unknown one counts as revoked."""
        form = _read_form(request)
        client = self._authenticate(request, form)
        text = _needed(form, "token")
        if (refresh := self.issuer.find_refresh(text)) is not None:
            if not client.confidential and not refresh.consent.public:
                raise _unknown_client()
            refresh.consent.revoked = True
        elif (token := self.issuer.find(text)) is not None:
            if not client.confidential and not (token.consent and token.consent.public):
                raise _unknown_client()
            token.revoked = True

    def _authenticate(self, request: Request, form: dict[str, str]) -> _Client:
        """Identify the client that sent a form (RFC 6749, section 2.3).

        It authenticates by HTTP Basic or by ID and secret in the form, or sends its ID alone.

        Raises:
            OAuthError: neither fits.
        """
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                client_id = secret = ""
            # RFC 6749, section 2.3.1, has both form-encoded before they are put together; many clients leave that out.
            if self._knows(unquote_plus(client_id), unquote_plus(secret)) or self._knows(client_id, secret):
                return _Client(confidential=True)
        elif not scheme and "client_id" in form:
            if self._knows(form["client_id"], form.get("client_secret", "")):
                return _Client(confidential=True)
            if "client_secret" not in form and form["client_id"] == self.issuer.application.client_id:
                return _Client(confidential=False)
        raise _unknown_client()

    def _knows(self, client_id: str, secret: str) -> bool:
        application = self.issuer.application
        id_fits = compare_digest(client_id.encode(), application.client_id.encode())
        return compare_digest(secret.encode(), application.client_secret.encode()) and id_fits


def _answered(act: Callable[[Request, Instant], JsonObject | None], request: Request, now: Instant) -> Reply:
    headers = dict(_UNCACHED)
    try:
        return Reply(HTTPStatus.OK.value, act(request, now), headers)
    except OAuthError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
        body: JsonObject = {"error": error.code, "error_description": error.description}
        return Reply(error.status.value, body, headers)


def _unknown_client() -> OAuthError:
    return OAuthError(
        "invalid_client",
        "HTTP Basic with the client's id and secret is needed; without the secret only what PKCE secures is possible.",
        HTTPStatus.UNAUTHORIZED,
    )


def _needed(form: dict[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"{name} is missing.")
    return value


def _challenge(verifier: str) -> bytes:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode(errors="replace")).digest()).rstrip(b"=")


def _read_form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise OAuthError("invalid_request", f"The body should be {_FORM}.")
    pairs = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    # RFC 6749, section 3.2: parameters must not be included more than once.
    if repeated := sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1):
        raise OAuthError("invalid_request", f"{', '.join(repeated)} is given more than once.")
    return dict(pairs)
