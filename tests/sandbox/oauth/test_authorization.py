"""The authorization code grant: the consent page, PKCE, refresh with rotation, revocation."""

from __future__ import annotations

import base64
import html
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from ev_energy_async.sandbox import Sandbox, ScaledClock, SteppedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALLBACK = "http://127.0.0.1:8080/callback"
VERIFIER = "a-verifier-of-the-tests-that-is-long-enough-0123456789"
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": "sandbox-client",
    "redirect_uri": CALLBACK,
    "scope": "vehicle:read user:read",
    "state": "a state & more",
}
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
BASIC = "Basic " + base64.b64encode(b"sandbox-client:sandbox-secret").decode()


class Browser:
    """Goes through OAuth with a sandbox, without following redirects."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    async def open(self, **fields: str) -> tuple[int, str, dict[str, str]]:
        """The consent page: its status, its text, or where it sends back to."""
        async with self.session.get(self.sandbox.authorize_url, params=fields, allow_redirects=False) as response:
            return response.status, await response.text(), _answer(response.headers.get("Location"))

    async def submit(self, fields: list[tuple[str, str]], **headers: str) -> tuple[int, dict[str, str]]:
        async with self.session.post(
            self.sandbox.authorize_url, data=fields, headers=headers, allow_redirects=False
        ) as response:
            return response.status, _answer(response.headers.get("Location"))

    async def post(self, url: str, auth: str | None = BASIC, **form: str) -> tuple[int, Any]:
        headers = {} if auth is None else {"Authorization": auth}
        async with self.session.post(url, data=form, headers=headers) as response:
            return response.status, await response.json() if await response.read() else None

    async def token(self, auth: str | None = BASIC, **form: str) -> tuple[int, Any]:
        return await self.post(self.sandbox.token_url, auth, **form)

    async def code(self, **more: str) -> str:
        """A code that a user has given at once."""
        _, _, answer = await self.open(**ASKED, **more)
        return answer["code"]

    async def granted(self, **more: str) -> Any:
        """The tokens that a user has granted."""
        code = await self.code(**more)
        status, body = await self.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
        assert status == 200, body
        return body

    async def status(self, token: str, path: str = "/vehicles") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.sandbox.base_url + path, headers=headers) as response:
            return response.status


def _answer(location: str | None) -> dict[str, str]:
    return {} if location is None else dict(parse_qsl(urlsplit(location).query))


def _fields(page: str) -> list[tuple[str, str]]:
    """The hidden fields and ticked boxes of a page, as a browser sends them."""
    found = re.findall(r'<input type="(?:hidden|checkbox)" name="([^"]*)" value="([^"]*)"', page)
    return [(html.unescape(name), html.unescape(value)) for name, value in found]


@pytest.fixture
async def browser(clock: SteppedClock) -> AsyncIterator[Browser]:
    async with (
        Sandbox(vehicles=5, clock=clock, auto_consent=True) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        yield Browser(sandbox, session)


async def test_the_consent_page_redirects_back_with_a_code(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        browser = Browser(sandbox, session)
        status, page, _ = await browser.open(**ASKED)
        assert status == 200
        assert "vehicle:read" in page
        assert "evse:read" not in page
        user = list(sandbox.world.users)[2]
        assert user.id in page
        status, answer = await browser.submit([*_fields(page), ("user", user.id), ("decision", "allow")])
        assert (status, answer["state"]) == (302, "a state & more")
        status, body = await browser.token(grant_type="authorization_code", code=answer["code"], redirect_uri=CALLBACK)
        assert (status, body["expires_in"], body["scope"]) == (200, 36_000, "user:read vehicle:read")
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        async with session.get(sandbox.base_url + "/users/me", headers=headers) as response:
            assert (await response.json())["id"] == user.id


async def test_a_form_that_another_site_sends_grants_nothing(sandbox: Sandbox) -> None:
    user = next(iter(sandbox.world.users)).id
    async with aiohttp.ClientSession() as session:
        browser = Browser(sandbox, session)
        _, page, _ = await browser.open(**ASKED)
        decided = [*_fields(page), ("user", user), ("decision", "allow")]
        without = [field for field in decided if field[0] != "ticket"]
        assert (await browser.submit(without))[0] == 403
        assert (await browser.submit([*without, ("ticket", "é" * 32)]))[0] == 403
        other = [field for field in decided if field[0] != "state"] + [("state", "the attacker's")]
        assert (await browser.submit(other))[0] == 403, "a ticket is for what the page asked"
        for origin in ("https://evil.example", "http://localhost:1", "null"):
            assert (await browser.submit(decided, Origin=origin))[0] == 403
        assert (await browser.submit(decided, Origin=sandbox.origin))[0] == 302


async def test_a_user_may_deny_or_grant_less(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        browser = Browser(sandbox, session)
        _, page, _ = await browser.open(**ASKED)
        fields, user = _fields(page), next(iter(sandbox.world.users)).id
        _, answer = await browser.submit([*fields, ("decision", "deny")])
        assert (answer["error"], answer["state"]) == ("access_denied", "a state & more")
        less = [field for field in fields if field != ("granted", "user:read")] + [("granted", "evse:read")]
        _, answer = await browser.submit([*less, ("user", user), ("decision", "allow")])
        _, body = await browser.token(grant_type="authorization_code", code=answer["code"], redirect_uri=CALLBACK)
        assert body["scope"] == "vehicle:read"
        none = [field for field in fields if field[0] != "granted"]
        _, answer = await browser.submit([*none, ("user", user), ("decision", "allow")])
        assert answer["error"] == "access_denied"
        assert (await browser.submit([*fields, ("user", "user1"), ("decision", "allow")]))[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": "http://evil.example/"},
        {"client_id": "somebody"},
        {"client_id": "<script>alert(1)</script>"},
    ],
)
async def test_no_redirect_leads_to_an_address_that_is_not_configured(browser: Browser, change: dict[str, str]) -> None:
    status, page, answer = await browser.open(**{**ASKED, **change})
    assert (status, answer) == (400, {})
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "moon:read"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
async def test_what_is_wrong_with_a_request_goes_back_to_the_client(
    browser: Browser, change: dict[str, str], error: str
) -> None:
    status, _, answer = await browser.open(**{**ASKED, **change})
    assert (status, answer["error"], answer["state"]) == (302, error, "a state & more")


async def test_the_page_can_be_seen_although_consent_is_automatic(browser: Browser) -> None:
    assert (await browser.open(**ASKED))[0] == 302
    assert (await browser.open(**ASKED, auto="0"))[0] == 200


async def test_auto_is_ignored_where_it_is_not_enabled(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        assert (await Browser(sandbox, session).open(**ASKED, auto="1"))[0] == 200


async def test_consent_can_be_automatic_for_a_certain_user(clock: SteppedClock) -> None:
    with pytest.raises(ValueError, match="no user"):
        Sandbox(vehicles=5, auto_consent="user1")
    user = list(Sandbox(vehicles=5, clock=clock).world.users)[3]
    async with Sandbox(vehicles=5, clock=clock, auto_consent=user.id) as sandbox, aiohttp.ClientSession() as session:
        browser = Browser(sandbox, session)
        token = (await browser.granted())["access_token"]
        assert await browser.status(token, f"/users/{user.id}") == 200


async def test_pkce_makes_up_for_the_secret(browser: Browser) -> None:
    code = await browser.code(**PKCE)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": "sandbox-client"}
    assert (await browser.token(None, **form))[1]["error"] == "invalid_grant"
    assert (await browser.token(None, **form, code_verifier=VERIFIER + "x"))[1]["error"] == "invalid_grant"
    status, body = await browser.token(None, **form, code_verifier=VERIFIER)
    assert status == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert (await browser.token(None, **refresh))[0] == 401
    assert (await browser.token(None, **refresh, client_id="sandbox-client"))[0] == 200


async def test_pkce_with_the_secret_as_well(browser: Browser) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    code = await browser.code(**PKCE)
    assert (await browser.token(**form, code=code))[1]["error"] == "invalid_grant"
    assert (await browser.token(**form, code=code, code_verifier=VERIFIER))[0] == 200


async def test_without_pkce_the_secret_is_needed(browser: Browser) -> None:
    form = {"grant_type": "authorization_code", "code": await browser.code(), "redirect_uri": CALLBACK}
    status, body = await browser.token(None, **form, client_id="sandbox-client")
    assert (status, body["error"]) == (401, "invalid_client")
    assert (await browser.token(**form, code_verifier=VERIFIER))[1]["error"] == "invalid_grant"
    in_form = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    assert (await browser.token(None, **form, **in_form))[0] == 200


async def test_a_code_lives_a_minute(browser: Browser) -> None:
    early, late = await browser.code(), await browser.code()
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    browser.sandbox.advance(59.9)
    assert (await browser.token(**form, code=early))[0] == 200
    browser.sandbox.advance(0.1)
    assert (await browser.token(**form, code=late))[1]["error"] == "invalid_grant"


async def test_a_code_that_comes_twice_revokes_what_it_gave(browser: Browser) -> None:
    form = {"grant_type": "authorization_code", "code": await browser.code(), "redirect_uri": CALLBACK}
    _, body = await browser.token(**form)
    assert await browser.status(body["access_token"]) == 200
    assert (await browser.token(**form))[1]["error"] == "invalid_grant"
    assert await browser.status(body["access_token"]) == 401
    again = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert (await browser.token(**again))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize("change", [{"redirect_uri": CALLBACK + "?a=b"}, {"redirect_uri": ""}, {"code": "nonsense"}])
async def test_a_code_is_for_one_redirect_uri(browser: Browser, change: dict[str, str]) -> None:
    form = {"grant_type": "authorization_code", "code": await browser.code(), "redirect_uri": CALLBACK}
    assert (await browser.token(**{**form, **change}))[1]["error"] == "invalid_grant"


async def test_one_redirect_uri_need_not_be_named() -> None:
    async with (
        Sandbox(vehicles=2, auto_consent=True, redirect_uris=[CALLBACK + "?x=1"]) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        browser = Browser(sandbox, session)
        _, _, answer = await browser.open(response_type="code", client_id="sandbox-client")
        assert answer["x"] == "1"
        assert "state" not in answer
        status, body = await browser.token(grant_type="authorization_code", code=answer["code"])
        assert status == 200
        assert "evse:read" in body["scope"]


async def test_a_refresh_token_is_good_once_and_its_family_falls_when_it_comes_again(browser: Browser) -> None:
    first = await browser.granted()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    status, second = await browser.token(**form)
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert await browser.status(second["access_token"]) == 200
    assert (await browser.token(**form))[1]["error"] == "invalid_grant"
    assert await browser.status(second["access_token"]) == 401
    newest = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    assert (await browser.token(**newest))[1]["error"] == "invalid_grant"


async def test_what_was_granted_with_the_secret_is_refreshed_with_the_secret(browser: Browser) -> None:
    for more in ({}, {"code_verifier": VERIFIER}):
        code = await browser.code(**(PKCE if more else {}))
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}
        body = (await browser.token(**form))[1]
        refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        status, refused = await browser.token(None, **refresh, client_id="sandbox-client")
        assert (status, refused["error"]) == (401, "invalid_client")
        revoked = {"token": body["refresh_token"], "client_id": "sandbox-client"}
        assert (await browser.post(browser.sandbox.revoke_url, None, **revoked))[0] == 401
        assert (await browser.token(**refresh))[0] == 200


async def test_a_refresh_may_ask_for_less_and_never_for_more(browser: Browser) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": (await browser.granted())["refresh_token"]}
    assert (await browser.token(**form, scope="evse:read"))[1]["error"] == "invalid_scope"
    _, less = await browser.token(**form, scope="user:read")
    assert less["scope"] == "user:read"
    assert await browser.status(less["access_token"]) == 403
    _, whole = await browser.token(grant_type="refresh_token", refresh_token=less["refresh_token"])
    assert whole["scope"] == "user:read vehicle:read"


async def test_refresh_tokens_expire_if_configured(clock: SteppedClock) -> None:
    async with (
        Sandbox(vehicles=2, clock=clock, auto_consent=True, refresh_token_lifetime=100) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        browser = Browser(sandbox, session)
        form = {"grant_type": "refresh_token", "refresh_token": (await browser.granted())["refresh_token"]}
        sandbox.advance(100)
        assert (await browser.token(**form))[1]["error"] == "invalid_grant"


async def test_revoking_an_access_token_leaves_the_refresh_token(browser: Browser) -> None:
    body = await browser.granted()
    assert await browser.post(browser.sandbox.revoke_url, token=body["access_token"]) == (200, None)
    assert await browser.status(body["access_token"]) == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert (await browser.token(**refresh))[0] == 200


async def test_revoking_a_refresh_token_ends_everything(browser: Browser) -> None:
    body = await browser.granted()
    form = {"token": body["refresh_token"], "token_type_hint": "refresh_token"}
    assert await browser.post(browser.sandbox.revoke_url, **form) == (200, None)
    assert await browser.status(body["access_token"]) == 401


async def test_revocation_has_its_manners(browser: Browser) -> None:
    url, token = browser.sandbox.revoke_url, browser.sandbox.issue_token()
    assert await browser.post(url, token="unknown") == (200, None)
    assert (await browser.post(url))[1]["error"] == "invalid_request"
    assert (await browser.post(url, None, token=token))[0] == 401
    assert (await browser.post(url, None, token=token, client_id="sandbox-client"))[0] == 401
    assert await browser.status(token) == 200
    async with browser.session.post(url.rstrip("/"), data={"token": token}) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_each_user_who_consents_has_a_request_limit_of_their_own(browser: Browser) -> None:
    first = await browser.granted()
    users = list(browser.sandbox.world.users)
    other = browser.sandbox.issue_token(user=users[1].id)

    async def remaining(token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        async with browser.session.get(browser.sandbox.base_url + "/vehicles", headers=headers) as response:
            return response.headers["X-RateLimit-Remaining"]

    assert [await remaining(first["access_token"]) for _ in range(3)] == ["999", "998", "997"]
    assert await remaining(other) == "999"
    assert await remaining((await browser.granted())["access_token"]) == "996"


async def test_a_fast_clock_gives_clients_real_seconds() -> None:
    async with (
        Sandbox(vehicles=2, clock=ScaledClock(600), auto_consent=True, rate_limit=0) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        browser = Browser(sandbox, session)
        body = await browser.granted()
        assert body["expires_in"] == 60
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        async with session.get(sandbox.base_url + "/vehicles", headers=headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "6")
