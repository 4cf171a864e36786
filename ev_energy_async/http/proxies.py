"""The proxies of the environment, for a client with a session of its own.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and the system's settings on macOS and Windows, as the standard
library reads them. aiohttp's `trust_env` would read `.netrc` too, whose password would compete with the token.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.masking import Secret
from ev_energy_async.urls import is_loopback, split_http_url

__all__ = ["Proxies"]

_LONGEST_SCHEME: Final = len("https://")


class Proxies:
    """Finds the proxy of an origin, once for each; the environment of a running program does not change."""

    def __init__(self) -> None:
        self._found: dict[str, Secret[str] | None] = {}

    def find(self, url: str) -> Secret[str] | None:
        """Return the URL of the proxy for a URL, credentials included; None if it is reached directly.

        Raises:
            InvalidArgument: The environment names a proxy that is no http(s) URL.
        """
        end = url.find("/", _LONGEST_SCHEME)
        origin = url if end < 0 else url[:end]
        if origin not in self._found:
            self._found[origin] = _find(*origin.split("://", 1))
        return self._found[origin]


def _find(scheme: str, authority: str) -> Secret[str] | None:
    # No proxy reaches this machine's own loopback.
    if is_loopback(urlsplit(f"//{authority}").hostname or "") or proxy_bypass(authority):
        return None
    proxies = getproxies()
    stated = proxies.get(scheme) or proxies.get("all")
    if not stated:
        return None
    # Proxies are often written without a scheme.
    proxy = Secret(stated if "://" in stated else f"http://{stated}")
    if split_http_url(proxy.reveal()) is None:
        raise InvalidArgument(f"{scheme.upper()}_PROXY", proxy.reveal(), "an http(s) URL of a proxy")
    return proxy
