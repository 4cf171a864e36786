"""The lifetime of tokens in and out of the store, from consent to revocation."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from ev_energy_async import (
    AuthError,
    ClientCredentials,
    DecodeError,
    MemoryTokenStore,
    RefreshToken,
    ServiceUnavailable,
    Token,
)
from tests.conftest import START, FakeClock

from .oauth_kit import APP, LIFE, SECRET, UNAVAILABLE, AuthServer, consent, settle

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def server() -> AuthServer:
    return AuthServer()


# --- The store


async def test_what_another_process_has_stored_is_used_instead_of_a_refresh(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    one, two = (server.source(clock, store=store) for _ in range(2))
    await one.access_token()
    assert await two.access_token() == "access-1"

    assert await one.access_token(rejected="access-1") == "access-2"
    assert await two.access_token(rejected="access-1") == "access-2"

    assert [form["refresh_token"] for form in server.forms] == ["refresh-0", "refresh-1"]


async def test_two_who_share_a_store_never_spend_one_refresh_token(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    sources = [server.source(clock, store=store) for _ in range(20)]

    for _ in range(3):
        assert len(set(await asyncio.gather(*(source.access_token() for source in sources)))) == 1
        clock.advance(LIFE)

    assert len(server.forms) == 3
    assert server.reused == []


async def test_clients_of_one_application_share_a_token_through_a_store(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    sources = [server.source(clock, ClientCredentials("my-id", SECRET), store=store) for _ in range(5)]

    assert [await source.access_token() for source in sources] == ["access-1"] * 5
    assert server.forms == [{"grant_type": "client_credentials"}]


async def test_a_stored_token_near_its_end_is_used_before_it_is_renewed(server: AuthServer, clock: FakeClock) -> None:
    stored = Token("kept", START + dt.timedelta(seconds=200), "refresh-0", obtained_at=START - dt.timedelta(hours=9))
    source = server.source(clock, store=MemoryTokenStore(stored))
    server.instead = [UNAVAILABLE]

    assert await source.access_token() == "kept"
    assert server.forms == []


class Full(MemoryTokenStore):
    """A store that cannot save for a while."""

    is_full = True

    async def save(self, token: Token) -> None:
        if self.is_full:
            raise OSError("no space left")
        await super().save(token)


async def test_a_token_that_cannot_be_stored_is_not_used_and_not_lost(server: AuthServer, clock: FakeClock) -> None:
    store = Full()
    told: list[Token] = []
    source = server.source(clock, store=store, on_token=told.append)
    for _ in range(2):
        with pytest.raises(OSError, match="no space left"):
            await source.access_token()
    assert source.token is None
    assert told == []

    store.is_full = False

    assert await source.access_token() == "access-1"
    assert await store.load() == source.token
    assert [token.access_token for token in told] == ["access-1"]
    assert len(server.forms) == 1, "its refresh token was spent the first time"


async def test_a_store_that_was_emptied_does_not_cost_the_refresh_token(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    source = server.source(clock, store=store)
    await source.access_token()
    await store.clear()

    assert await source.access_token(rejected="access-1") == "access-2"
    assert server.reused == []


# --- Consent that is given once more


async def test_a_new_consent_takes_the_place_of_what_is_stored(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    await server.source(clock, consent(), store=store).access_token()
    server.codes.add("code-1")

    assert await server.source(clock, consent("code-1"), store=store).access_token() == "access-2"
    assert [form["code"] for form in server.forms] == ["code-0", "code-1"]


async def test_a_code_is_traded_once_however_often_its_settings_are_used(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    app = consent()
    for _ in range(3):
        await server.source(clock, app, store=store).access_token()
        clock.advance(LIFE)
    await server.source(clock, APP, store=store).access_token()

    assert [form["grant_type"] for form in server.forms] == ["authorization_code"] + ["refresh_token"] * 3
    assert server.reused == []


async def test_a_new_refresh_token_in_the_settings_takes_the_place_of_what_is_stored(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    await server.source(clock, store=store).access_token()
    server.refresh_tokens = {"granted-anew"}

    source = server.source(clock, RefreshToken("my-id", "granted-anew", SECRET), store=store)

    assert await source.access_token() == "access-2"
    assert server.reused == []


async def test_a_running_client_uses_the_consent_that_another_process_stored(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    running = server.source(clock, consent(), store=store)
    await running.access_token()
    server.codes.add("code-1")
    await server.source(clock, consent("code-1"), store=store).access_token()

    assert await running.access_token(rejected="access-1") == "access-2"
    assert server.reused == []


@pytest.mark.parametrize("is_new", [False, True])
async def test_a_code_is_never_sent_twice_though_the_server_gave_no_refresh_token(
    clock: FakeClock, *, is_new: bool
) -> None:
    server = AuthServer(gives_refresh=False)
    store = MemoryTokenStore()
    app = consent()
    source = server.source(clock, app, store=store)
    await source.access_token()
    clock.advance(LIFE)
    if is_new:
        source = server.source(clock, app, store=store)

    with pytest.raises(AuthError, match="no_consent"):
        await source.access_token()

    assert len(server.forms) == 1


# --- The end


async def test_revoking_ends_the_refresh_token_and_the_next_call_needs_new_consent(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    source = server.source(clock, consent(), store=store)
    await source.access_token()

    await source.revoke()

    assert server.revocations == [{"token": "refresh-1", "token_type_hint": "refresh_token"}]
    assert source.token is None
    assert await store.load() is None
    with pytest.raises(AuthError, match="no_consent"):
        await source.access_token()
    assert len(server.forms) == 1, "neither the code nor the refresh token is sent again"


async def test_revoking_a_refresh_token_from_elsewhere_needs_no_call_before(
    server: AuthServer, clock: FakeClock
) -> None:
    source = server.source(clock)

    await source.revoke()

    assert [form["token"] for form in server.revocations] == ["refresh-0"]
    with pytest.raises(AuthError, match="no_consent"):
        await source.access_token()


async def test_after_revoking_an_application_gets_a_fresh_token(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock, ClientCredentials("my-id", SECRET))
    await source.access_token()

    await source.revoke()

    assert server.revocations == [{"token": "access-1", "token_type_hint": "access_token"}]
    assert await source.access_token() == "access-2"


async def test_where_there_is_no_token_there_is_nothing_to_revoke(server: AuthServer, clock: FakeClock) -> None:
    await server.source(clock, APP).revoke()
    await server.source(clock, ClientCredentials("my-id", SECRET)).revoke()

    assert server.revocations == []


async def test_a_token_that_could_not_be_revoked_stays(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    source = server.source(clock, store=store)
    await source.access_token()
    server.instead = [UNAVAILABLE]

    with pytest.raises(ServiceUnavailable):
        await source.revoke()

    assert await source.access_token() == "access-1"
    assert await store.load() == source.token


async def test_revoking_during_a_refresh_ends_what_it_brings(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    server.go.clear()
    call = asyncio.create_task(source.access_token())
    await settle()
    revoking = asyncio.create_task(source.revoke())
    await settle()

    server.go.set()
    await asyncio.gather(call, revoking)

    assert [form["token"] for form in server.revocations] == ["refresh-1"]
    assert source.token is None


async def test_revoking_ends_the_latest_token_whichever_process_obtained_it(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    one, two = (server.source(clock, store=store) for _ in range(2))
    await one.access_token()
    await two.access_token(rejected="access-1")

    await one.revoke()

    assert [form["token"] for form in server.revocations] == ["refresh-2"]


async def test_closing_brings_in_what_a_spent_refresh_token_buys(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    source = server.source(clock, store=store)
    server.go.clear()
    call = asyncio.create_task(source.access_token())
    await settle()
    asyncio.get_running_loop().call_soon(server.go.set)

    await source.close()

    stored = await store.load()
    assert stored is not None
    assert stored.refresh_token == "refresh-1"
    assert await call == "access-1"


async def test_closing_ends_a_fetch_that_spends_nothing(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock, ClientCredentials("my-id", SECRET))
    server.go.clear()
    call = asyncio.create_task(source.access_token())
    await settle()

    async with asyncio.timeout(1):
        await source.close()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert not [task for task in asyncio.all_tasks() if "ev-energy-async" in task.get_name()]


async def test_a_callback_may_close_the_source(server: AuthServer, clock: FakeClock) -> None:
    async def on_token(_: Token) -> None:
        await source.close()

    source = server.source(clock, on_token=on_token)

    async with asyncio.timeout(5):
        assert await source.access_token() == "access-1"


# --- Secrets


def _failing(body: bytes) -> Callable[[AuthServer], None]:
    def prepare(server: AuthServer) -> None:
        server.instead = [(200, body)]

    return prepare


@pytest.mark.parametrize(
    "prepare",
    [
        _failing(b'{"access_token": "hidden-new", "token_type": "mac"}'),
        _failing(b'{"access_token": "hidden-new\\n", "token_type": "bearer"}'),
        _failing(b'{"access_token": "hidden-new", "token_type'),
    ],
)
async def test_neither_log_nor_error_shows_a_token(
    server: AuthServer,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    prepare: Callable[[AuthServer], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    stored = Token("hidden-access", START + dt.timedelta(hours=1), "hidden-refresh", obtained_at=START)
    source = server.source(clock, store=MemoryTokenStore(stored))
    await source.access_token()
    prepare(server)

    with pytest.raises(DecodeError) as raised:
        await source.access_token(rejected="hidden-access")

    shown = f"{caplog.text} {raised.value} {raised.value!r} {source.token!r} {vars(cast('Any', raised.value))!r}"
    assert "hidden" not in shown
    assert SECRET not in shown


# --- Rotation


async def test_each_refresh_uses_the_newest_refresh_token(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    for _ in range(3):
        await source.access_token()
        clock.advance(LIFE)

    assert [form["refresh_token"] for form in server.forms] == ["refresh-0", "refresh-1", "refresh-2"]
    assert server.reused == []


async def test_a_refresh_token_is_kept_where_the_server_gives_no_new_one(clock: FakeClock) -> None:
    server = AuthServer(rotates=False)
    store = MemoryTokenStore()
    told: list[Token] = []
    source = server.source(clock, consent(), store=store, on_token=told.append)
    for _ in range(3):
        await source.access_token()
        clock.advance(LIFE)

    assert [form.get("refresh_token") for form in server.forms] == [None, "refresh-1", "refresh-1"]
    assert [token.refresh_token for token in told] == ["refresh-1"] * 3
    stored = await store.load()
    assert stored is not None
    assert stored.refresh_token == "refresh-1"


async def test_a_refresh_token_of_the_settings_is_kept_as_well(clock: FakeClock) -> None:
    told: list[Token] = []
    source = AuthServer(rotates=False).source(clock, on_token=told.append)

    await source.access_token()

    assert told[0].refresh_token == "refresh-0"
