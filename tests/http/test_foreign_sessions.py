"""Sessions of the caller's own that have credentials: our `Authorization` wins, and uploads carry none."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from ev_energy_async import ClientCredentials, EvEnergy, StaticToken
from ev_energy_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["auth", "netrc", "both"])
async def session(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aiohttp.ClientSession]:
    options: dict[str, Any] = {}
    if request.param != "auth":
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password of-netrc\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        options["trust_env"] = True
    if request.param != "netrc":
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # newer versions of aiohttp warn
            made = aiohttp.ClientSession(**options, auth=aiohttp.BasicAuth("me", "of-the-session"))
        async with made:
            yield made
        return
    async with aiohttp.ClientSession(**options) as made:
        yield made


async def test_our_token_is_sent_and_not_their_password(session: aiohttp.ClientSession) -> None:
    async with Sandbox(vehicles=1) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
        async with EvEnergy(credentials, base_url=sandbox.base_url, session=session) as ev:
            await ev.vehicles.list()

        sent = [served.headers.get("Authorization", "") for served in sandbox.requests]
    assert [each.partition(" ")[0] for each in sent] == ["Basic", "Bearer"]


async def test_a_client_without_credentials_sends_none_of_theirs(session: aiohttp.ClientSession) -> None:
    async with Sandbox(vehicles=1) as sandbox, EvEnergy(base_url=sandbox.base_url, session=session) as ev:
        await ev.vehicle_makes.list()

        assert [served.headers.get("Authorization") for served in sandbox.requests] == [None]


async def test_their_own_middlewares_still_run() -> None:
    seen: list[str] = []

    async def theirs(request: Any, handler: Any) -> Any:
        seen.append(request.method)
        return await handler(request)

    async with (
        Sandbox(vehicles=1) as sandbox,
        aiohttp.ClientSession(trust_env=True, middlewares=[theirs]) as session,
        EvEnergy(StaticToken("t"), base_url=sandbox.base_url, session=session) as ev,
    ):
        with pytest.raises(Exception, match="401"):
            await ev.regions.list()

    assert seen == ["GET"]
