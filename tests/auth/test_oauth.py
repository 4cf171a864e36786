"""The messages of OAuth 2.0: requests, responses, and the secrets in them."""

from __future__ import annotations

import base64
import hashlib
import pickle
import re
import traceback
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import attrs
import pytest
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient

from ev_energy_async import (
    AuthError,
    AuthorizationCode,
    ClientCredentials,
    DecodeError,
    InvalidArgument,
    RefreshToken,
    Token,
)
from ev_energy_async.auth.oauth import code_request, credentials_request, refresh_request, revocation_request
from ev_energy_async.auth.token import OAuthClient, origin_of

from .oauth_kit import CALLBACK, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async import Request

PUBLIC: Final = AuthorizationCode("my-id", redirect_uri=CALLBACK, scopes=["vehicle:read", "user:read"])
CONFIDENTIAL: Final = AuthorizationCode("my-id", SECRET, redirect_uri=CALLBACK)


def query(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def form(request: Request[Any]) -> dict[str, str]:
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    found = parse_qs((request.body or b"").decode(), strict_parsing=True)
    return {name: value for name, (value,) in found.items()}


def basic(request: Request[Any]) -> list[str]:
    assert request.authorization is not None
    scheme, _, encoded = request.authorization.reveal().partition(" ")
    assert scheme == "Basic"
    return [unquote_plus(each) for each in base64.b64decode(encoded).decode().split(":")]


@pytest.mark.parametrize("secret", [None, SECRET])
def test_the_forms_are_those_of_oauthlib(secret: str | None) -> None:
    """An independent library has the last word on RFC 6749, although it is too slow to import to build them."""
    client, by_id = OAuthClient("my-id", secret), secret is None
    pending = AuthorizationCode("my-id", secret, redirect_uri=CALLBACK).begin()
    theirs: Any = WebApplicationClient("my-id")
    extra = {} if pending.code_verifier is None else {"code_verifier": pending.code_verifier}
    expected = theirs.prepare_request_body("a code&", CALLBACK, include_client_id=by_id, **extra)
    assert form(code_request(client, pending, "a code&")) == parsed(expected)

    expected = theirs.prepare_refresh_body(refresh_token="r/+", **({"client_id": "my-id"} if by_id else {}))
    assert form(refresh_request(client, "r/+")) == parsed(expected)

    application: Any = BackendApplicationClient("my-id")
    for scopes in ([], ["vehicle:read", "user:read"]):
        expected = application.prepare_request_body(scope=scopes or None)
        assert form(credentials_request(client, scopes)) == parsed(expected)


def parsed(body: str) -> dict[str, str]:
    return dict(parse_qsl(body, strict_parsing=True))


def back(state: str | None, **answer: str) -> str:
    """The address that a browser comes back with."""
    return f"{CALLBACK}&{urlencode({**answer, **({} if state is None else {'state': state})})}"


# --- The way to the user's consent


def test_the_browser_is_sent_with_what_the_server_needs_and_no_secret() -> None:
    app = AuthorizationCode("my-id", SECRET, redirect_uri=CALLBACK, scopes=("vehicle:read", "user:read"))

    pending = app.begin()

    assert pending.url.startswith("https://api.ev.energy/o/authorize/?")
    assert query(pending.url) == {
        "response_type": "code",
        "client_id": "my-id",
        "redirect_uri": CALLBACK,
        "scope": "vehicle:read user:read",
        "state": pending.state,
    }
    assert pending.code_verifier is None, "the secret proves who trades the code"
    assert SECRET not in pending.url


def test_without_a_secret_the_challenge_is_the_hash_of_the_verifier() -> None:
    pending = PUBLIC.begin()
    sent = query(pending.url)

    # RFC 7636, sections 4.1 and 4.2.
    assert pending.code_verifier is not None
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", pending.code_verifier)
    digest = hashlib.sha256(pending.code_verifier.encode("ascii")).digest()
    assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert sent["code_challenge_method"] == "S256"
    assert pending.code_verifier not in pending.url


def test_no_two_requests_share_a_state_or_a_verifier() -> None:
    requests = [PUBLIC.begin() for _ in range(50)]

    assert len({each.state for each in requests}) == 50
    assert len({each.code_verifier for each in requests}) == 50
    assert min(len(each.state) for each in requests) >= 22, "at least 128 bits"


def test_without_scopes_none_are_asked_for() -> None:
    assert "scope" not in query(CONFIDENTIAL.begin().url)


def test_a_server_of_ones_own_may_go_without_tls_and_with_a_query() -> None:
    app = AuthorizationCode("my-id", redirect_uri=CALLBACK, authorize_url="http://127.0.0.1:8080/o/authorize/?auto=1")

    url = app.begin().url

    assert url.startswith("http://127.0.0.1:8080/o/authorize/?")
    assert query(url)["auto"] == "1"


def test_what_is_under_way_survives_in_a_session_store() -> None:
    pending = PUBLIC.begin()

    assert pickle.loads(pickle.dumps(pending)) == pending  # noqa: S301  # our own


@pytest.mark.parametrize("uri", ["https://app.example.com/cb", "http://127.0.0.1:7777/", "com.example.app:/callback"])
def test_a_redirect_uri_may_be_that_of_a_site_a_tool_or_an_app(uri: str) -> None:
    assert query(AuthorizationCode("my-id", redirect_uri=uri).begin().url)["redirect_uri"] == uri


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("redirect_uri", {"redirect_uri": "/callback"}),
        ("redirect_uri", {"redirect_uri": "https://app.example.com/#top"}),
        ("redirect_uri", {"redirect_uri": "https://[app"}),
        ("authorize_url", {"authorize_url": "api.ev.energy/o/authorize/"}),
        ("authorize_url", {"authorize_url": "https://[api"}),
        ("scopes", {"scopes": "vehicle:read user:read"}),
    ],
)
def test_what_could_never_work_is_refused_at_once(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=f"^{argument}: "):
        attrs.evolve(PUBLIC, **options)


def test_a_text_is_no_list_of_scopes() -> None:
    with pytest.raises(InvalidArgument, match=r"^scopes: .*'vehicle:read'"):
        ClientCredentials("my-id", SECRET, scopes="vehicle:read")


# --- The way back


@pytest.mark.parametrize("app", [PUBLIC, CONFIDENTIAL], ids=["PKCE", "secret"])
def test_the_browser_brings_back_a_code(app: AuthorizationCode) -> None:
    pending = app.begin()

    redeemed = app.redeem(pending, back(pending.state, code="the+code/&"))

    assert (redeemed.code, redeemed.pending) == ("the+code/&", pending)
    assert (redeemed.client_id, redeemed.client_secret) == (app.client_id, app.client_secret)
    assert app.code is None, "the settings serve the next user as well"


@pytest.mark.parametrize("state", ["another", "", None])
@pytest.mark.parametrize("answer", [{"code": "stolen-code"}, {"error": "access_denied"}])
def test_a_callback_with_another_state_is_rejected(state: str | None, answer: dict[str, str]) -> None:
    pending = PUBLIC.begin()

    with pytest.raises(InvalidArgument, match=r"redirected_to: .*`state` is another"):
        PUBLIC.redeem(pending, back(state, **answer))


def test_a_state_that_was_lost_is_not_taken_for_a_match() -> None:
    pending = type(PUBLIC.begin())(PUBLIC.begin().url, CALLBACK, "")

    with pytest.raises(InvalidArgument, match=r"pending: .*`state`"):
        PUBLIC.redeem(pending, back(None, code="forged"))


@pytest.mark.parametrize(
    ("error", "description"),
    [("access_denied", "The user said no."), ("access_denied", None), ("server_error", None), ("own_code", "Own.")],
)
def test_a_user_who_says_no_is_an_auth_error(error: str, description: str | None) -> None:
    pending = PUBLIC.begin()
    answer = {"error": error, **({} if description is None else {"error_description": description})}

    with pytest.raises(AuthError) as raised:
        PUBLIC.redeem(pending, back(pending.state, **answer))

    assert raised.value.error == error
    if description is not None:
        assert raised.value.description == description


@pytest.mark.parametrize("answer", [{}, {"code": ""}])
def test_a_callback_without_a_code_is_refused(answer: dict[str, str]) -> None:
    pending = PUBLIC.begin()

    with pytest.raises(InvalidArgument, match=r"redirected_to: .*`code`"):
        PUBLIC.redeem(pending, back(pending.state, **answer))


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="redirected_to: "):
        PUBLIC.redeem(PUBLIC.begin(), "https://[app/?code=x")


# --- What is traded for a token


def test_a_code_is_traded_with_the_secret_in_the_header_alone() -> None:
    pending = CONFIDENTIAL.begin()

    request = CONFIDENTIAL.redeem(pending, back(pending.state, code="c/1 +")).request(None)

    assert (request.method, request.path) == ("POST", "/o/token/")
    assert basic(request) == ["my-id", SECRET]
    assert form(request) == {"grant_type": "authorization_code", "code": "c/1 +", "redirect_uri": CALLBACK}


def test_a_code_is_traded_with_the_verifier_in_place_of_a_secret() -> None:
    pending = PUBLIC.begin()

    request = PUBLIC.redeem(pending, back(pending.state, code="c1")).request(None)

    assert request.authorization is None
    assert form(request) == {
        "grant_type": "authorization_code",
        "client_id": "my-id",
        "code": "c1",
        "redirect_uri": CALLBACK,
        "code_verifier": pending.code_verifier,
    }


@pytest.mark.parametrize("token", [None, Token("old")])
def test_without_consent_there_is_nothing_to_trade(token: Token | None) -> None:
    with pytest.raises(AuthError, match=r"no_consent: .*`begin`, then `login`"):
        PUBLIC.request(token)


@pytest.mark.parametrize("app", [CONFIDENTIAL, RefreshToken("my-id", "older", SECRET)])
def test_a_refresh_names_the_newest_refresh_token(app: AuthorizationCode | RefreshToken) -> None:
    request = app.request(Token("access", refresh_token="newest/&"))

    assert request.path == "/o/token/"
    assert basic(request) == ["my-id", SECRET]
    assert form(request) == {"grant_type": "refresh_token", "refresh_token": "newest/&"}


@pytest.mark.parametrize("app", [PUBLIC, RefreshToken("my-id", "older")])
def test_a_public_client_says_who_it_is_when_it_refreshes(app: AuthorizationCode | RefreshToken) -> None:
    request = app.request(Token("access", refresh_token="newest"))

    assert request.authorization is None
    assert form(request) == {"grant_type": "refresh_token", "refresh_token": "newest", "client_id": "my-id"}


def test_a_refresh_token_from_elsewhere_is_the_first_to_be_used() -> None:
    assert form(RefreshToken("my-id", "given", SECRET).request(None))["refresh_token"] == "given"


def test_a_token_is_revoked_at_the_address_with_the_slash() -> None:
    secret = revocation_request(OAuthClient("my-id", SECRET), "r/1", "refresh_token")
    public = revocation_request(OAuthClient("my-id"), "a1", "access_token")

    assert (secret.method, secret.path) == ("POST", "/o/revoke_token/")
    assert basic(secret) == ["my-id", SECRET]
    # RFC 7009, section 2.1.
    assert form(secret) == {"token": "r/1", "token_type_hint": "refresh_token"}
    assert form(public) == {"token": "a1", "token_type_hint": "access_token", "client_id": "my-id"}
    assert public.authorization is None


# --- Secrets


def everything(shown: object) -> str:
    """Return the texts of a log, a debugger and a traceback."""
    texts = [repr(shown), str(shown)]
    if isinstance(shown, BaseException):
        texts += traceback.format_exception(shown)
        texts += [repr(vars(shown)), repr(shown.args)]
    return " ".join(texts)


PLANTED: Final = ("hidden-secret", "hidden-access", "hidden-refresh", "hidden-code", "hidden-verifier", "hidden-state")


def _redeemed() -> AuthorizationCode:
    app = AuthorizationCode("my-id", "hidden-secret", redirect_uri=CALLBACK)
    pending = type(PUBLIC.begin())("https://x/?state=hidden-state", CALLBACK, "hidden-state", "hidden-verifier")
    return app.redeem(pending, back("hidden-state", code="hidden-code"))


@pytest.mark.parametrize(
    "make",
    [
        _redeemed,
        lambda: _redeemed().pending,
        lambda: _redeemed().client,
        lambda: _redeemed().request(None),
        lambda: RefreshToken("my-id", "hidden-refresh", "hidden-secret"),
        lambda: ClientCredentials("my-id", "hidden-secret").request(None),
        lambda: Token("hidden-access", refresh_token="hidden-refresh", origin=origin_of("hidden-refresh")),
        lambda: revocation_request(OAuthClient("my-id", "hidden-secret"), "hidden-refresh", "refresh_token"),
    ],
)
def test_no_value_shows_a_secret(make: Callable[[], object]) -> None:
    shown = everything(make())

    assert not [secret for secret in PLANTED if secret in shown]
    assert origin_of("hidden-refresh") not in shown


@pytest.mark.parametrize(
    "act",
    [
        lambda: PUBLIC.redeem(PUBLIC.begin(), back("hidden-state", code="hidden-code")),
        lambda: _redeemed().redeem(_redeemed().pending or PUBLIC.begin(), back("hidden-state")),
        lambda: _redeemed().redeem(_redeemed().pending or PUBLIC.begin(), back("hidden-state", error="access_denied")),
        lambda: PUBLIC.redeem(PUBLIC.begin(), "https://[x?code=hidden-code&state=hidden-state"),
        lambda: ClientCredentials("my-id", "hidden-secret\n"),
        lambda: RefreshToken("my-id", "hidden-refresh\n"),
        lambda: RefreshToken("my-id", "ok", "hidden-secret\n"),
        lambda: AuthorizationCode("my-id", "hidden-secret\n", redirect_uri=CALLBACK),
    ],
)
def test_no_error_shows_a_secret(act: Callable[[], object]) -> None:
    with pytest.raises((InvalidArgument, AuthError, DecodeError)) as raised:
        act()

    error: BaseException | None = raised.value
    shown = repr(vars(error))
    while error is not None:
        # Not the source lines of this file, which a traceback quotes.
        shown += f"{error!r} {error} {error.args!r}"
        error = error.__cause__ or error.__context__
    assert not [secret for secret in PLANTED if secret in shown]
