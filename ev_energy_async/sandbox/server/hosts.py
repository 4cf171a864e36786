"""The check of the `Host` header, which keeps a sandbox out of reach of web pages by DNS rebinding. No I/O.

A page whose name is made to resolve to this machine may send requests here; its name stands in `Host`. Only names of
this machine are served, and addresses where the sandbox listens to the network, since rebinding needs a name.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.protocol import Problem

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")  # RFC 9110, section 7.2


class Hosts:
    """The names under which one listener is reached."""

    def __init__(self, listening: str, allowed: Iterable[str] = ()) -> None:
        """Make the allow-list of a listener.

        Args:
            listening: the address that it listens on.
            allowed: further names that lead to it, such as that of a container.
        """
        own = f"[{listening}]" if ":" in listening else listening
        self._names = LOOPBACK | {name.lower() for name in (own, *allowed)}
        self._addresses = not is_loopback(own)

    def refusal(self, headers: Mapping[str, str]) -> Problem | None:
        """Return the problem with a request's `Host`, or None: 421 for another host (RFC 9110, section 15.5.20)."""
        match = _HOST.fullmatch(headers.get("Host", ""))
        if match is not None:
            name = match["name"].lower()
            if name in self._names or (self._addresses and _is_address(name)):
                return None
        return misdirected()


def misdirected() -> Problem:
    """Return the refusal of a request for another host (RFC 9110, section 15.5.20)."""
    return Problem(
        HTTPStatus.MISDIRECTED_REQUEST,
        "This sandbox is not reached under the host of the request. Use localhost, or allow the host's name.",
    )


def is_loopback(name: str) -> bool:
    """Whether a name or an address is one of this machine alone."""
    return name in LOOPBACK or (_is_address(name) and ipaddress.ip_address(name.strip("[]")).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
