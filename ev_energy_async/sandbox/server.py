"""The sandbox as a server: sockets in front of the API, and what tests want to know about it."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from ev_energy_async.sandbox.api import PREFIX, TOKEN_PATH, Api
from ev_energy_async.sandbox.callers import Callers
from ev_energy_async.sandbox.clock import Clock, RealClock, SteppedClock
from ev_energy_async.sandbox.document import load
from ev_energy_async.sandbox.instants import instant
from ev_energy_async.sandbox.messages import Reply, Request
from ev_energy_async.sandbox.oauth import Application, TokenIssuer
from ev_energy_async.sandbox.problems import Problem
from ev_energy_async.sandbox.world import World

_RECORDED = 10_000
_LARGEST_BODY = 20 * 1024 * 1024
_SHUTDOWN_SECONDS = 1.0
_TOLD_HEADERS = ("Accept", "Accept-Language", "Content-Type", "EvEnergy-User", "EvEnergy-Version", "User-Agent")


@dataclass(frozen=True, slots=True)
class Served:
    """One request that the sandbox has answered."""

    at: datetime
    """When, by the sandbox's clock."""
    method: str
    path: str
    """The raw path with its query."""
    status: int
    operation: str | None
    """The operation that was called, such as `vehicles.list`; None for the token endpoint and unknown paths."""
    headers: dict[str, str]
    """What the client sent of interest. Of `Authorization` only the scheme is kept."""


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
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107 - it opens nothing
    ) -> None:
        """Builds the world. Nothing listens before `start`, which `async with` calls.

        Args:
            vehicles: how many vehicles there are.
            evses: how many charge points; by default three for every five vehicles.
            seed: what the world and its chance are drawn from.
            rate_limit: requests in a rolling hour for each application and user.
            anonymous_rate_limit: requests in a rolling hour for each address without a token.
            token_lifetime: how long an access token is valid, in seconds or as a timedelta.
            clock: what time it is; the computer's time by default.
            host: the address to listen on.
            port: the port to listen on; 0 takes a free one.
            client_id: the application's id.
            client_secret: the application's secret.
        """
        self.client_id = client_id
        self.client_secret = client_secret
        self.requests: deque[Served] = deque(maxlen=_RECORDED)
        """What was served, oldest first; the last 10,000."""
        self._clock = clock or RealClock()
        self._stepped = clock if isinstance(clock, SteppedClock) else None
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        document = load()
        self.world = World(vehicles=vehicles, evses=evses, seed=seed, start=instant(self._clock.now()))
        lifetime = token_lifetime if isinstance(token_lifetime, timedelta) else timedelta(seconds=token_lifetime)
        self._tokens = TokenIssuer(
            Application(client_id, client_secret), document.scopes, int(lifetime.total_seconds())
        )
        callers = Callers(self._tokens, rate_limit=rate_limit, anonymous_limit=anonymous_rate_limit)
        self._api = Api(document, self.world, self._tokens, callers)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        """Scheme, host and port: `http://127.0.0.1:49152`."""
        return self._api.origin

    @property
    def base_url(self) -> str:
        """What to give a client as its base URL."""
        return self.origin + PREFIX

    @property
    def token_url(self) -> str:
        """Where tokens are given out."""
        return self.origin + TOKEN_PATH

    def now(self) -> datetime:
        """The present, by the sandbox's clock."""
        return self._clock.now()

    def advance(self, by: float | timedelta) -> None:
        """Moves the sandbox's time on by seconds or a timedelta: the fleet, the rate limit and the tokens.

        Raises:
            RuntimeError: the sandbox was not made with a `SteppedClock`.
        """
        if self._stepped is None:
            raise RuntimeError("Only a Sandbox(clock=SteppedClock(start)) can be advanced.")
        self._stepped.advance(by)

    def issue_token(self, *, user: str | None = None, scopes: Iterable[str] | None = None) -> str:
        """An access token without the way through OAuth: of the application, or of the user with that ID.

        Example:
            >>> driver = sandbox.issue_token(user=next(iter(sandbox.world.users)).id, scopes=["vehicle:read"])

        Raises:
            ValueError: there is no such user.
        """
        if user is not None and user not in self.world.users:
            raise ValueError(f"there is no user {user!r} in the sandbox")
        return self._tokens.issue(instant(self._clock.now()), scopes=scopes, user_id=user).text

    async def start(self) -> None:
        """Begins to listen.

        Raises:
            RuntimeError: it does already.
            OSError: the address is taken or not of this machine.
        """
        if self._runner is not None:
            raise RuntimeError("The sandbox is running.")
        runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        address = runner.addresses[0]
        self._api.origin = f"http://{_reachable(self._host)}:{address[1]}"

    async def stop(self) -> None:
        """Closes all connections and stops listening. A sandbox that is not running stays so."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        moment = self._clock.now()
        body, refusal = await _read(request)
        reply = self._api.answer(
            Request(
                request.method,
                request.rel_url.raw_path,
                request.rel_url.raw_query_string,
                request.headers,
                body,
                request.remote or "",
            ),
            instant(moment),
            refusal,
        )
        self._record(request, reply, moment)
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        reply.headers["Content-Type"] = reply.content_type
        return web.Response(status=reply.status, headers=reply.headers, body=msgspec.json.encode(reply.body))

    def _record(self, request: web.BaseRequest, reply: Reply, moment: datetime) -> None:
        headers = {name: request.headers[name] for name in _TOLD_HEADERS if name in request.headers}
        if authorization := request.headers.get("Authorization"):
            headers["Authorization"] = authorization.partition(" ")[0]
        self.requests.append(
            Served(moment, request.method, request.rel_url.raw_path_qs, reply.status, reply.operation, headers)
        )


async def _read(request: web.BaseRequest) -> tuple[bytes, Problem | None]:
    """The body of a request, or why it is not read."""
    if not request.body_exists:
        return b"", None
    try:
        return await request.clone(client_max_size=_LARGEST_BODY).read(), None
    except web.HTTPRequestEntityTooLarge:
        detail = f"The body is larger than {_LARGEST_BODY} bytes."
        return b"", Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _reachable(host: str) -> str:
    """The host to put into URLs for an address to listen on."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - only compared
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
