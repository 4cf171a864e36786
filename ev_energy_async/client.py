"""The client: one object for a program to hold, with the groups of operations and the handles on devices.

It wires the parts together and adds nothing of its own to a request but what the constructor says.
"""

from __future__ import annotations

import os
import random as random_module
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import attrs
from msgspec.structs import replace

from ev_energy_async import checkpoint, config, errors, messages
from ev_energy_async import codec as codec_package
from ev_energy_async import fleet as fleet_package
from ev_energy_async._lazy import lazy_module
from ev_energy_async.api import _document
from ev_energy_async.calls import Group
from ev_energy_async.clock import Clock, Duration, RandomSource, SystemClock, seconds
from ev_energy_async.flows import Flows
from ev_energy_async.http import Core, Shared, Transport
from ev_energy_async.messages import DEFAULT_DEADLINE, DEFAULT_TIMEOUT, CallOptions, OnBadItem, Retry
from ev_energy_async.urls import BASE_URL

if TYPE_CHECKING:
    import ssl as tls
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Unpack

    import aiohttp
    from cattrs import Converter

    from ev_energy_async import health
    from ev_energy_async.auth import Auth, Grant
    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.codec import Drift
    from ev_energy_async.fleet import Fleet
    from ev_energy_async.http import Route, Stats
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Middleware, Observer, Request, Response
else:
    health = lazy_module("ev_energy_async.health")

__all__ = ["BASE_URL", "EvEnergy"]


T = TypeVar("T")
# One for all clients: each holds a state of 2.5 KB, although this one does not use it.
_RANDOM: Final = random_module.SystemRandom()


class EvEnergy(Flows):
    """A client for the ev.energy v2 API.

    Args:
        auth: `ClientCredentials`, `AuthorizationCode`, `RefreshToken`, `StaticToken`, any object with `access_token`
            (see `Auth`), or None for the public operations alone.
        user: User in whose context to call (ID, URL or model), under client credentials; see `as_user`.
        base_url: Base URL of the API. The token endpoint is on the same origin unless `auth` names another.
        version: `EvEnergy-Version` to request.
        session: An aiohttp session to use; it is left open, and its proxy, TLS and `trust_env` settings apply. None for
            a session of the client's own, which `close` closes.
        timeout: Limit of one attempt, from the moment a connection is free for it to the end of its body; in seconds.
        deadline: Limit of one call as a whole: budget, token, connection, attempts; in seconds.
        retry: The retry policy.
        budget: The hourly request budget, to share it with other clients of the same application, or a share of one;
            None for a budget of the client's own.
        middleware: Functions `(request, next)`, called once per call, the first outermost; they never see the token.
        converter: A converter from `codec.make_converter()` with hooks of your own for decoding.
        on_drift: Called once with each kind of departure of responses from the schema.
        report_unknown: Whether keys that the schema does not know count as such; models drop them either way. Looking
            for them costs about as much as decoding.
        on_bad_item: What to do with an item of a list that cannot be decoded: `raise`, `skip`, or a function.
        keep_body: Whether responses keep their raw body beside the data. Without it a page that is held takes half the
            memory; errors of the API and of decoding carry theirs all the same.
        read_only: Whether to refuse every call that writes.
        label: The client's name in `repr`, logs and metrics.
        link_origins: Origins besides that of `base_url` that `Link` headers may name, as behind a gateway; pages are
            still fetched from `base_url`.
        ssl: TLS context of the client's own session, as for a private certificate authority.
        user_agent: Product and version of your program, put in front of the client's own `User-Agent`.
        allow_http: Whether `base_url` and token endpoint may be unencrypted beyond this machine.
        clock: Source of time, for tests.
        random: Source of randomness, for tests.

    Raises:
        InvalidArgument: An argument is not as described.

    One client belongs to one event loop. Without a session, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured.

    Example:
        >>> async with EvEnergy(ClientCredentials(client_id, client_secret)) as ev:  # doctest: +SKIP
        ...     async for vehicle in ev.vehicles.list(expand=["latest_status_log"], page_size=100):
        ...         print(vehicle.id, vehicle.latest_status_log)
    """

    def __init__(
        self,
        auth: Auth | Grant | None = None,
        *,
        user: Ref | None = None,
        base_url: str = BASE_URL,
        version: str | int = _document.API_VERSION,
        session: aiohttp.ClientSession | None = None,
        timeout: Duration = DEFAULT_TIMEOUT,
        deadline: Duration = DEFAULT_DEADLINE,
        retry: Retry | None = None,
        budget: RequestBudget | None = None,
        middleware: Sequence[Middleware] = (),
        converter: Converter | None = None,
        on_drift: Callable[[Drift], object] | None = None,
        report_unknown: bool = False,
        on_bad_item: OnBadItem = "raise",
        keep_body: bool = True,
        read_only: bool = False,
        label: str | None = None,
        link_origins: Iterable[str] = (),
        ssl: tls.SSLContext | None = None,
        user_agent: str | None = None,
        allow_http: bool = False,
        clock: Clock | None = None,
        random: RandomSource | None = None,
    ) -> None:
        config.check_auth(auth, allow_http=allow_http)
        transport = Transport(
            config.check_base_url(base_url, allow_http=allow_http),
            session,
            user_agent=None if user_agent is None else config.check_text("user_agent", user_agent),
            tls=config.check_ssl(ssl, session),
            label=label,
        )
        shared = Shared(
            transport,
            lambda: codec_package.Codec(converter, on_drift, report_unknown=report_unknown),
            clock or SystemClock(),
            random or _RANDOM,
            config.check_middleware(middleware),
            config.check_text("version", version),
            config.check_origins(link_origins),
            read_only=read_only,
            label=label,
            timeout=seconds("timeout", timeout),
            allow_http=allow_http,
        )
        options = CallOptions(
            seconds("timeout", timeout),
            seconds("deadline", deadline),
            Retry() if retry is None else messages.check_retry(retry),
            on_bad_item=messages.check_on_bad_item(on_bad_item),
            label=label,
            base_url=transport.base_url,
            keep_body=messages.check_keep_body(keep_body),
        )
        self._core = Core(shared, auth, budget, label)
        self._user = None if user is None else config.check_user(user)
        self._options = options
        self._owns_core = True
        self._route: Route | None = None
        self._fleet: Fleet | None = None

    def _view(self, **changes: Any) -> Self:
        view = type(self).__new__(type(self))
        # What was made for this client calls as this client.
        kept = {name: value for name, value in vars(self).items() if not isinstance(value, Group)}
        # One by one: attributes that are set so take half of the room of a dictionary.
        for name, value in (
            kept | {"_route": None, "_fleet": None, "_owns_core": "_core" in changes} | changes
        ).items():
            setattr(view, name, value)
        return view

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **options: Unpack[config.ClientOptions]) -> Self:
        """Make a client from environment variables.

        Reads `EV_ENERGY_TOKEN`, or `EV_ENERGY_CLIENT_ID` and `EV_ENERGY_CLIENT_SECRET` with `EV_ENERGY_TOKEN_URL`;
        `EV_ENERGY_USER`, `EV_ENERGY_BASE_URL` and `EV_ENERGY_ALLOW_HTTP` (1 or 0). With a base URL or user alone the
        client can call the public operations.

        Args:
            environ: The environment.
            options: Further arguments of the constructor; they win.

        Raises:
            InvalidArgument: None of the variables is set, or one of ID and secret without the other.
        """
        return cls(**config.from_environment(environ, options))

    def as_user(self, user: Ref) -> Self:
        """Return a view of this client that calls in the context of a user (`EvEnergy-User`).

        It shares session, token and budget with the client, and ends with it; closing the view closes nothing.

        Args:
            user: ID, URL or model of the user.

        Raises:
            InvalidArgument: It is no user.
        """
        return self._view(_user=config.check_user(user))

    def with_auth(self, auth: Auth | Grant | None, *, label: str | None = None) -> Self:
        """Return a view of this client with a token and a budget of its own, as for one user of many.

        It shares session, codec and limits with the client, and ends with it; closing the view ends its token fetch.

        Args:
            auth: As for the constructor; each user's own grant under the authorization-code flow.
            label: The view's name in `repr`, logs and metrics; None for that of the client.

        Raises:
            InvalidArgument: It cannot authenticate a client.

        Example:
            >>> for grant in grants_of_my_users:  # doctest: +SKIP
            ...     me = await app.with_auth(grant).users.get("me")
        """
        config.check_auth(auth, allow_http=self._core.shared.allow_http)
        named = self._options if label is None else replace(self._options, label=label)
        return self._view(_core=self._core.with_credentials(auth, named.label), _user=None, _options=named)

    def with_options(
        self,
        *,
        timeout: Duration | None = None,
        deadline: Duration | None = None,
        retry: Retry | None = None,
        headers: Mapping[str, str] | None = None,
        priority: int | None = None,
        on_bad_item: OnBadItem | None = None,
        keep_body: bool | None = None,
    ) -> Self:
        """Return a view of this client with other call options; what is not given stays.

        It shares session, token and budget with the client, and ends with it; closing the view closes nothing.

        Args:
            timeout: Limit of one attempt, in seconds.
            deadline: Limit of one call as a whole, in seconds.
            retry: The retry policy.
            headers: Headers to add; not those of the client itself.
            priority: Precedence when the budget is short; higher goes first. Reads have 0, writes 1.
            on_bad_item: What to do with an item of a list that cannot be decoded.
            keep_body: Whether responses keep their raw body beside the data.

        Raises:
            InvalidArgument: One of them is not as described.

        Example:
            >>> vehicle = await ev.with_options(timeout=5, retry=Retry(attempts=1)).vehicles.get(id)  # doctest: +SKIP
        """
        changed = messages.with_changes(
            self._options,
            timeout=timeout,
            deadline=deadline,
            retry=retry,
            headers=headers,
            priority=priority,
            on_bad_item=on_bad_item,
            keep_body=keep_body,
        )
        return self._view(_options=changed)

    @property
    def base_url(self) -> str:
        """Base URL of the API, without a slash at the end."""
        return self._core.shared.transport.base_url

    @property
    def user_id(self) -> str | None:
        """ID of the user in whose context this client calls; None if there is none."""
        return self._user

    @property
    def options(self) -> CallOptions:
        """The options of calls on this client or view; `with_options` changes them."""
        return self._options

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry a token; without one only the public operations can be called."""
        return self._core.auth is not None

    @property
    def label(self) -> str | None:
        """The client's name in `repr`, logs and metrics; None if it has none."""
        return self._options.label

    @property
    def budget(self) -> RequestBudget:
        """The hourly budget of requests: `.remaining`, `.used`, `.next_free`."""
        return self._core.budget

    @property
    def clock(self) -> Clock:
        """The source of time."""
        return self._core.shared.clock

    @property
    def fleet(self) -> Fleet:
        """All vehicles of this client, or of its user: snapshots, the watch, backfills."""
        if self._fleet is None:
            client_id = getattr(self._core.credentials, "client_id", None)
            owner = checkpoint.Owner(self.base_url, client_id if isinstance(client_id, str) else None, self._user)
            is_known = self._user is not None or self._core.stands_for_an_application or self._core.auth is None
            owned = owner if is_known else fleet_package.TokenOwner(self, owner)
            self._fleet = fleet_package.Fleet(self, owned, self._core.tell, self.as_user)
        return self._fleet

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins besides that of `base_url` that `Link` headers may name."""
        return self._core.shared.link_origins

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its response; the endpoint functions call this.

        Raises:
            InvalidArgument: The operation needs a user, and the client has none.
            ApiError: The API refused.
            TransportError: There was no complete response.
            DecodeError: The response cannot be understood.
            AuthError: The credentials were refused.
        """
        if self._route is None:
            self._route = self._core.route(self._user)
        return await self._core.call(self._route, request, self._options)

    async def authenticate(self) -> None:
        """Obtain the access token now, not with the first request; no effect without credentials.

        Raises:
            AuthError: The credentials or the grant were refused.
            ApiError: The token endpoint is in trouble.
            TransportError: There was no complete response.
        """
        if self._core.auth is not None:
            await self._core.auth.access_token()

    async def check(self) -> health.Check:
        """Check network, base URL, credentials, scopes, clock and budget with up to three requests.

        Returns:
            The findings, one sentence each; a failure is a finding, not an exception. `print(await ev.check())` tells
            an operator what to do.
        """
        return await health.check(self, self._core)

    def add_observer(self, observer: Observer) -> None:
        """Tell an observer of each call of this client and its views, and of each event of their watches."""
        self._core.shared.observers.append(observer)

    def stats(self) -> Stats:
        """Return figures about the client: calls, token, budget, drift. Costs no request."""
        role = None if self._fleet is None else self._fleet.role
        stats = self._core.stats()
        return stats if role is None else attrs.evolve(stats, watch_role=role.name, watch_epoch=role.epoch)

    async def revoke(self) -> None:
        """Revoke the token, e.g. when a user disconnects (RFC 7009); no effect without one.

        Raises:
            InvalidArgument: The client keeps no token of a grant.
            ApiError: The server refused.
            TransportError: There was no complete response.
        """
        tokens = self._core.tokens
        if tokens is None:
            raise errors.InvalidArgument("auth", type(self._core.credentials), "a grant whose tokens the client keeps")
        await tokens.revoke()

    async def close(self) -> None:
        """Close the client: calls and token fetches under way end with an error.

        Its own session is closed, one that was handed in stays open. Closing a view ends at most its own token fetch.
        """
        if self._owns_core and self._core.is_derived:
            await self._core.end()
        elif self._owns_core:
            await self._core.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        label = "" if self.label is None else f" {self.label!r}"
        user = "" if self._user is None else f" as {self._user}"
        return f"<EvEnergy{label} {self.base_url}{user}>"
