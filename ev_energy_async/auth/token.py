"""A token with what comes beside it, and the checks of secrets that go into headers. Pure values."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Hidden", "OAuthClient", "Token", "check_scopes", "check_token", "origin_of"]

_VERSION: Final = 1


class Hidden:
    """A stand-in for a secret where an error shows what it was given."""

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self._kind}, not shown>"


def origin_of(secret: str) -> str:
    """Return a fingerprint that tells the tokens of one code or refresh token from those of another; not a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_scopes(scopes: Sequence[str]) -> None:
    """Refuse a single string in place of several scopes: its letters would be requested one by one.

    Raises:
        InvalidArgument: It is a string.
    """
    if isinstance(scopes, str):
        raise InvalidArgument("scopes", scopes, "a sequence of scopes, as in ['vehicle:read']")


def check_token(argument: str, token: object) -> str:
    """Return a token or secret that can be sent in a header.

    Raises:
        InvalidArgument: It is empty, or has characters that no header takes; the value itself is not shown.
    """
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument(argument, Hidden(token), "a non-empty string of visible ASCII characters")
    return token


@attrs.frozen
class OAuthClient:
    """An OAuth application: its ID and, unless it is a public client, its secret."""

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Token:
    """An access token and everything that must be stored with it.

    Attributes:
        access_token: The token itself.
        expires_at: When it expires, aware; None if the server did not say.
        obtained_at: When it was obtained, aware; None if unknown.
        refresh_token: Buys the next token; None if the grant gives none.
        scopes: The scopes it was granted, if the server said.
        origin: Fingerprint of the consent that it goes back to; None if unknown.

    Example:
        >>> token = Token("an-access-token", refresh_token="a-refresh-token")
        >>> Token.from_dict(token.to_dict()) == token
        True
    """

    access_token: str = attrs.field(repr=False)
    expires_at: dt.datetime | None = None
    refresh_token: str | None = attrs.field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    obtained_at: dt.datetime | None = None
    origin: str | None = attrs.field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the token as JSON values, secrets included. Store them as one value, and leave nothing out."""
        return {
            "access_token": self.access_token,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "refresh_token": self.refresh_token,
            "scopes": list(self.scopes),
            "obtained_at": None if self.obtained_at is None else self.obtained_at.isoformat(),
            "origin": self.origin,
            "version": _VERSION,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return the token that `to_dict` gave.

        Raises:
            InvalidArgument: A member is missing or is not what it should be. Without `origin`, for one, a new consent
                could not be told from the previous user's.
        """
        missing = [name for name in _MEMBERS if name not in stored]
        if missing:
            raise InvalidArgument("stored", Hidden(stored), f"what `Token.to_dict` gave; {', '.join(missing)} missing")
        if stored["version"] != _VERSION:
            raise InvalidArgument("version", stored["version"], f"version {_VERSION} of a stored token")
        scopes: Any = stored["scopes"]
        if not isinstance(scopes, list | tuple) or not all(isinstance(scope, str) for scope in scopes):
            raise InvalidArgument("scopes", Hidden(scopes), "a list of strings")
        return cls(
            check_token("access_token", stored["access_token"]),
            _instant("expires_at", stored["expires_at"]),
            _text("refresh_token", stored["refresh_token"]),
            tuple(scopes),
            _instant("obtained_at", stored["obtained_at"]),
            _text("origin", stored["origin"]),
        )


_MEMBERS: Final = tuple(Token("x").to_dict())


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidArgument(name, Hidden(value), "a string or null")


def _instant(name: str, value: object) -> dt.datetime | None:
    if value is None:
        return None
    try:
        instant = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidArgument(name, Hidden(value), "an RFC 3339 time with a time zone, or null")
    return instant
