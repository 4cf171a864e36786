"""The client: one object for a program to hold, with the groups of operations and the handles on devices.

It wires the parts together and adds nothing of its own to a request but what the constructor says.
"""

from __future__ import annotations

import os
import random as random_module
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import attrs

from ev_energy_async import errors
from ev_energy_async.api import _document
from ev_energy_async.clock import Clock, Duration, RandomSource, SystemClock, seconds
from ev_energy_async.codec import Codec, Drift
from ev_energy_async.config import check_auth, check_base_url, check_origins, from_environment, user_id
from ev_energy_async.devices import Handles
from ev_energy_async.http import VERSION_HEADER, Core, Stats, Transport
from ev_energy_async.messages import (
    DEFAULT_DEADLINE,
    DEFAULT_TIMEOUT,
    CallOptions,
    OnBadItem,
    Retry,
    check_headers,
    check_on_bad_item,
    check_priority,
    check_retry,
    with_more_headers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    import aiohttp
    from cattrs import Converter

    from ev_energy_async.auth import Auth, Grant
    from ev_energy_async.budget import Budget
    from ev_energy_async.fleet import Fleet
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Handler, Middleware, Request, Response
    from ev_energy_async.uploads import Progress, Source

__all__ = ["BASE_URL", "EvEnergy"]

BASE_URL: Final = "https://api.ev.energy/v2"

T = TypeVar("T")


class EvEnergy(Handles):
    """A client for the ev.energy v2 API.

    Args:
        auth: `ClientCredentials`, `AuthorizationCode`, `RefreshToken`, `StaticToken`, any object with `access_token`
            (see `Auth`), or None: without it the public operations can be called.
        user: User in whose context to call (ID, URL or model), under client credentials; see `as_user`.
        base_url: Where the API is.
        version: `EvEnergy-Version` to ask for.
        session: An aiohttp session to use; it is left open, and its proxy, TLS and `trust_env` settings apply. None for
            one of the client's own, which `close` closes.
        timeout: For one try, from the moment a connection is free for it to the end of its body; in seconds.
        deadline: For one call with all that belongs to it: budget, token, connection, tries; in seconds.
        retry: Which tries are repeated, and when.
        budget: The hourly budget of requests, to be shared with other clients of the same application, or with a share
            of it; None for one of the client's own.
        middleware: Functions `(request, next)`, called once a call, the first outermost; they never see the token.
        converter: A converter from `codec.make_converter()` with hooks of your own for decoding.
        on_drift: Called with each kind of departure of answers from the schema, once.
        on_bad_item: What to do with an item of a list that cannot be decoded: `raise`, `skip`, or a function.
        read_only: Whether to refuse every call that writes.
        label: What tells this client from others in `repr`, logs and metrics.
        link_origins: Origins besides that of `base_url` that `Link` headers may name, as behind a gateway; pages are
            still fetched from `base_url`.
        clock: Where time comes from, for tests.
        random: Where randomness comes from, for tests.

    Raises:
        InvalidArgument: An argument is not what it should be.

    One client belongs to one event loop. `as_user` gives views that share session and token.

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
        budget: Budget | None = None,
        middleware: Sequence[Middleware] = (),
        converter: Converter | None = None,
        on_drift: Callable[[Drift], object] | None = None,
        on_bad_item: OnBadItem = "raise",
        read_only: bool = False,
        label: str | None = None,
        link_origins: Iterable[str] = (),
        clock: Clock | None = None,
        random: RandomSource | None = None,
    ) -> None:
        check_auth(auth)
        core = Core(
            auth,
            Transport(check_base_url(base_url), session, {VERSION_HEADER: str(version)}),
            Codec(converter, on_drift),
            clock or SystemClock(),
            random or random_module.Random(),  # noqa: S311  # jitter, not secrets
            tuple(middleware),
            budget,
            str(version),
            check_origins(link_origins),
            read_only=read_only,
            label=label,
            timeout=seconds("timeout", timeout),
        )
        options = CallOptions(
            seconds("timeout", timeout),
            seconds("deadline", deadline),
            Retry() if retry is None else check_retry(retry),
            on_bad_item=check_on_bad_item(on_bad_item),
            label=label,
            base_url=core.transport.base_url,
        )
        self._become(core, None if user is None else user_id(user), options, is_view=False)

    def _become(self, core: Core, user: str | None, options: CallOptions, *, is_view: bool) -> None:
        self._core = core
        self._user = user
        self._options = options
        self._is_view = is_view
        self._handler: Handler | None = None
        self._fleet: Fleet | None = None

    def _view(self, user: str | None, options: CallOptions) -> Self:
        view = object.__new__(type(self))
        view._become(self._core, user, options, is_view=True)  # of the same class
        return view

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **options: Any) -> Self:
        """Make a client from environment variables.

        Reads `EV_ENERGY_TOKEN`, or `EV_ENERGY_CLIENT_ID` and `EV_ENERGY_CLIENT_SECRET` with `EV_ENERGY_TOKEN_URL`;
        `EV_ENERGY_USER` and `EV_ENERGY_BASE_URL`. Without any credentials the client can call the public operations.

        Args:
            environ: Where to look.
            options: Further arguments of the constructor; they win.

        Raises:
            InvalidArgument: One of ID and secret is set without the other.
        """
        return cls(**{**from_environment(environ), **options})

    def as_user(self, user: Ref) -> Self:
        """Return a view of this client that calls in the context of a user (`EvEnergy-User`).

        It shares session and token with the client, and ends with it; closing the view closes nothing.

        Args:
            user: ID, URL or model of the user.

        Raises:
            InvalidArgument: It is no user.
        """
        return self._view(user_id(user), self._options)

    def with_options(
        self,
        *,
        timeout: Duration | None = None,  # a setting, not a cancel scope
        deadline: Duration | None = None,
        retry: Retry | None = None,
        headers: Mapping[str, str] | None = None,
        priority: int | None = None,
        on_bad_item: OnBadItem | None = None,
    ) -> Self:
        """Return a view of this client whose calls are made in another way; what is not given stays.

        It shares session, token and budget with the client, and ends with it; closing the view closes nothing.

        Args:
            timeout: For one try, in seconds.
            deadline: For one call with all that belongs to it, in seconds.
            retry: Which tries are repeated, and when.
            headers: Headers to add; not those of the client itself.
            priority: What passes first when the budget is short; 0 is a poll, a command has 1.
            on_bad_item: What to do with an item of a list that cannot be decoded.

        Raises:
            InvalidArgument: One of them is not what it should be.

        Example:
            >>> vehicle = await ev.with_options(timeout=5, retry=Retry(attempts=1)).vehicles.get(id)  # doctest: +SKIP
        """
        given: dict[str, Any] = {}
        if timeout is not None:
            given["timeout"] = seconds("timeout", timeout)
        if deadline is not None:
            given["deadline"] = seconds("deadline", deadline)
        if retry is not None:
            given["retry"] = check_retry(retry)
        if headers is not None:
            given["headers"] = with_more_headers(self._options.headers, check_headers(headers))
        if priority is not None:
            given["priority"] = check_priority(priority)
        if on_bad_item is not None:
            given["on_bad_item"] = check_on_bad_item(on_bad_item)
        return self._view(self._user, attrs.evolve(self._options, **given))

    @property
    def base_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return self._core.transport.base_url

    @property
    def user(self) -> str | None:
        """ID of the user in whose context this client calls; None if there is none."""
        return self._user

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry a token; without one only the public operations can be called."""
        return self._core.auth is not None

    @property
    def label(self) -> str | None:
        """What tells this client from others in `repr`, logs and metrics."""
        return self._core.label

    @property
    def budget(self) -> Budget:
        """The hourly budget of requests: `.remaining`, `.used`, `.next_free`."""
        return self._core.budget

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        return self._core.clock

    @property
    def fleet(self) -> Fleet:
        """All vehicles of this client, or of its user: snapshots, the watch, backfills."""
        if self._fleet is None:
            from ev_energy_async.checkpoint import Owner  # noqa: PLC0415  # few programs need it
            from ev_energy_async.fleet import Fleet  # noqa: PLC0415  # few programs need it

            client_id = getattr(self._core.credentials, "client_id", None)
            owner = Owner(self.base_url, client_id if isinstance(client_id, str) else None, self._user)
            self._fleet = Fleet(self, owner)
        return self._fleet

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins besides that of `base_url` that `Link` headers may name."""
        return self._core.link_origins

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its answer; what the endpoint functions call.

        Raises:
            InvalidArgument: The operation needs a user, and the client has none.
            ApiError: The API refused.
            TransportError: There was no complete response.
            DecodeError: The answer cannot be understood.
            AuthError: The credentials were refused.
        """
        if self._handler is None:
            self._handler = self._core.handler(self._user)
        return await self._core.call(self._handler, request, self._user, self._options)

    def stats(self) -> Stats:
        """Return what the client knows of itself: calls, token, budget, drift. Asks nothing of the API."""
        return self._core.stats()

    async def revoke(self) -> None:
        """End the token at the server, e.g. when a user disconnects (RFC 7009); nothing if there is none.

        Raises:
            InvalidArgument: The client has no grant of its own to revoke a token of.
            ApiError: The server refused.
            TransportError: There was no complete response.
        """
        tokens = self._core.tokens
        if tokens is None:
            raise errors.InvalidArgument("auth", type(self._core.credentials), "a grant whose tokens the client keeps")
        await tokens.revoke()

    def onboarding_url(
        self,
        user: Ref,
        *,
        make: Ref | None = None,
        model: Ref | None = None,
        trim: Ref | None = None,
        redirect_uri: str | None = None,
    ) -> str:
        """Return the address at which a user's browser starts to connect a vehicle; see `onboarding.onboarding_url`.

        Raises:
            InvalidArgument: One of the arguments is not what it should be, or the client knows no client ID.
        """
        credentials = self._core.credentials
        client_id = getattr(credentials, "client_id", None)
        if not isinstance(client_id, str):
            raise errors.InvalidArgument("auth", type(credentials), "credentials with a client ID")
        choice = {"make": make, "model": model, "trim": trim}
        from ev_energy_async import onboarding  # noqa: PLC0415  # few programs need it

        return onboarding.onboarding_url(self.base_url, client_id, user, **choice, redirect_uri=redirect_uri)

    async def find_onboarding_url(self, make: Ref, *, model: str | None = None, trim: str | None = None) -> str | None:
        """Walk from a make over its models to its trims; see `onboarding.find_onboarding_url`."""
        from ev_energy_async import onboarding  # noqa: PLC0415  # few programs need it

        return await onboarding.find_onboarding_url(self, make, model=model, trim=trim)

    async def upload_rebate_evidence(
        self,
        source: Source,
        *,
        evidence_type: str,
        file_name: str | None = None,
        user_rebate: Ref | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Upload a file as evidence for a rebate, without the token; see `uploads.upload_rebate_evidence`."""
        from ev_energy_async import uploads  # noqa: PLC0415  # few programs need it

        return await uploads.upload_rebate_evidence(
            self,
            self._core,
            source,
            evidence_type=evidence_type,
            file_name=file_name,
            user_rebate=user_rebate,
            progress=progress,
            options=self._options,
        )

    async def close(self) -> None:
        """Close the client: calls under way end with an error, and so does a token fetch.

        Its own session is closed, one that was handed in stays open. Closing a view closes nothing.
        """
        if not self._is_view:
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
