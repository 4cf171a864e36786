"""The conformance kits pass what keeps the contract, and name the promise that something breaks."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from msgspec.structs import replace
from multidict import CIMultiDict

from ev_energy_async import (
    CallableAuth,
    FileTokenStore,
    MemoryCheckpoint,
    MemoryTokenStore,
    RefreshToken,
    Request,
    Response,
    SqliteCheckpoint,
    StaticToken,
    Token,
)
from ev_energy_async.lease import FileLease, MemoryLease, Term
from ev_energy_async.otel import metrics, tracing
from ev_energy_async.testing import (
    FakeClock,
    check_auth,
    check_checkpoint,
    check_deduplication_store,
    check_lease,
    check_middleware,
    check_token_store,
)
from ev_energy_async.webhooks import MemoryDeduplicationStore, SqliteDeduplicationStore
from tests.auth.oauth_kit import SECRET, AuthServer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from ev_energy_async.checkpoint import Advance, Entry, Owner
    from ev_energy_async.messages import Handler, Middleware, RawResponse


async def test_our_own_keep_their_contracts(tmp_path: Path) -> None:
    kept = MemoryTokenStore()
    await check_token_store(MemoryTokenStore)
    await check_token_store(lambda: kept)
    await check_token_store(lambda: FileTokenStore(tmp_path / "token.json"))
    await check_checkpoint(MemoryCheckpoint)
    await check_checkpoint(lambda: SqliteCheckpoint(tmp_path / "fleet.db"))

    clock = FakeClock(moves_by_itself=False)
    await check_lease(MemoryLease(clock=clock).rival, clock=clock)
    await check_lease(lambda: FileLease(tmp_path / "leader"))
    deliveries = MemoryDeduplicationStore(clock=clock)
    await check_deduplication_store(MemoryDeduplicationStore)
    await check_deduplication_store(lambda: deliveries, clock=clock)
    await check_deduplication_store(lambda: SqliteDeduplicationStore(tmp_path / "deliveries.db"))


async def test_our_own_auth_and_middleware_keep_their_contracts(clock: FakeClock) -> None:
    numbers = count()

    async def fetch() -> str:
        await asyncio.sleep(0)
        return f"token-{next(numbers)}"

    await check_auth(lambda: StaticToken("a-token"))
    await check_auth(lambda: CallableAuth(lambda: "a-token", refresh=fetch))
    await check_auth(lambda: AuthServer().source(clock, RefreshToken("my-id", "refresh-0", SECRET)))
    for middleware in (tracing(), metrics()):
        await check_middleware(middleware)


async def test_a_factory_may_be_async() -> None:
    async def make() -> MemoryCheckpoint:
        return MemoryCheckpoint()

    await check_checkpoint(make)


# --- Token stores that break it


class Columns(MemoryTokenStore):
    async def save(self, token: Token) -> None:
        await super().save(attrs.evolve(token, origin=None))


class Seconds(MemoryTokenStore):
    async def save(self, token: Token) -> None:
        expires_at = token.expires_at and token.expires_at.replace(microsecond=0)
        await super().save(attrs.evolve(token, expires_at=expires_at))


class Unlocked(MemoryTokenStore):
    def lock(self) -> Any:
        return contextlib.nullcontext()


class Remembers(MemoryTokenStore):
    async def clear(self) -> None:
        pass


@pytest.mark.parametrize(
    ("store", "promise"),
    [
        (Columns, "different: origin"),
        (Seconds, "different: expires_at"),
        (Unlocked, "nobody else enters"),
        (lambda: Remembers(Token("x")), "after `clear`"),
    ],
)
async def test_a_token_store_that_breaks_a_promise_is_told_which(
    store: Callable[[], MemoryTokenStore], promise: str
) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_token_store(store)


# --- Checkpoints that break it


class Careless(MemoryCheckpoint):
    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        fitting: list[Advance] = []
        for change in changes:
            entry = await self.get(change.key)
            fitting.append(attrs.evolve(change, expected=0 if entry is None else entry.version))
        return await super().advance_all(fitting)


class Recycles(MemoryCheckpoint):
    async def advance_all(self, changes: Iterable[Advance]) -> Sequence[int]:
        versions = await super().advance_all(changes)
        if 0 in versions:
            self._versions = 0
        return versions


class Forgets(MemoryCheckpoint):
    async def close(self) -> None:
        self._entries.clear()


class Unordered(MemoryCheckpoint):
    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, Entry]]:
        for key, entry in reversed([each async for each in super().entries(prefix)]):
            yield key, entry


class Anybodys(MemoryCheckpoint):
    async def open(self, owner: Owner) -> None:
        pass


@pytest.mark.parametrize(
    ("checkpoint", "promise"),
    [
        (Careless, "refuses a version that is not stored"),
        (Recycles, "never given twice"),
        (Forgets, "finds all of it again"),
        (Unordered, "in their order"),
        (Anybodys, "refuses another owner"),
    ],
)
async def test_a_checkpoint_that_breaks_a_promise_is_told_which(
    checkpoint: Callable[[], MemoryCheckpoint], promise: str
) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_checkpoint(checkpoint)


# --- Leases and stores of deliveries that break it


class Shared(MemoryLease):
    async def take(self) -> Term | None:
        return await super().take() or self._place.term


class Repeats(MemoryLease):
    async def take(self) -> Term | None:
        term = await super().take()
        return term and attrs.evolve(term, epoch=1)


class Revives(MemoryLease):
    async def renew(self) -> Term | None:
        return await self.current()


@pytest.mark.parametrize(
    ("kind", "promise"),
    [(Shared, "if, and only if, nobody has one"), (Repeats, "a higher epoch"), (Revives, "no other's")],
)
async def test_a_lease_that_breaks_a_promise_is_told_which(kind: type[MemoryLease], promise: str) -> None:
    clock = FakeClock(moves_by_itself=False)
    first = kind(clock=clock)

    def rival() -> MemoryLease:
        other = kind(clock=clock)
        vars(other).update(_place=vars(first)["_place"])
        return other

    with pytest.raises(AssertionError, match=promise):
        await check_lease(rival, clock=clock)


class AlwaysNew(MemoryDeduplicationStore):
    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        await super().add(key, expires_at)
        return True


async def test_a_store_of_deliveries_that_breaks_a_promise_is_told_which() -> None:
    kept = AlwaysNew()
    with pytest.raises(AssertionError, match="whether a key is new"):
        await check_deduplication_store(lambda: kept)


# --- What hands out tokens, and breaks its contract


class Tokens:
    """Hands out a new token with each call."""

    def __init__(self) -> None:
        self.numbers = count()

    async def access_token(self, *, rejected: str | None = None) -> str:
        await asyncio.sleep(0)
        return "first" if rejected is None else f"token-{next(self.numbers)}"


class Shows(Tokens):
    def __repr__(self) -> str:
        return "Shows('first')"


class Storm(Tokens):
    """Renews for everybody who asks."""


class Again(Tokens):
    """Renews once for those who ask at the same time, and then again for one who comes later."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = asyncio.Lock()
        self.asked = 0

    async def access_token(self, *, rejected: str | None = None) -> str:
        self.asked += 1
        await asyncio.sleep(0.01)
        return "first" if rejected is None else f"token-{self.asked > 22}"


class Hangs(Tokens):
    """Keeps a lock for ever if a caller gives up."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False

    async def access_token(self, *, rejected: str | None = None) -> str:
        if self.busy:
            await asyncio.Event().wait()
        self.busy = rejected is not None
        await asyncio.sleep(0.01)
        self.busy = False
        return "first"


class Broken(Tokens):
    async def access_token(self, *, rejected: str | None = None) -> str:
        return f"two words, {rejected}"


@pytest.mark.parametrize(
    ("auth", "promise"),
    [
        (Shows, "does not show"),
        (Storm, "all get the same new one"),
        (Again, "not replaced again"),
        (Hangs, "gives up"),
        (Broken, "sent in a header"),
        (object, "has a method"),
    ],
)
async def test_an_auth_that_breaks_a_promise_is_told_which(
    auth: Callable[[], Any], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ev_energy_async.testing.contracts.auth.SECONDS", 0.6)
    with pytest.raises(AssertionError, match=promise):
        await check_auth(auth)


# --- Middleware that breaks it


async def repeats(request: Request[Any], following: Handler) -> RawResponse:
    await following(request)
    return await following(request)


async def rewrites(request: Request[Any], following: Handler) -> RawResponse:
    return await following(replace(request, body=b"other"))


async def swallows(request: Request[Any], following: Handler) -> RawResponse:
    try:
        return await following(request)
    except Exception:  # noqa: BLE001  # what it is here for
        return Response(request, "", 500, CIMultiDict[str](), b"", b"")


async def holds_on(request: Request[Any], following: Handler) -> RawResponse:
    try:
        return await following(request)
    except asyncio.CancelledError:
        raise RuntimeError from None


def mixes_up() -> Middleware:
    last: list[Request[Any]] = []

    async def middleware(request: Request[Any], following: Handler) -> RawResponse:
        last[:] = [request]
        await asyncio.sleep(0)
        return await following(last[0])

    return middleware


@pytest.mark.parametrize(
    ("middleware", "promise"),
    [
        (repeats, "passed on once"),
        (rewrites, "passed on as they are"),
        (swallows, "an error of a call is passed on"),
        (holds_on, "ends as cancelled"),
        (mixes_up(), "gets its own response"),
    ],
)
async def test_a_middleware_that_breaks_a_promise_is_told_which(middleware: Middleware, promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_middleware(middleware)
