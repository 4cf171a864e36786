"""The errors that this package raises.

    EvEnergyError
    ├── InvalidArgument            (also a ValueError) nothing was sent
    ├── ApiError                   the API answered, and the answer is no
    │   ├── BadRequest             400
    │   ├── Unauthorized           401
    │   ├── Forbidden              403, names the operation's scopes
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
    ├── TransportError             no complete answer
    │   ├── ConnectionFailed
    │   ├── RequestTimeout         `timeout` or `deadline` ran out
    │   └── OutcomeUnknown         a write that may or may not have been carried out
    ├── DecodeError                a complete answer that cannot be understood
    ├── AuthError                  the credentials or the grant were refused
    └── WebhookVerificationError   a delivery that is not provably genuine and recent

Pure: no I/O. An error never shows a token, a secret, a query string or a body in its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from ev_energy_async._base import EvEnergyError, InvalidArgument
from ev_energy_async.messages import Problem, without_input

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from ev_energy_async.messages import RawResponse, Request

__all__ = [
    "ApiError",
    "AuthError",
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
    "NotFound",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "Problem",
    "RateLimited",
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
    """The API answered completely, with a status that means failure.

    Attributes:
        status: HTTP status.
        problem: The problem document of the body.
        response: The answer: status, headers, raw body.
        request: What was asked.
        retry_at: When the API said to come back, or when the client would have tried again if the call's deadline
            allowed, aware; None if neither is known.
    """

    retry_at: dt.datetime | None = None

    def __init__(self, response: RawResponse, problem: Problem | None = None) -> None:
        self.response = response
        self.request: Request[Any] = response.request
        self.status = response.status
        self.problem = problem or Problem.parse(response.status, response.body)
        super().__init__(response, self.problem)

    def __str__(self) -> str:
        later = f"; not before {self.retry_at.isoformat()}" if self.retry_at is not None else ""
        return f"{self.status} for {self.request}: {without_input(str(self.problem), self.request)}{later}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def as_curl(self) -> str:
        """Return the request as a command line, without secrets and personal data."""
        return self.request.as_curl()


class BadRequest(ApiError):
    """400: the API did not accept an argument or the body; `problem.field_errors` says which field."""


class Unauthorized(ApiError):
    """401: no token, or one that is not accepted and could not be replaced by a fresh one."""


class Forbidden(ApiError):
    """403: the token's scopes or rights do not suffice."""

    def __str__(self) -> str:
        scopes = self.request.operation.scopes
        return f"{super().__str__()} (the operation needs: {', '.join(scopes)})" if scopes else super().__str__()


class NotFound(ApiError):
    """404: no such resource, or none that the token may see."""


class MethodNotAllowed(ApiError):
    """405: the path does not take this method."""


class NotAcceptable(ApiError):
    """406: the API cannot answer in an accepted media type."""


class Conflict(ApiError):
    """409: the state of the resource forbids it; the operation's docstring says which state."""


class PayloadTooLarge(ApiError):
    """413: the body is larger than the operation takes."""


class UnprocessableEntity(ApiError):
    """422: the request is well-formed and still cannot be carried out."""


class RateLimited(ApiError):
    """429: the bucket of requests is empty.

    Attributes:
        retry_after: Seconds to wait from when the answer came, as the API states them or a date; None if it does not.
    """

    def __init__(self, response: RawResponse, problem: Problem | None = None) -> None:
        super().__init__(response, problem)
        # The API spells it `RetryAfter` in places. A date is read where there is a clock.
        text = response.headers.get("Retry-After") or response.headers.get("RetryAfter") or ""
        self.retry_after = float(text) if text.isdecimal() else None


class ServerError(ApiError):
    """5xx: the API, or a proxy before it, failed."""


class ServiceUnavailable(ServerError):
    """503: not available now; for some operations it means that a device could not be reached."""


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
    """Return the error for an answer whose status means failure."""
    fallback = ServerError if response.status >= _FIRST_SERVER_ERROR else ApiError
    return _BY_STATUS.get(response.status, fallback)(response)


class BudgetExhausted(EvEnergyError):
    """The hourly budget of requests frees up only after the call's deadline; nothing was sent.

    Attributes:
        request: What was asked.
        retry_at: When it is worth trying again, aware, as far as it is known.
    """

    def __init__(self, request: Request[Any], retry_at: dt.datetime) -> None:
        self.request = request
        self.retry_at = retry_at
        super().__init__(request, retry_at)

    def __str__(self) -> str:
        return f"no request is left in the hourly budget for {self.request}; try again at {self.retry_at.isoformat()}"

    def as_curl(self) -> str:
        """Return the request as a command line, without secrets and personal data."""
        return self.request.as_curl()


class TransportError(EvEnergyError):
    """There was no complete answer.

    Attributes:
        request: What was asked.
        reason: What happened.
        unsent: Whether the request surely never reached the API.
        passing: Whether another try may end better.
        retry_at: When the client would have tried again if the call's deadline allowed, aware; None otherwise.
    """

    retry_at: dt.datetime | None = None
    consequence: ClassVar[str] = "no complete answer"

    def __init__(self, request: Request[Any], reason: str, *, unsent: bool = False, passing: bool = True) -> None:
        self.request = request
        self.reason = reason
        self.unsent = unsent
        self.passing = passing
        super().__init__(request, reason)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"unsent": self.unsent, "passing": self.passing, "retry_at": self.retry_at}
        return type(self), (self.request, self.reason), state

    def as_curl(self) -> str:
        """Return the request as a command line, without secrets and personal data."""
        return self.request.as_curl()

    def __str__(self) -> str:
        return f"{self.consequence} to {self.request}: {self.reason}"


class ConnectionFailed(TransportError):
    """The connection could not be made, or broke before the answer was complete."""


class RequestTimeout(TransportError):
    """The client's `timeout` or `deadline` ran out before the answer was complete."""


class OutcomeUnknown(TransportError):
    """A write got no complete answer: it may or may not have been carried out. Look before you repeat it."""

    consequence: ClassVar[str] = "outcome unknown: no complete answer"


class DecodeError(EvEnergyError):
    """A complete answer that cannot be understood.

    Attributes:
        reason: What is wrong.
        path: Where in the document, as in `$[3].sampled_at`; `$` is the document itself.
        response: The answer with its raw body; None if no request was involved.
        items: Of a page of a list, the items that could be decoded; None otherwise.
        next_cursor: Of a page of a list, where to go on after it; None at its end, and otherwise.
    """

    items: Sequence[Any] | None = None
    next_cursor: str | None = None

    def __init__(self, reason: str, path: str = "$", response: RawResponse | None = None) -> None:
        self.reason = reason
        self.path = path
        self.response = response
        super().__init__(reason, path, response)

    def __str__(self) -> str:
        where = f" in the answer to {self.response.request}" if self.response is not None else ""
        return f"{self.reason} at {self.path}{where}"


class AuthError(EvEnergyError):
    """The token endpoint refused the credentials or the grant; trying again will not help.

    Attributes:
        error: The OAuth error code (RFC 6749, section 5.2), e.g. `invalid_client`.
        description: What the endpoint says of it, if anything.
    """

    def __init__(self, error: str, description: str | None = None) -> None:
        self.error = error
        self.description = description
        super().__init__(error, description)

    def __str__(self) -> str:
        return f"{self.error}: {self.description}" if self.description else self.error


class WebhookVerificationError(EvEnergyError):
    """A delivery is not provably genuine and recent; nothing of it was parsed.

    The text is for your log. Do not put it into the answer: a sender who means well does not need it.

    Attributes:
        reason: What is wrong; never holds any of the delivery or of a secret.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
