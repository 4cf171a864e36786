"""Between sockets and API: applies the faults of the plan to a request and its response. No I/O.

The server reads a request, asks here what to do, and does it.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import attrs
import msgspec

from ev_energy_async.sandbox.faults import (
    BODY_EFFECTS,
    ExpiredToken,
    FaultPlan,
    Faults,
    Held,
    HtmlError,
    HugeBody,
    Latency,
    MalformedJson,
    Oddities,
    RateLimited,
    Redirected,
    ResetAfter,
    ResetBefore,
    SlowDrip,
    Stall,
    Strike,
    Target,
    TruncatedJson,
    Unavailable,
    WrongContentType,
    log_keys,
    malformed,
    truncated,
)
from ev_energy_async.sandbox.instants import Instant, http_date
from ev_energy_async.sandbox.protocol import Problem, Reply, Request
from ev_energy_async.sandbox.record import Served, told_headers, told_path
from ev_energy_async.sandbox.server.api import PREFIX, Api, Route

_SUCCESSES: Final = range(200, 300)
_HTML: Final = (
    "<!DOCTYPE html>\n<html><head><title>{status} {phrase}</title></head>\n"
    "<body><center><h1>{status} {phrase}</h1></center><hr><center>nginx</center></body></html>\n"
)


@attrs.define
class Outcome:
    """Instructions to the server about one request."""

    reply: Reply | None
    """The response; None resets the connection, after `stall` if that is set."""
    body: bytes = b""
    delay_seconds: float = 0.0
    held: bool = False
    """Whether to hold the response until another fault plan is set."""
    stall: Stall | None = None
    whole_length: int | None = None
    """The length to announce where `body` is only a part, after which the connection is cut."""
    drip: SlowDrip | None = None
    huge: HugeBody | None = None
    stream: AsyncIterator[bytes] | None = None
    """Pieces of a body without an end, each sent when it is there."""
    operation: str | None = None
    """The operation that the request was for."""
    faults: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()


@attrs.define
class _Struck:
    """The effects that strike one request, sorted by when they apply."""

    early: Reply | None = None
    silent: bool = False
    held: bool = False
    stall: Stall | None = None
    delay_seconds: float = 0.0
    late: list[Strike] = attrs.field(factory=list[Strike])
    names: list[str] = attrs.field(factory=list[str])


class Service:
    """Responds to requests as the API does, apart from faults."""

    def __init__(self, api: Api, plan: FaultPlan, now: Instant) -> None:
        """Put a plan into force at `now`."""
        self.api = api
        self.faults = Faults(plan, now)
        self._oddities = Oddities(api.document)

    def use(self, plan: FaultPlan, now: Instant) -> None:
        """Put another plan into force."""
        self.faults = Faults(plan, now)

    def serve(self, request: Request, now: Instant, refusal: Problem | None = None) -> Outcome:
        """Return what to do about an API request received at `now`; `refusal` says why it could not be read."""
        route = self.api.route(request)
        return self._serve(request, now, route, lambda: self.api.answer(request, now, refusal, route))

    def serve_elsewhere(self, request: Request, now: Instant, answer: Callable[[], Reply]) -> Outcome:
        """Return the same for a request that is not one of the API."""
        return self._serve(request, now, Route(), answer)

    def _serve(self, request: Request, now: Instant, route: Route, answer: Callable[[], Reply]) -> Outcome:
        outcome = self._outcome(request, now, route, answer)
        if outcome.reply is not None:
            # When the content was made, however long it is on its way from here (RFC 9110, section 6.6.1).
            outcome.reply.headers["Date"] = http_date(now)
        return outcome

    def _outcome(self, request: Request, now: Instant, route: Route, answer: Callable[[], Reply]) -> Outcome:
        if not self.faults:
            return encoded(answer(), route)
        below = request.path.removeprefix(PREFIX)
        strikes = self.faults.strikes(Target(route.name, request.method, request.path, below), now)
        struck = self._before(strikes, request, now)
        if struck.silent:
            return Outcome(
                None,
                delay_seconds=struck.delay_seconds,
                stall=struck.stall,
                operation=route.name,
                faults=tuple(struck.names),
            )
        reply = struck.early
        if reply is None:
            reply = answer()
            if route.operation is not None and reply.status in _SUCCESSES:
                self._make_odd(reply, route.operation.responses.get(reply.status), struck, now)
        outcome = encoded(reply, route)
        outcome.delay_seconds, outcome.held = struck.delay_seconds, struck.held
        for strike in struck.late:
            _after(strike, outcome, reply)
        outcome.faults = tuple(struck.names)
        return outcome

    def _before(self, strikes: list[Strike], request: Request, now: Instant) -> _Struck:
        struck = _Struck()
        for strike in strikes:
            effect = strike.effect
            struck.names.append(effect.kind)
            match effect:
                case Latency():
                    struck.delay_seconds += effect.seconds + effect.jitter_seconds * strike.chance.random()
                    continue
                case Stall():
                    struck.silent, struck.stall = True, effect
                case ResetBefore():
                    struck.silent = True
                case Held():
                    struck.held = True
                    continue
                case Redirected(location=location, status=status):
                    struck.early = Reply(status, None, {"Location": location, "Server": "nginx"})
                case HtmlError():
                    struck.early = _html(effect.status)
                case Unavailable():
                    struck.early = self.api.refuse(request, now, _unavailable(effect))
                case RateLimited():
                    struck.early = self.api.refuse(request, now, _limited(effect))
                case ExpiredToken():
                    self.api.callers.expire(request, now)
                    continue
                case _:
                    struck.late.append(strike)
                    continue
            break  # it has a response, or will never have one
        return struck

    def _make_odd(self, reply: Reply, schema: dict[str, Any] | None, struck: _Struck, now: Instant) -> None:
        strikes = [strike for strike in struck.late if isinstance(strike.effect, BODY_EFFECTS)]
        if not strikes or schema is None or reply.body is None:
            return
        encoded = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
        body: Any = msgspec.json.decode(encoded)
        for strike in strikes:
            seed = self.faults.plan.seed
            self._oddities.apply(strike.effect, strike.chance, schema, body, seed=seed, now=now)
        reply.body = body


def _after(strike: Strike, outcome: Outcome, reply: Reply) -> None:
    """Apply the effects that change a response on its way out."""
    match strike.effect:
        case ResetAfter():
            outcome.reply = None
        case WrongContentType(content_type=content_type):
            reply.content_type = content_type
        case MalformedJson():
            outcome.body = malformed(outcome.body, strike.chance)
        case TruncatedJson(cut_connection=cut):
            if cut and outcome.body:
                outcome.whole_length = len(outcome.body)
            outcome.body = truncated(outcome.body, strike.chance)
        case SlowDrip() as drip:
            outcome.drip = drip
        case HugeBody() as huge:
            outcome.huge = huge
        case _:
            pass


def encoded(reply: Reply, route: Route) -> Outcome:
    """Return the outcome that is this reply and nothing more."""
    if reply.body is None:
        return Outcome(reply, operation=route.name)
    if isinstance(reply.body, bytes):
        return Outcome(reply, reply.body, operation=route.name)
    return Outcome(reply, msgspec.json.encode(reply.body), operation=route.name, logs=log_keys(reply.body))


def served(request: Request, outcome: Outcome, moment: datetime, origin: str) -> Served:
    """Return the entry of the record for a request and what became of it."""
    left = None if outcome.reply is None else outcome.reply.headers.get("X-RateLimit-Remaining")
    return Served(
        moment,
        request.method,
        told_path(f"{request.path}?{request.query}" if request.query else request.path),
        None if outcome.reply is None else outcome.reply.status,
        outcome.operation,
        told_headers(request.headers),
        outcome.faults,
        len(outcome.body),
        outcome.logs,
        origin,
        request.port,
        None if left is None else int(left),
    )


def _html(status: int) -> Reply:
    phrase = HTTPStatus(status).phrase if status in {known.value for known in HTTPStatus} else "Error"
    page = _HTML.format(status=status, phrase=phrase)
    return Reply(status, page.encode(), {"Server": "nginx"}, "text/html")


def _unavailable(effect: Unavailable) -> Problem:
    wait = effect.retry_after_seconds
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The service is not available at the moment.", headers=headers)


def _limited(effect: RateLimited) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too many requests. The next one is possible in {effect.retry_after_seconds} seconds.",
        slug="rate-limit-exceeded",
        headers={"Retry-After": str(effect.retry_after_seconds), "X-RateLimit-Remaining": "0"},
    )
