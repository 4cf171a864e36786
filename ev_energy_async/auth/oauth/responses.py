"""The responses of the token endpoint (RFC 6749, sections 5.1 and 5.2)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async.auth.token import Token, check_token
from ev_energy_async.errors import AuthError, DecodeError, InvalidArgument, error_for
from ev_energy_async.messages import Request, without_input
from ev_energy_async.values import is_object

if TYPE_CHECKING:
    from ev_energy_async.messages import RawResponse

__all__ = ["read_token"]

# A second refusal of these can be foreseen: the credentials, the code or the refresh token are no good.
_FINAL_ERRORS: Final = frozenset({"invalid_client", "invalid_grant"})
_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500
_LONGEST_LIFE: Final = 10 * 365 * 86_400.0  # so that no response reaches beyond what a datetime holds


def read_token(response: RawResponse, now: dt.datetime, request: Request[Any] | None = None) -> Token:
    """Return the token in a response of the token endpoint.

    Args:
        response: The response.
        now: The current time.
        request: The request with its body, so that values that a refusal quotes of it can be left out.

    Raises:
        AuthError: The credentials, the code or the refresh token were refused.
        ApiError: The endpoint is in trouble, or the request was bad.
        DecodeError: It is no response of a token endpoint, as when a proxy answered with a page.
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
        said = _text(members.get("error_description"))
        raise AuthError(members["error"], None if said is None else without_input(said, request or response.request))
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
    seconds = None
    if isinstance(lifetime, int | float) and not isinstance(lifetime, bool):
        seconds = float(max(0, min(lifetime, _LONGEST_LIFE)))
    return Token(
        access_token,
        None if seconds is None else now + dt.timedelta(seconds=seconds),
        _text(members.get("refresh_token")),
        tuple((_text(members.get("scope")) or "").split()),
        now,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
