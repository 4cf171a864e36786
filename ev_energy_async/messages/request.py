"""Requests, the options and the retry policy that they are made with, and responses, as plain values.

An endpoint function describes a `Request`, middleware passes it on, the transport sends it and returns a `Response`.
They share a module because their types name each other. No I/O; no `repr` shows query, headers or body (personal data).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import attrs
import msgspec
from msgspec.structs import asdict, replace
from multidict import CIMultiDictProxy, istr

from ev_energy_async._attributes import WithAttributes
from ev_energy_async._base import InvalidArgument
from ev_energy_async.messages.headers import count
from ev_energy_async.messages.record import CallRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ev_energy_async.clock import RandomSource
    from ev_energy_async.masking import Secret
    from ev_energy_async.messages.operations import Operation

__all__ = [
    "DEFAULT_DEADLINE",
    "DEFAULT_OPTIONS",
    "DEFAULT_TIMEOUT",
    "BadItem",
    "CallOptions",
    "Handler",
    "Middleware",
    "OnBadItem",
    "Pick",
    "RateLimit",
    "RawResponse",
    "Request",
    "Response",
    "Retry",
    "RetryEvent",
    "Sender",
]

DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_DEADLINE: Final = 60.0

# Looked up in each response: of an `istr` the lower case is known.
_LIMIT: Final = istr("X-RateLimit-Limit")
_REMAINING: Final = istr("X-RateLimit-Remaining")

# Query parameters that may tell who somebody is.
_PERSONAL: Final = frozenset({"contains", "coordinates", "email", "postal_code"})

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(eq=False)
class BadItem:
    """An item of a list that could not be decoded.

    Attributes:
        index: Its position on the page, from 0.
        raw: Its bytes.
        reason: What is wrong with it.
        path: Where in the item.
    """

    index: int
    raw: bytes = attrs.field(repr=False)
    reason: str
    path: str


OnBadItem: TypeAlias = "Literal['raise', 'skip'] | Callable[[BadItem], Any]"
"""The policy for an item of a list that cannot be decoded."""

Pick: TypeAlias = "Callable[[list[msgspec.Raw]], list[msgspec.Raw]]"
"""Returns those of the raw items of a list that are to be decoded."""


@attrs.frozen(kw_only=True)
class Retry:
    """The retry policy of a client or call.

    Exponential backoff with full jitter: the wait before the n-th retry is drawn from 0 to `base * 2 ** (n - 1)`
    seconds, at most `longest`. A `Retry-After` header is waited out instead if the call's deadline allows; otherwise
    the error is raised at once.

    Attributes:
        attempts: Attempts at most, the first included; 1 turns retries off.
        base: Upper bound of the first wait, in seconds.
        longest: Upper bound of every drawn wait, in seconds.
        before: Called before each retry, e.g. to count them; must not block.

    Raises:
        InvalidArgument: A number is out of bounds.
    """

    attempts: int = 4
    base: float = 0.5
    longest: float = 30.0
    before: Callable[[RetryEvent], object] | None = None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 1:
            raise InvalidArgument("attempts", self.attempts, "an integer of at least 1")
        for name in ("base", "longest"):
            value: float = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidArgument(name, value, "seconds, not below zero")

    def delay(self, attempt: int, random: RandomSource) -> float:
        """Return the seconds to wait after an attempt, drawn from the given source."""
        # The exponent is bounded, since a float is.
        return random.uniform(0, min(self.longest, self.base * 2 ** min(attempt - 1, 60)))


@attrs.frozen(eq=False)
class RetryEvent:
    """A retry that is about to happen.

    Attributes:
        request: The request to be sent again.
        attempt: Attempts made so far.
        outcome: The response or error that the latest one ended with.
        delay: Seconds until the next one.
    """

    request: Request[Any]
    attempt: int
    outcome: RawResponse | Exception
    delay: float


_RETRY: Final = Retry()


class CallOptions(WithAttributes, msgspec.Struct, frozen=True, eq=False):
    """The options of one call.

    Attributes:
        timeout: Seconds for one attempt, from the moment a connection is free for it to the end of its body.
        deadline: Seconds for the whole call: budget, token, connection, attempts and the waits between them.
        retry: The retry policy.
        priority: Precedence when the budget is short; higher goes first. None leaves it to the method: 0 for reads, 1
            for writes.
        headers: Headers that the caller adds.
        on_bad_item: What to do with an item of a list that cannot be decoded: `raise` (the error carries the good
            items), `skip` (reported as drift), or a function that returns a replacement, UNSET to drop the item.
        label: The client's name in logs and traces.
        base_url: Base URL of the client, for traces; empty where no client is involved.
        deadline_at: End of the call on the client's monotonic clock; set when it begins.
        record: The record of this call; set when it begins.
        keep_body: Whether responses keep their raw body beside the data; errors of the API and of decoding always
            have it.
    """

    timeout: float = DEFAULT_TIMEOUT
    deadline: float = DEFAULT_DEADLINE
    retry: Retry = _RETRY
    priority: int | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    on_bad_item: OnBadItem = "raise"
    label: str | None = None
    base_url: str = ""
    deadline_at: float | None = None
    record: CallRecord = msgspec.field(default_factory=CallRecord)
    keep_body: bool = True

    def begun(self, now: float, on_bad_item: OnBadItem | None = None) -> CallOptions:
        """Return the options of a call that begins now, with its deadline fixed and a fresh record.

        Args:
            now: The client's monotonic clock.
            on_bad_item: The call's own policy for items that cannot be decoded; None for that of the options.
        """
        kept = self.on_bad_item if on_bad_item is None else on_bad_item
        return replace(self, on_bad_item=kept, deadline_at=now + self.deadline, record=CallRecord())

    def __copy__(self) -> CallOptions:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors carry their call from process to process. What was to be done with items may not pickle.
        fields = asdict(self)
        fields["on_bad_item"] = self.on_bad_item if isinstance(self.on_bad_item, str) else "raise"
        return CallOptions, tuple(fields.values())

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"CallOptions({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # `rich`, which shows the variables of a traceback, takes all fields of a struct otherwise.
        return [(name, value) for name, value in asdict(self).items() if name != "headers"]

    @property
    def prefix(self) -> str:
        """The beginning of each log line about the call: the client's label, if it has one."""
        return "" if self.label is None else f"{self.label}: "


DEFAULT_OPTIONS: Final = CallOptions()
"""The options of a request that no client has taken on yet."""


class Request(WithAttributes, msgspec.Struct, Generic[T_co], frozen=True, eq=False):
    """One request, before the client adds its own headers.

    Attributes:
        operation: The operation to call, with everything the document says of it.
        path: Percent-encoded path below the base URL, e.g. `/vehicles/vhcl01...`.
        query: Encoded query string without the question mark, empty if there is none.
        headers: Headers of this request, by name.
        body: The encoded body; None if there is none.
        options: The options of the call.
        on_bad_item: What to do with an item of a list that cannot be decoded; None leaves it to the client.
        authorization: Value of the `Authorization` header of a token request; no error carries it.
        pick: Given the raw items of a list, returns those that are to be decoded; None for all of them.
        lean: A type with the rules of the response's and less to make, to decode to instead where a response fits it.
    """

    operation: Operation[T_co]
    path: str
    query: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    body: bytes | None = None
    options: CallOptions = DEFAULT_OPTIONS
    on_bad_item: OnBadItem | None = None
    authorization: Secret[str] | None = None
    pick: Pick | None = None
    lean: Any = None

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.operation.method

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def changed(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        options: CallOptions | None = None,
        pick: Pick | None = None,
    ) -> Request[T_co]:
        """Return the request with other headers, options or choice of items; what is None stays."""
        return replace(
            self,
            headers=self.headers if headers is None else headers,
            options=self.options if options is None else options,
            pick=self.pick if pick is None else pick,
        )

    def without_secrets(self) -> Request[T_co]:
        """Return the request as errors and logs may carry it: without its authorization, whoever added it."""
        if self.authorization is None and "authorization" not in " ".join(self.headers).lower():
            return self  # as nearly always
        shown = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        return Request(self.operation, self.path, self.query, shown, self.body, self.options, self.on_bad_item)

    def __copy__(self) -> Request[T_co]:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # As `CallOptions`: without the choice of items and the lean type, which may not pickle.
        on_bad_item = self.on_bad_item if isinstance(self.on_bad_item, str) else None
        called = self.operation, self.path, self.query, self.headers, self.body, self.options
        return Request, (*called, on_bad_item, self.authorization)

    def with_headers(self, headers: Mapping[str, str]) -> Request[T_co]:
        """Return the request with more headers; these win."""
        return self.changed(headers={**self.headers, **headers})

    def as_curl(self) -> str:
        """Return the request as a shell command to try by hand, without secrets, personal data and body."""
        names = [name for name, _ in parse_qsl(self.query, keep_blank_values=True)]
        shown = [f"{n}=..." if n in _PERSONAL else pair for n, pair in zip(names, self.query.split("&"), strict=False)]
        target = f"{self.path}?{'&'.join(shown)}" if shown else self.path
        body = " -H 'Content-Type: application/json' --data @body.json" if self.body is not None else ""
        # Only our own variables are left for the shell to expand: a cursor comes from a server.
        url = f'"$EV_ENERGY_BASE_URL"{shlex.quote(target)}'
        return f'curl -X {self.method} -H "Authorization: Bearer $EV_ENERGY_TOKEN"{body} {url}'

    def __repr__(self) -> str:
        return f"<Request {self}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("method", self.method), ("path", self.path)]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class RateLimit(WithAttributes, msgspec.Struct, frozen=True):
    """The state of the request bucket as the API last reported it.

    Attributes:
        limit: Requests per rolling hour.
        remaining: Requests left.
    """

    limit: int
    remaining: int


class Response(WithAttributes, msgspec.Struct, Generic[T_co], frozen=True, eq=False):
    """A complete response.

    Attributes:
        request: The request that it answers, without its credentials.
        url: Absolute URL of the request.
        status: HTTP status.
        headers: Headers; names are case-insensitive.
        body: The raw bytes; empty under `keep_body=False`.
        data: The decoded body.
    """

    request: Request[Any]
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    data: T_co

    def with_data(self, data: T, *, keep_body: bool = True) -> Response[T]:
        """Return the same response with other data, and without its raw body on request."""
        return Response(self.request, self.url, self.status, self.headers, self.body if keep_body else b"", data)

    def as_received(self) -> RawResponse:
        """Return the same response without its decoded data, as errors carry it."""
        return self.with_data(self.body)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The bucket after this request, from `X-RateLimit-Limit` and `-Remaining`; None without readable ones."""
        limit = count(self.headers.get(_LIMIT))
        remaining = count(self.headers.get(_REMAINING))
        return None if limit is None or remaining is None else RateLimit(limit, remaining)

    def __reduce__(self) -> tuple[Any, ...]:
        # The headers of a response of aiohttp are a view, which does not pickle.
        headers = self.headers.copy() if isinstance(self.headers, CIMultiDictProxy) else self.headers
        return Response, (self.request, self.url, self.status, headers, self.body, self.data)

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self.request}, {len(self.body)} bytes>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status), ("request", self.request)]


RawResponse: TypeAlias = Response[bytes]
"""A response before decoding; `data` are the bytes themselves."""

Handler: TypeAlias = "Callable[[Request[Any]], Awaitable[RawResponse]]"
"""The function that a middleware calls to pass a request on."""

Middleware: TypeAlias = "Callable[[Request[Any], Handler], Awaitable[RawResponse]]"
"""A function `(request, next)` that returns a response: its own, or that of `await next(request)`."""


class Sender(Protocol):
    """The part of a client that endpoint functions and paginators use."""

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins besides the base URL's own that a `Link` may name."""
        ...

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its response, or raise."""
        ...
