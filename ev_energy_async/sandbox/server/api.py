"""The path of a request through the sandbox, without I/O: identify, count, check, respond.

Every reply carries the API's version and the caller's request limit.
"""

import re
from http import HTTPStatus
from typing import Final

import attrs

from ev_energy_async.sandbox.handlers import Call, handler_of
from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.oauth import OAuth
from ev_energy_async.sandbox.protocol import (
    Document,
    Operation,
    Problem,
    Query,
    Reply,
    Request,
    Routes,
    check_path,
    invalid,
    not_found,
    read_body,
    read_query,
    tree,
)
from ev_energy_async.sandbox.resources import View
from ev_energy_async.sandbox.server.callers import Caller, Callers
from ev_energy_async.sandbox.server.fast import FastPages
from ev_energy_async.sandbox.world import User, World

PREFIX: Final = "/v2"

_JSON_RANGES: Final = frozenset({"*/*", "application/*", "application/json", "application/problem+json"})
_ZERO_QUALITY: Final = re.compile(r";\s*q=0(\.0{0,3})?\s*(;|$)", re.IGNORECASE)
_USER_ID: Final = re.compile(r"user[A-Z\d]{26}")


@attrs.frozen
class Route:
    """The operation that a request calls, or the reason why it calls none."""

    operation: Operation | None = None
    """None for the OAuth endpoints, and where nothing is."""
    variables: dict[str, str] = attrs.field(factory=dict[str, str])
    problem: Problem | None = None
    """Why there is no operation."""
    allow: str | None = None
    """The methods that the path supports, where OPTIONS asks for them."""

    @property
    def name(self) -> str | None:
        """The operation's name."""
        return None if self.operation is None else self.operation.name


class Api:
    """Responds to requests, one after the other."""

    def __init__(
        self,
        document: Document,
        world: World,
        oauth: OAuth,
        callers: Callers,
        *,
        origin: str = "http://localhost",
        fast: FastPages | None = None,
    ) -> None:
        """Make an API over a world.

        Args:
            document: the description of the API.
            world: the world that it serves.
            oauth: handles requests below `/o/`.
            callers: identifies callers.
            origin: its own scheme, host and port.
            fast: serves the list polled most from items encoded ahead.
        """
        self.document = document
        self.world = world
        self.oauth = oauth
        self.callers = callers
        self.origin = origin
        self._fast = fast
        self._routes = Routes(document)

    @property
    def base_url(self) -> str:
        """The URL that the paths of all operations stand below."""
        return self.origin + PREFIX

    def route(self, request: Request) -> Route:
        """Return the operation that a request calls, or the reason why it calls none."""
        try:
            below = _below(request.path)
            if request.method == "OPTIONS":
                return Route(allow=self._routes.allowed(below))
            return Route(*self._routes.find(request.method, below))
        except Problem as problem:
            return Route(problem=problem)

    def answer(
        self, request: Request, now: Instant, refusal: Problem | None = None, route: Route | None = None
    ) -> Reply:
        """Return the reply to a request that came in at `now`.

        Args:
            request: the request.
            now: the time of its arrival.
            refusal: the reason why it could not be read, if so.
            route: its route, if already known.
        """
        if request.path.startswith("/o/"):
            return self.oauth.answer(request, now) if refusal is None else refusal.reply()
        caller = self.callers.identify(request, now)
        try:
            if refusal is not None:
                raise refusal
            reply = self._answer_call(request, route or self.route(request), caller, now)
        except Problem as problem:
            reply = problem.reply()
        return self._decorated(reply, caller, now)

    def refuse(self, request: Request, now: Instant, problem: Problem) -> Reply:
        """Return a refusal with the headers of every reply."""
        return self._decorated(problem.reply(), self.callers.identify(request, now), now)

    def read(self, name: str, now: Instant, **variables: str) -> object:
        """Return the body of a GET operation to callers within the sandbox; no caller is identified or counted.

        Raises:
            Problem: there is no such thing.
        """
        operation = self.document.operations[name]
        view = View(self.base_url, now, self.oauth.issuer.application.client_id, None)
        query = Query({}, [])
        return handler_of(operation)(
            Call(operation, self.world, now, view, self.base_url, variables, query, {}, {}, None)
        ).body

    def _decorated(self, reply: Reply, caller: Caller, now: Instant) -> Reply:
        reply.headers["EvEnergy-Version"] = self.document.version
        reply.headers["X-RateLimit-Limit"] = str(caller.window.limit)
        reply.headers.setdefault("X-RateLimit-Remaining", str(caller.window.remaining(now)))
        return reply

    def _answer_call(self, request: Request, route: Route, caller: Caller, now: Instant) -> Reply:
        if route.operation is None:
            self._admit(caller, now)
            if route.allow is not None:  # RFC 9110, section 9.3.7
                return Reply(HTTPStatus.NO_CONTENT.value, None, {"Allow": route.allow})
            return (route.problem or not_found()).reply()
        return self._answer_operation(route.operation, route.variables, request, caller, now)

    def _answer_operation(
        self, operation: Operation, variables: dict[str, str], request: Request, caller: Caller, now: Instant
    ) -> Reply:
        _authenticate(operation, caller)
        self._admit(caller, now)
        self._check_version(request)
        _check_accept(operation, request)
        _check_scopes(operation, caller)
        if self._fast is not None:
            if operation.method != "GET":
                self._fast.forget()
            elif (reply := self._fast.answer(operation, request, caller, self.origin, self.base_url, now)) is not None:
                return reply
        check_path(self.document, operation, variables)
        query = read_query(self.document, operation, request.query)
        user = self._context(operation, request, caller)
        body = {}
        if operation.body is not None:
            body = read_body(self.document, operation, request.body, request.headers.get("Content-Type", ""))
        client_id = caller.token.client_id if caller.token else None
        return handler_of(operation)(
            Call(
                operation=operation,
                world=self.world,
                now=now,
                view=View(self.base_url, now, client_id, user.id if user else None),
                url=self.origin + request.path,
                path=variables,
                query=query,
                expand=tree(query.words("expand")),
                body=body,
                user=user,
                headers=request.headers,
                scopes=frozenset(caller.token.scopes) if caller.token else None,
            )
        )

    def _admit(self, caller: Caller, now: Instant) -> None:
        if not caller.window.admit(now):
            wait = self.callers.told_seconds(caller.window.retry_after(now))
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"No more than {caller.window.limit} requests an hour are possible. The next one is in {wait} seconds.",
                slug="rate-limit-exceeded",
                headers={"Retry-After": str(wait)},
            )

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("EvEnergy-Version", self.document.version)
        if version != self.document.version:
            raise invalid({"EvEnergy-Version": [f"There is no version {version!r}."]})

    def _context(self, operation: Operation, request: Request, caller: Caller) -> User | None:
        """Return the user in context: the token's, or the header's where the operation accepts it."""
        if caller.token is not None and caller.token.user_id is not None:
            user = self.world.users.get(caller.token.user_id)
            if user is None:
                raise _invalid_token("The user who granted the token is gone.")
            return user
        if operation.user == "none":
            return None
        header = request.headers.get("EvEnergy-User")
        if header is None:
            if operation.user == "required":
                raise invalid({"EvEnergy-User": ["This operation needs a user."]})
            return None
        user_id = header.strip().rstrip("/").rpartition("/")[2]
        user = self.world.users.get(user_id) if _USER_ID.fullmatch(user_id) else None
        if user is None:
            raise invalid({"EvEnergy-User": ["There is no such user."]})
        return user


def _below(path: str) -> str:
    below = path.removeprefix(PREFIX)
    if below == path or (below and not below.startswith("/")):
        raise not_found("There is nothing at this path.")
    return below or "/"


def _authenticate(operation: Operation, caller: Caller) -> None:
    if caller.rejected:
        raise _invalid_token("The token is not known, has expired or was revoked.")
    if caller.token is None and not operation.public:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This operation needs an access token.",
            headers={"WWW-Authenticate": 'Bearer realm="ev.energy sandbox"'},
        )


def _invalid_token(detail: str) -> Problem:
    # RFC 6750, section 3.1
    challenge = 'Bearer realm="ev.energy sandbox", error="invalid_token"'
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


def _check_accept(operation: Operation, request: Request) -> None:
    accept = request.headers.get("Accept", "").strip()
    if not accept or not operation.responds_with_json:
        return
    ranges = [entry for entry in accept.split(",") if not _ZERO_QUALITY.search(entry)]
    if _JSON_RANGES.isdisjoint(entry.partition(";")[0].strip().lower() for entry in ranges):
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "The response is application/json, which Accept does not include.")


def _check_scopes(operation: Operation, caller: Caller) -> None:
    if caller.token is None:
        return
    missing = [scope for scope in operation.scopes if scope not in caller.token.scopes]
    if missing:
        # RFC 6750, section 3.1
        challenge = (
            f'Bearer realm="ev.energy sandbox", error="insufficient_scope", scope="{" ".join(operation.scopes)}"'
        )
        detail = f"The token lacks the scope {', '.join(missing)}."
        raise Problem(HTTPStatus.FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})
