"""Keeps one valid token for a client: fetched when needed, by one task at a time, whoever waits for it.

What to do with a token at a moment is a pure decision (`decide`); fetching goes through a function that is handed in.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ev_energy_async.auth import oauth
from ev_energy_async.auth.stores import MemoryTokenStore, TokenStoreError
from ev_energy_async.auth.token import Token
from ev_energy_async.errors import AuthError, EvEnergyError, error_for
from ev_energy_async.messages import Request

if TYPE_CHECKING:
    from ev_energy_async.auth.grant import Grant
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import RawResponse

__all__ = ["Exchange", "TokenSource", "decide"]

_LOG: Final = logging.getLogger("ev_energy_async")

# A token this close to its end is replaced before it is used: clocks differ, and a request takes time.
MANDATORY: Final = dt.timedelta(seconds=60)
# And one this close to its end is replaced in the background, while it goes on being used.
ADVISORY: Final = dt.timedelta(minutes=5)
# Neither takes more of a short-lived token's life than this.
_MANDATORY_SHARE: Final = 0.1
_ADVISORY_SHARE: Final = 0.2
# After a refusal, or a background refresh that failed, the endpoint is left alone for this long.
_PAUSE_SECONDS: Final = 60.0
# What a closing client grants to a refresh under way: what it brings may be the only way to the next token.
_LAST_SECONDS: Final = 5.0
_SUCCESSES: Final = range(200, 300)

# The fetch whose `on_token` runs, in what it calls.
_NOTIFYING: Final[ContextVar[asyncio.Task[Any] | None]] = ContextVar("ev_energy_async_notifying", default=None)

Exchange: TypeAlias = Callable[[Request[Any]], Awaitable["RawResponse"]]
"""Sends a request to the token or revocation endpoint."""


def decide(token: Token | None, rejected: str | None, now: dt.datetime) -> Literal["use", "renew", "replace"]:
    """Return what to do with a token: use it, use it and renew it in the background, or replace it first."""
    if token is None or token.access_token == rejected:
        return "replace"
    if token.expires_at is None:
        return "use"
    left = token.expires_at - now
    if left <= _window(token, MANDATORY, _MANDATORY_SHARE):
        return "replace"
    return "renew" if left <= _window(token, ADVISORY, _ADVISORY_SHARE) else "use"


def _window(token: Token, longest: dt.timedelta, share: float) -> dt.timedelta:
    """Return how long before its end a token is to be seen to: a share of a short life."""
    if token.expires_at is None or token.obtained_at is None:
        return longest
    return min(longest, (token.expires_at - token.obtained_at) * share)


class TokenSource:
    """Hands out access tokens of one grant.

    Args:
        grant: How new tokens are requested, and where they are stored.
        exchange: Sends a request to the token endpoint.
        clock: Where time comes from.
    """

    def __init__(self, grant: Grant, exchange: Exchange, clock: Clock) -> None:
        self._grant = grant
        self._exchange = exchange
        self._clock = clock
        self._store = MemoryTokenStore() if grant.store is None else grant.store
        self._token: Token | None = None
        # Had from the server and not stored yet: what it was had with may be spent.
        self._unsaved: Token | None = None
        # Whether the code or refresh token of the settings has done its part: from then on the store goes on from it.
        self._begun = False
        self._refusal: tuple[AuthError, float] | None = None
        self._renew_from = float("-inf")
        self._fetching: asyncio.Task[Token] | None = None
        self._tasks: set[asyncio.Task[Token]] = set()
        self._spending = False
        self._fresh: Token | None = None
        self._fresh_until = dt.datetime.min.replace(tzinfo=dt.UTC)

    @property
    def token(self) -> Token | None:
        """The token in use."""
        return self._token

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return a token that can be used and is not the rejected one.

        Raises:
            AuthError: The credentials or the grant were refused.
            ApiError: The token endpoint is in trouble.
            TransportError: It gave no complete response.
            TokenStoreError: The stored token cannot be read, or the new one not be kept.
        """
        token = self._token
        now = self._clock.now()
        if rejected is None and token is not None and token is self._fresh and now < self._fresh_until:
            return token.access_token
        todo = decide(token, rejected, now)
        if todo == "use" and token is not None and token.expires_at is not None:
            # Until then nothing needs to be decided about it.
            self._fresh = token
            self._fresh_until = token.expires_at - _window(token, ADVISORY, _ADVISORY_SHARE)
        if token is not None and todo != "replace":
            if todo == "renew" and self._fetching is None and self._clock.monotonic() >= self._renew_from:
                self._start(token.access_token)
            return token.access_token
        if self._refusal is not None:
            error, until = self._refusal
            if self._clock.monotonic() < until:
                raise AuthError(error.error, error.description)
        task = self._fetching
        if task is None or task is _NOTIFYING.get():
            # The second is a call that `on_token` makes: to wait for its own end would be for ever.
            task = self._start(rejected)
        # The task belongs to all who wait: it goes on when one of them is cancelled.
        return (await asyncio.shield(task)).access_token

    def _start(self, rejected: str | None) -> asyncio.Task[Token]:
        task = asyncio.create_task(self._fetch(rejected), name="ev-energy-async token")
        self._fetching = task
        self._tasks.add(task)
        task.add_done_callback(self._fetched)
        return task

    def _fetched(self, task: asyncio.Task[Token]) -> None:
        self._tasks.discard(task)
        if self._fetching is task:
            self._fetching = None
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it; without anybody the log has it

    async def _fetch(self, rejected: str | None) -> Token:
        try:
            async with self._store.lock():
                token, is_new = await self._have(rejected)
        except Exception as error:
            self._renew_from = self._clock.monotonic() + _PAUSE_SECONDS
            if self._token is not None:
                _LOG.warning("no new token yet: %s", _said(error))
            raise
        finally:
            self._spending = False
        if is_new and self._grant.on_token is not None:
            _NOTIFYING.set(asyncio.current_task())
            try:
                called = self._grant.on_token(token)
                if inspect.isawaitable(called):
                    await called
            except Exception as error:
                _LOG.warning("on_token failed for a new token, which is in use: %s", _said(error))
                raise
        return token

    async def _have(self, rejected: str | None) -> tuple[Token, bool]:
        """Return a token that is stored by now, and whether it is new; the lock is held."""
        known = await self._known()
        now = self._clock.now()
        # Another process may have been quicker, or this one is new and there is a token from before.
        is_new = known is None or decide(known, rejected, now) == "replace"
        token = await self._ask(known) if known is None or is_new else known
        if self._unsaved is not None:
            token, is_new = self._unsaved, True
            await self._save(token)
            self._unsaved = None
        self._token = token
        self._begun = True
        self._refusal = None
        return token, is_new

    async def _save(self, token: Token) -> None:
        """Store a token, and make sure that the store keeps what tells it from the token of another consent."""
        await self._store.save(token)
        stored = await self._store.load()
        if stored is None or _identity(stored) != _identity(token):
            raise TokenStoreError(
                f"{type(self._store).__name__} does not return the token as it was saved: access token, refresh token "
                "and `origin` must all be kept; store `token.to_dict()` as one value"
            )

    async def _known(self) -> Token | None:
        """Return the newest token there is of this grant."""
        stored = await self._store.load()
        token = self._unsaved or stored or self._token
        origin = self._grant.origin
        if token is None or self._begun or origin is None or token.origin == origin:
            return token
        # A token from elsewhere may stand in for the refresh token of the settings. A code is a new consent: whatever
        # the store holds besides its own tokens is an earlier user's.
        return token if token.origin is None and self._grant.latest_refresh(None) is not None else None

    async def _ask(self, known: Token | None) -> Token:
        """Return a token from the server, to be stored before it is used."""
        refresh_token = self._grant.latest_refresh(known)
        origin = self._grant.origin
        begun = self._begun or (known is not None and known.origin == origin)
        if origin is not None and begun and (known is None or refresh_token is None):
            # A code that comes twice may end what it gave (RFC 6749, section 4.1.2).
            raise AuthError("no_consent", "the token has ended, and there is none to refresh it: ask the user again")
        request = self._grant.request(known)
        self._spending = origin is not None or refresh_token is not None
        try:
            token = oauth.read_token(await self._exchange(request), self._clock.now(), request)
        except AuthError as error:
            self._refusal = (error, self._clock.monotonic() + _PAUSE_SECONDS)
            raise
        self._unsaved = Token(
            token.access_token,
            token.expires_at,
            # RFC 6749, section 6: without a new refresh token the old one goes on being valid.
            token.refresh_token or refresh_token,
            token.scopes,
            token.obtained_at,
            known.origin if known is not None and known.refresh_token is not None else origin,
        )
        return self._unsaved

    async def revoke(self) -> None:
        """End the token at the server, and with it what it refreshes (RFC 7009); nothing if there is none.

        Raises:
            ApiError: The endpoint refused.
            TransportError: It gave no complete response.
            TokenStoreError: The stored token cannot be read or removed.
        """
        async with self._store.lock():
            token = await self._known()
            refresh_token = self._grant.latest_refresh(token)
            if refresh_token is not None:
                request = oauth.revocation_request(self._grant.client, refresh_token, "refresh_token")
            elif token is not None:
                request = oauth.revocation_request(self._grant.client, token.access_token, "access_token")
            else:
                return
            response = await self._exchange(request)
            if response.status not in _SUCCESSES:
                raise error_for(response)
            self._token = self._unsaved = None
            self._begun = True
            await self._store.clear()

    async def close(self) -> None:
        """End the fetches under way; one that spends a refresh token or a code has a moment to bring in the new one."""
        tasks = self._tasks - {asyncio.current_task()}
        if tasks and self._spending:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _identity(token: Token) -> tuple[str | None, ...]:
    return token.access_token, token.refresh_token, token.origin


def _said(error: Exception) -> str:
    """Return what the log may hold of an error: of one that is not ours, nobody knows what it quotes."""
    return f"{type(error).__name__}: {error}" if isinstance(error, EvEnergyError) else type(error).__name__
