"""The two kinds of credentials that a client takes, as protocols.

An `Auth` hands out access tokens itself. A `Grant` only says how tokens are requested; the client makes a
`source.TokenSource` of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

from ev_energy_async.auth.token import OAuthClient, Token

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ev_energy_async.auth.stores import TokenStore
    from ev_energy_async.messages import Request

__all__ = ["Auth", "Grant", "OnToken", "is_auth", "is_grant"]

OnToken: TypeAlias = Callable[[Token], "Awaitable[object] | object"]
"""Called with each new token, after all locks are released."""


@runtime_checkable
class Auth(Protocol):
    """Anything that can hand a client its access token; write your own where tokens come from elsewhere.

    Exceptions pass through to the caller unchanged. Raise `AuthError` if the user must be asked again, and
    `AuthUnavailable` for an outage: the client treats it as transient.
    """

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return an access token.

        Args:
            rejected: The token that the API just refused with 401; None if none was.
        """
        ...


@runtime_checkable
class Grant(Protocol):
    """An OAuth 2.0 grant: what its tokens stand for, and how they are requested and stored."""

    @property
    def client(self) -> OAuthClient:
        """The OAuth application."""
        ...

    @property
    def for_application(self) -> bool:
        """Whether the token stands for the application rather than for one user."""
        ...

    @property
    def token_url(self) -> str | None:
        """Token endpoint; None for the one beside the client's base URL."""
        ...

    @property
    def store(self) -> TokenStore | None:
        """Where tokens are stored; None to keep them in the client."""
        ...

    @property
    def on_token(self) -> OnToken | None:
        """Called with each new token, after all locks are released."""
        ...

    @property
    def origin(self) -> str | None:
        """Fingerprint of the code or refresh token to begin with; None if there is none."""
        ...

    def latest_refresh(self, token: Token | None) -> str | None:
        """Return the refresh token to use next, given the current token; None if there is none."""
        ...

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token, given the current one.

        Raises:
            AuthError: There is no way to a new one.
        """
        ...


_OF_GRANTS: Final = tuple(name for name in vars(Grant) if not name.startswith("_"))


def is_auth(credentials: object) -> TypeIs[Auth]:
    """Whether credentials hand out access tokens themselves."""
    return hasattr(credentials, "access_token")


def is_grant(credentials: object) -> TypeIs[Grant]:
    """Whether credentials are a grant.

    That a class has all members is enough: reading those of an instance, as `isinstance` does, may take a while, and
    there may be one for each of many users.
    """
    kind: Any = type(credentials)
    return _are_grants(kind) or isinstance(credentials, Grant)


@lru_cache(maxsize=64)
def _are_grants(kind: type) -> bool:
    return all(hasattr(kind, name) for name in _OF_GRANTS)
