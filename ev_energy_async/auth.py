"""OAuth 2.0: how a client comes by an access token, and keeps one that is valid.

Messages are oauthlib's (RFC 6749); they are made and read by pure functions. One token is fetched at a time, however
many tasks wait for it, and the cancellation of one that waits does not take it from the others. A secret or token is
never part of a `repr`, a log line or an error.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import quote_plus, urlsplit

import attrs
import msgspec

from ev_energy_async.errors import AuthError, ConnectionFailed, DecodeError, InvalidArgument, error_for
from ev_energy_async.messages import Request
from ev_energy_async.operations import Operation
from ev_energy_async.values import is_object

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock
    from ev_energy_async.messages import RawResponse

__all__ = [
    "Auth",
    "ClientCredentials",
    "StaticToken",
    "Token",
    "TokenSource",
    "check_token",
    "read_token",
    "token_request",
]

TOKEN_PATH: Final = "/o/token/"  # noqa: S105  # with the slash: without it the answer is 405
# A token this close to its end is replaced before it is used: clocks differ, and a request takes time.
_MARGIN: Final = dt.timedelta(seconds=60)
_LONGEST_LIFE: Final = 10 * 365 * 86_400.0  # so that no answer reaches beyond what a datetime holds
_FINAL_ERRORS: Final = frozenset({"invalid_client", "invalid_grant"})
_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500

_TOKEN: Final[Operation[Any]] = Operation(name="oauth.token", method="POST", path=TOKEN_PATH)

Exchange = Callable[[Request[Any], str], Awaitable["RawResponse"]]
"""Sends a request for a token to an absolute URL."""


@runtime_checkable
class Auth(Protocol):
    """What can give a client its access token; any object with this method will do."""

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return an access token.

        Args:
            rejected: The token that the API just refused with 401; None if none was.
        """
        ...


def check_token(argument: str, token: object) -> str:
    """Return a token or secret that can be sent in a header.

    Raises:
        InvalidArgument: It is empty, or has characters that no header takes; the value itself is not shown.
    """
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument(argument, _Hidden(token), "a non-empty string of visible ASCII characters")
    return token


class _Hidden:
    """Stands for a secret where an error shows what it was given."""

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self._kind}, not shown>"


@attrs.frozen
class StaticToken:
    """A token that you have from elsewhere. A 401 under it is `Unauthorized`: there is no other to be had.

    Attributes:
        token: The access token.
    """

    token: str = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        check_token("token", self.token)

    async def access_token(self, *, rejected: str | None = None) -> str:  # noqa: ARG002  # there is no other token
        """Return the token."""
        return self.token


@attrs.frozen
class ClientCredentials:
    """The client-credentials grant (RFC 6749, section 4.4): the token stands for the application's own account.

    Attributes:
        client_id: ID of the OAuth application.
        client_secret: Its secret.
        token_url: Token endpoint; None for the one beside the client's base URL.
        scopes: Scopes to ask for; none for all that the application has.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)
    token_url: str | None = attrs.field(default=None, kw_only=True)
    scopes: Sequence[str] = attrs.field(default=(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_token("client_id", self.client_id)
        check_token("client_secret", self.client_secret)


@attrs.frozen
class Token:
    """An access token and when it ends.

    Attributes:
        access_token: The token itself.
        expires_at: When it ends, aware; None if the server did not say.
        scopes: What it is good for, as far as the server said.
    """

    access_token: str = attrs.field(repr=False)
    expires_at: dt.datetime | None
    scopes: tuple[str, ...] = ()

    def is_fresh(self, now: dt.datetime) -> bool:
        """Whether it can be used for a while."""
        return self.expires_at is None or now < self.expires_at - _MARGIN


def token_request(credentials: ClientCredentials) -> Request[Any]:
    """Return the request for a token (RFC 6749, sections 2.3.1 and 4.4.2). Pure."""
    from oauthlib.oauth2 import BackendApplicationClient  # noqa: PLC0415  # 40 ms that a token already there saves

    messages: Any = BackendApplicationClient(credentials.client_id)
    body: str = messages.prepare_request_body(scope=list(credentials.scopes) or None)
    pair = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret)}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    return Request(_TOKEN, TOKEN_PATH, "", headers, body.encode())


def read_token(response: RawResponse, now: dt.datetime) -> Token:
    """Return the token in an answer of the token endpoint (RFC 6749, sections 5.1 and 5.2). Pure.

    Raises:
        AuthError: The credentials were refused.
        ApiError: The endpoint is in trouble, or the request was bad.
        DecodeError: It is no answer of a token endpoint, as when a proxy answered with a page.
    """
    if response.status >= _FIRST_SERVER_ERROR:
        raise error_for(response)
    try:
        found: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if response.status != _OK:
            raise error_for(response) from error
        kind = response.headers.get("Content-Type", "no content type")
        raise DecodeError(f"the token endpoint answered with {kind}, not JSON", "$", response) from error
    members: dict[str, Any] = found if is_object(found) else {}
    if members.get("error") in _FINAL_ERRORS:
        raise AuthError(members["error"], _text(members.get("error_description")))
    if response.status != _OK:
        raise error_for(response)
    return _token(members, response, now)


def _token(members: dict[str, Any], response: RawResponse, now: dt.datetime) -> Token:
    kind = members.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise DecodeError("the token endpoint gave something other than a bearer token", "$.token_type", response)
    try:
        access_token = check_token("access_token", members.get("access_token"))
    except InvalidArgument as error:
        raise DecodeError("the token endpoint gave no usable token", "$.access_token", response) from error
    lifetime = members.get("expires_in")
    seconds = min(float(lifetime), _LONGEST_LIFE) if isinstance(lifetime, int | float) else None
    return Token(
        access_token,
        None if seconds is None else now + dt.timedelta(seconds=seconds),
        tuple((_text(members.get("scope")) or "").split()),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class TokenSource:
    """Fetches tokens for client credentials: one at a time, and only when there is none that is fresh.

    Args:
        credentials: Whose tokens.
        exchange: What sends the request.
        base_url: The client's base URL, beside which the token endpoint is by default.
        clock: What time it is.
    """

    def __init__(self, credentials: ClientCredentials, exchange: Exchange, base_url: str, clock: Clock) -> None:
        parts = urlsplit(base_url)
        self._credentials = credentials
        self._url = credentials.token_url or f"{parts.scheme}://{parts.netloc}{TOKEN_PATH}"
        self._exchange = exchange
        self._clock = clock
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None
        self._closed = False

    @property
    def token(self) -> Token | None:
        """The token in use."""
        return self._token

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return a token that is fresh and is not the rejected one."""
        token = self._token
        if token is not None and token.access_token != rejected and token.is_fresh(self._clock.now()):
            return token.access_token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name="ev-energy-async token")
            self._fetching.add_done_callback(self._fetched)
        fetching = self._fetching
        try:
            # The task belongs to all who wait: it goes on when one of them is cancelled.
            return (await asyncio.shield(fetching)).access_token
        except asyncio.CancelledError:
            if not self._closed or not fetching.cancelled():
                raise
            # The fetch was cancelled, not the call: that one did not ask to end without a word.
            raise ConnectionFailed(token_request(self._credentials).without_secrets(), "the client is closed") from None

    async def _fetch(self) -> Token:
        response = await self._exchange(token_request(self._credentials), self._url)
        self._token = read_token(response, self._clock.now())
        return self._token

    def _fetched(self, task: asyncio.Task[Token]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # seen: whoever waits has it too, and nobody may be left to wait

    async def close(self) -> None:
        """End a fetch that is under way."""
        self._closed = True
        task = self._fetching
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
