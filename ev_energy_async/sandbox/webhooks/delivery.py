"""Delivers webhooks as Svix does: signed, retried for a day, each under one `svix-id` however often it is sent.

One task does it all, one delivery after the other, so that a run can be repeated. What goes wrong on purpose is in the
fault plan. The signature: https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from heapq import heappop, heappush
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import aiohttp
import attrs
import msgspec

from ev_energy_async.sandbox.clock import Timekeeper
from ev_energy_async.sandbox.faults import Faults, WebhookDelayed, WebhookDuplicated, WebhookLost
from ev_energy_async.sandbox.instants import HOUR, MINUTE, SECOND, Instant, instant, moment, text
from ev_energy_async.sandbox.protocol import Problem
from ev_energy_async.sandbox.record import Delivery, Record

WEBHOOK_SECRET: Final = "whsec_dGhlLXNhbmRib3gtd2ViaG9vay1zZWNyZXQ="  # noqa: S105  # it opens nothing
"""The default secret that signs deliveries."""

# https://docs.svix.com/retries: how long after each failed attempt the next one is.
_RETRIES: Final = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
_ATTEMPT_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 1.0  # real ones, between two looks at what has happened
_KEPT_MESSAGES: Final = 10_000
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # a prefix
_SUCCESSES: Final = range(200, 300)


class Event(Protocol):
    """An event that is delivered by webhook."""

    @property
    def at(self) -> Instant:
        """When it happened."""
        ...

    @property
    def type(self) -> str:
        """The event's type, such as `charging_sub_session.created`."""
        ...

    @property
    def sub_session_id(self) -> str:
        """The sub-session concerned."""
        ...


@attrs.define(eq=False)
class _Message:
    """An event on its way to the receiver."""

    svix_id: str
    event: str
    sub_session_id: str
    body: bytes
    attempts: int = 0
    failures: int = 0
    again_after: Instant | None = None
    """The delay after which it is delivered a second time."""


class _Due(NamedTuple):
    """A message and when to send it; messages of one moment are sent in the order in which they were queued."""

    at: Instant
    number: int
    message: _Message


Events = Callable[[Instant, Instant], Iterable[Sequence[Event]]]
Body = Callable[[Event], object]


class Deliverer:
    """Delivers events to one URL while it runs."""

    def __init__(
        self,
        events: Events,
        body: Body,
        keeper: Timekeeper,
        record: Record,
        faults: Callable[[], Faults],
        *,
        url: str,
        secrets: Sequence[str],
    ) -> None:
        """Make a deliverer that does not run yet.

        Args:
            events: yields the events after one moment and up to another, in portions of little work each.
            body: returns the resource of an event.
            keeper: the clock.
            record: records each attempt.
            faults: returns the fault plan in force.
            url: the receiver's URL.
            secrets: the signing secrets; several during a rotation of keys.
        """
        self.url = url
        self._events = events
        self._body = body
        self._keeper = keeper
        self._record = record
        self._faults = faults
        self._keys = [signing_key(secret) for secret in secrets]
        self._due: list[_Due] = []
        self._count = 0
        self._messages: dict[str, _Message] = {}
        self._read_until = instant(keeper.now())
        self._settling: list[tuple[Instant, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to deliver events from now on."""
        self._read_until = instant(self._keeper.now())
        self._task = asyncio.create_task(self._run(), name="sandbox-webhooks")

    async def stop(self) -> None:
        """Stop all deliveries; pending ones are dropped. Raise the error that ended them before, if any did."""
        task, self._task = self._task, None
        for _, future in self._settling:
            future.cancel()
        self._settling.clear()
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settle(self) -> None:
        """Wait until everything due by now was attempted once, or the deliverer has stopped."""
        if self._task is None:
            return
        future = asyncio.get_running_loop().create_future()
        self._settling.append((instant(self._keeper.now()), future))
        self._keeper.wake()
        await asyncio.wait([future, self._task], return_when=asyncio.FIRST_COMPLETED)

    def redeliver(self, svix_id: str) -> None:
        """Redeliver a message at once, under the same ID.

        Raises:
            KeyError: there was no message of this ID.
        """
        self._put(self._messages[svix_id], instant(self._keeper.now()))
        self._keeper.wake()

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_ATTEMPT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                now = instant(self._keeper.now())
                await self._collect(now)
                self._settled()
                if self._due and self._due[0].at <= now:
                    await self._deliver(session, heappop(self._due).message)
                    continue
                look = self._keeper.now() + timedelta(seconds=_LOOK_SECONDS * self._keeper.speed)
                await self._keeper.wait(min(look, moment(self._due[0].at)) if self._due else look)

    def _settled(self) -> None:
        """Release those who wait for moments by which everything was sent."""
        # By the moment of the call, not the present: in a world that runs fast, something is always due.
        waiting, self._settling = self._settling, []
        for moment_of_call, future in waiting:
            if self._read_until < moment_of_call or (self._due and self._due[0].at <= moment_of_call):
                self._settling.append((moment_of_call, future))
            elif not future.done():
                future.set_result(None)

    async def _collect(self, now: Instant) -> None:
        """Queue the events since the last call."""
        if now < self._read_until:  # the computer's clock was set back
            return
        since, self._read_until = self._read_until, now
        events: list[Event] = []
        for portion in self._events(since, now):
            events += portion
            await asyncio.sleep(0)  # a large fleet takes seconds, in which other requests are served
        for event in sorted(events, key=lambda event: (event.at, event.type, event.sub_session_id)):
            try:
                data = self._body(event)
            except Problem:  # gone meanwhile
                continue
            payload = {"type": event.type, "timestamp": text(event.at), "data": data}
            message = _Message(_svix_id(event), event.type, event.sub_session_id, msgspec.json.encode(payload))
            due = event.at
            lost = False
            for strike in self._faults().webhook_strikes(event.type, now):
                match strike.effect:
                    case WebhookLost():
                        lost = True
                    case WebhookDelayed(seconds=seconds):
                        due += round(seconds * SECOND)
                    case WebhookDuplicated(seconds=seconds):
                        message.again_after = round(seconds * SECOND)
                    case _:
                        pass
            if not lost:
                self._keep(message)
                self._put(message, due)

    def _keep(self, message: _Message) -> None:
        self._messages[message.svix_id] = message
        if len(self._messages) > _KEPT_MESSAGES:
            del self._messages[next(iter(self._messages))]

    def _put(self, message: _Message, at: Instant) -> None:
        self._count += 1
        heappush(self._due, _Due(at, self._count, message))

    async def _deliver(self, session: aiohttp.ClientSession, message: _Message) -> None:
        message.attempts += 1
        at = self._keeper.now()
        status = await self._post(session, message)
        self._record.delivered(
            Delivery(at, message.svix_id, message.event, message.sub_session_id, message.attempts, status)
        )
        now = instant(self._keeper.now())
        if status is not None and status in _SUCCESSES:
            message.failures = 0
            if message.again_after is not None:
                self._put(message, now + message.again_after)
                message.again_after = None
        else:
            if message.failures < len(_RETRIES):
                self._put(message, now + _RETRIES[message.failures])
            message.failures += 1

    async def _post(self, session: aiohttp.ClientSession, message: _Message) -> int | None:
        stamp = str(int(self._keeper.receivers_now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Svix-Webhooks/1 (ev.energy sandbox)",
            "svix-id": message.svix_id,
            "svix-timestamp": stamp,
            "svix-signature": " ".join(sign(key, message.svix_id, stamp, message.body) for key in self._keys),
            "svix-event-type": message.event,
        }
        try:
            async with session.post(self.url, data=message.body, headers=headers, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def sign(key: bytes, svix_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature of a message: the scheme's version and the HMAC-SHA256 of `id.timestamp.body` as base64."""
    signed = b".".join((svix_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()


def signing_key(secret: str) -> bytes:
    """Return the key in a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.

    Raises:
        ValueError: it is not `whsec_` and base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not key or not secret.startswith(_SECRET_PREFIX):
        raise ValueError(f"a webhook's secret is {_SECRET_PREFIX} and base64")
    return key


def checked_url(url: str, *, anywhere: bool) -> str:
    """Return the URL to deliver to, if it leads to this machine or may lead anywhere.

    Raises:
        ValueError: it does not.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"a webhook's URL is http or https, not {url!r}")
    if not anywhere and not is_loopback(parts.hostname):
        raise ValueError(
            f"webhooks are delivered to this machine only, not to {parts.hostname}, unless that is allowed"
        )
    return url


def is_loopback(host: str) -> bool:
    """Return whether a host is the loopback of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _svix_id(event: Event) -> str:
    """Return the ID of an event's message, the same in every run of the same world."""
    number = int.from_bytes(sha256(f"{event.sub_session_id}:{event.type}".encode()).digest())
    digits: list[str] = []
    while len(digits) < 27:  # noqa: PLR2004  # as many as Svix has
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "msg_" + "".join(digits)
