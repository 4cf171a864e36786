"""Keeps one valid token for a client: fetched when needed, by one task at a time, whoever waits for it.

What to do with a token at a moment is a pure decision (`decide`); fetching goes through a function that is handed in.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from ev_energy_async.errors import AuthError, EvEnergyError, error_for
from ev_energy_async.messages import Request
from ev_energy_async.oauth import Client, Token, read_token, revocation_request

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import RawResponse
    from ev_energy_async.token_store import TokenStore

__all__ = ["Exchange", "Grant", "OnToken", "TokenSource", "decide"]

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
_SUCCESSES: Final = range(200, 300)

Exchange = Callable[[Request[Any]], Awaitable["RawResponse"]]
"""Sends a request to the token or revocation endpoint."""

OnToken = Callable[[Token], "Awaitable[object] | object"]
"""Called with each new token, after all locks are released."""


class Grant(Protocol):
    """How new tokens are had."""

    @property
    def client(self) -> Client:
        """The OAuth client."""
        ...

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token, given the one there is.

        Raises:
            AuthError: There is no way to a new one.
        """
        ...


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
    """Gives out access tokens of one grant.

    Args:
        grant: How new tokens are had.
        exchange: What sends a request to the token endpoint.
        clock: What time it is.
        store: Where tokens are kept, and shared between processes.
        on_token: Called with each new token, after all locks are released.
    """

    def __init__(
        self, grant: Grant, exchange: Exchange, clock: Clock, store: TokenStore, on_token: OnToken | None = None
    ) -> None:
        self._grant = grant
        self._exchange = exchange
        self._clock = clock
        self._store = store
        self._on_token = on_token
        self._token: Token | None = None
        self._refusal: tuple[AuthError, float] | None = None
        self._renew_from = float("-inf")
        self._fetching: asyncio.Task[Token] | None = None

    @property
    def token(self) -> Token | None:
        """The token in use."""
        return self._token

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return a token that can be used and is not the rejected one.

        Raises:
            AuthError: The credentials or the grant were refused.
            ApiError: The token endpoint is in trouble.
            TransportError: It gave no complete answer.
        """
        token = self._token
        todo = decide(token, rejected, self._clock.now())
        if token is not None and todo != "replace":
            if todo == "renew" and self._fetching is None and self._clock.monotonic() >= self._renew_from:
                self._start(token.access_token)
            return token.access_token
        if self._refusal is not None:
            error, until = self._refusal
            if self._clock.monotonic() < until:
                raise AuthError(error.error, error.description)
        task = self._fetching or self._start(rejected)
        # The task belongs to all who wait: it goes on when one of them is cancelled.
        return (await asyncio.shield(task)).access_token

    def _start(self, rejected: str | None) -> asyncio.Task[Token]:
        self._fetching = asyncio.create_task(self._fetch(rejected), name="ev-energy-async token")
        self._fetching.add_done_callback(self._fetched)
        return self._fetching

    async def _fetch(self, rejected: str | None) -> Token:
        async with self._store.lock():
            stored = await self._store.load()
            # Another process may have been quicker, or this one is new and there is a token from before.
            if stored is not None and decide(stored, rejected, self._clock.now()) == "use":
                self._token = stored
                return stored
            response = await self._exchange(self._grant.request(stored or self._token))
            token = read_token(response, self._clock.now())
            if token.refresh_token is None and stored is not None:
                # RFC 6749, section 6: without a new refresh token the old one goes on being valid.
                token = Token(
                    token.access_token, token.expires_at, stored.refresh_token, token.scopes, token.obtained_at
                )
            await self._store.save(token)
            self._token = token
            self._refusal = None
        if self._on_token is not None:
            told = self._on_token(token)
            if inspect.isawaitable(told):
                await told
        return token

    def _fetched(self, task: asyncio.Task[Token]) -> None:
        self._fetching = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        pause_until = self._clock.monotonic() + _PAUSE_SECONDS
        self._renew_from = pause_until
        if isinstance(error, AuthError):
            self._refusal = (error, pause_until)
        if self._token is not None and isinstance(error, EvEnergyError):
            _LOG.warning("no new token yet: %s", error)

    async def revoke(self) -> None:
        """End the token at the server, and with it what it refreshes (RFC 7009); nothing if there is none.

        Raises:
            ApiError: The endpoint refused.
            TransportError: It gave no complete answer.
        """
        token = self._token or await self._store.load()
        if token is None:
            return
        kind = "refresh_token" if token.refresh_token is not None else "access_token"
        response = await self._exchange(
            revocation_request(self._grant.client, token.refresh_token or token.access_token, kind)
        )
        if response.status not in _SUCCESSES:
            raise error_for(response)
        self._token = None

    async def close(self) -> None:
        """End a fetch that is under way."""
        task = self._fetching
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
