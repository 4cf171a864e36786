"""The way of a call, from its options to its data or error.

    user's middleware -> attempts: budget, token, wire

A client holds one, and so does each view with a token of its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from ev_energy_async import auth as auth_package
from ev_energy_async import budget as budget_package
from ev_energy_async import errors, messages
from ev_energy_async._lazy import lazy_module
from ev_energy_async.http.attempts import Attempts
from ev_energy_async.http.borrowed_tokens import BorrowedTokens
from ev_energy_async.http.middleware import chain, keeping_options
from ev_energy_async.http.responses import data_of
from ev_energy_async.http.shared import VERSION_HEADER
from ev_energy_async.http.token_endpoint import TokenEndpoint
from ev_energy_async.http.transport import lost
from ev_energy_async.messages import with_more_headers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Mapping

    from ev_energy_async.auth import Auth, Grant, TokenSource
    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.http import stats
    from ev_energy_async.http.limits import Limit
    from ev_energy_async.http.shared import Shared
    from ev_energy_async.masking import Secret
    from ev_energy_async.messages import CallOptions, Handler, RawResponse, Request, Response
else:
    stats = lazy_module("ev_energy_async.http.stats")

__all__ = ["Core", "Route"]

_USER_HEADER: Final = "EvEnergy-User"

T = TypeVar("T")


@attrs.frozen(eq=False, weakref_slot=False)
class Route:
    """The way of the requests of one view of a client.

    Attributes:
        handler: Takes a request through the user's middleware to the wire.
        headers: Headers of every request.
        user: The user in whose context they are made; None for none.
    """

    handler: Handler
    headers: Mapping[str, str]
    user: str | None


class Core:
    """The calls of one client, or of a view with a token of its own.

    Nothing is made before a call needs it: most of the views of many users wait for theirs.

    Args:
        shared: What it shares with the other views.
        credentials: A grant, an object with `access_token`, or None.
        budget: The request budget to share with other clients; None for one of its own.
        label: The client's name in logs and statistics.
        is_derived: Whether it belongs to a view, so that the rest of the client outlives it.
    """

    __slots__ = (
        "_auth",
        "_budget",
        "_calls",
        "_failures",
        "_last_success",
        "_owns_budget",
        "_retries",
        "credentials",
        "is_derived",
        "label",
        "shared",
    )

    def __init__(
        self,
        shared: Shared,
        credentials: Auth | Grant | None,
        budget: RequestBudget | None = None,
        label: str | None = None,
        *,
        is_derived: bool = False,
    ) -> None:
        self.shared = shared
        self.label = label
        self.credentials = credentials
        self.is_derived = is_derived
        self._auth: Auth | None = None
        # A budget that was handed in may be shared with other clients and outlives this one.
        self._owns_budget = budget is None
        self._budget = budget
        self._calls = self._failures = self._retries = 0
        self._last_success: dt.datetime | None = None

    def with_credentials(self, credentials: Auth | Grant | None, label: str | None) -> Core:
        """Return a core with another token and a budget of its own; it ends with this client."""
        return Core(self.shared, credentials, label=label, is_derived=True)

    @property
    def auth(self) -> Auth | None:
        """Where tokens come from; None without credentials."""
        credentials = self.credentials
        if self._auth is None and credentials is not None:
            if isinstance(credentials, auth_package.CallableAuth):
                self._auth = BorrowedTokens(credentials)
            elif auth_package.is_auth(credentials):
                self._auth = credentials
            else:
                shared = self.shared
                endpoint = TokenEndpoint(shared, credentials.token_url, self.label)
                jitter = shared.random.random()
                self._auth = auth_package.TokenSource(credentials, endpoint, shared.clock, jitter, shared.fetches)
        return self._auth

    @property
    def tokens(self) -> TokenSource | None:
        """The source of the tokens of a grant; None for other credentials, and for none."""
        auth = self.auth
        return None if auth is self.credentials or not isinstance(auth, auth_package.TokenSource) else auth

    @property
    def stands_for_an_application(self) -> bool:
        """Whether the token stands for the application rather than for one user."""
        credentials = self.credentials
        return credentials is not None and not auth_package.is_auth(credentials) and credentials.for_application

    @property
    def budget(self) -> RequestBudget:
        """The hourly budget of requests; that of anonymous callers without a token."""
        if self._budget is None:
            limit = budget_package.ANONYMOUS_LIMIT if self.credentials is None else budget_package.DEFAULT_LIMIT
            self._budget = budget_package.Budget(limit, clock=self.shared.clock)
        return self._budget

    def route(self, user: str | None) -> Route:
        """Return the way of requests in the context of a user."""
        shared = self.shared
        headers: Mapping[str, str] = shared.headers
        if self.credentials is not None and user is not None:
            headers = {**headers, _USER_HEADER: f"{shared.transport.base_url}/users/{user}"}
        attempts = Attempts(shared, headers, self.auth, self.budget)
        return Route(chain([*map(keeping_options, shared.middleware)], attempts), headers, user)

    async def call(self, route: Route, request: Request[T], options: CallOptions) -> Response[T]:
        """Send a request and decode its response, or raise."""
        shared = self.shared
        self._check(request, route.user)
        started = shared.clock.monotonic()
        more = options.headers
        headers = with_more_headers(request.headers, more) if more else request.headers
        request = request.changed(
            headers={**headers, **route.headers}, options=options.begun(started, request.on_bad_item)
        )
        self._calls += 1
        limit = shared.limits.within(options.deadline, self)
        try:
            with limit:
                response = await route.handler(request)
                if (answered := response.headers.get(VERSION_HEADER)) != shared.version and answered is not None:
                    shared.warn_of_version(answered)
                data = await data_of(request, response, shared.codec, shared.clock)
                made = response.with_data(data, keep_body=options.keep_body)
        except BaseException as error:
            self._failures += 1
            meant = self._meant(error, request, limit)
            self._tell(request, started, getattr(meant or error, "status", None), type(meant or error).__name__)
            if meant is not None:
                raise meant from error
            raise
        finally:
            if request.options.record.attempt.number > 1:
                self._retries += request.options.record.attempt.number - 1
        self._last_success = shared.clock.now()
        if shared.observers:
            self._tell(request, started, made.status, None)
        return made

    def _tell(self, request: Request[Any], started: float, status: int | None, error: str | None) -> None:
        duration, attempts = self.shared.clock.monotonic() - started, request.options.record.attempts
        call = messages.CallFinished(request, status, error, duration, attempts, self.budget.remaining)
        for observer in self.shared.observers:
            observer.on_call(call)

    def tell(self, event: object) -> None:
        """Tell observers of an event of a watch."""
        for observer in self.shared.observers:
            observer.on_event(self.label, event)

    def _check(self, request: Request[Any], user: str | None) -> None:
        operation = request.operation
        if operation.user == "required" and user is None and self.stands_for_an_application:
            raise errors.InvalidArgument("user", None, f"a user for {operation.name}: call it on `as_user(...)`")
        if self.shared.read_only and request.method not in messages.SAFE_METHODS:
            raise errors.InvalidArgument(
                "operation", operation.name, "one that only reads, since the client is read-only"
            )
        self.shared.check_loop()
        self._check_open(request)

    def _check_open(self, request: Request[Any]) -> None:
        if self.shared.closed:
            raise errors.ConnectionFailed(request, "the client is closed", unsent=True, transient=False)

    async def put(self, request: Request[Any], url: Secret[str], body: AsyncIterator[bytes]) -> RawResponse:
        """Send a body to a URL that is not the API's: once, without token and user, within the deadline of a call."""
        self._check_open(request)
        request = request.changed(options=request.options.begun(self.shared.clock.monotonic()))
        limit = self.shared.limits.within(request.options.deadline, self)
        try:
            with limit:
                return await self.shared.transport.exchange(request, url, request, stream=body)
        except Exception as error:
            if (meant := self._meant(error, request, limit)) is not None:
                raise meant from error
            raise

    def _meant(self, error: BaseException, request: Request[Any], limit: Limit) -> errors.TransportError | None:
        """Return the error that a call ends with in place of the one that came up; None if it is the same."""
        record = request.options.record
        if isinstance(error, errors.TransportError):
            if not record.in_doubt or isinstance(error, errors.OutcomeUnknown):
                return None
            # That the last attempt did not get far does not settle what became of the one before.
            failure = lost(request, type(error), error.reason, sent=True)
            failure.retry_at = error.retry_at
            return failure
        if not isinstance(error, TimeoutError) or not limit.expired:
            return None  # a timeout may be one of the caller's own, from middleware or auth
        sent = record.attempt.sent or record.in_doubt
        if self.shared.closed:
            return lost(request, errors.ConnectionFailed, "the client is closed", sent=sent)
        reason = f"not within the deadline of {request.options.deadline:g} s"
        return lost(request, errors.RequestTimeout, reason, sent=sent)

    def stats(self) -> stats.Stats:
        """Return the figures, without a request."""
        tokens = self.tokens
        token = None if tokens is None else tokens.token
        return stats.Stats(
            label=self.label,
            calls=self._calls,
            failures=self._failures,
            under_way=self.shared.limits.count(self),
            retries=self._retries,
            last_success=self._last_success,
            token_expires_at=None if token is None else token.expires_at,
            budget_limit=self.budget.limit,
            budget_remaining=self.budget.remaining,
            budget_used=self.budget.used,
            budget_waiting=self.budget.waiting,
            budget_next_free=self.budget.next_free,
            drift=self.shared.codec.drift,
        )

    async def close(self) -> None:
        """End the client with all its views: their calls and token fetches, and the session if it is its own."""
        shared = self.shared
        shared.closed = True
        # Whoever waits for a budget does so in a call.
        calling = [owner for owner in shared.limits.owners() if isinstance(owner, Core)]
        shared.limits.end()
        try:
            # Together, since each may have some seconds to finish.
            await asyncio.gather(*(source.close() for source in {*shared.fetches.values()}))
            for each in {self, *calling}:
                await each.release()
        finally:
            await shared.transport.close()

    async def end(self) -> None:
        """End the calls under way, and release what they needed."""
        self.shared.limits.end(self)
        await self.release()

    async def release(self) -> None:
        """End the token fetch under way, and the budget if it is its own."""
        if self._auth is not None and (tokens := self.tokens) is not None:
            await tokens.close()
        if self._owns_budget and self._budget is not None:
            await self._budget.close()
