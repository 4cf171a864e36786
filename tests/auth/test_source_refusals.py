"""Refusals and outages of the token endpoint, as a token source sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import (
    AuthError,
    MemoryTokenStore,
    Token,
)

from .oauth_kit import APP, REFUSED, AuthServer, in_use, settle

if TYPE_CHECKING:
    from tests.conftest import FakeClock


@pytest.fixture
def server() -> AuthServer:
    return AuthServer()


async def test_credentials_that_are_refused_are_not_tried_again_and_again(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    server.instead = [REFUSED]

    for _ in range(100):
        with pytest.raises(AuthError, match="invalid_grant: Revoked"):
            await source.access_token()
        clock.advance(0.59)
    assert len(server.forms) == 1

    clock.advance(1)
    assert await source.access_token() == "access-1"
    assert len(server.forms) == 2


async def test_each_who_waits_hears_of_a_refusal(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    server.instead = [REFUSED]

    errors = await asyncio.gather(*(source.access_token() for _ in range(1_000)), return_exceptions=True)

    assert {type(error) for error in errors} == {AuthError}
    assert len(server.forms) == 1


async def test_a_refusal_of_a_renewal_takes_nothing_from_the_token_in_use(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=100)
    server.instead = [REFUSED]

    assert await source.access_token() == "access-1"
    await settle()
    assert await source.access_token() == "access-1"

    with pytest.raises(AuthError, match="Revoked"):
        await source.access_token(rejected="access-1")
    assert len(server.forms) == 2


async def test_after_a_missing_consent_a_token_in_the_store_is_found_at_once(
    server: AuthServer, clock: FakeClock
) -> None:
    store = MemoryTokenStore()
    source = server.source(clock, APP, store=store)
    with pytest.raises(AuthError, match="no_consent"):
        await source.access_token()
    assert server.forms == []

    await store.save(Token("of another process"))

    assert await source.access_token() == "of another process"
