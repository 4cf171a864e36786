"""The contract of token stores: one value, kept whole; locks that work in one event loop after another."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from ev_energy_async import AuthorizationCode, FileTokenStore, InvalidArgument, MemoryTokenStore, RefreshToken, Token
from ev_energy_async.auth import TokenStoreError
from tests.conftest import START

from .oauth_kit import SECRET, AuthServer, consent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ev_energy_async import TokenStore
    from tests.conftest import FakeClock

FULL = Token("access", START, "refresh", ("vehicle:read", "user:read"), START, "origin")


class ColumnsStore(MemoryTokenStore):
    """A store with columns for token, refresh token and expiry, and none for the rest."""

    async def save(self, token: Token) -> None:
        await super().save(Token(token.access_token, token.expires_at, token.refresh_token))


@pytest.mark.parametrize("grant", [consent(), RefreshToken("my-id", "refresh-0", SECRET)], ids=["code", "refresh"])
async def test_a_store_that_drops_the_origin_is_refused_at_the_first_token(
    clock: FakeClock, grant: AuthorizationCode | RefreshToken
) -> None:
    source = AuthServer().source(clock, grant, store=ColumnsStore())

    with pytest.raises(TokenStoreError, match=r"ColumnsStore does not return the token as it was saved.*to_dict"):
        await source.access_token()


async def test_a_new_consent_never_gets_a_token_of_unknown_origin(clock: FakeClock) -> None:
    server = AuthServer()
    store = MemoryTokenStore(Token("of-the-previous-user", refresh_token="refresh-0"))

    assert await server.source(clock, consent(), store=store).access_token() == "access-1"

    assert [form["grant_type"] for form in server.forms] == ["authorization_code"]


@pytest.mark.parametrize("token", [FULL, Token("bare")])
def test_a_token_survives_json(token: Token) -> None:
    assert Token.from_dict(json.loads(json.dumps(token.to_dict()))) == token


@pytest.mark.parametrize("member", FULL.to_dict())
def test_a_stored_token_without_one_of_its_members_is_refused(member: str) -> None:
    stored = FULL.to_dict()
    del stored[member]

    with pytest.raises(InvalidArgument, match=member if member != "access_token" else "access token") as raised:
        Token.from_dict(stored)

    assert "refresh'" not in str(raised.value)


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("access_token", "two words"),
        ("expires_at", "2026-03-14T12:00:00"),
        ("expires_at", 1_700_000_000),
        ("obtained_at", "soon"),
        ("refresh_token", 7),
        ("scopes", "vehicle:read"),
        ("scopes", [1]),
        ("origin", {}),
        ("version", 2),
    ],
)
def test_a_stored_token_with_a_wrong_member_is_refused(member: str, wrong: object) -> None:
    with pytest.raises(InvalidArgument):
        Token.from_dict({**FULL.to_dict(), member: wrong})


@pytest.mark.parametrize("stored", [None, [], "text"])
def test_what_is_no_stored_token_is_refused(stored: Any) -> None:
    with pytest.raises(InvalidArgument):
        Token.from_dict(stored)


def in_memory(_: Path) -> MemoryTokenStore:
    return MemoryTokenStore()


@pytest.mark.parametrize("make", [in_memory, FileTokenStore], ids=["memory", "file"])
def test_a_store_works_in_one_loop_after_another_under_contention_too(
    tmp_path: Path, make: Callable[[Path], TokenStore]
) -> None:
    store = make(tmp_path / "token.json")
    inside = 0

    async def hold() -> None:
        nonlocal inside
        async with store.lock():
            inside += 1
            assert inside == 1
            await store.save(attrs.evolve(FULL, scopes=(*FULL.scopes, "more")))
            await asyncio.sleep(0)
            inside -= 1

    async def contend() -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*(hold() for _ in range(5)))

    for _ in range(3):
        asyncio.run(contend())


def test_a_lock_that_died_with_its_loop_is_free_in_the_next() -> None:
    store = MemoryTokenStore()

    async def take() -> None:
        async with asyncio.timeout(5):
            await store.lock().__aenter__()

    for _ in range(2):
        asyncio.run(take())
