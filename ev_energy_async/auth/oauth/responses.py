"""The responses of the token endpoint (RFC 6749, sections 5.1 and 5.2)."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import attrs
import msgspec

from ev_energy_async.auth.token import Token, check_token
from ev_energy_async.errors import AuthError, DecodeError, InvalidArgument, error_for
from ev_energy_async.masking import Secret, masked, printable
from ev_energy_async.values import is_object

if TYPE_CHECKING:
    from ev_energy_async.messages import RawResponse, Request

__all__ = ["read_token"]

# Asking again with the same credentials ends the same. RFC 6749, section 5.2; the last is the API's own, for a consent
# that the user has withdrawn.
_DEFINITIVE: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "login_required",
    }
)
_SECRET_FIELDS: Final = frozenset({"client_secret", "code", "code_verifier", "refresh_token", "token"})
_OK: Final = 200
_TOO_MANY_REQUESTS: Final = 429
_FIRST_SERVER_ERROR: Final = 500
_LONGEST_LIFE: Final = 10 * 365 * 86_400.0  # so that no response reaches beyond what a datetime holds


@attrs.frozen
class _Members:
    """The members of a response; without a `repr` of them, since they hold tokens and stand in the frames of errors."""

    of: dict[str, Any] = attrs.field(repr=False)

    def text(self, name: str) -> str | None:
        """Return a member that is a string; None if it is missing or something else."""
        value = self.of.get(name)
        return value if isinstance(value, str) else None


def read_token(response: RawResponse, now: dt.datetime, request: Request[Any] | None = None) -> Token:
    """Return the token in a response of the token endpoint.

    Args:
        response: The response.
        now: The current time.
        request: The request with its body, so that secrets that a refusal quotes of it can be masked.

    Raises:
        AuthError: The credentials, the code, the refresh token or the scopes were refused, definitively.
        ApiError: The endpoint is in trouble or under load, or failed in a way that RFC 6749 does not know.
        DecodeError: It is no response of a token endpoint, as when a proxy responded with a page.
    """
    if response.status >= _FIRST_SERVER_ERROR or response.status == _TOO_MANY_REQUESTS:
        raise error_for(response)
    try:
        members = _members(response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if response.status != _OK:
            raise error_for(response) from None
        kind = printable(response.headers.get("Content-Type", "no content type"))
        raise DecodeError(f"the token endpoint responded with {kind}, not JSON", "$", response) from None
    code = members.text("error")
    if code in _DEFINITIVE:
        raise AuthError(code, _description(members, request or response.request))
    if response.status != _OK:
        raise error_for(response)
    return _token(members, response, now)


def _members(response: RawResponse) -> _Members:
    found: Any = msgspec.json.decode(response.body)
    return _Members(found if is_object(found) else {})


def _description(members: _Members, request: Request[Any]) -> str | None:
    said = members.text("error_description")
    return None if said is None else masked(said, _secrets(request))


def _secrets(request: Request[Any]) -> list[Secret[str]]:
    """Return the secrets of a form: no other values of it, which are harmless words that explain a refusal."""
    try:
        fields = parse_qsl((request.body or b"").decode())
    except UnicodeDecodeError:
        return []
    return [Secret(value) for name, value in fields if name in _SECRET_FIELDS]


def _token(members: _Members, response: RawResponse, now: dt.datetime) -> Token:
    kind = members.of.get("token_type")
    if kind is None:
        raise DecodeError("the response of the token endpoint lacks `token_type`", "$.token_type", response)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise DecodeError("the token endpoint issued something other than a bearer token", "$.token_type", response)
    try:
        check_token("access_token", members.of.get("access_token"))
    except InvalidArgument as error:
        raise DecodeError("the token endpoint issued no usable token", "$.access_token", response) from error
    lifetime = _lifetime(members.of.get("expires_in"))
    return Token(
        members.of["access_token"],
        None if lifetime is None else now + lifetime,
        members.text("refresh_token"),
        tuple((members.text("scope") or "").split()),
        now,
    )


def _lifetime(stated: object) -> dt.timedelta | None:
    """Return for how long a token is valid: a number of seconds, which some servers send as a string."""
    if isinstance(stated, bool) or not isinstance(stated, int | float | str):
        return None
    try:
        seconds = float(stated)
    except ValueError:
        return None
    except OverflowError:  # an integer of hundreds of digits
        seconds = math.inf
    return None if math.isnan(seconds) else dt.timedelta(seconds=max(0.0, min(seconds, _LONGEST_LIFE)))
