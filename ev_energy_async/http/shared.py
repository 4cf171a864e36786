"""The part of a client that all its views share: the wire, time and randomness, settings, and the calls under way.

The client makes one; the pipeline, its attempts and the token endpoint use it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from multidict import istr

from ev_energy_async import errors
from ev_energy_async.http.limits import Limits
from ev_energy_async.masking import printable
from ev_energy_async.messages import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ev_energy_async.auth import TokenSource
    from ev_energy_async.clock import Clock, RandomSource
    from ev_energy_async.codec import Codec
    from ev_energy_async.http.transport import Transport
    from ev_energy_async.messages import Middleware, Observer

__all__ = ["VERSION_HEADER", "Shared"]

_LOG: Final = logging.getLogger("ev_energy_async")
VERSION_HEADER: Final = istr("EvEnergy-Version")
_TOKEN_REQUESTS: Final = 8


@attrs.define(eq=False, slots=False)
class Shared:
    """The part of a client that all its views share, whatever their token.

    Attributes:
        transport: The wire.
        make_codec: Makes the decoder of responses, at the first of them.
        clock: Source of time.
        random: Source of randomness.
        middleware: The user's middleware.
        version: Version of the API to request.
        link_origins: Origins besides the API's own that a `Link` may name.
        read_only: Whether to refuse every call that writes.
        label: The client's name in logs.
        timeout: Limit of a token request, in seconds.
        allow_http: Whether a token endpoint may be unencrypted beyond this machine.
        observers: Who is told of calls and events.
        headers: Headers of every request.
    """

    transport: Transport
    make_codec: Callable[[], Codec]
    clock: Clock
    random: RandomSource
    middleware: tuple[Middleware, ...]
    version: str
    link_origins: frozenset[str]
    read_only: bool = False
    label: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    allow_http: bool = False
    observers: list[Observer] = attrs.field(factory=list[Any], init=False)
    closed: bool = attrs.field(default=False, init=False)
    headers: Mapping[str, str] = attrs.field(init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    _version_warned: bool = attrs.field(default=False, init=False)
    # The tokens of many users may expire together: the token endpoint is not asked for all of them at once.
    token_requests: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(_TOKEN_REQUESTS), init=False)
    limits: Limits = attrs.field(factory=Limits, init=False)
    # The token fetches under way, of all views.
    fetches: dict[asyncio.Task[Any], TokenSource] = attrs.field(factory=dict[Any, Any], init=False)

    def __attrs_post_init__(self) -> None:
        self.headers = {VERSION_HEADER: self.version}

    @property
    def prefix(self) -> str:
        """The beginning of each log line about the client: its label, if it has one."""
        return "" if self.label is None else f"{self.label}: "

    @functools.cached_property
    def codec(self) -> Codec:
        """The decoder of responses."""
        return self.make_codec()

    def check_loop(self) -> None:
        """Refuse to be used on a second event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise errors.EvEnergyError("this client belongs to another event loop; make one client for each loop")

    def warn_of_version(self, answered: str) -> None:
        """Warn once that a response is in another version of the API than was requested."""
        if not self._version_warned:
            self._version_warned = True
            text = "%sversion %s of the API was requested, the response is in version %s"
            _LOG.warning(text, self.prefix, self.version, printable(answered, 100))
