"""A token with what comes beside it, and the checks of secrets that go into headers. Pure values."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final, Self, TypeGuard

import attrs

from ev_energy_async.clock import utc
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.values import is_array, is_object

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
    if _is_token(token):
        return token
    hidden = Hidden(token)
    del token  # error trackers record the variables of a frame
    raise InvalidArgument(argument, hidden, "a non-empty string of visible ASCII characters")


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


@attrs.frozen
class OAuthClient:
    """An OAuth application: its ID and, unless it is a public client, its secret."""

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)


def _expires_at(time: dt.datetime | None) -> dt.datetime | None:
    return None if time is None else utc("expires_at", time)


def _obtained_at(time: dt.datetime | None) -> dt.datetime | None:
    return None if time is None else utc("obtained_at", time)


@attrs.frozen
class Token:
    """An access token and everything that must be stored with it.

    Attributes:
        access_token: The token itself.
        expires_at: When it expires, aware, kept in UTC; None if the server did not say.
        obtained_at: When it was obtained, aware, kept in UTC; None if unknown.
        refresh_token: Buys the next token; None if the grant gives none.
        scopes: The scopes it was granted, if the server said.
        origin: Fingerprint of the consent that it goes back to; None if unknown.

    Raises:
        InvalidArgument: One of the times is naive.

    Example:
        >>> token = Token("an-access-token", refresh_token="a-refresh-token")
        >>> Token.from_dict(token.to_dict()) == token
        True
    """

    access_token: str = attrs.field(repr=False)
    expires_at: dt.datetime | None = attrs.field(default=None, converter=_expires_at)
    refresh_token: str | None = attrs.field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    obtained_at: dt.datetime | None = attrs.field(default=None, converter=_obtained_at)
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
        fault = _fault(stored)
        if fault is not None:
            hidden = Hidden(stored)
            del stored  # error trackers record the variables of a frame
            raise InvalidArgument("stored", hidden, f"a value that `Token.to_dict` returned, with {fault}")
        return cls(
            stored["access_token"],
            _instant(stored["expires_at"]),
            stored["refresh_token"],
            tuple(stored["scopes"]),
            _instant(stored["obtained_at"]),
            stored["origin"],
        )


def _fault(stored: Any) -> str | None:
    """Return what a stored token lacks; None if it is complete. Does not raise: its variables are secrets."""
    if not is_object(stored):
        return "its members"
    found: dict[str, Any] = stored
    checks = {
        "`version` 1": found.get("version") == _VERSION,
        "an access token": _is_token(found.get("access_token")),
        "`refresh_token`, a string or null": _is_text(found, "refresh_token"),
        "`origin`, a string or null": _is_text(found, "origin"),
        "`scopes`, a list of strings": _is_texts(found.get("scopes")),
        "`expires_at`, a time with a zone or null": _is_instant(found, "expires_at"),
        "`obtained_at`, a time with a zone or null": _is_instant(found, "obtained_at"),
    }
    return next((what for what, is_there in checks.items() if not is_there), None)


def _is_text(stored: dict[str, Any], name: str) -> bool:
    return name in stored and isinstance(stored[name], str | None)


def _is_texts(value: object) -> bool:
    return is_array(value) and all(isinstance(item, str) for item in value)


def _is_instant(stored: dict[str, Any], name: str) -> bool:
    try:
        return name in stored and (stored[name] is None or dt.datetime.fromisoformat(stored[name]).tzinfo is not None)
    except (TypeError, ValueError):
        return False


def _instant(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
