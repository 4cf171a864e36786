"""The control endpoint `/_sandbox/`: what tests in other processes do to a sandbox. Off unless asked for.

GET  /_sandbox/            what time it is, what there is
POST /_sandbox/advance     {"seconds": 60}: moves the time on, and delivers the webhooks that are due then
PUT  /_sandbox/faults      a fault plan as JSON; DELETE ends all faults
POST /_sandbox/tokens      {"user": "user01...", "scopes": ["vehicle:read"]}: an access token, both may be left out
POST /_sandbox/redeliver   {"svix_id": "msg_..."}: sends a webhook again
POST /_sandbox/add         {"user": "user01...", "trim": "trim01...", "integrated": "ACTIVE"}: a new vehicle, and its ID
POST /_sandbox/remove      {"vehicle": "vhcl01..."}: takes a vehicle off the platform
POST /_sandbox/integrate   {"vehicle": "vhcl01...", "integrated": "INACTIVE"}: changes a vehicle's link
POST /_sandbox/touch       {"share": 0.05} or {"vehicles": ["vhcl01..."]}: lets vehicles report their state now
GET  /_sandbox/logs?kind=status_logs&device=vhcl01...&since=...&until=...
                           which logs have become visible, and when; all but `kind` may be left out
GET  /_sandbox/requests    what was served; GET /_sandbox/deliveries what was delivered
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol, cast, get_args
from urllib.parse import parse_qsl

from ev_energy_async.sandbox.faults import FaultPlan, FaultPlanError, plan_of
from ev_energy_async.sandbox.instants import moment, parse
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, Request, not_found, read_json
from ev_energy_async.sandbox.record import Record
from ev_energy_async.sandbox.world import Fleet, Integrated, Logged, World

CONTROL_PATH: Final = "/_sandbox/"

_LOGS_AT_ONCE: Final = 1_000


class Controlled(Protocol):
    """The operations that the control endpoint needs of a sandbox."""

    world: World
    fleet: Fleet
    record: Record

    @property
    def faults(self) -> FaultPlan:
        """The fault plan in force."""
        ...

    @faults.setter
    def faults(self, plan: FaultPlan) -> None: ...

    def now(self) -> datetime:
        """Return the present."""
        ...

    def advance(self, by: float | timedelta) -> None:
        """Move the time forward."""
        ...

    async def settle(self) -> None:
        """Wait until the webhooks that are due have been attempted."""
        ...

    def redeliver(self, svix_id: str) -> None:
        """Redeliver a webhook."""
        ...

    def issue_token(self, *, user: str | None = None, scopes: Iterable[str] | None = None) -> str:
        """Return an access token."""
        ...


class Control:
    """Serves everything below `/_sandbox/`."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox
        self._acts: dict[tuple[str, str], Callable[[Any], Awaitable[JsonObject]]] = {
            ("GET", ""): self._state,
            ("POST", "advance"): self._advance,
            ("PUT", "faults"): self._use_faults,
            ("DELETE", "faults"): self._end_faults,
            ("POST", "tokens"): self._give_token,
            ("POST", "redeliver"): self._redeliver,
            ("POST", "add"): self._add,
            ("POST", "remove"): self._remove,
            ("POST", "integrate"): self._integrate,
            ("POST", "touch"): self._touch,
            ("GET", "logs"): self._logs,
            ("GET", "requests"): self._requests,
            ("GET", "deliveries"): self._deliveries,
        }

    async def answer(self, request: Request) -> Reply:
        """Return the response to a request below `/_sandbox/`."""
        try:
            act = self._act(request.method, request.path.removeprefix(CONTROL_PATH))
            return Reply(HTTPStatus.OK.value, await act(_read(request)))
        except Problem as problem:
            return problem.reply()
        except KeyError as error:
            return not_found(f"There is no {error}.").reply()
        except (FaultPlanError, ValueError, RuntimeError) as error:
            return Problem(HTTPStatus.BAD_REQUEST, str(error)).reply()

    def _act(self, method: str, name: str) -> Callable[[Any], Awaitable[JsonObject]]:
        if act := self._acts.get((method, name)):
            return act
        allowed = sorted(known for known, path in self._acts if path == name)
        if not allowed:
            raise not_found("There is nothing at this path.")
        detail = f"{method} is not possible here."
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)})

    async def _state(self, _body: Any) -> JsonObject:
        sandbox = self._sandbox
        return {
            "now": sandbox.now().isoformat(),
            "vehicles": len(sandbox.world.vehicles),
            "evses": len(sandbox.world.evses),
            "users": len(sandbox.world.users),
            "fault_rules": len(sandbox.faults.rules),
        }

    async def _advance(self, body: Any) -> JsonObject:
        seconds = body.get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise _unfit("seconds should be a number")
        self._sandbox.advance(seconds)
        await self._sandbox.settle()
        return {"now": self._sandbox.now().isoformat()}

    async def _use_faults(self, body: Any) -> JsonObject:
        self._sandbox.faults = plan_of(body)
        return {"fault_rules": len(self._sandbox.faults.rules)}

    async def _end_faults(self, _body: Any) -> JsonObject:
        self._sandbox.faults = FaultPlan()
        return {"fault_rules": 0}

    async def _give_token(self, body: Any) -> JsonObject:
        scopes: list[Any] | None = body.get("scopes")
        if scopes is not None and not (isinstance(scopes, list) and all(isinstance(one, str) for one in scopes)):
            raise _unfit("scopes should be a list of scopes")
        return {"access_token": self._sandbox.issue_token(user=_given_id(body, "user"), scopes=scopes)}

    async def _redeliver(self, body: Any) -> JsonObject:
        try:
            self._sandbox.redeliver(_id(body, "svix_id"))
        except KeyError:
            raise not_found("There was no webhook of this ID.") from None
        await self._sandbox.settle()
        return {}

    async def _add(self, body: Any) -> JsonObject:
        integrated = body.get("integrated", "ACTIVE")
        _check_integrated(integrated)
        user, trim = _given_id(body, "user"), _given_id(body, "trim")
        return {"vehicle": self._sandbox.fleet.add(user=user, trim=trim, integrated=integrated)}

    async def _remove(self, body: Any) -> JsonObject:
        self._sandbox.fleet.remove(_id(body, "vehicle"))
        return {}

    async def _integrate(self, body: Any) -> JsonObject:
        integrated = body.get("integrated")
        _check_integrated(integrated)
        self._sandbox.fleet.integrate(_id(body, "vehicle"), integrated)
        return {}

    async def _touch(self, body: Any) -> JsonObject:
        share: object = body.get("share")
        vehicles: list[Any] | None = body.get("vehicles")
        if share is not None and (not isinstance(share, int | float) or isinstance(share, bool)):
            raise _unfit("share should be a number")
        if vehicles is not None and not (isinstance(vehicles, list) and all(isinstance(one, str) for one in vehicles)):
            raise _unfit("vehicles should be a list of IDs")
        return {"vehicles": self._sandbox.fleet.touch(vehicles, share=share)}

    async def _logs(self, query: Any) -> JsonObject:
        bounds = {name: moment(parse(query[name])) for name in ("since", "until") if name in query}
        if "kind" not in query:
            raise _unfit("kind is missing, such as status_logs")
        logs: list[Logged] = []
        for log in self._sandbox.fleet.each_log(query["kind"], device=query.get("device"), **bounds):
            logs.append(log)
            if len(logs) % _LOGS_AT_ONCE == 0:  # a large fleet takes seconds, in which other requests are served
                await asyncio.sleep(0)
        return {"logs": logs}

    async def _requests(self, _body: Any) -> JsonObject:
        return {"requests": list(self._sandbox.record.requests)}

    async def _deliveries(self, _body: Any) -> JsonObject:
        return {"deliveries": list(self._sandbox.record.deliveries)}


def _unfit(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)


def _id(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _unfit(f"{name} should be an ID")
    return value


def _given_id(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else _id(body, name)


def _check_integrated(value: object) -> None:
    known = get_args(Integrated)
    if not isinstance(value, str) or value not in known:
        raise _unfit(f"integrated should be one of {', '.join(known)}")


def _read(request: Request) -> dict[str, Any]:
    if request.method in {"GET", "DELETE"}:
        return dict(parse_qsl(request.query))
    # A page that a browser shows can't send this type to another origin unasked.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(HTTPStatus.BAD_REQUEST, "The body should be application/json.")
    value: object = read_json(request.body)
    if not isinstance(value, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "The body should be a JSON object.")
    return cast("dict[str, Any]", value)
