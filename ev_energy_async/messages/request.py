"""Requests and responses as plain values.

An endpoint function describes a `Request`; middleware sees it; the transport sends it and gives a `Response` back.
Nothing here does I/O, and no `repr` shows a query, a header or a body: they may hold personal data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import attrs

from ev_energy_async.messages.options import DEFAULT_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ev_energy_async.messages.operations import Operation
    from ev_energy_async.messages.options import CallOptions, OnBadItem

__all__ = ["Handler", "Middleware", "RateLimit", "RawResponse", "Request", "Response", "Sender"]

# Query parameters that may tell who somebody is.
_PERSONAL: Final = frozenset({"contains", "coordinates", "email", "postal_code"})
_NONE: Final[Mapping[str, str]] = {}

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(eq=False, repr=False)
class Request(Generic[T_co]):
    """One request, before the client adds its own headers.

    Attributes:
        operation: What is asked for, with everything the document says of it.
        path: Percent-encoded path below the base URL, e.g. `/vehicles/vhcl01...`.
        query: Encoded query string without the question mark, empty if there is none.
        headers: Headers of this request, by name.
        body: The encoded body; None if there is none.
        options: How to make the call.
        on_bad_item: What to do with an item of a list that cannot be decoded; None leaves it to the client.
    """

    operation: Operation[T_co]
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes | None = None
    options: CallOptions = DEFAULT_OPTIONS
    on_bad_item: OnBadItem | None = None

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.operation.method

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def without_secrets(self, more: Mapping[str, str] = _NONE) -> Request[T_co]:
        """Return the request as others may see it: without its `Authorization`, and with more headers if need be."""
        shown = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        shown.update(more)
        return Request(self.operation, self.path, self.query, shown, self.body, self.options, self.on_bad_item)

    def with_headers(self, headers: Mapping[str, str]) -> Request[T_co]:
        """Return the request with more headers; these win."""
        both = {**self.headers, **headers}
        return Request(self.operation, self.path, self.query, both, self.body, self.options, self.on_bad_item)

    def with_options(self, options: CallOptions) -> Request[T_co]:
        """Return the request, to be made in another way."""
        return Request(self.operation, self.path, self.query, self.headers, self.body, options, self.on_bad_item)

    def as_curl(self) -> str:
        """Return the request as a command line to try by hand, without secrets, personal data and the body."""
        names = [name for name, _ in parse_qsl(self.query, keep_blank_values=True)]
        shown = [f"{n}=..." if n in _PERSONAL else pair for n, pair in zip(names, self.query.split("&"), strict=False)]
        url = "$EV_ENERGY_BASE_URL" + self.path + (f"?{'&'.join(shown)}" if shown else "")
        body = " -H 'Content-Type: application/json' --data @body.json" if self.body is not None else ""
        return f'curl -X {self.method} -H "Authorization: Bearer $EV_ENERGY_TOKEN"{body} "{url}"'

    def __repr__(self) -> str:
        return f"<Request {self}>"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@attrs.frozen
class RateLimit:
    """What the API last said of the bucket of requests.

    Attributes:
        limit: Requests that fit into one rolling hour.
        remaining: Requests left in it.
    """

    limit: int
    remaining: int


@attrs.frozen(eq=False, repr=False)
class Response(Generic[T_co]):
    """A complete answer.

    Attributes:
        request: What was asked.
        url: Absolute URL that answered.
        status: HTTP status.
        headers: Headers, looked up without regard to case.
        body: The raw bytes.
        data: What the bytes were decoded to.
    """

    request: Request[Any]
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    data: T_co

    def with_data(self, data: T) -> Response[T]:
        """Return the same answer with other data."""
        return Response(self.request, self.url, self.status, self.headers, self.body, data)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The bucket after this request, from `X-RateLimit-Limit` and `-Remaining`; None if the answer lacks them."""
        limit = self.headers.get("X-RateLimit-Limit", "")
        remaining = self.headers.get("X-RateLimit-Remaining", "")
        return RateLimit(int(limit), int(remaining)) if limit.isdecimal() and remaining.isdecimal() else None

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self.request}, {len(self.body)} bytes>"


RawResponse: TypeAlias = Response[bytes]
"""An answer before decoding; `data` are the bytes themselves."""

Handler: TypeAlias = "Callable[[Request[Any]], Awaitable[RawResponse]]"
"""What a middleware calls to pass a request on."""

Middleware: TypeAlias = "Callable[[Request[Any], Handler], Awaitable[RawResponse]]"
"""A function `(request, next)` that returns the answer: its own, or that of `await next(request)`."""


class Sender(Protocol):
    """What endpoint functions and paginators need of a client."""

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins besides the base URL's own that a `Link` may name."""
        ...

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its answer, or raise."""
        ...
