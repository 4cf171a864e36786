"""What happens to a webhook once it is verified: handled once, and answered.

`webhooks` offers these names to users. Nothing here knows how a delivery is verified or what an event says.

A delivery counts as done after its work has succeeded, never before. So an event is lost neither by an exception nor by
the end of the process: it was not answered with success, is delivered again, and is then not known yet.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

from ev_energy_async.clock import Clock, Duration, SystemClock, seconds
from ev_energy_async.errors import DecodeError, InvalidArgument, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ev_energy_async.webhooks.events import Event
    from ev_energy_async.webhooks.verifier import WebhookVerifier

__all__ = ["DeduplicationStore", "Deduplicator", "MemoryDeduplicationStore", "webhook_handler"]

_LOG: Final = logging.getLogger("ev_energy_async")
# A delivery without success is repeated over some 28 hours (docs.svix.com/retries).
_REMEMBER: Final = dt.timedelta(hours=48)
_MOST_REMEMBERED: Final = 10_000
# What aiohttp allows by itself; events are a few kilobytes.
_LONGEST_BODY: Final = 1024 * 1024


class DeduplicationStore(Protocol):
    """Where a `Deduplicator` remembers the deliveries that are done.

    One that several processes share lets each know what the others have done. In Redis `contains` is EXISTS, `add` is
    SET with NX and EXAT. What a store raises passes through: the delivery is then not answered with success.
    """

    async def contains(self, key: str) -> bool:
        """Whether a key was added and has not expired."""
        ...

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Remember a key until a time, aware, in UTC; return whether it is new."""
        ...


class MemoryDeduplicationStore:
    """Remembers in this process, until it ends.

    Args:
        max_size: How many keys at most; the ones added first make room.
        clock: What expiry goes by; None for the machine's clock.

    Raises:
        InvalidArgument: `max_size` is not above zero.
    """

    def __init__(self, max_size: int = _MOST_REMEMBERED, *, clock: Clock | None = None) -> None:
        if max_size < 1:
            raise InvalidArgument("max_size", max_size, "a number above zero")
        self._max_size = max_size
        self._clock = clock or SystemClock()
        self._expiries: OrderedDict[str, dt.datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._expiries)

    async def contains(self, key: str) -> bool:
        """Whether a key was added and has not expired."""
        expires_at = self._expiries.get(key)
        return expires_at is not None and expires_at > self._clock.now()

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        """Remember a key until a time; return whether it is new."""
        if await self.contains(key):
            return False
        self._expiries[key] = expires_at
        self._expiries.move_to_end(key)
        # Keys of one deduplicator expire in the order they were added, so the expired ones stand in front.
        now = self._clock.now()
        while self._expiries and (len(self._expiries) > self._max_size or next(iter(self._expiries.values())) <= now):
            self._expiries.popitem(last=False)
        return True


class Deduplicator:
    """Does the work of a delivery once, however often and however close together it is delivered.

    Within a process that is exact. Two processes with one store may both work on an event, if it reaches the second
    while the first is still at it; and after the end of a process, or a failure of the store, between work and memory,
    the work is done again. So what must not happen twice is made harmless by `Event.id` where it happens, for instance
    with a unique key in a database.

    Args:
        store: Where to remember what is done; None for a `MemoryDeduplicationStore`.
        remember: For how long, in seconds or as a `timedelta`; the default outlasts the sender's repetitions.
        clock: What `remember` counts from; None for the machine's clock.
    """

    def __init__(
        self,
        store: DeduplicationStore | None = None,
        *,
        remember: Duration = _REMEMBER,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._store: DeduplicationStore = store if store is not None else MemoryDeduplicationStore(clock=self._clock)
        self._remember = dt.timedelta(seconds=seconds("remember", remember))
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def once(self, key: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Do the work of a key, unless it is done already.

        While the work of the same key is under way, waits for its end: if that fails, this call tries. So no delivery
        is taken for a repetition of one that comes to nothing.

        Args:
            key: The `svix-id`, `Event.id`.
            work: Does the work; what it raises passes through, and the key counts as not done.

        Returns:
            Whether the work was done now; False for a repetition.
        """
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            if await self._store.contains(key):
                return False
            await work()
            if not await self._store.add(key, self._clock.now() + self._remember):
                _LOG.warning("webhook %s was handled elsewhere as well", key)
            return True


def webhook_handler(
    verifier: WebhookVerifier,
    on_event: Callable[[Event], Awaitable[object]],
    *,
    deduplicator: Deduplicator | None = None,
    max_body_bytes: int = _LONGEST_BODY,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for a POST route of `aiohttp.web`.

    It answers 204 when `on_event` has returned or had done so before, 400 to what is not genuine, 413 to a body that is
    too large, and 500 when a genuine delivery cannot be understood or `on_event` fails, so that it is delivered again.
    Answers have no body; reasons are logged.

    `on_event` should take seconds at most: a sender that waits for long takes the delivery for failed. Hand longer work
    to a queue of yours.

    Args:
        verifier: Tells what is genuine.
        on_event: Called with each event, as often as it is delivered unless there is a deduplicator.
        deduplicator: Keeps repetitions of what was handled from `on_event`.
        max_body_bytes: The largest body to read, in place of the application's `client_max_size`.

    Raises:
        InvalidArgument: `max_body_bytes` is not above zero.

    Example:
        >>> handler = webhook_handler(verifier, on_event, deduplicator=Deduplicator())  # doctest: +SKIP
        >>> app.router.add_post("/ev-energy", handler)  # doctest: +SKIP
    """
    from aiohttp import web  # noqa: PLC0415  # the server's half of aiohttp costs 200 ms, who only verifies needs none

    if max_body_bytes < 1:
        raise InvalidArgument("max_body_bytes", max_body_bytes, "a number above zero")

    async def handle(request: web.Request) -> web.Response:
        body = await _read(request, max_body_bytes)
        if body is None:
            _LOG.warning("a webhook of more than %d bytes was refused", max_body_bytes)
            answer = web.Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            answer.force_close()  # the rest of the body is not worth reading
            return answer
        try:
            event = verifier.verify(body, request.headers)
        except WebhookVerificationError as error:
            _LOG.warning("a webhook was refused: %s", error)
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        except DecodeError:
            _LOG.exception("a genuine webhook could not be understood")
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            if deduplicator is None:
                await on_event(event)
            elif not await deduplicator.once(event.id, lambda: on_event(event)):
                _LOG.debug("webhook %s was handled before", event.id)
        except Exception:  # noqa: BLE001  # whatever the user's code raises, the sender must deliver again
            _LOG.exception("webhook %s could not be handled", event.id)
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    return handle


async def _read(request: web.Request, limit: int) -> bytes | None:
    """Return the body of a request; None if it is longer than allowed, without reading it to the end."""
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
