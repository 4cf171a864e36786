"""Keeps one valid token for a client, fetched when needed by one task, however many wait for it.

What to do with a token is a pure decision (`decide`); a function that is handed in sends the requests.
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
from ev_energy_async.masking import Secret
from ev_energy_async.messages import Request

if TYPE_CHECKING:
    from ev_energy_async.auth.grant import Grant
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import RawResponse

__all__ = ["Exchange", "TokenSource", "decide"]

_LOG: Final = logging.getLogger("ev_energy_async")

# A token this close to its end is replaced before it is used: clocks differ, and a request takes time.
MANDATORY: Final = dt.timedelta(seconds=60)
# One this close to its end is replaced in the background, while it is still used.
ADVISORY: Final = dt.timedelta(minutes=5)
# Neither window is longer than this share of a short-lived token's life.
_MANDATORY_SHARE: Final = 0.1
_ADVISORY_SHARE: Final = 0.2
# After a refusal or a failed background refresh, no request is sent for this long.
_PAUSE_SECONDS: Final = 60.0
# How long a closing client waits for a refresh in progress: its refresh token may be the only one that is still good.
_LAST_SECONDS: Final = 5.0
_SUCCESSES: Final = range(200, 300)

_NEVER: Final = float("-inf")
_LONG_AGO: Final = dt.datetime.min.replace(tzinfo=dt.UTC)

# The fetch whose `on_token` runs, in what it calls.
_NOTIFYING: Final[ContextVar[asyncio.Task[Any] | None]] = ContextVar("ev_energy_async_notifying", default=None)

Exchange: TypeAlias = Callable[[Request[Any]], Awaitable["RawResponse"]]
"""Sends a request to the token or revocation endpoint."""


def decide(
    token: Token | None, rejected: Secret[str] | None, now: dt.datetime, jitter: float = 0.0
) -> Literal["use", "renew", "replace"]:
    """Return what to do with a token: use it, use it and renew it in the background, or replace it first.

    Args:
        token: The token; None if there is none.
        rejected: The token that was just refused; None if none was.
        now: The current time.
        jitter: From 0 to 1: how much earlier it is renewed in the background, up to twice as early. It spreads tokens
            that expire together.
    """
    if token is None or Secret(token.access_token) == rejected:
        return "replace"
    if token.expires_at is None:
        return "use"
    left = token.expires_at - now
    if left <= _window(token, MANDATORY, _MANDATORY_SHARE):
        return "replace"
    return "renew" if left <= _window(token, ADVISORY, _ADVISORY_SHARE) * (1 + jitter) else "use"


def _window(token: Token, longest: dt.timedelta, share: float) -> dt.timedelta:
    """Return how long before its end a token is replaced: `longest`, or a share of a short life."""
    if token.expires_at is None or token.obtained_at is None:
        return longest
    return min(longest, (token.expires_at - token.obtained_at) * share)


class TokenSource:
    """Hands out access tokens of one grant.

    Args:
        grant: How new tokens are requested, and where they are stored.
        exchange: Sends a request to the token endpoint.
        clock: Where time comes from.
        jitter: From 0 to 1: how much earlier than others it renews its tokens; see `decide`.
        fetches: The fetches under way, those of other sources too; None for a collection of its own.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_exchange",
        "_fetches",
        "_fetching",
        "_fresh",
        "_fresh_until",
        "_grant",
        "_jitter",
        "_refusal",
        "_renew_from",
        "_spending",
        "_store",
        "_token",
        "_unsaved",
    )

    def __init__(
        self,
        grant: Grant,
        exchange: Exchange,
        clock: Clock,
        jitter: float = 0.0,
        fetches: dict[asyncio.Task[Any], TokenSource] | None = None,
    ) -> None:
        self._grant = grant
        self._exchange = exchange
        self._clock = clock
        self._jitter = jitter
        self._store = MemoryTokenStore() if grant.store is None else grant.store
        self._token: Token | None = None
        # Obtained and not stored yet: what bought it may be spent.
        self._unsaved: Token | None = None
        # Whether the code or refresh token of the settings has been used: from then on the store has its successor.
        self._begun = False
        self._refusal: tuple[AuthError, float] | None = None
        self._renew_from = _NEVER
        self._fetching: asyncio.Task[Token] | None = None
        # The event loop alone would not keep them.
        self._fetches: dict[asyncio.Task[Any], TokenSource] = {} if fetches is None else fetches
        self._spending = False
        self._fresh: Token | None = None
        self._fresh_until: dt.datetime = _LONG_AGO

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
        refused = None if rejected is None else Secret(rejected)
        del rejected  # error trackers record the variables of a frame
        token = self._token
        now = self._clock.now()
        if refused is None and token is not None and token is self._fresh and now < self._fresh_until:
            return token.access_token
        todo = decide(token, refused, now, self._jitter)
        if todo == "use" and token is not None and token.expires_at is not None:
            # Until then there is nothing to decide.
            self._fresh = token
            self._fresh_until = token.expires_at - _window(token, ADVISORY, _ADVISORY_SHARE) * (1 + self._jitter)
        if token is not None and todo != "replace":
            if todo == "renew" and self._fetching is None and self._clock.monotonic() >= self._renew_from:
                self._start(Secret(token.access_token))
            return token.access_token
        if self._refusal is not None:
            error, until = self._refusal
            if self._clock.monotonic() < until:
                raise AuthError(error.error, error.description)
        task = self._fetching
        if task is None or task is _NOTIFYING.get():
            # The second is a call that `on_token` makes: it would wait for its own end.
            task = self._start(refused)
        # The task belongs to all who wait: it continues when one of them is cancelled.
        return (await asyncio.shield(task)).access_token

    def _start(self, rejected: Secret[str] | None) -> asyncio.Task[Token]:
        task = asyncio.create_task(self._fetch(rejected), name="ev-energy-async token")
        self._fetching = task
        self._fetches[task] = self
        task.add_done_callback(self._fetched)
        return task

    def _fetched(self, task: asyncio.Task[Token]) -> None:
        self._fetches.pop(task, None)
        if self._fetching is task:
            self._fetching = None
        if not task.cancelled():
            task.exception()  # those who wait have it; if nobody does, it was logged

    async def _fetch(self, rejected: Secret[str] | None) -> Token:
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

    async def _have(self, rejected: Secret[str] | None) -> tuple[Token, bool]:
        """Return a token that is stored, and whether it is new; the lock is held."""
        known = await self._known()
        now = self._clock.now()
        # Another process may have renewed it, or a run before this one has left it.
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
        can_refresh = self._grant.latest_refresh(known) is not None
        origin = self._grant.origin
        begun = self._begun or (known is not None and known.origin == origin)
        if origin is not None and begun and (known is None or not can_refresh):
            # A code that is sent twice may revoke the tokens it bought (RFC 6749, section 4.1.2).
            raise AuthError("no_consent", "the token has expired and cannot be refreshed: ask the user to log in again")
        request = self._grant.request(known)
        self._spending = origin is not None or can_refresh
        try:
            token = oauth.read_token(await self._exchange(request), self._clock.now(), request)
        except AuthError as error:
            self._refusal = (error, self._clock.monotonic() + _PAUSE_SECONDS)
            raise
        self._unsaved = Token(
            token.access_token,
            token.expires_at,
            # RFC 6749, section 6: without a new refresh token the old one stays valid.
            token.refresh_token or self._grant.latest_refresh(known),
            token.scopes,
            token.obtained_at,
            known.origin if known is not None and known.refresh_token is not None else origin,
        )
        return self._unsaved

    async def revoke(self) -> None:
        """Revoke the token at the server, and with it what it refreshes (RFC 7009); nothing if there is none.

        Raises:
            ApiError: The endpoint refused.
            TransportError: It gave no complete response.
            TokenStoreError: The stored token cannot be read or removed.
        """
        async with self._store.lock():
            token = await self._known()
            request = self._revocation(token)
            if request is None:
                return
            response = await self._exchange(request)
            if response.status not in _SUCCESSES:
                raise error_for(response)
            self._token = self._unsaved = None
            self._begun = True
            await self._store.clear()

    def _revocation(self, token: Token | None) -> Request[None] | None:
        refresh_token = self._grant.latest_refresh(token)
        if refresh_token is not None:
            return oauth.revocation_request(self._grant.client, refresh_token, "refresh_token")
        if token is not None:
            return oauth.revocation_request(self._grant.client, token.access_token, "access_token")
        return None

    async def close(self) -> None:
        """Cancel the fetches in progress; one that spends a refresh token or a code has some seconds to finish."""
        tasks = {task for task, source in self._fetches.items() if source is self}
        # `on_token` may close, directly or from a task of its own: its fetch waits for that, and ends by itself.
        tasks -= {asyncio.current_task(), _NOTIFYING.get()}
        if tasks and self._spending:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _identity(token: Token) -> tuple[str | None, ...]:
    return token.access_token, token.refresh_token, token.origin


def _said(error: Exception) -> str:
    """Return the text of an error for the log; of a foreign one only its name, since it may quote anything."""
    return f"{type(error).__name__}: {error}" if isinstance(error, EvEnergyError) else type(error).__name__
