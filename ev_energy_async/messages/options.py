"""Checks of what callers say of how calls are made.

The client and the endpoint functions call them before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from ev_energy_async._base import InvalidArgument
from ev_energy_async.clock import seconds
from ev_energy_async.messages.request import Retry
from ev_energy_async.values import plain

if TYPE_CHECKING:
    from ev_energy_async.clock import Duration
    from ev_energy_async.messages.request import CallOptions, OnBadItem

__all__ = [
    "check_keep_body",
    "check_on_bad_item",
    "check_retry",
    "with_changes",
    "with_more_headers",
]

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


def with_more_headers(headers: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers with more of them, which win over those of the same name in any case (RFC 9110, section 5.1)."""
    replaced = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **more}


def _checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
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
    return {plain(name): plain(value) for name, value in headers.items()}


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


def _checked_priority(value: int) -> int:
    """Return a priority, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument("priority", value, "an integer")
    return value


def check_keep_body(value: object) -> bool:
    """Return whether responses keep their raw body, if it says so."""
    if not isinstance(value, bool):
        raise InvalidArgument("keep_body", value, "True or False")
    return value


def with_changes(
    options: CallOptions,
    *,
    timeout: Duration | None = None,
    deadline: Duration | None = None,
    retry: Retry | None = None,
    headers: Mapping[str, str] | None = None,
    priority: int | None = None,
    on_bad_item: OnBadItem | None = None,
    keep_body: bool | None = None,
) -> CallOptions:
    """Return options with changes, as `EvEnergy.with_options` describes them; what is None stays.

    Raises:
        InvalidArgument: One of them is not as described.
    """
    given: dict[str, Any] = {
        "timeout": None if timeout is None else seconds("timeout", timeout),
        "deadline": None if deadline is None else seconds("deadline", deadline),
        "retry": None if retry is None else check_retry(retry),
        "headers": None if headers is None else with_more_headers(options.headers, _checked_headers(headers)),
        "priority": None if priority is None else _checked_priority(priority),
        "on_bad_item": None if on_bad_item is None else check_on_bad_item(on_bad_item),
        "keep_body": None if keep_body is None else check_keep_body(keep_body),
    }
    return replace(options, **{name: value for name, value in given.items() if value is not None})
