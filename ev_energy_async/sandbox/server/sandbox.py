"""The sandbox as a server: the parts put together, and what tests want to know about it."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from ev_energy_async.sandbox.clock import Clock, RealClock, ScaledClock, Timekeeper
from ev_energy_async.sandbox.faults import FaultPlan
from ev_energy_async.sandbox.handlers import HANDLERS, prepared
from ev_energy_async.sandbox.instants import http_date, instant
from ev_energy_async.sandbox.oauth import (
    AUTHORIZE_PATH,
    KEPT,
    REDIRECT_URIS,
    REVOKE_PATH,
    TOKEN_PATH,
    Application,
    Consent,
    ConsentDesk,
    OAuth,
    TokenIssuer,
    lifetime_seconds,
)
from ev_energy_async.sandbox.protocol import Problem, Request, load
from ev_energy_async.sandbox.record import Delivery, Record, Served
from ev_energy_async.sandbox.resources import GROUPS
from ev_energy_async.sandbox.server.api import PREFIX, Api, Route
from ev_energy_async.sandbox.server.callers import Callers
from ev_energy_async.sandbox.server.fast import FastPages
from ev_energy_async.sandbox.server.gate import Gate
from ev_energy_async.sandbox.server.hosts import Hosts
from ev_energy_async.sandbox.server.listener import Listener
from ev_energy_async.sandbox.server.service import Outcome, Service, encoded, served
from ev_energy_async.sandbox.server.uploads import Uploads
from ev_energy_async.sandbox.webhooks import WEBHOOK_SECRET, Deliverer, Event, checked_url
from ev_energy_async.sandbox.world import Fleet, World

_LOG: Final = logging.getLogger("ev_energy_async.sandbox")
_KEPT: Final = 10_000
_AHEAD_AT_ONCE: Final = 20  # vehicles encoded between two looks at the sockets


class Sandbox:
    """A local server that behaves like the ev.energy API, with a simulated fleet behind it.

    Example:
        >>> async with Sandbox(vehicles=100, seed=7) as sandbox:
        ...     print(sandbox.base_url, sandbox.client_id, sandbox.client_secret)
    """

    def __init__(
        self,
        *,
        vehicles: int = 100,
        evses: int | None = None,
        seed: int = 7,
        rate_limit: int = 1_000,
        anonymous_rate_limit: int = 50,
        token_lifetime: float | timedelta = 36_000,
        refresh_token_lifetime: float | timedelta | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        upload_port: int = 0,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107  # it opens nothing
        redirect_uris: Iterable[str] = REDIRECT_URIS,
        allowed_hosts: Iterable[str] = (),
        auto_consent: str | bool = False,
        webhook_url: str | None = None,
        webhook_secret: str | Sequence[str] = WEBHOOK_SECRET,
        webhook_anywhere: bool = False,
        faults: FaultPlan | None = None,
        record: str | Path | None = None,
        kept_requests: int | None = _KEPT,
        kept_tokens: int = KEPT,
        control: bool = False,
        console: bool = False,
        fast: bool = False,
    ) -> None:
        """Make a sandbox and build its world. It listens from `start` on, which `async with` calls.

        Args:
            vehicles: the number of vehicles.
            evses: the number of charge points; by default three for every five vehicles.
            seed: the seed of the world and of all chance.
            rate_limit: requests in a rolling hour for each application and user.
            anonymous_rate_limit: requests in a rolling hour for each address without a token.
            token_lifetime: the lifetime of an access token, in seconds of the sandbox or as a timedelta.
            refresh_token_lifetime: the same for a refresh token; None never expires.
            clock: the sandbox's clock; the machine's by default. `SteppedClock` stands still between calls of
                `advance`, `ScaledClock(600)` runs fast.
            host: the address to listen on.
            port: the port to listen on; 0 takes a free one.
            upload_port: the same for the second origin, which receives presigned uploads.
            client_id: the application's id.
            client_secret: the application's secret.
            redirect_uris: the registered redirect URIs, compared as complete strings.
            allowed_hosts: further names in `Host` to accept, besides those of this machine's loopback and `host`.
            auto_consent: the ID of a user who consents without seeing the page; True is the first user.
            webhook_url: the URL that events are delivered to; None delivers none.
            webhook_secret: the signing secret, `whsec_...`; with several, deliveries carry a signature of each.
            webhook_anywhere: whether webhooks may go to other machines.
            faults: the fault plan.
            record: a file of JSON lines that receives everything served and delivered.
            kept_requests: the number of entries that `requests` and `deliveries` each keep; None keeps all.
            kept_tokens: the number of tokens of each kind kept, and of callers whose request limit is remembered.
            control: whether the control endpoint `/_sandbox/` is on; the default clock can then be moved forward.
            console: whether the console `/_sandbox/ui/` is on, a web page; the same goes for the clock.
            fast: whether `GET /vehicles` is served from items encoded ahead.

        Raises:
            ValueError: the webhook's URL or secret or a lifetime is invalid, or the consenting user does not exist.
        """
        self.client_id = client_id
        self.client_secret = client_secret
        self.webhook_url = webhook_url
        self.webhook_secrets = (webhook_secret,) if isinstance(webhook_secret, str) else tuple(webhook_secret)
        self.record = Record(kept=kept_requests, path=record)
        self._clock = Timekeeper(clock or (ScaledClock() if control or console else RealClock()))
        document, now = load(), instant(self._clock.now())
        self.world = World(vehicles=vehicles, evses=evses, seed=seed, start=now, groups=GROUPS)
        plan = faults or FaultPlan()
        self.world.arrivals.use(plan, now, from_the_beginning=True)
        if isinstance(auto_consent, str) and auto_consent not in self.world.users:
            raise ValueError(f"there is no user {auto_consent!r} in the sandbox")
        self._tokens = TokenIssuer(
            Application(client_id, client_secret, tuple(redirect_uris)),
            document.scopes,
            lifetime_seconds(token_lifetime),
            refresh_lifetime_seconds=None
            if refresh_token_lifetime is None
            else lifetime_seconds(refresh_token_lifetime),
            kept=kept_tokens,
            speed=lambda: self._clock.speed,
        )
        callers = Callers(
            self._tokens, rate_limit=rate_limit, anonymous_limit=anonymous_rate_limit, speed=lambda: self._clock.speed
        )
        self._desk = ConsentDesk(self._tokens, self.world.users, auto_consent=auto_consent)
        self._fast = FastPages(document, self.world) if fast else None
        self._api = Api(document, self.world, OAuth(self._tokens, self._desk), callers, fast=self._fast)
        self._service = Service(self._api, plan, now)
        self.fleet = Fleet(self.world, self.now, self._forget)
        """The vehicles, to be changed while the sandbox runs, and the truth about their logs."""
        self._uploads = Uploads(self.world.upload)
        self.gate = Gate(self, self._clock, callers, self._api, control=control, console=console)
        self._deliverer: Deliverer | None = None
        if webhook_url is not None:
            self._deliverer = Deliverer(
                self.world.events.portions,
                self._told,
                self._clock,
                self.record,
                lambda: self._service.faults,
                url=checked_url(webhook_url, anywhere=webhook_anywhere),
                secrets=self.webhook_secrets,
            )
        self._hosts = Hosts(host, allowed_hosts)
        self._listener = Listener(self._serve, self._date, host, port)
        self._upload_listener = Listener(self._serve_upload, self._date, host, upload_port)
        self._ahead: asyncio.Task[None] | None = None
        self._running = False
        self.unsimulated = tuple(sorted(set(document.operations).difference(HANDLERS)))
        """The operations of the document that the sandbox does not simulate: it returns examples of their schemas."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        """The scheme, host and port, such as `http://127.0.0.1:49152`."""
        return self._api.origin

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return self.origin + PREFIX

    @property
    def token_url(self) -> str:
        """The URL of the token endpoint."""
        return self.origin + TOKEN_PATH

    @property
    def authorize_url(self) -> str:
        """The URL of the authorization endpoint, where users consent."""
        return self.origin + AUTHORIZE_PATH

    @property
    def revoke_url(self) -> str:
        """The URL of the revocation endpoint."""
        return self.origin + REVOKE_PATH

    @property
    def control_url(self) -> str | None:
        """The URL of the control endpoint for other processes; None unless the sandbox was made with `control=True`."""
        return self.gate.control_url

    @property
    def console_url(self) -> str | None:
        """The URL of the console for a browser; None unless the sandbox was made with `console=True`."""
        return self.gate.console_url

    @property
    def upload_origin(self) -> str:
        """The origin of presigned upload URLs."""
        return self.world.upload_origin

    @property
    def requests(self) -> deque[Served]:
        """The requests served, oldest first; by default the last 10,000 of them."""
        return self.record.requests

    @property
    def deliveries(self) -> deque[Delivery]:
        """The attempts to deliver webhooks, oldest first."""
        return self.record.deliveries

    @property
    def faults(self) -> FaultPlan:
        """The fault plan. A new plan takes effect at once; its counts and times start then."""
        return self._service.faults.plan

    @faults.setter
    def faults(self, plan: FaultPlan) -> None:
        now = instant(self.now())
        self.world.arrivals.use(plan, now)
        self._service.use(plan, now)
        for listener in (self._listener, self._upload_listener):
            listener.release()

    @property
    def under_way(self) -> int:
        """The number of API requests being handled now."""
        return self._listener.under_way

    @property
    def most_under_way(self) -> int:
        """The highest number of API requests handled at once so far."""
        return self._listener.most_under_way

    def uploaded(self, file_id: str) -> bytes | None:
        """Return the content uploaded for a rebate evidence file; None if nothing was uploaded."""
        upload = self.world.upload(file_id)
        return None if upload is None else upload.content

    def now(self) -> datetime:
        """Return the present, by the sandbox's clock."""
        return self._clock.now()

    def advance(self, by: float | timedelta) -> None:
        """Move the time of fleet, rate limit, tokens and webhooks forward, by seconds or a timedelta.

        Raises:
            RuntimeError: the sandbox was not made with a `SteppedClock` or a `ScaledClock`.
            ValueError: `by` is negative.
        """
        self._clock.advance(by)

    async def settle(self) -> None:
        """Wait until every webhook that is due by now has been attempted once."""
        if self._deliverer is not None:
            await self._deliverer.settle()

    def redeliver(self, svix_id: str) -> None:
        """Redeliver a webhook at once, under the same ID.

        Raises:
            KeyError: there was none of this ID.
        """
        if self._deliverer is None:
            raise KeyError(svix_id)
        self._deliverer.redeliver(svix_id)

    def issue_token(self, *, user: str | None = None, scopes: Iterable[str] | None = None) -> str:
        """Return an access token without the way through OAuth: of the application, or of the user with that ID.

        Example:
            >>> driver = sandbox.issue_token(user=next(iter(sandbox.world.users)).id, scopes=["vehicle:read"])

        Raises:
            ValueError: there is no such user.
        """
        if user is not None and user not in self.world.users:
            raise ValueError(f"there is no user {user!r} in the sandbox")
        return self._tokens.issue(instant(self.now()), scopes=scopes, user_id=user).text

    def issue_refresh_token(self, *, user: str | None = None, scopes: Iterable[str] | None = None) -> str:
        """Return a refresh token of a user without the way through OAuth; by default the first user and all scopes.

        Raises:
            ValueError: there is no such user.
        """
        user = next(iter(self.world.users)).id if user is None else user
        if user not in self.world.users:
            raise ValueError(f"there is no user {user!r} in the sandbox")
        granted = self._tokens.scopes if scopes is None else frozenset(scopes)
        return self._tokens.issue_refresh(instant(self.now()), Consent(user, granted, public=True), granted).text

    async def start(self) -> None:
        """Start to listen.

        Raises:
            RuntimeError: it does already.
            OSError: the address is taken or not of this machine, or the record can't be written.
        """
        if self._running:
            raise RuntimeError("The sandbox is running.")
        self.record.open()
        try:
            self._api.origin = await self._listener.start()
            self.world.upload_origin = await self._upload_listener.start()
        except BaseException:
            await self.stop()
            raise
        self._running = True
        if self.unsimulated:
            _LOG.warning(
                "The sandbox does not simulate these operations and returns examples of their schemas: %s",
                ", ".join(self.unsimulated),
            )
        if self._deliverer is not None:
            self._deliverer.start()
        if self._fast is not None:
            self._ahead = asyncio.create_task(self._encode_ahead(self._fast), name="sandbox-ahead")

    async def stop(self) -> None:
        """Close all connections and stops listening. A sandbox that is not running stays so."""
        self._running = False
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._ahead = None
        try:
            if self._deliverer is not None:
                await self._deliverer.stop()
        finally:
            self.gate.close()
            await self._upload_listener.stop()
            await self._listener.stop()
            self.record.close()

    async def _encode_ahead(self, fast: FastPages) -> None:
        for number, _ in enumerate(fast.ahead(self.client_id, self.base_url, lambda: instant(self.now()))):
            if number % _AHEAD_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _told(self, event: Event) -> object:
        """Return the sub-session of an event, as the API returns it."""
        return self._api.read(
            "charging_sub_sessions.get", instant(self.now()), charging_sub_session_id=event.sub_session_id
        )

    def _forget(self, vehicle: str) -> None:
        if self._fast is not None:
            self._fast.forget(vehicle)

    def _date(self) -> str:
        """Return the present as a header writes it."""
        return http_date(instant(self._clock.now()))

    async def _serve(self, request: Request, refusal: Problem | None) -> Outcome:
        if misdirected := self._hosts.refusal(request.headers):
            return self._turn_away(request, misdirected, "api")
        if (gated := await self.gate.serve(request, refusal)) is not None:
            return gated
        if "Authorization" in request.headers:
            name = request.path.removeprefix(PREFIX + "/")
            for _ in prepared(self.world.sessions, instant(self._clock.now()), name, request.query):
                await asyncio.sleep(0)
        moment = self._clock.now()
        outcome = self._service.serve(request, instant(moment), refusal)
        self.record.served(served(request, outcome, moment, "api"))
        return outcome

    async def _serve_upload(self, request: Request, refusal: Problem | None) -> Outcome:
        if misdirected := self._hosts.refusal(request.headers):
            return self._turn_away(request, misdirected, "upload")
        moment = self._clock.now()
        outcome = self._service.serve_elsewhere(
            request, instant(moment), lambda: self._uploads.answer(request, instant(moment), refusal)
        )
        self.record.served(served(request, outcome, moment, "upload"))
        return outcome

    def _turn_away(self, request: Request, problem: Problem, origin: str) -> Outcome:
        outcome = encoded(problem.reply(), Route())
        self.record.served(served(request, outcome, self._clock.now(), origin))
        return outcome
