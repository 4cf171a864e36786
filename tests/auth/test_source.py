"""One token for all who ask: when it is renewed, by whom, and what becomes of a refusal. Nothing here has a network."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async import (
    AuthError,
    MemoryTokenStore,
    ServiceUnavailable,
    Token,
)
from ev_energy_async.auth.source import decide
from ev_energy_async.masking import Secret
from tests.conftest import START, FakeClock

from .oauth_kit import REFUSED, SECRET, UNAVAILABLE, AuthServer, in_use, logged, settle


@pytest.fixture
def server() -> AuthServer:
    return AuthServer()


# --- The decision


def a_token(life: int | None, *, known: bool) -> Token:
    """A token had at the start, whether or not that is known."""
    return Token("current", None if life is None else at(life), obtained_at=START if known else None)


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


TOKENS = st.builds(a_token, st.none() | st.integers(1, 10_000_000), known=st.booleans())
SECONDS = st.floats(-1_000, 20_000_000)


@settings(deadline=None)
@given(TOKENS, SECONDS)
def test_a_token_that_has_ended_or_was_rejected_is_never_used(token: Token, when: float) -> None:
    assert decide(token, Secret("current"), at(when)) == "replace"
    assert decide(None, None, at(when)) == "replace"
    if token.expires_at is not None and at(when) >= token.expires_at:
        assert decide(token, None, at(when)) == "replace"


@settings(deadline=None)
@given(TOKENS, SECONDS)
def test_that_an_older_token_was_rejected_says_nothing_of_this_one(token: Token, when: float) -> None:
    assert decide(token, Secret("older"), at(when)) == decide(token, None, at(when))


@settings(deadline=None)
@given(SECONDS)
def test_a_token_without_an_end_is_used(when: float) -> None:
    assert decide(Token("current", obtained_at=START), None, at(when)) == "use"


@settings(deadline=None)
@given(TOKENS, SECONDS, SECONDS)
def test_as_time_goes_by_a_token_is_used_then_renewed_then_replaced(token: Token, one: float, two: float) -> None:
    order = ["use", "renew", "replace"]

    earlier, later = (order.index(decide(token, None, at(when))) for when in sorted([one, two]))

    assert earlier <= later


@settings(deadline=None)
@given(st.integers(1_500, 10_000_000), st.floats(0, 1_000), st.booleans())
def test_the_last_minute_is_mandatory_and_the_last_five_advisory(life: int, left: float, known: bool) -> None:
    token = a_token(life, known=known)
    now = at(life) - dt.timedelta(seconds=left)
    left = (at(life) - now).total_seconds()  # as far as a datetime can tell

    expected = "replace" if left <= 60 else "renew" if left <= 300 else "use"

    assert decide(token, None, now) == expected


@settings(deadline=None)
@given(st.integers(1, 1_500), st.floats(0, 1))
def test_a_short_life_is_used_for_its_greater_part(life: int, part: float) -> None:
    token = a_token(life, known=True)

    found = decide(token, None, at(life * part))

    if part < 0.79:
        assert found == "use"
    if 0.81 < part < 0.89 and life < 590:
        assert found == "renew"
    if part > 0.91 and life < 590:
        assert found == "replace"


# --- One at a time


async def test_a_thousand_who_wait_make_one_request(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)

    assert set(await asyncio.gather(*(source.access_token() for _ in range(1_000)))) == {"access-1"}
    assert len(server.forms) == 1


async def test_a_thousand_rejections_make_one_request(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    old = await source.access_token()

    fresh = await asyncio.gather(*(source.access_token(rejected=old) for _ in range(1_000)))

    assert set(fresh) == {"access-2"}
    assert len(server.forms) == 2


async def test_one_who_hears_late_that_the_old_token_is_rejected_gets_the_new_one(
    server: AuthServer, clock: FakeClock
) -> None:
    source = server.source(clock)
    old = await source.access_token()
    await source.access_token(rejected=old)

    assert await source.access_token(rejected=old) == "access-2"
    assert len(server.forms) == 2


async def test_one_who_gives_up_does_not_end_the_wait_of_the_others(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    server.go.clear()
    first, *others = (asyncio.create_task(source.access_token()) for _ in range(5))
    await settle()

    first.cancel()
    await settle()
    assert first.cancelled()
    server.go.set()

    assert await asyncio.gather(*others) == ["access-1"] * 4
    assert len(server.forms) == 1


@pytest.mark.parametrize("turns", range(8))
async def test_a_token_whose_waiters_were_cancelled_is_kept_for_the_next_call(
    server: AuthServer, clock: FakeClock, turns: int
) -> None:
    source = server.source(clock)
    caller = asyncio.create_task(source.access_token())
    for _ in range(turns):
        await asyncio.sleep(0)

    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)

    assert await source.access_token() == "access-1"
    assert server.reused == []


# --- Early, in the background


async def test_a_token_near_its_expiry_is_renewed_without_a_wait(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=299)
    server.go.clear()

    assert await source.access_token() == "access-1"
    await settle()
    assert len(server.forms) == 2
    assert await asyncio.gather(*(source.access_token() for _ in range(100))) == ["access-1"] * 100
    assert len(server.forms) == 2, "one at a time"

    server.go.set()
    await settle()
    assert await source.access_token() == "access-2"


async def test_a_token_that_was_used_shortly_before_is_renewed_in_time_all_the_same(
    server: AuthServer, clock: FakeClock
) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=400)
    assert await source.access_token() == "access-1"

    clock.advance(150)

    assert await source.access_token() == "access-1"
    await settle()
    assert len(server.forms) == 2


async def test_before_that_it_is_left_alone(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=301)

    assert await source.access_token() == "access-1"
    await settle()
    assert len(server.forms) == 1


@pytest.mark.parametrize("trouble", [UNAVAILABLE, REFUSED, (200, b"<html>Log in to the Wi-Fi</html>")])
async def test_a_renewal_that_fails_is_logged_and_left_alone_for_a_while(
    server: AuthServer, clock: FakeClock, caplog: pytest.LogCaptureFixture, trouble: tuple[int, bytes]
) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=250)
    server.instead = [trouble] * 2

    for _ in range(100):
        assert await source.access_token() == "access-1"
        await settle()

    assert len(server.forms) == 2
    ((level, text),) = logged(caplog)
    assert level == logging.WARNING
    assert text.startswith("no new token yet: ")

    clock.advance(61)
    assert await source.access_token() == "access-1"
    await settle()
    assert len(server.forms) == 3
    clock.advance(61)
    await source.access_token()
    await settle()
    assert await source.access_token() == "access-2"


async def test_when_the_time_is_up_callers_wait_and_hear_of_the_trouble(server: AuthServer, clock: FakeClock) -> None:
    source = server.source(clock)
    await in_use(source, clock, left=61)
    server.instead = [UNAVAILABLE, UNAVAILABLE]
    await source.access_token()
    await settle()
    clock.advance(1)

    with pytest.raises(ServiceUnavailable):
        await source.access_token()

    assert await source.access_token() == "access-2", "an outage is no refusal: the next call tries again"


# --- Handing tokens on


async def test_each_new_token_is_handed_on_once(server: AuthServer, clock: FakeClock) -> None:
    told: list[Token] = []
    source = server.source(clock, on_token=told.append)

    await asyncio.gather(*(source.access_token() for _ in range(10)))
    await source.access_token(rejected="access-1")

    assert [(token.access_token, token.refresh_token) for token in told] == [
        ("access-1", "refresh-1"),
        ("access-2", "refresh-2"),
    ]


async def test_a_token_from_the_store_is_nothing_new(server: AuthServer, clock: FakeClock) -> None:
    told: list[Token] = []
    source = server.source(clock, store=MemoryTokenStore(Token("kept")), on_token=told.append)

    assert await source.access_token() == "kept"
    assert told == []


async def test_when_a_token_is_handed_on_it_is_stored_and_no_lock_is_held(server: AuthServer, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    seen: list[Token | None] = []

    async def on_token(token: Token) -> None:
        async with store.lock():
            seen.append(await store.load())
        assert token is seen[-1]

    async with asyncio.timeout(5):
        await server.source(clock, store=store, on_token=on_token).access_token()

    assert len(seen) == 1


async def test_who_is_handed_a_token_may_use_the_client_at_once(server: AuthServer, clock: FakeClock) -> None:
    got: list[str] = []

    async def on_token(token: Token) -> None:
        if token.access_token == "access-1":
            got.append(await source.access_token())
            # And the API turns it down: that takes another fetch, inside the first.
            got.extend(await asyncio.gather(*(source.access_token(rejected="access-1") for _ in range(3))))

    source = server.source(clock, on_token=on_token)

    async with asyncio.timeout(5):
        assert await source.access_token() == "access-1"

    assert got == ["access-1", "access-2", "access-2", "access-2"]
    assert len(server.forms) == 2
    assert await source.access_token() == "access-2"


async def test_tokens_are_handed_on_in_the_order_in_which_they_came(server: AuthServer, clock: FakeClock) -> None:
    go = asyncio.Event()
    kept: list[str] = []

    async def on_token(token: Token) -> None:
        if token.access_token == "access-1":
            await go.wait()
        kept.append(token.access_token)

    source = server.source(clock, on_token=on_token)
    first = asyncio.create_task(source.access_token())
    await settle()
    second = asyncio.create_task(source.access_token(rejected="access-1"))
    await settle()
    go.set()
    await asyncio.gather(first, second)
    await source.access_token(rejected="access-1")

    assert kept == ["access-1", "access-2"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_hand_that_fails_is_the_callers_to_know_and_the_token_is_kept(
    server: AuthServer, clock: FakeClock, caplog: pytest.LogCaptureFixture, *, is_async: bool
) -> None:
    error = KeyError(SECRET)

    async def fail() -> None:
        raise error

    def on_token(_: Token) -> object:
        if is_async:
            return fail()
        raise error

    source = server.source(clock, on_token=on_token)

    with pytest.raises(KeyError) as raised:
        await source.access_token()

    assert raised.value is error
    assert await source.access_token() == "access-1"
    assert len(server.forms) == 1
    assert "on_token failed" in caplog.text
    assert SECRET not in caplog.text


async def test_a_hand_that_fails_in_the_background_is_logged(
    server: AuthServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def on_token(token: Token) -> None:
        if token.access_token == "access-2":
            raise LookupError(SECRET)

    source = server.source(clock, on_token=on_token)
    await in_use(source, clock, left=200)

    await source.access_token()
    await settle()

    assert await source.access_token() == "access-2"
    assert logged(caplog) == [(logging.WARNING, "on_token failed for a new token, which is in use: LookupError")]


async def test_a_refusal_inside_the_callback_is_not_one_of_the_token(server: AuthServer, clock: FakeClock) -> None:
    def on_token(_: Token) -> None:
        raise AuthError("invalid_client", "of another client")

    source = server.source(clock, on_token=on_token)
    with pytest.raises(AuthError):
        await source.access_token()

    with pytest.raises(AuthError, match="of another client"):
        await source.access_token(rejected="access-1")
    assert len(server.forms) == 2
