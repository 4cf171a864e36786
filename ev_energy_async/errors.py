"""The errors that this package raises.

    EvEnergyError
    ├── InvalidArgument            (also a ValueError) an argument was refused before anything was sent
    ├── ApiError                   a complete response whose status means failure
    │   ├── BadRequest             400
    │   ├── Unauthorized           401 (also a ReauthenticationRequired)
    │   ├── Forbidden              403, names the scopes that the operation needs
    │   ├── NotFound               404
    │   ├── MethodNotAllowed       405
    │   ├── NotAcceptable          406
    │   ├── Conflict               409
    │   ├── PayloadTooLarge        413
    │   ├── UnprocessableEntity    422
    │   ├── RateLimited            429, `.retry_after`
    │   └── ServerError            5xx
    │       └── ServiceUnavailable 503
    ├── BudgetExhausted            the hourly budget frees up only after the deadline, `.retry_at`
    ├── TransportError             no complete response
    │   ├── ConnectionFailed
    │   ├── RequestTimeout         `timeout` or `deadline` ran out
    │   ├── OutcomeUnknown         a write that may or may not have been carried out
    │   └── AuthUnavailable        no access token for the moment
    ├── DecodeError                a complete response that cannot be understood
    ├── NotExactlyOne              `.one()` of a list that is empty or has more items
    ├── ReauthenticationRequired   the user, or whoever holds the credentials, must log in again
    │   ├── AuthError              the token endpoint refused the credentials or the grant
    │   └── Unauthorized           the API refused the token, and there is no other
    └── WebhookVerificationError   a delivery that is not provably genuine and recent

Pure. The text of an error shows no token, secret, query string or body, and a server's words escaped and cut.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from ev_energy_async import messages
from ev_energy_async._base import EvEnergyError, InvalidArgument
from ev_energy_async.masking import masked, printable
from ev_energy_async.messages import Problem, known_secrets, retry_after_text, seconds_stated, without_input

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from ev_energy_async.messages import RawResponse, Request

__all__ = [
    "ApiError",
    "AuthError",
    "AuthUnavailable",
    "BadRequest",
    "BudgetExhausted",
    "Conflict",
    "ConnectionFailed",
    "DecodeError",
    "EvEnergyError",
    "Forbidden",
    "InvalidArgument",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotExactlyOne",
    "NotFound",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "Problem",
    "RateLimited",
    "ReauthenticationRequired",
    "RequestTimeout",
    "ServerError",
    "ServiceUnavailable",
    "TransportError",
    "Unauthorized",
    "UnprocessableEntity",
    "WebhookVerificationError",
    "error_for",
]


class ApiError(EvEnergyError):
    """A complete response whose status means failure.

    Attributes:
        status: HTTP status.
        problem: The problem document of the body, with the credentials of the call masked.
        response: The response: status, headers, raw body.
        request: The request that it answers, without its credentials.
        retry_at: When the API said to come back, or when the client would have tried again if the call's deadline
            allowed, aware; None if neither is known.
    """

    retry_at: dt.datetime | None = None

    def __init__(self, response: RawResponse, problem: Problem | None = None) -> None:
        self.response = response
        self.request: Request[Any] = response.request
        self.status = response.status
        self.problem = problem or Problem.of(response)
        super().__init__(response, self.problem)

    def __str__(self) -> str:
        later = f"; not before {self.retry_at.isoformat()}" if self.retry_at is not None else ""
        return f"{self.status} for {self.request}: {without_input(self.problem.text, self.request)}{later}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def as_curl(self) -> str:
        """Return the request as a shell command, without secrets and personal data."""
        return self.request.as_curl()


class ReauthenticationRequired(EvEnergyError):
    """The credentials are no longer accepted: ask the user to log in again, or the operator to check them.

    The base of `AuthError` and `Unauthorized`, so that one clause catches both. An outage of the token endpoint is
    never one: it is a `TransportError` or a `ServerError`, and the stored token is kept.
    """


class BadRequest(ApiError):
    """400: the API did not accept an argument or the body; `problem.field_errors` says which field."""


class Unauthorized(ApiError, ReauthenticationRequired):
    """401: no token, or one that was refused and could not be replaced by a fresh one."""


class Forbidden(ApiError):
    """403: the token lacks a scope or a right."""

    def __str__(self) -> str:
        scopes = self.request.operation.scopes
        return f"{super().__str__()} (the operation needs: {', '.join(scopes)})" if scopes else super().__str__()


class NotFound(ApiError):
    """404: no such resource, or none that the token may see."""

    def __str__(self) -> str:
        host = urlsplit(self.response.url).netloc.rpartition("@")[2]
        hint = f" ({host} has no such path: check base_url)" if self._is_no_route() else ""
        return super().__str__() + hint

    def _is_no_route(self) -> bool:
        """Whether the path itself is unknown: a collection always exists, and the API describes what it misses."""
        # A page number beyond the last is a 404 too.
        may_be_missing = self.request.operation.path_params or "page=" in self.request.query
        return not may_be_missing or "problem+json" not in self.response.headers.get("Content-Type", "")


class MethodNotAllowed(ApiError):
    """405: the path does not support this method."""


class NotAcceptable(ApiError):
    """406: the API cannot respond in an accepted media type."""


class Conflict(ApiError):
    """409: the state of the resource forbids it; the operation's docstring says which state."""


class PayloadTooLarge(ApiError):
    """413: the body is larger than the operation accepts."""


class UnprocessableEntity(ApiError):
    """422: the request is well-formed but cannot be carried out."""


class RateLimited(ApiError):
    """429: the bucket of requests is empty.

    Attributes:
        retry_after: Seconds to wait, counted from the response; None if it states no delay.
    """

    def __init__(self, response: RawResponse, problem: Problem | None = None) -> None:
        super().__init__(response, problem)
        # A date is read where there is a clock.
        self.retry_after = seconds_stated(retry_after_text(response.headers))


class ServerError(ApiError):
    """5xx: the API, or a proxy in front of it, failed."""


class ServiceUnavailable(ServerError):
    """503: temporarily unavailable; for some operations it means that a device could not be reached."""


_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    413: PayloadTooLarge,
    422: UnprocessableEntity,
    429: RateLimited,
    503: ServiceUnavailable,
}
_FIRST_SERVER_ERROR: Final = 500


def error_for(response: RawResponse) -> ApiError:
    """Return the error for a response whose status means failure."""
    fallback = ServerError if response.status >= _FIRST_SERVER_ERROR else ApiError
    return _BY_STATUS.get(response.status, fallback)(response)


class BudgetExhausted(EvEnergyError):
    """The hourly budget of requests frees up only after the call's deadline; nothing was sent.

    Attributes:
        request: The request that was not sent.
        retry_at: When a request is free again, aware, as far as is known.
    """

    def __init__(self, request: Request[Any], retry_at: dt.datetime) -> None:
        self.request = request
        self.retry_at = retry_at
        super().__init__(request, retry_at)

    def __str__(self) -> str:
        return f"no request is left in the hourly budget for {self.request}; try again at {self.retry_at.isoformat()}"

    def as_curl(self) -> str:
        """Return the request as a shell command, without secrets and personal data."""
        return self.request.as_curl()


class TransportError(EvEnergyError):
    """There was no complete response.

    Attributes:
        request: The request, without its credentials.
        reason: Description of the failure.
        unsent: Whether the request certainly never reached the API.
        transient: Whether another attempt may succeed.
        retry_at: When the client would have tried again if the call's deadline allowed, aware; None otherwise.
    """

    retry_at: dt.datetime | None = None
    consequence: ClassVar[str] = "no complete response"

    def __init__(self, request: Request[Any], reason: str, *, unsent: bool = False, transient: bool = True) -> None:
        self.request = request
        self.reason = reason
        self.unsent = unsent
        self.transient = transient
        super().__init__(request, reason)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"unsent": self.unsent, "transient": self.transient, "retry_at": self.retry_at}
        return type(self), (self.request, self.reason), state

    def as_curl(self) -> str:
        """Return the request as a shell command, without secrets and personal data."""
        return self.request.as_curl()

    def __str__(self) -> str:
        return f"{self.consequence} to {self.request}: {printable(self.reason)}"


class ConnectionFailed(TransportError):
    """The connection could not be made, or broke before the response was complete."""


class RequestTimeout(TransportError):
    """The client's `timeout` or `deadline` ran out before the response was complete."""


class OutcomeUnknown(TransportError):
    """A write got no complete response: it may or may not have been carried out. Check before you repeat it."""

    consequence: ClassVar[str] = "outcome unknown: no complete response"


class AuthUnavailable(TransportError):
    """No access token can be obtained for the moment, as during an outage; the request was not sent.

    An `Auth` of your own raises it so that the call is retried, and a watch waits, as for any other outage. Whatever
    else it raises passes through to the caller.

    Args:
        reason: Description of the failure; must hold no secret.
        request: The request that needed the token; the client fills it in.
        transient: Whether another attempt may succeed.
    """

    consequence: ClassVar[str] = "no access token for the moment"

    def __init__(
        self,
        reason: str = "the source of tokens is unavailable",
        request: Request[Any] | None = None,
        *,
        transient: bool = True,
    ) -> None:
        super().__init__(request or _stand_in(), reason, unsent=True, transient=transient)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"transient": self.transient, "retry_at": self.retry_at}
        return type(self), (self.reason, self.request), state

    def __str__(self) -> str:
        if self.request.operation.name == _STAND_IN:
            return f"{self.consequence}: {printable(self.reason)}"
        return super().__str__()


# The operation of an error that an `Auth` raises without a request.
_STAND_IN: Final = "auth"


@functools.cache
def _stand_in() -> Request[Any]:
    return messages.Request(messages.Operation(name=_STAND_IN, method="GET", path="/"), "/")


class DecodeError(EvEnergyError):
    """A complete response that cannot be understood.

    Attributes:
        reason: Description of the fault.
        path: Where in the document, as in `$[3].sampled_at`; `$` is the document itself.
        response: The response with its raw body, if it was kept until then; None if no request was involved.
        items: The items of a page that could be decoded; None if it is not a page.
        next_cursor: The cursor of the next page; None on the last page, and if it is not a page.
    """

    items: Sequence[Any] | None = None
    next_cursor: str | None = None

    def __init__(self, reason: str, path: str = "$", response: RawResponse | None = None) -> None:
        self.reason = reason
        self.path = path
        self.response = response
        super().__init__(reason, path, response)

    def __str__(self) -> str:
        text = printable(f"{self.reason} at {self.path}")
        if self.response is None:
            return text
        return f"{masked(text, known_secrets(self.response.request))} in the response to {self.response.request}"


class NotExactlyOne(EvEnergyError):
    """A list was to have exactly one item.

    Attributes:
        request: The request of its first page.
        found: How many items were found: 0, or 2 for several.
    """

    def __init__(self, request: Request[Any], found: int) -> None:
        self.request = request
        self.found = found
        super().__init__(request, found)

    def __str__(self) -> str:
        return f"expected exactly one item from {self.request}, got {'several' if self.found else 'none'}"


class AuthError(ReauthenticationRequired):
    """The token endpoint refused the credentials or the grant; trying again will not help.

    Attributes:
        error: The OAuth error code (RFC 6749, section 5.2), e.g. `invalid_client`.
        description: The endpoint's explanation; None if it gave none.
    """

    def __init__(self, error: str, description: str | None = None) -> None:
        self.error = error
        self.description = description
        super().__init__(error, description)

    def __str__(self) -> str:
        return printable(f"{self.error}: {self.description}" if self.description else self.error)


class WebhookVerificationError(EvEnergyError):
    """A delivery is not provably genuine and recent; nothing of it was parsed.

    The text is for your log. Do not put it into the HTTP response: an honest sender does not need it.

    Attributes:
        reason: Description of the fault; never quotes the delivery or a secret.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
