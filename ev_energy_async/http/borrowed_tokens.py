"""Tokens of a session that another framework keeps: its errors, which are aiohttp's, in the client's terms.

The pipeline puts it around a `CallableAuth`. Any other `Auth` of the caller's raises what it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp

from ev_energy_async.errors import AuthError, AuthUnavailable

if TYPE_CHECKING:
    from ev_energy_async.auth import CallableAuth

__all__ = ["BorrowedTokens"]

# With these a token endpoint refuses a refresh token (RFC 6749, section 5.2, and what gateways make of it).
_REFUSED: Final = frozenset({400, 401, 403})


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
            AuthError: The token endpoint refused with 400, 401 or 403.
            AuthUnavailable: There was no usable response.
        """
        tokens = self._auth.access_token(rejected=rejected)
        del rejected  # error trackers record the variables of a frame
        try:
            return await tokens
        except aiohttp.ClientResponseError as error:
            if error.status in _REFUSED:
                raise AuthError("login_required") from error
            raise AuthUnavailable(f"token endpoint: {error.status}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AuthUnavailable(type(error).__name__) from error
