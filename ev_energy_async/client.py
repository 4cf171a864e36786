"""The client: one object for a program to hold, with the groups of operations and the handles on devices.

It wires the parts together and adds nothing of its own to a request but what the constructor says.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random as random_module
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from ev_energy_async import errors, logs
from ev_energy_async.api import _document
from ev_energy_async.api.groups import Groups
from ev_energy_async.auth import Auth, ClientCredentials, StaticToken, TokenSource
from ev_energy_async.clock import Clock, Duration, RandomSource, SystemClock, seconds
from ev_energy_async.codec import Codec
from ev_energy_async.ids import id_text
from ev_energy_async.messages import Handler, Middleware, RawResponse, Request, Response
from ev_energy_async.middleware import chain, with_auth, with_headers
from ev_energy_async.paging import origin_of
from ev_energy_async.transport import BEGUN, Transport, lost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    import aiohttp
    from cattrs import Converter

    from ev_energy_async.ids import Ref

__all__ = ["BASE_URL", "EvEnergy"]

BASE_URL: Final = "https://api.ev.energy/v2"
_VERSION: Final = "EvEnergy-Version"
_REDIRECTS: Final = range(300, 400)
_SUCCESSES: Final = range(200, 300)
_NO_CONTENT: Final = 204
_LOG: Final = logging.getLogger("ev_energy_async")

T = TypeVar("T")


class _Core:
    """What a client and its views share."""

    def __init__(
        self,
        auth: Auth | ClientCredentials | None,
        transport: Transport,
        codec: Codec,
        clock: Clock,
        random: RandomSource,
        middleware: tuple[Middleware, ...],
        deadline: float,
        version: str,
        link_origins: frozenset[str],
    ) -> None:
        self.credentials = auth
        self.transport = transport
        self.codec = codec
        self.clock = clock
        self.random = random
        self.middleware = middleware
        self.deadline = deadline
        self.version = version
        self.link_origins = link_origins
        self.version_warned = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.tokens: TokenSource | None = None
        self.auth: Auth | None = None
        if isinstance(auth, ClientCredentials):
            self.auth = self.tokens = TokenSource(auth, self._fetch_token, transport.base_url, clock)
        else:
            self.auth = auth

    async def _fetch_token(self, request: Request[Any], url: str) -> RawResponse:
        shown = request.without_secrets()
        status, headers, body = await self.transport.exchange(shown, "POST", url, request.headers, request.body)
        return Response(shown, url, status, headers, body, body)

    def check_loop(self) -> None:
        """Bind to the running event loop, or say that it is another one than before."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise errors.EvEnergyError("this client belongs to another event loop; make one client for each loop")


class EvEnergy(Groups):
    """A client for the ev.energy v2 API.

    Args:
        auth: `ClientCredentials`, `StaticToken`, any object with `access_token` (see `Auth`), or None: without it the
            public operations can be called.
        user: User in whose context to call (ID, URL or model), under client credentials; see `as_user`.
        base_url: Where the API is.
        version: `EvEnergy-Version` to ask for.
        session: An aiohttp session to use; it is left open, and its proxy, TLS and `trust_env` settings apply. None for
            one of the client's own, which `close` closes.
        timeout: For one request, from the moment a connection is free for it to the end of its body; in seconds.
        deadline: For one call with all that belongs to it: connection, token, request; in seconds.
        middleware: Functions `(request, next)`, called once a call, the first outermost; they never see the token.
        converter: A converter from `codec.make_converter()` with hooks of your own for decoding.
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
        auth: Auth | ClientCredentials | None = None,
        *,
        user: Ref | None = None,
        base_url: str = BASE_URL,
        version: str | int = _document.API_VERSION,
        session: aiohttp.ClientSession | None = None,
        timeout: Duration = 30,  # a setting, not a cancel scope
        deadline: Duration = 60,
        middleware: Sequence[Middleware] = (),
        converter: Converter | None = None,
        link_origins: Iterable[str] = (),
        clock: Clock | None = None,
        random: RandomSource | None = None,
    ) -> None:
        if auth is not None and not isinstance(auth, ClientCredentials | Auth):
            raise errors.InvalidArgument("auth", type(auth), "credentials, or an object with `async access_token`")
        parts = _split(base_url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.username:
            raise errors.InvalidArgument("base_url", base_url, "an http(s) URL without query or credentials")
        base_url = base_url.rstrip("/")
        core = _Core(
            auth,
            Transport(base_url, session, seconds("timeout", timeout)),
            Codec(converter),
            clock or SystemClock(),
            random or random_module.Random(),  # noqa: S311  # jitter, not secrets
            tuple(middleware),
            seconds("deadline", deadline),
            str(version),
            frozenset(map(_origin, [link_origins] if isinstance(link_origins, str) else link_origins)),
        )
        self._become(core, None if user is None else _user_id(user), is_view=False)

    def _become(self, core: _Core, user: str | None, *, is_view: bool) -> None:
        self._core = core
        self._user = user
        self._is_view = is_view
        wire = self._on_the_wire
        self._handler: Handler = chain([*core.middleware, self._authenticated()], wire)

    def _authenticated(self) -> Middleware:
        auth = self._core.auth
        if auth is None:
            return _pass
        url = None if self._user is None else f"{self.base_url}/users/{self._user}"
        return with_auth(auth, url)

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
        found = {name: environ.get(f"EV_ENERGY_{name}") or None for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN")}
        client_id, secret, token = found.values()
        if (client_id is None) != (secret is None):
            missing = "EV_ENERGY_CLIENT_ID" if client_id is None else "EV_ENERGY_CLIENT_SECRET"
            raise errors.InvalidArgument(missing, None, "a value, since its counterpart is set")
        auth: Auth | ClientCredentials | None = None
        if token is not None:
            auth = StaticToken(token)
        elif client_id is not None and secret is not None:
            auth = ClientCredentials(client_id, secret, token_url=environ.get("EV_ENERGY_TOKEN_URL") or None)
        given: dict[str, Any] = {"auth": auth}
        for option, name in (("user", "EV_ENERGY_USER"), ("base_url", "EV_ENERGY_BASE_URL")):
            if environ.get(name):
                given[option] = environ[name]
        return cls(**{**given, **options})

    def as_user(self, user: Ref) -> Self:
        """Return a view of this client that calls in the context of a user (`EvEnergy-User`).

        It shares session and token with the client, and ends with it; closing the view closes nothing.

        Args:
            user: ID, URL or model of the user.

        Raises:
            InvalidArgument: It is no user.
        """
        view = object.__new__(type(self))
        view._become(self._core, _user_id(user), is_view=True)  # of the same class
        return view

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
    def link_origins(self) -> frozenset[str]:
        """Origins besides that of `base_url` that `Link` headers may name."""
        return self._core.link_origins

    def vehicle(self, vehicle_id: Ref) -> logs.Vehicle:
        """Return a handle on a vehicle and its logs.

        Raises:
            InvalidArgument: It is no vehicle.
        """
        return logs.Vehicle(self, vehicle_id)

    def evse(self, evse_id: Ref) -> logs.Evse:
        """Return a handle on a charger and its logs.

        Raises:
            InvalidArgument: It is no charger.
        """
        return logs.Evse(self, evse_id)

    def home_battery(self, home_battery_id: Ref) -> logs.HomeBattery:
        """Return a handle on a home battery and its logs.

        Raises:
            InvalidArgument: It is no home battery.
        """
        return logs.HomeBattery(self, home_battery_id)

    def boundary_meter(self, boundary_meter_id: Ref) -> logs.BoundaryMeter:
        """Return a handle on a boundary meter and its logs.

        Raises:
            InvalidArgument: It is no boundary meter.
        """
        return logs.BoundaryMeter(self, boundary_meter_id)

    def ct_clamp(self, ct_clamp_id: Ref) -> logs.CtClamp:
        """Return a handle on a CT clamp and its logs.

        Raises:
            InvalidArgument: It is no CT clamp.
        """
        return logs.CtClamp(self, ct_clamp_id)

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and decode its answer; what the endpoint functions call.

        Raises:
            InvalidArgument: The operation needs a user, and the client has none.
            ApiError: The API refused.
            TransportError: There was no complete answer.
            DecodeError: The answer cannot be understood.
            AuthError: The credentials were refused.
        """
        core = self._core
        operation = request.operation
        if operation.user == "required" and self._user is None and isinstance(core.credentials, ClientCredentials):
            raise errors.InvalidArgument("user", None, f"a user for {operation.name}: call it on `as_user(...)`")
        core.check_loop()
        begun: list[Request[Any]] = []
        outer = BEGUN.set(begun)
        limit = asyncio.timeout(core.deadline)
        try:
            async with limit:
                response = await self._handler(request)
        except TimeoutError as error:
            if not limit.expired():
                raise  # one of the caller's own, from middleware or auth
            sent = any(each.operation is operation for each in begun)
            reason = f"not within the deadline of {core.deadline:g} s"
            raise lost(request, errors.RequestTimeout, reason, sent=sent) from error
        finally:
            BEGUN.reset(outer)
        self._check_version(response)
        return response.with_data(self._data(request, response))

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
            raise errors.error_for(response)
        elif operation.into is None or (not response.body and response.status == _NO_CONTENT):
            data = None
        else:
            try:
                data = self._core.codec.decode(response.body, operation.answer_type())
            except errors.DecodeError as error:
                raise errors.DecodeError(error.reason, error.path, response) from error
        result: T = data
        return result

    def _check_version(self, response: RawResponse) -> None:
        answered = response.headers.get(_VERSION)
        core = self._core
        if answered is not None and answered != core.version and not core.version_warned:
            core.version_warned = True
            _LOG.warning("asked for version %s of the API, answered in version %s", core.version, answered)

    async def _on_the_wire(self, request: Request[Any]) -> RawResponse:
        core = self._core
        return await core.transport(with_headers(request, {_VERSION: core.version}))

    async def close(self) -> None:
        """Close the client: its own session, and a token fetch under way. A session that was handed in stays open."""
        if self._is_view:
            return
        if self._core.tokens is not None:
            await self._core.tokens.close()
        await self._core.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        user = "" if self._user is None else f" as {self._user}"
        return f"<EvEnergy {self.base_url}{user}>"


async def _pass(request: Request[Any], following: Handler) -> RawResponse:
    return await following(request)


def _split(url: object) -> SplitResult | None:
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:  # as for a host or a port that is none
        return None


def _origin(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc:
        raise errors.InvalidArgument("link_origins", url, "http(s) origins, as in https://gateway.example")
    return origin_of(url)


def _user_id(user: Ref) -> str:
    found = id_text("user", user, "user")
    if found == "me":
        raise errors.InvalidArgument("user", user, "the ID of a user; `me` goes without a context")
    return found
