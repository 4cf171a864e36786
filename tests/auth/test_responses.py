"""The responses of the token endpoint: tokens, refusals that are final, and trouble that is not."""

from __future__ import annotations

import datetime as dt
import json
import traceback
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    ApiError,
    AuthError,
    BadRequest,
    ClientCredentials,
    DecodeError,
    EvEnergyError,
    RateLimited,
    RefreshToken,
    Response,
    ServerError,
    ServiceUnavailable,
    Token,
)
from ev_energy_async.auth.oauth import read_token
from tests.conftest import START

from .oauth_kit import SECRET, AuthServer

if TYPE_CHECKING:
    from ev_energy_async.messages import RawResponse
    from tests.conftest import FakeClock


def answer(body: bytes, status: int = 200, kind: str = "application/json") -> RawResponse:
    request = ClientCredentials("my-id", SECRET).request(None)
    return Response(request, "https://api.ev.energy/o/token/", status, {"Content-Type": kind}, body, body)


def test_a_token_comes_with_its_refresh_token() -> None:
    body = b'{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "refresh_token": "r", "scope": "x y"}'

    token = read_token(answer(body), START)

    assert token == Token("a", START + dt.timedelta(seconds=60), "r", ("x", "y"), START)


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        ("0", 0),
        ("-5", 0),
        ("-1e300", 0),
        ("1.5", 1.5),
        ("true", None),
        ('"3600"', 3600),
        ('"60.5"', 60.5),
        ('"soon"', None),
        ('"nan"', None),
        ("[]", None),
        ("null", None),
    ],
)
def test_any_lifetime_can_be_read(lifetime: str, seconds: float | None) -> None:
    token = read_token(
        answer(b'{"access_token": "a", "token_type": "bearer", "expires_in": %s}' % lifetime.encode()), START
    )

    assert token.expires_at == (None if seconds is None else START + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize("lifetime", [b"1" + b"0" * 400, b"1e300"])
def test_a_lifetime_beyond_all_calendars_is_a_long_one(lifetime: bytes) -> None:
    token = read_token(answer(b'{"access_token": "a", "token_type": "bearer", "expires_in": ' + lifetime + b"}"), START)

    assert token.expires_at is not None
    assert token.expires_at > START + dt.timedelta(days=3_000)


def test_a_code_that_has_expired_is_an_auth_error() -> None:
    body = b'{"error": "invalid_grant", "error_description": "The code has expired."}'

    with pytest.raises(AuthError, match=r"^invalid_grant: The code has expired\.$"):
        read_token(answer(body, 400), START)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>Log in to the Wi-Fi</html>", "text/html"),
        (b"access_token=s3cr3t-0f-the-tests&token_type=bearer", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/octet-stream"),
    ],
)
def test_what_is_no_json_is_named_by_its_content_type(body: bytes, kind: str) -> None:
    with pytest.raises(DecodeError, match=f"the token endpoint responded with {kind}, not JSON") as raised:
        read_token(answer(body, kind=kind), START)

    assert SECRET not in f"{raised.value!r} {' '.join(traceback.format_exception(raised.value))}"


@pytest.mark.parametrize(("status", "kind"), [(502, ServerError), (400, BadRequest)])
def test_a_page_of_a_proxy_is_the_error_that_its_status_says(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^{status} for POST /o/token/"):
        read_token(answer(b"<html>Sorry</html>", status, "text/html"), START)


# --- Refusals

DEFINITIVE: Final = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "login_required",
)


@pytest.mark.parametrize("code", DEFINITIVE)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_every_definitive_refusal_is_an_auth_error_with_code_and_description(code: str, status: int) -> None:
    body = json.dumps({"error": code, "error_description": "The reason."}).encode()

    with pytest.raises(AuthError, match=rf"^{code}: The reason\.$") as raised:
        read_token(answer(body, status), START)

    assert (raised.value.error, raised.value.description) == (code, "The reason.")


@pytest.mark.parametrize("code", DEFINITIVE)
async def test_a_definitive_refusal_is_remembered(clock: FakeClock, code: str) -> None:
    server = AuthServer()
    server.instead = [(400, json.dumps({"error": code}).encode())]
    source = server.source(clock)

    for _ in range(3):
        with pytest.raises(AuthError, match=code):
            await source.access_token()
    assert len(server.forms) == 1

    clock.advance(61)
    assert await source.access_token() == "access-1"


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (500, ServerError), (503, ServiceUnavailable), (520, ServerError)]
)
def test_an_endpoint_under_load_or_in_trouble_refuses_nothing(status: int, kind: type[ApiError]) -> None:
    with pytest.raises(kind):
        read_token(answer(b'{"error": "invalid_grant"}', status), START)


@pytest.mark.parametrize("error", ['"slow_down"', '["invalid_grant"]', "{}", "null", "7"])
def test_a_refusal_that_the_rfc_does_not_know_is_a_bad_request(error: str) -> None:
    with pytest.raises(BadRequest):
        read_token(answer(b'{"error": %b}' % error.encode(), 400), START)


def test_a_description_keeps_its_words_and_loses_the_secrets_that_it_quotes() -> None:
    request = RefreshToken("my-id", "hidden-refresh", SECRET).request(None)
    said = "The grant refresh_token of my-id is not allowed: hidden-refresh is unknown."
    body = json.dumps({"error": "unauthorized_client", "error_description": said}).encode()

    with pytest.raises(AuthError) as raised:
        read_token(answer(body, 400), START, request)

    assert raised.value.description == "The grant refresh_token of my-id is not allowed: *** is unknown."


# --- Responses that hold no token


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"access_token": "hidden-access"}, r"lacks `token_type` at \$\.token_type"),
        ({"access_token": "hidden-access", "token_type": "mac"}, r"other than a bearer token at \$\.token_type"),
        ({"token_type": "bearer"}, r"no usable token at \$\.access_token"),
        ([], r"lacks `token_type`"),
    ],
)
def test_a_response_without_a_token_says_what_is_missing(members: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        read_token(answer(json.dumps(members).encode()), START)


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "hidden-access", "refresh_token": "hidden-refresh"}',
        b'{"access_token": "hidden-access", "refresh_token": "hidden-refresh", "token_type": "mac"}',
        b'{"access_token": "hidden access", "refresh_token": "hidden-refresh", "token_type": "bearer"}',
        b'{"access_token": "hidden-access", "refresh_token": "hidden-refresh"',
        b'{"error": "invalid_grant", "error_description": "hidden-refresh"}',
    ],
)
def test_no_frame_of_a_failure_shows_a_token(body: bytes) -> None:
    request = RefreshToken("my-id", "hidden-refresh", "hidden-secret").request(None)

    with pytest.raises(EvEnergyError) as raised:
        read_token(answer(body, 400 if b"error" in body else 200), START, request)

    frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack[1:]
    shown = " ".join(f"{frame.name} {frame.locals}" for frame in frames)
    assert "read_token" in shown
    assert "hidden" not in shown


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "hidden-access\\n", "token_type": "bearer"}',
        b'{"access_token": "hidden-access", "token_type": "mac"}',
        b'{"access_token": "hidden-access", "refresh_token": "hidden-refresh',
    ],
)
def test_no_error_shows_a_token(body: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        read_token(answer(body), START)

    error: BaseException | None = raised.value
    shown = repr(vars(error))
    while error is not None:
        shown += f"{error!r} {error} {error.args!r}"
        error = error.__cause__ or error.__context__
    assert "hidden" not in shown
