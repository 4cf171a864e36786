"""The control endpoint, as a test in another process uses it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.sandbox.raw import Line, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=5, clock=clock, control=True) as running:
        yield running


async def _do(sandbox: Sandbox, method: str, name: str, body: object = None) -> tuple[int | None, Any]:
    sent = b"" if body is None else json.dumps(body).encode()
    answer = await exchange(sandbox, method, f"/_sandbox/{name}", token=None, body=sent)
    return answer.status, json.loads(answer.body)


async def test_it_is_off_unless_asked_for(clock: SteppedClock) -> None:
    async with Sandbox(vehicles=1, clock=clock) as sandbox:
        assert sandbox.control_url is None
        before = sandbox.now()
        assert (await _do(sandbox, "POST", "advance", {"seconds": 60}))[0] == 404
        assert sandbox.now() == before


async def test_it_moves_the_time(sandbox: Sandbox) -> None:
    status, body = await _do(sandbox, "POST", "advance", {"seconds": 90.5})
    assert (status, body) == (200, {"now": "2026-03-14T21:06:37.750000+00:00"})
    assert sandbox.now().isoformat() == body["now"]


async def test_the_default_clock_can_be_moved_too() -> None:
    async with Sandbox(vehicles=1, control=True) as sandbox:
        before = sandbox.now()
        assert (await _do(sandbox, "POST", "advance", {"seconds": 3_600}))[0] == 200
        assert (sandbox.now() - before).total_seconds() >= 3_600


async def test_it_lists_what_exists_and_what_was_requested(sandbox: Sandbox) -> None:
    status, body = await _do(sandbox, "GET", "")
    assert (status, body["vehicles"], body["fault_rules"]) == (200, 5, 0)
    await exchange(sandbox, "GET", "/v2/vehicles")
    _, body = await _do(sandbox, "GET", "requests")
    (request,) = body["requests"]
    assert (request["path"], request["operation"], request["status"]) == ("/v2/vehicles", "vehicles.list", 200)
    assert (await _do(sandbox, "GET", "deliveries"))[1] == {"deliveries": []}


async def test_it_sets_and_ends_faults(sandbox: Sandbox) -> None:
    assert await _do(sandbox, "PUT", "faults", {"rules": [{"effect": "html_error"}]}) == (200, {"fault_rules": 1})
    assert (await exchange(sandbox, "GET", "/v2/vehicles")).status == 502
    assert await _do(sandbox, "DELETE", "faults") == (200, {"fault_rules": 0})
    assert (await exchange(sandbox, "GET", "/v2/vehicles")).status == 200


async def test_it_gives_tokens(sandbox: Sandbox) -> None:
    user = next(iter(sandbox.world.users)).id
    _, body = await _do(sandbox, "POST", "tokens", {"user": user, "scopes": ["user:read"]})
    answer = await exchange(sandbox, "GET", "/v2/users/me", token=body["access_token"])
    assert json.loads(answer.body)["id"] == user
    assert (await exchange(sandbox, "GET", "/v2/vehicles", token=body["access_token"])).status == 403


@pytest.mark.parametrize(
    ("method", "name", "body", "status", "said"),
    [
        ("POST", "advance", {"seconds": "60"}, 400, "seconds should be a number"),
        ("POST", "advance", {"seconds": -1}, 400, "forward only"),
        ("POST", "advance", {"seconds": 1e308}, 400, "year 9000"),
        ("POST", "advance", {"seconds": 10**400}, 400, "year 9000"),
        ("POST", "advance", {"seconds": float("inf")}, 400, "malformed"),
        ("POST", "advance", {"seconds": float("nan")}, 400, "malformed"),
        ("POST", "advance", {"seconds": 250_000_000_000}, 400, "year 9000"),
        ("POST", "advance", [], 400, "JSON object"),
        ("PUT", "faults", {"rules": [{"effect": "html"}]}, 400, "rule 1: there is no effect 'html'"),
        ("PUT", "faults", {"rules": [{"effect": {"kind": "late_uploads", "seconds": 1e308}}]}, 400, "at most"),
        ("PUT", "faults", {"rules": [{"effect": "latency", "until_seconds": 1e308}]}, 400, "at most"),
        ("PUT", "faults", {"rules": [{"effect": {"kind": "redirected", "location": "/\r\nX: y"}}]}, 400, "control"),
        ("POST", "tokens", {"user": "user1"}, 400, "no user"),
        ("POST", "tokens", {"user": ["user1"]}, 400, "user should be an ID"),
        ("POST", "add", {"user": {"id": 1}}, 400, "user should be an ID"),
        ("POST", "add", {"trim": [1]}, 400, "trim should be an ID"),
        ("POST", "add", {"integrated": ["ACTIVE"]}, 400, "integrated should be one of"),
        ("POST", "remove", {"vehicle": ["vhcl1"]}, 400, "vehicle should be an ID"),
        ("POST", "remove", {}, 400, "vehicle should be an ID"),
        ("POST", "integrate", {"vehicle": {"id": 1}, "integrated": "ACTIVE"}, 400, "vehicle should be an ID"),
        ("POST", "touch", {"vehicles": [["vhcl1"]]}, 400, "list of IDs"),
        ("POST", "redeliver", {"svix_id": {"id": 1}}, 400, "svix_id should be an ID"),
        ("POST", "tokens", {"scopes": "user:read"}, 400, "list of scopes"),
        ("POST", "redeliver", {"svix_id": "msg_1"}, 404, "no webhook"),
        ("GET", "advance", None, 405, "not possible"),
        ("GET", "elsewhere", None, 404, "nothing at this path"),
    ],
)
async def test_what_it_refuses(sandbox: Sandbox, method: str, name: str, body: object, status: int, said: str) -> None:
    answered, problem = await _do(sandbox, method, name, body)
    assert answered == status
    assert said in problem["detail"]


async def test_bounds_beyond_the_calendar_take_all_logs(sandbox: Sandbox) -> None:
    _, everything = await _do(sandbox, "GET", "logs?kind=status_logs", None)
    bounds = "since=0001-01-01T00:00:00%2B14:00&until=9999-12-31T23:59:59-14:00"
    assert await _do(sandbox, "GET", f"logs?kind=status_logs&{bounds}", None) == (200, everything)
    assert everything["logs"]


async def test_a_form_that_a_web_page_could_send_does_nothing(sandbox: Sandbox) -> None:
    before = sandbox.now()
    line = await Line.to(sandbox.origin)
    line.send("POST", "/_sandbox/advance", "Content-Type: text/plain", body=b'{"seconds": 60}')
    assert (await line.receive()).status == 400
    await line.close()
    assert sandbox.now() == before
