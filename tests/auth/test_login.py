"""Onboarding: a consent that is kept as JSON, a login that trades the code at once, tokens from elsewhere."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import TYPE_CHECKING, Any, assert_type

import aiohttp
import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ev_energy_async import (
    AuthError,
    AuthorizationCode,
    AuthorizationRequest,
    AuthUnavailable,
    CallableAuth,
    EvEnergy,
    InvalidArgument,
    Unauthorized,
)
from ev_energy_async.auth import AUTHORIZE_URL, REVOKE_URL, TOKEN_URL
from ev_energy_async.client import BASE_URL
from ev_energy_async.masking import chained
from ev_energy_async.messages import Retry
from tests.conftest import Answer, Network

from .oauth_kit import APP, CALLBACK, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import FakeClock, Sent

PUBLIC = AuthorizationCode("my-id", redirect_uri=CALLBACK)


def origin(url: str) -> str:
    return url.removesuffix("/v2")


def back(pending: AuthorizationRequest, code: str = "hidden-code") -> str:
    return f"{CALLBACK}&code={code}&state={pending.state}"


# --- What is kept while the browser is away


@pytest.mark.parametrize("app", [PUBLIC, APP], ids=["public", "confidential"])
def test_a_pending_request_survives_json(app: AuthorizationCode) -> None:
    pending = app.begin()

    assert AuthorizationRequest.from_dict(json.loads(json.dumps(pending.to_dict()))) == pending


@pytest.mark.parametrize("stored", [None, [], {}, {"url": "https://x", "redirect_uri": "y"}, {"state": "planted"}])
def test_what_is_no_pending_request_is_refused_without_being_shown(stored: Any) -> None:
    with pytest.raises(InvalidArgument, match="AuthorizationRequest") as raised:
        AuthorizationRequest.from_dict(stored)

    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack[1:]
    assert "planted" not in f"{raised.value} {[frame.locals for frame in shown]}"


def test_the_consent_page_is_beside_the_base_url() -> None:
    app = AuthorizationCode("my-id", redirect_uri=CALLBACK, base_url="http://127.0.0.1:8080/v2")

    assert app.begin().url.startswith("http://127.0.0.1:8080/o/authorize/?")
    for wrong in ("api.ev.energy", "ftp://x/y", ""):
        with pytest.raises(InvalidArgument, match="base_url"):
            AuthorizationCode("my-id", redirect_uri=CALLBACK, base_url=wrong)


# --- Logging in


@pytest.fixture
def endpoint(network: Network) -> Network:
    network.answer("POST", TOKEN_URL, {"access_token": "access-1", "token_type": "Bearer", "expires_in": 3600})
    network.answer("GET", "/regions", [], repeat=True)
    return network


async def test_a_login_trades_the_code_at_once_and_returns_a_client(endpoint: Network, clock: FakeClock) -> None:
    pending = PUBLIC.begin()

    ev = await PUBLIC.login(pending, back(pending), clock=clock, label="mine")

    assert [sent.url for sent in endpoint.sent] == [TOKEN_URL]
    async with ev:
        await ev.regions.list()
    assert ev.label == "mine"
    assert endpoint.sent[-1].headers["Authorization"] == "Bearer access-1"
    assert endpoint.sent[0].headers["User-Agent"].startswith("ev-energy-async/")


async def test_users_log_in_over_the_transport_of_one_client(endpoint: Network, clock: FakeClock) -> None:
    async with EvEnergy(clock=clock, label="app") as shared:
        pending = PUBLIC.begin()
        ev = await PUBLIC.login(pending, back(pending), client=shared, label="kim")
        assert_type(ev, EvEnergy)
        await shared.regions.list()
        await ev.regions.list()

        assert [sent.headers.get("Authorization") for sent in endpoint.sent] == [None, None, "Bearer access-1"]
        assert (shared.label, ev.label, ev.stats().label) == ("app", "kim", "kim")
        assert "'kim'" in repr(ev)
        assert shared.with_auth(PUBLIC).label == "app"
        await ev.close()
        await shared.regions.list()

        options: Any = {"timeout": 5}
        with pytest.raises(InvalidArgument, match="beside `client`"):
            await PUBLIC.login(pending, back(pending), client=shared, **options)


@pytest.mark.parametrize("at", [None, "http://127.0.0.1:8080/v2"])
async def test_all_endpoints_are_beside_the_base_url_wherever_it_is_given(network: Network, at: str | None) -> None:
    base_url = at or BASE_URL
    token_url, revoke_url = (url.replace("https://api.ev.energy", origin(base_url)) for url in (TOKEN_URL, REVOKE_URL))
    network.answer("POST", token_url, {"access_token": "access-1", "token_type": "Bearer"}, repeat=True)
    network.answer("POST", revoke_url, repeat=True)
    app = attrs.evolve(PUBLIC, base_url=base_url)
    pending = app.begin()

    async with await app.login(pending, back(pending)) as ev, EvEnergy(app.redeem(pending, back(pending))) as other:
        await ev.revoke()
        await other.authenticate()
        await other.revoke()

    assert pending.url.startswith(AUTHORIZE_URL.replace("https://api.ev.energy", origin(base_url)))
    assert [sent.url for sent in network.sent] == [token_url, revoke_url] * 2


async def test_a_login_that_is_refused_leaves_no_client_open(network: Network) -> None:
    network.answer("POST", TOKEN_URL, {"error": "invalid_grant"}, status=400)
    pending = PUBLIC.begin()

    with pytest.raises(AuthError, match="invalid_grant") as raised:
        await PUBLIC.login(pending, back(pending))

    frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack[1:]
    ours = [frame for frame in frames if "ev_energy_async" in frame.filename]
    assert {"login", "access_token", "_ask"} <= {frame.name for frame in ours}
    assert "hidden-code" not in str([frame.locals for frame in ours])


async def test_a_refused_refresh_shows_no_token_in_its_frames(network: Network, clock: FakeClock) -> None:
    network.answer(
        "POST", TOKEN_URL, {"access_token": "hidden-access", "token_type": "Bearer", "refresh_token": "hidden"}
    )
    network.answer("POST", TOKEN_URL, {"error": "invalid_grant", "error_description": "hidden"}, status=400)
    network.answer("GET", "/regions", {"title": "hidden-access is not valid"}, status=401)
    pending = APP.begin()

    async with await APP.login(pending, back(pending), clock=clock) as ev:
        with pytest.raises(AuthError) as raised:
            await ev.regions.list()

    frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack[1:]
    shown = str([frame.locals for frame in frames if "ev_energy_async" in frame.filename])
    assert "hidden" not in shown
    assert SECRET not in shown


# --- Tokens that another framework keeps


class Session:
    """An OAuth session of another framework: `fetched` and `refreshed` count its calls."""

    def __init__(self) -> None:
        self.fetched = self.refreshed = 0
        self.trouble: Exception | None = None

    async def fetch(self) -> str:
        self.fetched += 1
        if self.trouble is not None:
            raise self.trouble
        return f"token-{self.refreshed}"

    async def refresh(self) -> str:
        await asyncio.sleep(0)
        self.refreshed += 1
        return f"token-{self.refreshed}"


@pytest.fixture
def api(network: Network) -> Network:
    def serve(sent: Sent) -> Answer:
        return Answer([]) if sent.headers["Authorization"] == "Bearer token-1" else Answer({"title": "Expired"}, 401)

    network.handle("GET", "/regions", serve)
    return network


async def test_the_function_is_asked_with_each_request(endpoint: Network, clock: FakeClock) -> None:
    session = Session()
    async with EvEnergy(CallableAuth(session.fetch), clock=clock) as ev:
        await ev.regions.list()
        await ev.regions.list()

    assert session.fetched == 2
    assert [sent.headers["Authorization"] for sent in endpoint.sent] == ["Bearer token-0"] * 2


async def test_many_refused_requests_refresh_once(api: Network, clock: FakeClock) -> None:
    session = Session()
    async with EvEnergy(CallableAuth(session.fetch, refresh=session.refresh), clock=clock) as ev:
        await asyncio.gather(*(ev.regions.list().all() for _ in range(10)))

    assert session.refreshed == 1
    assert len(api.sent) <= 20


async def test_without_a_refresh_a_refusal_asks_once_more_and_is_the_callers(api: Network, clock: FakeClock) -> None:
    session = Session()
    async with EvEnergy(CallableAuth(session.fetch), clock=clock) as ev:
        with pytest.raises(Unauthorized):
            await ev.regions.list()

    assert session.fetched == 2
    assert len(api.sent) == 1


def plain() -> str:
    return "token-1"


@pytest.mark.parametrize("fetch", [plain, lambda: Session().refresh()])
async def test_functions_may_be_plain_or_async(api: Network, clock: FakeClock, fetch: Callable[[], Any]) -> None:
    async with EvEnergy(CallableAuth(fetch), clock=clock) as ev:
        await ev.regions.list()

    assert len(api.sent) == 1


async def test_an_outage_of_the_other_framework_is_transient_and_a_refusal_is_not(
    api: Network, clock: FakeClock
) -> None:
    session = Session()
    async with EvEnergy(CallableAuth(session.fetch), clock=clock, retry=Retry(attempts=3, base=0)) as ev:
        for trouble, attempts in ((AuthUnavailable("503"), 3), (AuthError("login_required"), 1)):
            session.fetched, session.trouble = 0, trouble
            with pytest.raises(type(trouble)):
                await ev.regions.list()
            assert session.fetched == attempts

    assert api.sent == []


HIDDEN = ("hidden-in-query", "hidden-in-header", "hidden-in-message", "hidden-in-frame")


def answered(status: int, kind: type[aiohttp.ClientResponseError] = aiohttp.ClientResponseError) -> Exception:
    query, header, message, _ = HIDDEN
    url = URL(f"https://login/o/token/?client_secret={query}")
    sent = aiohttp.RequestInfo(url, "POST", CIMultiDictProxy(CIMultiDict(Authorization=f"Basic {header}")), url)
    return kind(sent, (), status=status, message=message)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("trouble", "expected", "attempts"),
    [
        *((answered(status), f"login_required: ClientResponseError, status {status}", 1) for status in (400, 401, 403)),
        *((answered(status), f"ClientResponseError, status {status}", 2) for status in (404, 429, 500, 503)),
        (answered(200, aiohttp.ContentTypeError), "ContentTypeError, status 200", 2),
        (aiohttp.InvalidUrlClientError(f"login?client_secret={HIDDEN[0]}"), "InvalidUrlClientError", 1),
        (aiohttp.NonHttpUrlClientError(f"ftp://login?client_secret={HIDDEN[0]}"), "NonHttpUrlClientError", 1),
        (aiohttp.ClientConnectionError("no route"), "ClientConnectionError", 2),
        (caused(aiohttp.ClientConnectionError("no token"), answered(500)), "ClientConnectionError", 2),
        (TimeoutError(), "TimeoutError", 2),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else str(each),
)
@pytest.mark.parametrize("is_refused", [False, True])
@pytest.mark.usefixtures("api")
async def test_the_errors_of_a_session_made_with_aiohttp_are_understood_and_not_shown(
    clock: FakeClock, trouble: Exception, expected: str, attempts: int, is_refused: bool
) -> None:
    fetched = 0

    async def fetch() -> str:
        nonlocal fetched
        fetched += 1
        client_secret = HIDDEN[-1]
        assert client_secret
        raise trouble

    # The token of the plain function is refused, and another one is asked for.
    auth = CallableAuth(lambda: "token-0", refresh=fetch) if is_refused else CallableAuth(fetch)
    async with EvEnergy(auth, clock=clock, retry=Retry(attempts=2, base=0)) as ev:
        with pytest.raises((AuthError, AuthUnavailable)) as raised:
            await ev.regions.list()

    assert str(raised.value).endswith(expected)
    assert isinstance(raised.value, AuthError) == expected.startswith("login_required")
    assert fetched == attempts
    for each in chained(raised.value, None):
        shown = traceback.TracebackException.from_exception(each, capture_locals=True).stack
        texts = f"{each} {each!r} {[frame.locals for frame in shown if frame.filename != __file__]}"
        assert [secret for secret in HIDDEN if secret in texts] == []
        assert "fetch" not in {frame.name for frame in shown}
    is_quiet = type(trouble) in {aiohttp.ClientConnectionError, TimeoutError} and trouble.__cause__ is None
    assert raised.value.__cause__ is (trouble if is_quiet else None)


@pytest.mark.usefixtures("api")
async def test_what_else_a_function_raises_passes_through(clock: FakeClock) -> None:
    session = Session()
    session.trouble = LookupError("no such account")
    async with EvEnergy(CallableAuth(session.fetch), clock=clock) as ev:
        with pytest.raises(LookupError) as raised:
            await ev.regions.list()

    assert raised.value is session.trouble


@pytest.mark.parametrize("wrong", ["a-token", None])
def test_what_is_no_function_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="fetch"):
        CallableAuth(wrong)
    if wrong is not None:
        with pytest.raises(InvalidArgument, match="refresh"):
            CallableAuth(plain, refresh=wrong)
