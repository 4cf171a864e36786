"""The token endpoint."""

import base64

import aiohttp
import pytest

from ev_energy_async.sandbox import Sandbox
from tests.sandbox.conftest import Client

FORM = {"grant_type": "client_credentials"}


async def _ask(
    sandbox: Sandbox, form: dict[str, str] | list[tuple[str, str]], auth: str | None = None, url: str | None = None
) -> tuple[int, dict[str, str], dict[str, object]]:
    if auth is None:
        auth = _basic(sandbox.client_id, sandbox.client_secret)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url or sandbox.token_url, data=form, headers={"Authorization": auth} if auth else {}) as response,
    ):
        return response.status, dict(response.headers), await response.json(content_type=None)


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


async def test_client_credentials_give_a_token_with_every_scope(sandbox: Sandbox, client: Client) -> None:
    status, headers, body = await _ask(sandbox, FORM)
    assert status == 200
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 36_000
    assert "vehicle:read" in str(body["scope"]).split()
    assert headers["Cache-Control"] == "no-store"
    answer = await client.get("/vehicles", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert answer.status == 200


async def test_a_token_has_the_scopes_that_were_asked_for(sandbox: Sandbox, client: Client) -> None:
    _, _, body = await _ask(sandbox, {**FORM, "scope": "user:read evse:read"})
    assert body["scope"] == "evse:read user:read"
    client.token = str(body["access_token"])
    assert (await client.get("/evses")).status == 200
    answer = await client.get("/vehicles")
    assert answer.status == 403
    assert "vehicle:read" in answer.body["detail"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({**FORM, "scope": "user:read moon:read"}, "invalid_scope"),
        ([*FORM.items(), *FORM.items()], "invalid_request"),
    ],
)
async def test_what_the_token_endpoint_refuses(sandbox: Sandbox, form: dict[str, str], error: str) -> None:
    status, headers, body = await _ask(sandbox, form)
    assert (status, body["error"]) == (400, error)
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "auth", ["", "Basic nonsense!", "Bearer x", _basic("sandbox-client", "wrong"), _basic("else", "sandbox-secret")]
)
async def test_wrong_credentials_are_an_invalid_client(sandbox: Sandbox, auth: str) -> None:
    status, headers, body = await _ask(sandbox, FORM, auth)
    assert (status, body["error"]) == (401, "invalid_client")
    assert headers["WWW-Authenticate"].startswith("Basic")


async def test_a_secret_with_unusual_characters_works_encoded_and_plain() -> None:
    async with Sandbox(vehicles=1, client_secret="a+b c%41é") as sandbox:
        assert (await _ask(sandbox, FORM, _basic("sandbox-client", "a%2Bb+c%2541%C3%A9")))[0] == 200
        assert (await _ask(sandbox, FORM, _basic("sandbox-client", "a+b c%41é")))[0] == 200


async def test_without_its_last_slash_the_token_endpoint_is_405(sandbox: Sandbox, client: Client) -> None:
    for method, url in (("POST", sandbox.token_url.rstrip("/")), ("GET", sandbox.token_url)):
        answer = await client.call(method, url)
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
    assert (await client.call("POST", sandbox.origin + "/o/elsewhere/")).status == 404


async def test_a_body_that_is_no_form_is_an_invalid_request(sandbox: Sandbox, client: Client) -> None:
    answer = await client.call("POST", sandbox.token_url, json=FORM)
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


async def test_the_tokens_of_twenty_thousand_users_all_stay_valid(sandbox: Sandbox, client: Client) -> None:
    user = next(iter(sandbox.world.users)).id
    first, *_ = [sandbox.issue_token(user=user) for _ in range(20_000)]
    client.token = first
    assert (await client.get("/users/me")).status == 200


async def test_a_sandbox_keeps_as_many_tokens_as_configured() -> None:
    async with Sandbox(vehicles=1, kept_tokens=2) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        tokens = [sandbox.issue_token() for _ in range(3)]
        for token, status in zip(tokens, (401, 200, 200), strict=True):
            client.token = token
            assert (await client.get("/vehicles")).status == status


@pytest.mark.parametrize("lifetime", [-1, 1e308, float("nan"), float("inf")])
def test_an_invalid_lifetime_is_refused(lifetime: float) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        Sandbox(vehicles=0, token_lifetime=lifetime)
    with pytest.raises(ValueError, match="lifetime"):
        Sandbox(vehicles=0, refresh_token_lifetime=lifetime)


async def test_tokens_expire_by_the_sandboxs_clock(sandbox: Sandbox, client: Client) -> None:
    client.token = sandbox.issue_token()
    sandbox.advance(36_000 - 0.001)
    assert (await client.get("/vehicles")).status == 200
    sandbox.advance(0.001)
    answer = await client.get("/vehicles")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("1000", "999")
