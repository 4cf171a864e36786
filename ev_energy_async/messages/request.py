"""Requests, the options they are made with, and responses, as plain values.

An endpoint function describes a `Request`; middleware sees it; the transport sends it and gives a `Response` back.
They stand in one module since their types name each other. Nothing here does I/O, and no `repr` shows a query, a header
or a body: they may hold personal data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import attrs

from ev_energy_async._base import InvalidArgument

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Mapping

    from ev_energy_async.clock import RandomSource
    from ev_energy_async.messages.operations import Operation

__all__ = [
    "DEFAULT_DEADLINE",
    "DEFAULT_OPTIONS",
    "DEFAULT_TIMEOUT",
    "BadItem",
    "CallOptions",
    "CallRecord",
    "Handler",
    "Middleware",
    "OnBadItem",
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

# Query parameters that may tell who somebody is.
_PERSONAL: Final = frozenset({"contains", "coordinates", "email", "postal_code"})
_NONE: Final[Mapping[str, str]] = {}

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(eq=False)
class RetryEvent:
    """What is about to be repeated.

    Attributes:
        request: What was asked.
        attempt: How many tries there have been.
        outcome: How the last one ended: an answer or an error.
        delay: Seconds until the next.
    """

    request: Request[Any]
    attempt: int
    outcome: RawResponse | Exception
    delay: float


@attrs.frozen(kw_only=True)
class Retry:
    """How often and how patiently requests are repeated.

    The wait before the n-th repetition is drawn from 0 to `base * 2 ** (n - 1)`, at most `longest`: exponential backoff
    with full jitter. A `Retry-After` of the API's is waited out instead, whatever its length, if the call's deadline
    allows.

    Attributes:
        attempts: Tries at the most, the first included; 1 turns retries off.
        base: Seconds that the first wait may take.
        longest: Seconds that any drawn wait may take.
        before: Called before each repetition, e.g. to count them; must not block.

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
        """Return the seconds to wait after a try, drawn from the given source."""
        # The exponent is bounded, since a float is.
        return random.uniform(0, min(self.longest, self.base * 2 ** min(attempt - 1, 60)))


@attrs.frozen(eq=False)
class BadItem:
    """An item of a list that could not be decoded.

    Attributes:
        index: Its place on the page.
        raw: Its bytes.
        reason: What is wrong.
        path: Where in the item.
    """

    index: int
    raw: bytes = attrs.field(repr=False)
    reason: str
    path: str


OnBadItem: TypeAlias = "Literal['raise', 'skip'] | Callable[[BadItem], Any]"
"""What to do with an item of a list that cannot be decoded."""


@attrs.define(eq=False)
class CallRecord:
    """What a call has cost so far; filled in on the way, read by logs and traces.

    Attributes:
        attempts: Tries begun.
        sent: Whether the last try has been given to a connection.
        in_doubt: Whether an earlier try may have been carried out.
        retry_wait: Seconds waited between tries.
        budget_wait: Seconds waited for the budget.
        retry_at: When it is worth trying again, if a try had to be given up for want of budget.
    """

    attempts: int = 0
    sent: bool = False
    in_doubt: bool = False
    retry_wait: float = 0.0
    budget_wait: float = 0.0
    retry_at: dt.datetime | None = None


@attrs.frozen(eq=False)
class CallOptions:
    """How one call is made.

    Attributes:
        timeout: Seconds for one try, from the moment a connection is free for it to the end of its body.
        deadline: Seconds for the whole call: budget, token, connection, tries and the waits between them.
        retry: Which tries are repeated, and when.
        priority: What passes first when the budget is short; 0 is a poll. None leaves it to the method: 0 for reads, 1
            for writes.
        headers: Headers of the caller's own.
        on_bad_item: What to do with an item of a list that cannot be decoded: `raise` (the error carries the good
            items), `skip` (reported as drift), or a function that gives what takes its place, UNSET for nothing.
        label: What tells the client from others in logs and traces.
        base_url: Base URL of the client, for traces; empty where no client is involved.
        deadline_at: When the call must be over, on the client's monotonic clock; set when it begins.
        record: What this call has cost so far; set when it begins.
    """

    timeout: float = DEFAULT_TIMEOUT
    deadline: float = DEFAULT_DEADLINE
    retry: Retry = Retry()
    priority: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    on_bad_item: OnBadItem = "raise"
    label: str | None = None
    base_url: str = ""
    deadline_at: float | None = None
    record: CallRecord = attrs.field(factory=CallRecord)

    def begun(self, now: float, on_bad_item: OnBadItem | None = None) -> CallOptions:
        """Return the options of a call that begins now, with its deadline fixed and a fresh record.

        Args:
            now: The client's monotonic clock.
            on_bad_item: What the call itself says of items that cannot be decoded; None if it says nothing.
        """
        said = self.on_bad_item if on_bad_item is None else on_bad_item
        # Not `attrs.evolve`, which takes five times as long, and this is on the way of every call.
        return CallOptions(
            self.timeout,
            self.deadline,
            self.retry,
            self.priority,
            self.headers,
            said,
            self.label,
            self.base_url,
            now + self.deadline,
            CallRecord(),
        )

    @property
    def prefix(self) -> str:
        """What a log line about the call begins with: the label of the client, if it has one."""
        return "" if self.label is None else f"{self.label}: "


DEFAULT_OPTIONS: Final = CallOptions()
"""Those of a request that no client has begun to make yet."""


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
