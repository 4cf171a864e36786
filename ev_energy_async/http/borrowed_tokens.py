"""Tokens of a session that another framework keeps: its errors, which are aiohttp's, in the client's terms.

The pipeline puts it around a `CallableAuth`. Any other `Auth` of the caller's raises what it likes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import aiohttp

from ev_energy_async.errors import AuthError, AuthUnavailable
from ev_energy_async.http.aiohttp_guards import quotes, reason
from ev_energy_async.masking import drop_frames

if TYPE_CHECKING:
    from ev_energy_async.auth import CallableAuth

__all__ = ["BorrowedTokens"]

# With these a token endpoint refuses a refresh token (RFC 6749, section 5.2, and what gateways make of it).
_REFUSED: Final = frozenset({400, 401, 403})
# Settings are at fault: another attempt fails alike.
_PERMANENT: Final = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.ClientSSLError)


class BorrowedTokens:
    """Takes tokens from a `CallableAuth`.

    Args:
        auth: Where they come from.
    """

    __slots__ = ("_auth",)

    def __init__(self, auth: CallableAuth) -> None:
        self._auth = auth

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return an access token.

        Args:
            rejected: The token that the API just refused with 401; None if none was.

        Raises:
            AuthError: The function got a response of 400, 401 or 403.
            AuthUnavailable: It got no usable response.
        """
        outer = sys.exc_info()[1]
        tokens = self._auth.access_token(rejected=rejected)
        del rejected  # error trackers record the variables of a frame
        try:
            return await tokens
        except (aiohttp.ClientError, TimeoutError) as error:
            drop_frames(error, outer)
            failure, cause = _failure(error), None if quotes(error, outer) else error
        # Out here it has no context: `from None` hides one from tracebacks, and keeps it.
        try:
            raise failure from cause
        finally:
            del failure, cause  # an error and the frame of its traceback are no circle


def _failure(error: Exception) -> AuthError | AuthUnavailable:
    if not isinstance(error, aiohttp.ClientResponseError):
        return AuthUnavailable(reason(error), transient=not isinstance(error, _PERMANENT))
    stated = f"{type(error).__name__}, status {error.status}"
    return AuthError("login_required", stated) if error.status in _REFUSED else AuthUnavailable(stated)
