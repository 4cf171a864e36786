"""OAuth 2.0 messages, without I/O: made and read by oauthlib, checked here.

RFC 6749 (the framework), RFC 7636 (PKCE), RFC 7009 (revocation). oauthlib costs 40 ms to import, so each function
imports what it needs. A secret or token is part of a message and of nothing else: no `repr`, error or log line shows
one.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import attrs
import msgspec

from ev_energy_async.errors import AuthError, DecodeError, InvalidArgument, error_for
from ev_energy_async.messages import Operation, Request, without_input
from ev_energy_async.values import is_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.messages import RawResponse

__all__ = [
    "AuthorizationRequest",
    "Client",
    "Token",
    "authorization_request",
    "check_scopes",
    "check_token",
    "code_request",
    "credentials_request",
    "origin_of",
    "read_redirect",
    "read_token",
    "refresh_request",
    "revocation_request",
]

AUTHORIZE_PATH: Final = "/o/authorize/"
TOKEN_PATH: Final = "/o/token/"  # noqa: S105  # with the slash: without it the answer is 405
REVOKE_PATH: Final = "/o/revoke_token/"

# A second refusal of these can be foreseen: the credentials, the code or the refresh token are no good.
_FINAL_ERRORS: Final = frozenset({"invalid_client", "invalid_grant"})
_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500
_VERIFIER_LENGTH: Final = 64
_LONGEST_LIFE: Final = 10 * 365 * 86_400.0  # so that no answer reaches beyond what a datetime holds

TOKEN_OPERATION: Final[Operation[Any]] = Operation(name="oauth.token", method="POST", path=TOKEN_PATH)
REVOKE_OPERATION: Final[Operation[None]] = Operation(name="oauth.revoke", method="POST", path=REVOKE_PATH)


class Hidden:
    """Stands for a secret where an error shows what it was given."""

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self._kind}, not shown>"


def origin_of(secret: str) -> str:
    """Return what tells tokens that go back to one code or refresh token from those of another; no secret itself."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_scopes(scopes: Sequence[str]) -> None:
    """Refuse a text in place of several scopes: its letters would be asked for one by one.

    Raises:
        InvalidArgument: It is a text.
    """
    if isinstance(scopes, str):
        raise InvalidArgument("scopes", scopes, "a sequence of scopes, as in ['vehicle:read']")


def check_token(argument: str, token: object) -> str:
    """Return a token or secret that can be sent in a header.

    Raises:
        InvalidArgument: It is empty, or has characters that no header takes; the value itself is not shown.
    """
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument(argument, Hidden(token), "a non-empty string of visible ASCII characters")
    return token


@attrs.frozen
class Client:
    """An OAuth client: its ID and, unless it is a public one, its secret."""

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Token:
    """An access token and what comes with it.

    Attributes:
        access_token: The token itself.
        expires_at: When it ends, aware; None if the server did not say.
        obtained_at: When it was had, aware; None if that is not known.
        refresh_token: What the next one is had with; None if the grant gives none.
        scopes: What it is good for, as far as the server said.
        origin: What tells the consent that it goes back to from another one; None if that is not known.
    """

    access_token: str = attrs.field(repr=False)
    expires_at: dt.datetime | None = None
    refresh_token: str | None = attrs.field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    obtained_at: dt.datetime | None = None
    origin: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class AuthorizationRequest:
    """A request for a user's consent that is under way. Keep it with the user's session until the browser is back.

    Attributes:
        url: Where to send the user's browser.
        redirect_uri: Where the browser comes back to.
        state: What the browser must bring back, against forged redirects (RFC 6749, section 10.12).
        code_verifier: What proves that the code was asked for here (RFC 7636); None if a secret does.
    """

    url: str = attrs.field(repr=False)
    redirect_uri: str
    state: str = attrs.field(repr=False)
    code_verifier: str | None = attrs.field(default=None, repr=False)


def authorization_request(
    client: Client, authorize_url: str, redirect_uri: str, scopes: Sequence[str]
) -> AuthorizationRequest:
    """Return a new request for a user's consent (RFC 6749, section 4.1.1), with PKCE if the client has no secret."""
    from oauthlib.common import generate_token  # noqa: PLC0415
    from oauthlib.oauth2 import WebApplicationClient  # noqa: PLC0415
    from oauthlib.oauth2.rfc6749 import parameters  # noqa: PLC0415

    messages: Any = WebApplicationClient(client.client_id)
    state: str = generate_token(length=43)
    verifier: str | None = None
    pkce: dict[str, Any] = {}
    if client.client_secret is None:
        verifier = messages.create_code_verifier(_VERIFIER_LENGTH)
        pkce = {"code_challenge": messages.create_code_challenge(verifier, "S256"), "code_challenge_method": "S256"}
    parts = urlsplit(authorize_url)
    # oauthlib insists on https, which a sandbox on loopback has not.
    found: Any = parameters
    url: str = found.prepare_grant_uri(
        parts._replace(scheme="https").geturl(),
        client.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=list(scopes) or None,
        state=state,
        **pkce,
    )
    return AuthorizationRequest(urlsplit(url)._replace(scheme=parts.scheme).geturl(), redirect_uri, state, verifier)


def read_redirect(pending: AuthorizationRequest, redirected_to: str) -> str:
    """Return the code that the browser brought back (RFC 6749, section 4.1.2).

    Raises:
        AuthError: The user said no, or the server did.
        InvalidArgument: It is no answer to this request: another `state`, or no code.
    """
    from oauthlib.oauth2 import MismatchingStateError, MissingCodeError, OAuth2Error  # noqa: PLC0415
    from oauthlib.oauth2.rfc6749.parameters import parse_authorization_code_response  # noqa: PLC0415

    if not pending.state:
        # oauthlib compares nothing with an empty one.
        raise InvalidArgument("pending", pending, "a request that `begin` returned, with its `state`")
    try:
        query = urlsplit(redirected_to).query
    except ValueError as error:
        raise InvalidArgument("redirected_to", Hidden(redirected_to), "the address of a redirect") from error
    try:
        answer: dict[str, str] = parse_authorization_code_response(f"https://localhost/?{query}", pending.state)
    except MismatchingStateError as error:
        expected = "the redirect that answers this request; its `state` is another"
        raise InvalidArgument("redirected_to", Hidden(redirected_to), expected) from error
    except MissingCodeError as error:
        raise InvalidArgument("redirected_to", Hidden(redirected_to), "a redirect with a `code`") from error
    except OAuth2Error as error:
        raise AuthError(str(error.error), error.description or None) from error
    return answer["code"]


def credentials_request(client: Client, scopes: Sequence[str]) -> Request[Any]:
    """Return the request for a token by client credentials (RFC 6749, section 4.4.2)."""
    from oauthlib.oauth2 import BackendApplicationClient  # noqa: PLC0415

    messages: Any = BackendApplicationClient(client.client_id)
    return _form(TOKEN_OPERATION, TOKEN_PATH, client, messages.prepare_request_body(scope=list(scopes) or None))


def code_request(client: Client, pending: AuthorizationRequest, code: str) -> Request[Any]:
    """Return the request that trades a code for a token (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
    from oauthlib.oauth2 import WebApplicationClient  # noqa: PLC0415

    messages: Any = WebApplicationClient(client.client_id)
    body = messages.prepare_request_body(
        code=code,
        redirect_uri=pending.redirect_uri,
        code_verifier=pending.code_verifier,
        include_client_id=client.client_secret is None,
    )
    return _form(TOKEN_OPERATION, TOKEN_PATH, client, body)


def refresh_request(client: Client, refresh_token: str) -> Request[Any]:
    """Return the request that trades a refresh token for a new token (RFC 6749, section 6)."""
    from oauthlib.oauth2 import WebApplicationClient  # noqa: PLC0415

    messages: Any = WebApplicationClient(client.client_id)
    public = {} if client.client_secret is not None else {"client_id": client.client_id}
    body = messages.prepare_refresh_body(refresh_token=refresh_token, **public)
    return _form(TOKEN_OPERATION, TOKEN_PATH, client, body)


def revocation_request(client: Client, token: str, kind: str) -> Request[None]:
    """Return the request that ends a token (RFC 7009, section 2.1); `kind` is `access_token` or `refresh_token`."""
    public = {} if client.client_secret is not None else {"client_id": client.client_id}
    body = urlencode({"token": token, "token_type_hint": kind, **public})
    return _form(REVOKE_OPERATION, REVOKE_PATH, client, body)


def _form(operation: Operation[Any], path: str, client: Client, body: str) -> Request[Any]:
    """Return a form post; a client with a secret identifies itself by HTTP Basic (RFC 6749, section 2.3.1)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if client.client_secret is not None:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return Request(operation, path, "", headers, body.encode())


def read_token(response: RawResponse, now: dt.datetime, request: Request[Any] | None = None) -> Token:
    """Return the token in an answer of the token endpoint (RFC 6749, sections 5.1 and 5.2).

    Args:
        response: The answer.
        now: What time it is.
        request: What was asked, body and all, so that what a refusal quotes of it can be left out.

    Raises:
        AuthError: The credentials, the code or the refresh token were refused.
        ApiError: The endpoint is in trouble, or the request was bad.
        DecodeError: It is no answer of a token endpoint, as when a proxy answered with a page.
    """
    if response.status >= _FIRST_SERVER_ERROR:
        raise error_for(response)
    try:
        found: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if response.status != _OK:
            raise error_for(response) from error
        kind = response.headers.get("Content-Type", "no content type")
        raise DecodeError(f"the token endpoint answered with {kind}, not JSON", "$", response) from error
    members: dict[str, Any] = found if is_object(found) else {}
    if members.get("error") in _FINAL_ERRORS:
        said = _text(members.get("error_description"))
        raise AuthError(members["error"], None if said is None else without_input(said, request or response.request))
    if response.status != _OK:
        raise error_for(response)
    return _token(members, response, now)


def _token(members: dict[str, Any], response: RawResponse, now: dt.datetime) -> Token:
    kind = members.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise DecodeError("the token endpoint gave something other than a bearer token", "$.token_type", response)
    try:
        access_token = check_token("access_token", members.get("access_token"))
    except InvalidArgument as error:
        raise DecodeError("the token endpoint gave no usable token", "$.access_token", response) from error
    lifetime = members.get("expires_in")
    seconds = None
    if isinstance(lifetime, int | float) and not isinstance(lifetime, bool):
        seconds = float(max(0, min(lifetime, _LONGEST_LIFE)))
    return Token(
        access_token,
        None if seconds is None else now + dt.timedelta(seconds=seconds),
        _text(members.get("refresh_token")),
        tuple((_text(members.get("scope")) or "").split()),
        now,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
