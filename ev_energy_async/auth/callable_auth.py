"""Access tokens from a function of the user's own, such as an OAuth session that another framework keeps."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.loops import LoopLock
from ev_energy_async.masking import Secret

__all__ = ["CallableAuth"]

_Tokens: TypeAlias = Callable[[], "str | Awaitable[str]"]


class CallableAuth:
    """Takes access tokens from a function, for frameworks that keep OAuth sessions themselves.

    The functions may be plain or `async`. They raise `AuthError` (or another `ReauthenticationRequired`) if the user
    must log in again, and `AuthUnavailable` for an outage, which the client treats as transient. The client makes these
    of aiohttp's errors itself: `AuthError("login_required")` of a `ClientResponseError` of 400, 401 or 403, and
    `AuthUnavailable` of any other `ClientError` and of `TimeoutError`; where settings are at fault, a URL or a
    certificate, it is not retried. Anything else passes through to the caller unchanged.

    This holds for every call of aiohttp in the functions, whatever service it asks: if a 403 of a vault does not mean
    that the user must log in again, catch it there and raise `AuthUnavailable`.

    Args:
        fetch: Returns a token that is valid now; called with each request, so it should keep the token itself.
        refresh: Returns a new token, after the API has refused one with 401; called by one task however many requests
            were refused. None if `fetch` is all there is: it is asked once more.

    Raises:
        InvalidArgument: One of them is no function.

    Example:
        >>> session = config_entry_oauth2_flow.OAuth2Session(hass, entry, implementation)  # doctest: +SKIP
        >>> async def fetch() -> str:  # doctest: +SKIP
        ...     await session.async_ensure_token_valid()
        ...     return session.token["access_token"]
        >>> ev = EvEnergy(CallableAuth(fetch))  # doctest: +SKIP
    """

    def __init__(self, fetch: _Tokens, *, refresh: _Tokens | None = None) -> None:
        for name, function in (("fetch", fetch), ("refresh", refresh)):
            if not callable(function) and (name == "fetch" or function is not None):
                raise InvalidArgument(name, type(function), "a function that returns an access token")
        self._fetch = fetch
        self._refresh = refresh
        self._lock = LoopLock()
        self._renewed: Secret[str] | None = None

    def __repr__(self) -> str:
        return f"CallableAuth({self._fetch!r})"

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return an access token.

        Args:
            rejected: The token that the API just refused with 401; None if none was.
        """
        if rejected is None:
            return await _called(self._fetch)
        refused = Secret(rejected)
        del rejected  # error trackers record the variables of a frame
        async with self._lock:
            if self._renewed is not None and self._renewed != refused:
                return self._renewed.reveal()  # another request was refused with the same token
            if self._refresh is None:
                return await _called(self._fetch)
            self._renewed = Secret(await _called(self._refresh))
            return self._renewed.reveal()


async def _called(function: _Tokens) -> str:
    found = function()
    return await found if inspect.isawaitable(found) else found
