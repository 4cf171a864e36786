"""URLs from outside, checked before anything is sent to them.

The settings of a client, the addresses that the API hands out and the proxies of the environment pass through here.
No I/O; the URL itself is never part of an exception, since it may hold a password or a permission.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from ev_energy_async._base import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BASE_URL", "beside", "check_http_url", "is_loopback", "origin_of", "split_http_url"]

BASE_URL: Final = "https://api.ev.energy/v2"
"""The base URL of the API; its sandbox has the same."""

_DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_LONGEST_NAME: Final = 253


def split_http_url(url: object) -> SplitResult | None:
    """Return the parts of an absolute http(s) URL (RFC 3986, section 3); None if it is anything else.

    It has a host that can be looked up or connected to, a port from 1 to 65535 if any, and ASCII characters only: names
    beyond ASCII are written in their `xn--` form (RFC 3490).
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or port == 0 or not _is_host(parts.hostname or ""):
        return None
    return parts


def _is_host(host: str) -> bool:
    try:
        return isinstance(ip_address(host.partition("%")[0]), IPv6Address) or "%" not in host
    except ValueError:
        pass
    return len(host) <= _LONGEST_NAME and _NAME.fullmatch(host) is not None


def check_http_url(argument: str, url: object, *, allow_http: bool = False) -> SplitResult:
    """Return the parts of an absolute http(s) URL without user name and password.

    Raises:
        InvalidArgument: It is anything else, or leads beyond this machine unencrypted without `allow_http`.
    """
    parts = split_http_url(url)
    if parts is None or parts.username is not None or parts.password is not None:
        raise InvalidArgument(argument, url, "an http(s) URL with a host, without credentials")
    if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname or "")):
        raise InvalidArgument(argument, url, "an https URL; allow_http=True (EV_ENERGY_ALLOW_HTTP=1) permits http")
    return parts


def beside(url: str, path: str) -> str:
    """Return the URL of a path on the origin of another URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, spelled in one way (RFC 6454, section 4)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port if parts.port is not None else _DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{(parts.hostname or '').lower()}:{port}"
