"""What a client and its views share: the way of a call, from its options to its data or error.

    user's middleware -> retry -> budget -> token and user header -> wire

`client` makes one and gives it names; nothing else imports it. What a call goes through is imported at the first call:
making a client costs little.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import attrs
import msgspec

from ev_energy_async import auth, errors
from ev_energy_async.codec import Drift, decode_strict
from ev_energy_async.http.transport import lost
from ev_energy_async.messages import DEFAULT_TIMEOUT, BadItem, CallOptions, Request, Response, with_more_headers
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from ev_energy_async.auth import Auth, Grant, TokenSource
    from ev_energy_async.budget import Budget
    from ev_energy_async.clock import Clock, RandomSource
    from ev_energy_async.codec import Codec
    from ev_energy_async.http.limits import Limit
    from ev_energy_async.http.transport import Exchanged, Transport
    from ev_energy_async.messages import Handler, Middleware, RawResponse

__all__ = ["VERSION_HEADER", "Core", "Stats"]

_LOG: Final = logging.getLogger("ev_energy_async")
VERSION_HEADER: Final = "EvEnergy-Version"
_REDIRECTS: Final = range(300, 400)
_SUCCESSES: Final = range(200, 300)
_NO_CONTENT: Final = 204
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

T = TypeVar("T")
R = TypeVar("R")


@attrs.frozen
class Stats:
    """What a client knows of itself; asking costs no request.

    Attributes:
        label: The client's label.
        calls: Calls made.
        failures: Calls that ended with an error.
        under_way: Calls that have not ended.
        retries: Tries beyond the first.
        last_success: When a call last ended well, aware; None if none has.
        token_expires_at: When the token ends, aware; None if there is none or it is not known.
        budget_limit: Requests in a rolling hour.
        budget_remaining: Requests that could go at once.
        budget_used: Requests spent in the last hour, as far as it is known.
        budget_waiting: Calls that wait for the budget.
        budget_next_free: When a request that came now could go, aware; None if at once.
        drift: Where answers departed from the schema.
    """

    label: str | None
    calls: int
    failures: int
    under_way: int
    retries: int
    last_success: dt.datetime | None
    token_expires_at: dt.datetime | None
    budget_limit: int
    budget_remaining: int
    budget_used: int
    budget_waiting: int
    budget_next_free: dt.datetime | None
    drift: frozenset[Drift]


class Core:
    """The shared part of a client."""

    def __init__(
        self,
        credentials: Auth | Grant | None,
        transport: Transport,
        codec: Codec,
        clock: Clock,
        random: RandomSource,
        middleware: tuple[Middleware, ...],
        budget: Budget | None,
        version: str,
        link_origins: frozenset[str],
        *,
        read_only: bool,
        label: str | None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.credentials = credentials
        self.transport = transport
        self.codec = codec
        self.clock = clock
        self.random = random
        self.version = version
        self.link_origins = link_origins
        self.read_only = read_only
        self.label = label
        self.timeout = timeout
        self.tokens: TokenSource | None = None
        self.auth: Auth | None = None
        self._token_url: str | None = None
        self._stands_for_an_application = False
        if credentials is not None:
            self._identify(credentials)
        # A budget that was handed in may be shared with other clients, and goes on without this one.
        self._owns_budget = budget is None
        self._budget = budget
        self._middleware = middleware
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits: set[Limit] = set()
        self._version_warned = False
        self._closed = False
        self._calls = self._failures = self._retries = 0
        self._last_success: dt.datetime | None = None

    def _identify(self, credentials: Auth | Grant) -> None:
        if isinstance(credentials, auth.Auth):
            self.auth = credentials
            return
        self._token_url = credentials.token_url
        self._stands_for_an_application = credentials.for_application
        self.auth = self.tokens = auth.TokenSource(credentials, self._exchange, self.clock)

    @property
    def budget(self) -> Budget:
        """The hourly budget of requests; that of anonymous callers without a token."""
        if self._budget is None:
            from ev_energy_async.budget import ANONYMOUS_LIMIT, DEFAULT_LIMIT, Budget  # noqa: PLC0415  # at the first call

            self._budget = Budget(ANONYMOUS_LIMIT if self.auth is None else DEFAULT_LIMIT, clock=self.clock)
        return self._budget

    def handler(self, user: str | None) -> Handler:
        """Return the way of a request, in the context of a user."""
        from ev_energy_async.http.middleware import chain, keeping_options, with_auth, with_budget  # noqa: PLC0415  # at the first call
        from ev_energy_async.http.retry import with_retries  # noqa: PLC0415  # at the first call

        theirs = map(keeping_options, self._middleware)
        shared = [*theirs, with_retries(self.clock, self.random), with_budget(self.budget, self.clock)]
        if self.auth is None:
            return chain(shared, self.transport)
        user_url = None if user is None else f"{self.transport.base_url}/users/{user}"
        return chain([*shared, with_auth(self.auth, user_url)], self.transport)

    async def call(self, handler: Handler, request: Request[T], user: str | None, options: CallOptions) -> Response[T]:
        """Send a request and decode its answer, or raise."""
        self._check(request, user)
        self._check_open(request)
        request = Request(
            request.operation,
            request.path,
            request.query,
            with_more_headers(request.headers, options.headers) if options.headers else request.headers,
            request.body,
            options.begun(self.clock.monotonic(), request.on_bad_item),
            request.on_bad_item,
        )
        self._calls += 1
        try:
            response = await self._limited(handler, request)
            self._check_version(response)
            made = response.with_data(self._data(request, response))
        except BaseException:
            self._failures += 1
            raise
        finally:
            self._retries += max(0, request.options.record.attempts - 1)
        self._last_success = self.clock.now()
        return made

    def _check(self, request: Request[Any], user: str | None) -> None:
        operation = request.operation
        if operation.user == "required" and user is None and self._stands_for_an_application:
            raise errors.InvalidArgument("user", None, f"a user for {operation.name}: call it on `as_user(...)`")
        if self.read_only and request.method not in _READS:
            raise errors.InvalidArgument(
                "operation", operation.name, "one that only reads, since the client is read-only"
            )
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise errors.EvEnergyError("this client belongs to another event loop; make one client for each loop")

    def _check_open(self, request: Request[Any]) -> None:
        if self._closed:
            raise errors.ConnectionFailed(request, "the client is closed", unsent=True, passing=False)

    async def put(
        self, request: Request[Any], url: str, headers: Mapping[str, str], body: AsyncIterator[bytes]
    ) -> Exchanged:
        """Send a body to a URL that is not the API's: without token and user, once, within the time of a call."""
        self._check_open(request)
        request = request.with_options(request.options.begun(self.clock.monotonic()))
        return await self._limited(lambda made: self.transport.put(made, url, headers, body), request)

    async def _limited(self, handler: Callable[[Request[Any]], Awaitable[R]], request: Request[Any]) -> R:
        """Pass a request on within its deadline, and no longer than the client is open."""
        record = request.options.record
        limit = self.transport.limits.within(request.options.deadline)
        self._limits.add(limit)
        try:
            with limit:
                return await handler(request)
        except errors.TransportError as error:
            if not record.in_doubt or isinstance(error, errors.OutcomeUnknown):
                raise
            # That the last try did not get far is not all there is to say.
            failure = lost(request, type(error), error.reason, sent=True)
            failure.retry_at = error.retry_at
            raise failure from error
        except TimeoutError as error:
            if not limit.expired:
                raise  # one of the caller's own, from middleware or auth
            if self._closed:
                reason = "the client is closed"
            else:
                reason = f"not within the deadline of {request.options.deadline:g} s"
            kind = errors.ConnectionFailed if self._closed else errors.RequestTimeout
            raise lost(request, kind, reason, sent=record.sent or record.in_doubt) from error
        finally:
            self._limits.discard(limit)

    def _data(self, request: Request[T], response: RawResponse) -> T:
        """Return what the answer comes to, or raise the error that it is."""
        operation = request.operation
        data: Any
        if operation.location and response.status in _REDIRECTS:
            location = response.headers.get("Location")
            if not location:
                raise errors.DecodeError("a redirect without an address", "Location", response)
            data = location
        elif response.status not in _SUCCESSES:
            raise self._error(request, response)
        elif operation.into is None or (not response.body and response.status == _NO_CONTENT):
            data = None
        else:
            data = self._decoded(request, response)
        result: T = data
        return result

    def _error(self, request: Request[Any], response: RawResponse) -> errors.ApiError:
        from ev_energy_async.http.retry import retry_after  # noqa: PLC0415  # at the first call

        error = errors.error_for(response)
        wait = retry_after(response.headers, self.clock.now())
        error.retry_at = request.options.record.retry_at
        if wait is not None:
            error.retry_at = self.clock.now() + dt.timedelta(seconds=wait)
        if isinstance(error, errors.RateLimited):
            error.retry_after = wait
        return error

    def _decoded(self, request: Request[Any], response: RawResponse) -> Any:
        operation = request.operation
        try:
            return self.codec.decode(response.body, operation.answer_type())
        except errors.DecodeError as error:
            kind = response.headers.get("Content-Type", "")
            if "json" not in kind:
                reason = f"answered with {kind or 'no content type'}, not JSON ({error.reason})"
                raise errors.DecodeError(reason, error.path, response) from error
            if operation.is_list and error.path.startswith(
                "$[" if operation.items is None else f"$.{operation.items}["
            ):
                return self._good_part(request, response, error)
            raise errors.DecodeError(error.reason, error.path, response) from error

    def _good_part(self, request: Request[Any], response: RawResponse, first: errors.DecodeError) -> Any:
        """Return a page of which some items cannot be decoded, as the options of the call have it."""
        key = request.operation.items
        into: Any = request.operation.into() if request.operation.into is not None else Any
        if key is None:
            return self._good_items(request, response, response.body, into, first)
        # The items stand in an object: they are decoded apart from it.
        members: dict[str, msgspec.Raw] = decode_strict(response.body, dict[str, msgspec.Raw])
        items = self._good_items(request, response, bytes(members[key]), _item_type(into, key), first)
        page: Any = self.codec.decode(msgspec.json.encode({**members, key: []}), into)
        setattr(page, key, items)
        return page

    def _good_items(
        self, request: Request[Any], response: RawResponse, body: bytes, into: Any, first: errors.DecodeError
    ) -> list[Any]:
        on_bad_item = request.options.on_bad_item
        good: list[Any] = []
        for index, (raw, item) in enumerate(self.codec.decode_items(body, into)):
            if not isinstance(item, errors.DecodeError):
                good.append(item)
            elif on_bad_item == "skip":
                self.codec.report(Drift(getattr(into, "__name__", str(into)), "[]", "undecodable"))
            elif on_bad_item != "raise":
                replacement = on_bad_item(BadItem(index, raw, item.reason, item.path))
                if replacement is not UNSET:
                    good.append(replacement)
        if on_bad_item == "raise":
            failure = errors.DecodeError(first.reason, first.path, response)
            failure.items = good
            raise failure from first
        return good

    def _check_version(self, response: RawResponse) -> None:
        answered = response.headers.get(VERSION_HEADER)
        if answered is not None and answered != self.version and not self._version_warned:
            self._version_warned = True
            said = "%sasked for version %s of the API, answered in version %s"
            _LOG.warning(said, "" if self.label is None else f"{self.label}: ", self.version, answered)

    async def _exchange(self, request: Request[Any]) -> RawResponse:
        """Send a request to the token or revocation endpoint."""
        stated = self._token_url
        parts = urlsplit(stated or self.transport.base_url)
        is_revocation = request.operation.name == "oauth.revoke"
        url = stated if stated and not is_revocation else f"{parts.scheme}://{parts.netloc}{request.path}"
        # The form holds codes and tokens: what errors carry goes without it.
        options = CallOptions(self.timeout, label=self.label)
        shown = Request(request.operation, request.path, headers=request.without_secrets().headers, options=options)
        try:
            status, headers, body = await self.transport.exchange(shown, url, request.headers, request.body)
        except errors.OutcomeUnknown as error:
            # Nothing that the caller asked for is in doubt by it, and a token can be asked for again.
            kind = errors.RequestTimeout if isinstance(error.__cause__, TimeoutError) else errors.ConnectionFailed
            raise kind(shown, error.reason) from error
        return Response(shown, url, status, headers, body, body)

    def stats(self) -> Stats:
        """Return what is known without asking."""
        token = None if self.tokens is None else self.tokens.token
        return Stats(
            label=self.label,
            calls=self._calls,
            failures=self._failures,
            under_way=len(self._limits),
            retries=self._retries,
            last_success=self._last_success,
            token_expires_at=None if token is None else token.expires_at,
            budget_limit=self.budget.limit,
            budget_remaining=self.budget.remaining,
            budget_used=self.budget.used,
            budget_waiting=self.budget.waiting,
            budget_next_free=self.budget.next_free,
            drift=self.codec.drift,
        )

    async def close(self) -> None:
        """End the calls under way, a token fetch, and the session if it is the client's own."""
        self._closed = True
        for limit in list(self._limits):
            limit.expire()
        if self.tokens is not None:
            await self.tokens.close()
        if self._owns_budget and self._budget is not None:
            await self._budget.close()
        await self.transport.close()


def _item_type(into: Any, key: str) -> Any:
    """Return the type of the items that stand under a key of a model."""
    kinds = get_args(get_type_hints(into)[key])
    return next(get_args(kind)[0] for kind in kinds if get_origin(kind) is list)
