"""How a call is made, apart from what it asks: time limits, retries, priority, extra headers.

Plain values: the client fills them in, `with_options` changes them for a view, middleware and transport read them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from ev_energy_async.clock import RandomSource
    from ev_energy_async.messages.request import RawResponse, Request

__all__ = [
    "DEFAULT_DEADLINE",
    "DEFAULT_OPTIONS",
    "DEFAULT_TIMEOUT",
    "BadItem",
    "CallOptions",
    "CallRecord",
    "OnBadItem",
    "Retry",
    "RetryEvent",
    "check_headers",
    "check_on_bad_item",
    "check_priority",
    "check_retry",
    "with_more_headers",
]

DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_DEADLINE: Final = 60.0

# What the client itself says in each request, or the HTTP library for it.
_OWN_HEADERS: Final = frozenset(
    {
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "evenergy-user",
        "evenergy-version",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


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
            now + self.deadline,
            CallRecord(),
        )

    @property
    def prefix(self) -> str:
        """What a log line about the call begins with: the label of the client, if it has one."""
        return "" if self.label is None else f"{self.label}: "


DEFAULT_OPTIONS: Final = CallOptions()
"""Those of a request that no client has begun to make yet."""


def with_more_headers(headers: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers with more of them, which win over those of the same name in any case (RFC 9110, section 5.1)."""
    replaced = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **more}


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers that a caller may add.

    Raises:
        InvalidArgument: One of them is the client's own, or cannot be sent.
    """
    if not isinstance(headers, Mapping):
        raise InvalidArgument("headers", type(headers), "a mapping of names to values")
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidArgument("headers", name, "names that are tokens, as in X-Request-ID")
        if name.lower() in _OWN_HEADERS:
            raise InvalidArgument("headers", name, "headers that are not the client's own")
        # The value itself may be a secret.
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise InvalidArgument("headers", name, "values of visible ASCII characters")
    return headers


def check_on_bad_item(value: OnBadItem) -> OnBadItem:
    """Return what to do with an item that cannot be decoded, if it is that."""
    if not callable(value) and value not in ("raise", "skip"):  # it may not be hashable
        raise InvalidArgument("on_bad_item", value, "'raise', 'skip', or a function")
    return value


def check_retry(value: Retry) -> Retry:
    """Return a `Retry`, if it is one."""
    if not isinstance(value, Retry):
        raise InvalidArgument("retry", value, "a Retry, as in Retry(attempts=1)")
    return value


def check_priority(value: int) -> int:
    """Return a priority, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument("priority", value, "an integer")
    return value
