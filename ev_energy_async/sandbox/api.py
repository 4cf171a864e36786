"""The way of a request through the sandbox, without I/O: identify, count, check, answer.

Whatever happens, the reply tells the API's version and the caller's request limit.
"""

import re
from http import HTTPStatus

from ev_energy_async.sandbox.callers import Caller, Callers
from ev_energy_async.sandbox.calls import Call
from ev_energy_async.sandbox.document import Document, Operation
from ev_energy_async.sandbox.entities import User
from ev_energy_async.sandbox.expand import tree
from ev_energy_async.sandbox.handlers import HANDLERS
from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.messages import Reply, Request
from ev_energy_async.sandbox.oauth import TokenIssuer
from ev_energy_async.sandbox.params import check_path, read_body, read_query
from ev_energy_async.sandbox.problems import Problem, invalid, not_found
from ev_energy_async.sandbox.render import View
from ev_energy_async.sandbox.routes import Routes
from ev_energy_async.sandbox.world import World

PREFIX = "/v2"
TOKEN_PATH = "/o/token/"  # noqa: S105 - a path

_JSON_RANGES = frozenset({"*/*", "application/*", "application/json", "application/problem+json"})
_ZERO_QUALITY = re.compile(r";\s*q=0(\.0{0,3})?\s*(;|$)", re.IGNORECASE)
_USER_ID = re.compile(r"user[A-Z\d]{26}")


class Api:
    """Answers requests, one after the other."""

    def __init__(
        self,
        document: Document,
        world: World,
        tokens: TokenIssuer,
        callers: Callers,
        *,
        origin: str = "http://localhost",
    ) -> None:
        """An API over a world; `origin` is where it is reached."""
        self.document = document
        self.world = world
        self.tokens = tokens
        self.callers = callers
        self.origin = origin
        self._routes = Routes(document)

    @property
    def base_url(self) -> str:
        """The URL that the paths of all operations stand below."""
        return self.origin + PREFIX

    def answer(self, request: Request, now: Instant, refusal: Problem | None = None) -> Reply:
        """The reply to a request that came in at `now`; `refusal` is why it could not be read to its end."""
        if request.path.startswith("/o/"):
            return self._answer_oauth(request, now)
        caller = self.callers.identify(request, now)
        try:
            if refusal is not None:
                raise refusal
            reply = self._answer_call(request, caller, now)
        except Problem as problem:
            reply = problem.reply()
        reply.headers["EvEnergy-Version"] = self.document.version
        reply.headers["X-RateLimit-Limit"] = str(caller.window.limit)
        reply.headers["X-RateLimit-Remaining"] = str(caller.window.remaining(now))
        return reply

    def _answer_oauth(self, request: Request, now: Instant) -> Reply:
        if request.path == TOKEN_PATH and request.method == "POST":
            return self.tokens.answer(request, now)
        if request.path in {TOKEN_PATH, TOKEN_PATH.rstrip("/")}:
            detail = f"Tokens are given out at POST {TOKEN_PATH}, with the slash at its end."
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}).reply()
        return not_found("There is nothing at this path.").reply()

    def _answer_call(self, request: Request, caller: Caller, now: Instant) -> Reply:
        try:
            operation, variables = self._find(request)
        except Problem:
            _admit(caller, now)
            raise
        try:
            reply = self._answer_operation(operation, variables, request, caller, now)
        except Problem as problem:
            reply = problem.reply()
        reply.operation = operation.name
        return reply

    def _answer_operation(
        self, operation: Operation, variables: dict[str, str], request: Request, caller: Caller, now: Instant
    ) -> Reply:
        _authenticate(operation, caller)
        _admit(caller, now)
        self._check_version(request)
        _check_accept(operation, request)
        _check_scopes(operation, caller)
        check_path(self.document, operation, variables)
        query = read_query(self.document, operation, request.query)
        user = self._context(operation, request, caller)
        handler = HANDLERS.get(operation.name)
        if handler is None:
            raise Problem(HTTPStatus.NOT_IMPLEMENTED, f"The sandbox has no {operation.name} yet.")
        body = {}
        if operation.body is not None:
            body = read_body(self.document, operation, request.body, request.headers.get("Content-Type", ""))
        client_id = caller.token.client_id if caller.token else None
        return handler(
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
            )
        )

    def _find(self, request: Request) -> tuple[Operation, dict[str, str]]:
        below = request.path.removeprefix(PREFIX)
        if below == request.path or (below and not below.startswith("/")):
            raise not_found("There is nothing at this path.")
        return self._routes.find(request.method, below or "/")

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("EvEnergy-Version", self.document.version)
        if version != self.document.version:
            raise invalid({"EvEnergy-Version": [f"There is no version {version!r}."]})

    def _context(self, operation: Operation, request: Request, caller: Caller) -> User | None:
        """The user in whose context a call is made: the token's own, else the header's where the operation takes it."""
        if caller.token is not None and caller.token.user_id is not None:
            return self.world.users.get(caller.token.user_id)
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


def _authenticate(operation: Operation, caller: Caller) -> None:
    if caller.rejected:
        # RFC 6750, section 3.1
        challenge = 'Bearer realm="ev.energy sandbox", error="invalid_token"'
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "The token is not known or has expired.", headers={"WWW-Authenticate": challenge}
        )
    if caller.token is None and not operation.public:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This operation needs an access token.",
            headers={"WWW-Authenticate": 'Bearer realm="ev.energy sandbox"'},
        )


def _admit(caller: Caller, now: Instant) -> None:
    if not caller.window.admit(now):
        wait = caller.window.retry_after(now)
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"No more than {caller.window.limit} requests an hour are possible. The next one is in {wait} seconds.",
            slug="rate-limit-exceeded",
            headers={"Retry-After": str(wait)},
        )


def _check_accept(operation: Operation, request: Request) -> None:
    accept = request.headers.get("Accept", "").strip()
    if not accept or not operation.responds_with_json:
        return
    ranges = [entry for entry in accept.split(",") if not _ZERO_QUALITY.search(entry)]
    if _JSON_RANGES.isdisjoint(entry.partition(";")[0].strip().lower() for entry in ranges):
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "The answer is application/json, which Accept leaves out.")


def _check_scopes(operation: Operation, caller: Caller) -> None:
    if caller.token is None:
        return
    missing = [scope for scope in operation.scopes if scope not in caller.token.scopes]
    if missing:
        raise Problem(HTTPStatus.FORBIDDEN, f"The token lacks the scope {', '.join(missing)}.")
