"""Tokens: how many are fetched, when, and what becomes of a refusal."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote_plus

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from ev_energy_async import (
    ApiError,
    AuthError,
    BadRequest,
    ClientCredentials,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    NotFound,
    RateLimited,
    Request,
    Response,
    ServerError,
    ServiceUnavailable,
    StaticToken,
    Unauthorized,
)
from ev_energy_async.auth.oauth import read_token
from ev_energy_async.messages import Retry
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import Held
from tests.conftest import START, Answer, FakeClock, Network
from tests.servers import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import Sent

TOKEN_URL: Final = "https://api.ev.energy/o/token/"
SECRET: Final = "s3cr3t"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


class Issuer:
    """A token endpoint on a network, and an API that takes its newest token alone."""

    def __init__(self, network: Network, lifetime: object = 36_000) -> None:
        self.network = network
        self.lifetime = lifetime
        self.issued = 0
        self.revoked = 0
        network.handle("POST", TOKEN_URL, self.issue)
        network.handle("GET", "/regions", self.serve)

    def issue(self, _: Sent) -> Answer:
        self.issued += 1
        return Answer({"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self.lifetime})

    def serve(self, sent: Sent) -> Answer:
        number = int(sent.headers["Authorization"].removeprefix("Bearer token-"))
        return Answer([]) if number > self.revoked else Answer({"title": "Expired"}, 401)

    @property
    def tokens(self) -> list[str | None]:
        """The tokens that the calls of the API carried."""
        return [sent.headers.get("Authorization") for sent in self.network.sent if sent.url != TOKEN_URL]


@pytest.fixture
def issuer(network: Network) -> Issuer:
    return Issuer(network)


@pytest.fixture
async def ev(issuer: Issuer, clock: FakeClock) -> AsyncIterator[EvEnergy]:  # noqa: ARG001  # before the session is
    async with EvEnergy(ClientCredentials("my-id", SECRET), clock=clock) as client:
        yield client


# --- One token for all


async def test_a_hundred_waiting_tasks_share_one_token(ev: EvEnergy, issuer: Issuer) -> None:
    await asyncio.gather(*(ev.regions.list() for _ in range(100)))

    assert issuer.issued == 1
    assert issuer.tokens == ["Bearer token-1"] * 100


async def test_views_share_the_token(ev: EvEnergy, issuer: Issuer) -> None:
    await ev.regions.list()
    await ev.as_user("user01HN2NJ9NMRZBXT1H6FT9N7735").regions.list()

    assert issuer.issued == 1


async def test_no_token_is_fetched_before_it_is_needed(ev: EvEnergy, issuer: Issuer) -> None:
    assert ev.user_id is None
    assert issuer.issued == 0


async def test_a_token_is_replaced_before_it_expires(ev: EvEnergy, issuer: Issuer, clock: FakeClock) -> None:
    await ev.regions.list()
    clock.advance(36_000 - 61)
    await ev.regions.list()
    assert issuer.issued == 1

    clock.advance(2)
    await asyncio.gather(ev.regions.list(), ev.regions.list())

    assert issuer.issued == 2
    assert issuer.tokens == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]


@pytest.mark.parametrize("lifetime", [None, "soon", 1e300, 10**18])
async def test_a_lifetime_that_says_nothing_keeps_the_token_in_use(
    ev: EvEnergy, issuer: Issuer, clock: FakeClock, lifetime: object
) -> None:
    issuer.lifetime = lifetime

    await ev.regions.list()
    clock.advance(86_400)
    await ev.regions.list()

    assert issuer.issued == 1


# --- A 401


async def test_a_401_leads_to_one_fresh_token_and_one_more_try(ev: EvEnergy, issuer: Issuer) -> None:
    await ev.regions.list()
    issuer.revoked = 1

    await ev.regions.list()

    assert issuer.tokens == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert issuer.issued == 2


async def test_a_second_401_is_unauthorized(ev: EvEnergy, issuer: Issuer) -> None:
    issuer.revoked = 1_000

    with pytest.raises(Unauthorized, match="Expired"):
        await ev.regions.list()

    assert issuer.tokens == ["Bearer token-1", "Bearer token-2"]
    assert issuer.issued == 2


async def test_a_hundred_401s_at_once_lead_to_one_token_request(ev: EvEnergy, issuer: Issuer) -> None:
    await ev.regions.list()
    issuer.revoked = 1

    await asyncio.gather(*(ev.regions.list() for _ in range(100)))

    assert issuer.issued == 2
    assert issuer.tokens.count("Bearer token-2") == 100


async def test_a_write_that_a_401_turned_away_is_sent_again(ev: EvEnergy, network: Network) -> None:
    network.answer("DELETE", f"/vehicles/{VEHICLE}", status=401)
    network.answer("DELETE", f"/vehicles/{VEHICLE}", status=204)

    await ev.vehicles.delete(VEHICLE)

    assert [sent.headers["Authorization"] for sent in network.sent if sent.method == "DELETE"] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_401_under_a_static_token_is_unauthorized_at_once(network: Network) -> None:
    network.answer("GET", "/regions", {"title": "Expired"}, status=401, repeat=True)

    async with EvEnergy(StaticToken("token")) as ev:
        with pytest.raises(Unauthorized, match="Expired"):
            await ev.regions.list()

    assert len(network.sent) == 1


# --- Cancellation and closing


@pytest.fixture
async def slow_issuer() -> AsyncIterator[Sandbox]:
    """A sandbox whose token endpoint answers when its faults end."""
    async with Sandbox(vehicles=1, faults=FaultPlan((Rule(Held(), path="/o/token/"),))) as running:
        yield running


def credentials_for(sandbox: Sandbox) -> ClientCredentials:
    return ClientCredentials(sandbox.client_id, sandbox.client_secret)


async def test_cancelling_one_who_waits_for_a_token_leaves_the_others_waiting(slow_issuer: Sandbox) -> None:
    async with EvEnergy(credentials_for(slow_issuer), base_url=slow_issuer.base_url) as ev:
        first, *others = (asyncio.create_task(ev.regions.list.with_response()) for _ in range(5))
        await until(lambda: slow_issuer.under_way == 1)

        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        slow_issuer.faults = FaultPlan()

        assert [answer.status for answer in await asyncio.gather(*others)] == [200] * 4
        assert [served.path for served in slow_issuer.requests].count("/o/token/") == 1


async def test_a_token_whose_waiters_were_cancelled_serves_the_next_call(slow_issuer: Sandbox) -> None:
    async with EvEnergy(credentials_for(slow_issuer), base_url=slow_issuer.base_url) as ev:
        call = asyncio.create_task(ev.regions.list.with_response())
        await until(lambda: slow_issuer.under_way == 1)
        call.cancel()
        await asyncio.wait([call])
        slow_issuer.faults = FaultPlan()

        await ev.regions.list()

    assert [served.path for served in slow_issuer.requests] == ["/o/token/", "/v2/regions?page_size=100"]


async def test_closing_ends_a_fetch_and_leaves_no_task(slow_issuer: Sandbox) -> None:
    ev = EvEnergy(credentials_for(slow_issuer), base_url=slow_issuer.base_url)
    calls = [asyncio.create_task(ev.regions.list.with_response()) for _ in range(3)]
    await until(lambda: slow_issuer.under_way == 1)

    await ev.close()
    ended = await asyncio.gather(*calls, return_exceptions=True)

    assert [str(each) for each in ended] == ["no complete response to GET /regions: the client is closed"] * 3
    assert {type(each) for each in ended} == {ConnectionFailed}
    assert not [task for task in asyncio.all_tasks() if "ev-energy-async" in task.get_name()]


async def test_a_failed_fetch_is_tried_again_by_the_next_call(network: Network) -> None:
    network.answer("POST", TOKEN_URL, status=503)
    network.answer("POST", TOKEN_URL, {"access_token": "token", "token_type": "Bearer"})
    network.answer("GET", "/regions", [])

    async with EvEnergy(ClientCredentials("id", SECRET), retry=Retry(attempts=1)) as ev:
        with pytest.raises(ServiceUnavailable):
            await ev.regions.list()
        await ev.regions.list()

    assert [sent.url for sent in network.sent][:2] == [TOKEN_URL] * 2


# --- Refusals and outages


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_client"}),
        (401, {"error": "invalid_client", "error_description": "No such client."}),
        (400, {"error": "invalid_grant"}),
    ],
)
async def test_credentials_that_are_refused_are_an_auth_error(network: Network, status: int, body: Any) -> None:
    network.answer("POST", TOKEN_URL, body, status=status)

    async with EvEnergy(ClientCredentials("my-id", SECRET)) as ev:
        with pytest.raises(AuthError) as raised:
            await ev.regions.list()

    error = raised.value
    assert (error.error, error.description) == (body["error"], body.get("error_description"))
    assert SECRET not in f"{error} {error!r}"
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"", ServerError),
        (502, b"<html>Bad gateway</html>", ServerError),
        (503, b'{"error": "invalid_client"}', ServiceUnavailable),
        (429, b"{}", RateLimited),
        (404, b"<html>Not here</html>", NotFound),
        (400, b'{"error": "slow_down"}', BadRequest),
        (400, b'{"error": 5}', BadRequest),
        (302, b"", ApiError),
        (200, b"<html>Log in to the Wi-Fi</html>", DecodeError),
        (200, b"", DecodeError),
        (200, b"[]", DecodeError),
        (200, b"null", DecodeError),
        (200, b"[" * 100_000, DecodeError),
        (200, b'{"token_type": "Bearer"}', DecodeError),
        (200, b'{"access_token": "s3cr3t"}', DecodeError),
        (200, b'{"access_token": "s3cr3t", "token_type": "mac"}', DecodeError),
        (200, b'{"access_token": "s3cr3t", "token_type": 5}', DecodeError),
        (200, b'{"access_token": "s3cr3t\\r\\nX: y", "token_type": "Bearer"}', DecodeError),
        (200, b'{"access_token": "", "token_type": "Bearer"}', DecodeError),
        (200, b'{"access_token": 5, "token_type": "Bearer"}', DecodeError),
    ],
)
async def test_trouble_at_the_token_endpoint_is_no_refusal(
    network: Network, status: int, body: bytes, kind: type[Exception]
) -> None:
    network.answer("POST", TOKEN_URL, body=body, status=status, content_type="text/html")

    async with EvEnergy(ClientCredentials("my-id", SECRET), retry=Retry(attempts=1)) as ev:
        with pytest.raises(kind) as raised:
            await ev.regions.list()

    assert not isinstance(raised.value, AuthError)
    assert SECRET not in f"{raised.value} {raised.value!r}"
    if isinstance(raised.value, ApiError | DecodeError):
        assert raised.value.response is not None
        assert "Authorization" not in raised.value.response.request.headers


async def test_an_unreachable_token_endpoint_is_a_failed_connection(network: Network) -> None:
    async with EvEnergy(ClientCredentials("my-id", SECRET), retry=Retry(attempts=1)) as ev:
        with pytest.raises(ConnectionFailed):
            await ev.regions.list()

    assert [sent.url for sent in network.sent] == [TOKEN_URL]


async def test_a_certificate_that_nobody_trusts_is_not_asked_for_again(network: Network, clock: FakeClock) -> None:
    key = ConnectionKey(
        "api.ev.energy", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
    )
    error = ssl.SSLCertVerificationError("self-signed certificate")
    network.fail("POST", TOKEN_URL, aiohttp.ClientConnectorCertificateError(key, error), repeat=True)

    async with EvEnergy(ClientCredentials("an-id", SECRET), clock=clock) as ev:
        with pytest.raises(ConnectionFailed):
            await ev.regions.list()

    assert [sent.url for sent in network.sent] == [TOKEN_URL]


# --- The messages


@pytest.mark.parametrize(
    ("client_id", "secret"), [("my-id", "simple"), ("a:b", "c:d%/+&=?"), ("a+b", "~!*'()"), ("x", ":")]
)
def test_credentials_are_encoded_before_they_are_joined(client_id: str, secret: str) -> None:
    request = ClientCredentials(client_id, secret).request(None)

    assert request.authorization is not None
    scheme, _, encoded = request.authorization.reveal().partition(" ")
    pair = base64.b64decode(encoded).decode()
    assert scheme == "Basic"
    assert pair.count(":") == 1, "RFC 6749, section 2.3.1: both are form-encoded first"
    assert tuple(map(unquote_plus, pair.split(":"))) == (client_id, secret)


def test_a_request_for_a_token_has_the_grant_and_the_scopes_that_were_asked_for() -> None:
    plain = ClientCredentials("id", SECRET).request(None)
    scoped = ClientCredentials("id", SECRET, scopes=("vehicle:read", "user:read")).request(None)

    assert parse_qs((plain.body or b"").decode()) == {"grant_type": ["client_credentials"]}
    assert parse_qs((scoped.body or b"").decode())["scope"] == ["vehicle:read user:read"]
    for request in (plain, scoped):
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert SECRET.encode() not in (request.body or b"")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://api.ev.energy/o/token/"),
        ({"base_url": "https://gateway.example:8443/energy/v2/"}, "https://gateway.example:8443/o/token/"),
    ],
)
async def test_the_token_endpoint_is_beside_the_api(network: Network, options: Any, url: str) -> None:
    network.answer("POST", url, {"error": "invalid_client"}, status=401)

    async with EvEnergy(ClientCredentials("id", SECRET), **options) as ev:
        with pytest.raises(AuthError):
            await ev.regions.list()

    assert [sent.url for sent in network.sent] == [url]


def test_a_token_is_read_with_its_end_and_its_scopes() -> None:
    body = b'{"access_token": "abc", "token_type": "bearer", "expires_in": 3600, "scope": "a b"}'
    request: Request[Any] = ClientCredentials("id", SECRET).request(None)

    token = read_token(Response(request, TOKEN_URL, 200, {}, body, body), START)

    assert (token.access_token, token.scopes) == ("abc", ("a", "b"))
    assert token.expires_at == START + dt.timedelta(hours=1)
    assert "abc" not in repr(token)
