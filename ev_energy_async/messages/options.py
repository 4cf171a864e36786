"""Checks of what callers say of how calls are made.

The client and the endpoint functions call them before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ev_energy_async._base import InvalidArgument
from ev_energy_async.messages.retry import Retry
from ev_energy_async.values import plain

if TYPE_CHECKING:
    from ev_energy_async.messages.request import OnBadItem

__all__ = ["check_headers", "check_on_bad_item", "check_priority", "check_retry", "with_more_headers"]

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


def check_priority(value: int) -> int:
    """Return a priority, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument("priority", value, "an integer")
    return value
