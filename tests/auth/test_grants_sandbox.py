"""Grants from the browser to revocation, against the sandbox over real sockets."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import aiohttp
import pytest

from ev_energy_async import (
    AuthError,
    AuthorizationCode,
    ClientCredentials,
    EvEnergy,
    FileTokenStore,
    InvalidArgument,
    RefreshToken,
)
from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.conftest import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALLBACK = "http://127.0.0.1:8080/callback"
SECRETS = pytest.mark.parametrize("secret", ["sandbox-secret", None], ids=["secret", "PKCE"])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=5, clock=SteppedClock(START), auto_consent=True) as running:
        yield running


def application(sandbox: Sandbox, secret: str | None, store: FileTokenStore | None = None) -> AuthorizationCode:
    return AuthorizationCode(
        "sandbox-client",
        secret,
        redirect_uri=CALLBACK,
        scopes=["user:read", "vehicle:read"],
        authorize_url=sandbox.authorize_url,
        store=store,
    )


async def browse(url: str) -> str:
    """Open an address as a browser does, and return where it is sent."""
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        return response.headers["Location"]


async def consented(app: AuthorizationCode) -> AuthorizationCode:
    pending = app.begin()
    return app.redeem(pending, await browse(pending.url))


@SECRETS
async def test_a_user_consents_and_is_served_until_they_take_it_back(
    sandbox: Sandbox, tmp_path: Path, secret: str | None
) -> None:
    clock = FakeClock()
    app = application(sandbox, secret, FileTokenStore(tmp_path / "token.json"))
    async with EvEnergy(await consented(app), base_url=sandbox.base_url, clock=clock) as ev:
        user = await ev.users.get("me")
        assert user.id == next(iter(sandbox.world.users)).id

    # The access token ends; another run refreshes it without the user.
    sandbox.advance(dt.timedelta(hours=11))
    clock.advance(11 * 3_600)
    async with EvEnergy(app, base_url=sandbox.base_url, clock=clock) as ev:
        assert (await ev.users.get("me")).id == user.id
        await ev.revoke()
        with pytest.raises(AuthError, match="no_consent"):
            await ev.users.get("me")


async def test_what_was_revoked_opens_nothing_any_more(sandbox: Sandbox, tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "token.json")
    async with EvEnergy(await consented(application(sandbox, None, store)), base_url=sandbox.base_url) as ev:
        await ev.users.get("me")
        kept = await store.load()
        await ev.revoke()
    assert kept is not None
    assert kept.refresh_token is not None

    async with EvEnergy(RefreshToken("sandbox-client", kept.refresh_token), base_url=sandbox.base_url) as ev:
        with pytest.raises(AuthError, match="invalid_grant"):
            await ev.users.get("me")


async def test_a_user_who_revokes_elsewhere_is_asked_again(sandbox: Sandbox, tmp_path: Path) -> None:
    app = application(sandbox, None, FileTokenStore(tmp_path / "token.json"))
    async with EvEnergy(await consented(app), base_url=sandbox.base_url) as ev:
        await ev.users.get("me")
        async with EvEnergy(app, base_url=sandbox.base_url) as elsewhere:
            await elsewhere.revoke()
        with pytest.raises(AuthError, match="invalid_grant"):
            await ev.users.get("me")

    async with EvEnergy(await consented(app), base_url=sandbox.base_url) as ev:
        await ev.users.get("me")


@SECRETS
async def test_a_code_lives_a_minute(sandbox: Sandbox, secret: str | None) -> None:
    auth = await consented(application(sandbox, secret))
    sandbox.advance(61)

    async with EvEnergy(auth, base_url=sandbox.base_url) as ev:
        with pytest.raises(AuthError, match="invalid_grant: The code has expired"):
            await ev.users.get("me")


async def test_the_verifier_of_another_request_buys_nothing(sandbox: Sandbox) -> None:
    app = application(sandbox, None)
    mine, other = app.begin(), app.begin()
    answer = await browse(mine.url)

    with pytest.raises(InvalidArgument, match="`state` is another"):
        app.redeem(other, answer)
    stolen = app.redeem(other, answer.replace(mine.state, other.state))
    async with EvEnergy(stolen, base_url=sandbox.base_url) as ev:
        with pytest.raises(AuthError, match="invalid_grant: code_verifier does not fit"):
            await ev.users.get("me")


async def test_a_scope_that_does_not_exist_comes_back_as_an_error(sandbox: Sandbox) -> None:
    app = AuthorizationCode(
        "sandbox-client", redirect_uri=CALLBACK, scopes=["no:such"], authorize_url=sandbox.authorize_url
    )

    with pytest.raises(AuthError, match=r"^invalid_scope: "):
        await consented(app)


async def test_many_calls_whose_token_ended_spend_one_refresh_token(sandbox: Sandbox) -> None:
    async with EvEnergy(await consented(application(sandbox, None)), base_url=sandbox.base_url) as ev:
        await ev.users.get("me")
        # By the client's own clock the token is still good: only the 401s tell.
        sandbox.advance(dt.timedelta(hours=11))

        users = await asyncio.gather(*(ev.users.get.with_response("me") for _ in range(50)))

    assert {user.data.id for user in users} == {next(iter(sandbox.world.users)).id}
    posts = [served for served in sandbox.requests if served.path == "/o/token/"]
    assert len(posts) == 2


async def test_a_wrong_secret_is_tried_once(sandbox: Sandbox) -> None:
    async with EvEnergy(ClientCredentials("sandbox-client", "wrong"), base_url=sandbox.base_url) as ev:
        for _ in range(10):
            with pytest.raises(AuthError, match=r"^invalid_client: "):
                await ev.vehicles.list()

    assert len(sandbox.requests) == 1


async def test_an_application_goes_on_after_revoking(sandbox: Sandbox) -> None:
    async with EvEnergy(ClientCredentials("sandbox-client", "sandbox-secret"), base_url=sandbox.base_url) as ev:
        await ev.vehicles.list()
        await ev.revoke()
        assert len(await ev.vehicles.list().all()) == 5
