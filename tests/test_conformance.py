"""The check of all sandboxes' responses: what it finds, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import MissingField
from ev_energy_async.sandbox.handlers import HANDLERS
from ev_energy_async.sandbox.protocol.messages import Reply

from .conformance import PROBLEM, Answer, Watch, operations, problems

if TYPE_CHECKING:
    import pytest

    from ev_energy_async.sandbox.handlers.calls import Call


async def _ask(sandbox: Sandbox, target: str, *, method: str = "GET") -> None:
    headers = {"Authorization": f"Bearer {sandbox.issue_token()}"}
    async with aiohttp.ClientSession() as session, session.request(method, sandbox.base_url + target, headers=headers):
        pass


def _answering(body: object, status: int = 200, **headers: str) -> Any:
    def handler(_: Call) -> Reply:
        return Reply(status, body, headers)

    return handler


async def test_a_body_that_violates_its_schema_is_found(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    monkeypatch.setitem(HANDLERS, "vehicle_makes.list", _answering([{"id": 7}], Link="<about:blank>; rel=next"))

    async with Sandbox(vehicles=1) as sandbox:
        await _ask(sandbox, "/vehicle_makes")

    assert any("7 is not of type 'string'" in each for each in watch.validate())


async def test_a_missing_header_is_found(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    monkeypatch.setitem(HANDLERS, "suppliers.list", _answering([]))

    async with Sandbox(vehicles=1) as sandbox:
        await _ask(sandbox, "/suppliers")

    assert watch.validate() == ["GET /suppliers -> 200: the header Link is missing"]


async def test_an_undocumented_status_is_found(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    monkeypatch.setitem(HANDLERS, "timezones.list", _answering(None, 204))

    async with Sandbox(vehicles=1) as sandbox:
        await _ask(sandbox, "/timezones")

    assert watch.validate() == ["GET /timezones -> 204: the document has no such status here"]


async def test_a_response_spoilt_by_a_fault_is_left_alone(watch: Watch) -> None:
    plan = FaultPlan((Rule(MissingField()),))

    async with Sandbox(vehicles=1, faults=plan) as sandbox:
        await _ask(sandbox, "/vehicles")
        assert sandbox.requests[-1].faults == ("missing_field",)

    assert watch.validate() == []


async def test_every_response_is_checked_not_only_the_first_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    async with Sandbox(vehicles=1) as sandbox:
        for _ in range(3):
            await _ask(sandbox, "/users")
        assert watch.validate() == []
        monkeypatch.setitem(HANDLERS, "users.list", _answering([{"id": 7}], Link="<about:blank>; rel=next"))
        await _ask(sandbox, "/users?page_size=3")
        assert any("7 is not of type 'string'" in each for each in watch.validate())
        monkeypatch.setitem(HANDLERS, "users.list", _answering([]))
        await _ask(sandbox, "/users?page_size=4")
        assert watch.validate() == ["GET /users -> 200: the header Link is missing"]


async def test_the_fast_validator_checks_formats(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    async with Sandbox(vehicles=1) as sandbox:
        (user,) = sandbox.world.users
        await _ask(sandbox, f"/users/{user.id}")
        assert watch.validate() == []
        monkeypatch.setitem(HANDLERS, "users.get", _answering({"joined_at": "yesterday"}))
        await _ask(sandbox, f"/users/{user.id}")
        assert any("'yesterday' is not a 'date-time'" in each for each in watch.validate())


def test_an_error_is_a_problem_document_even_if_none_is_documented() -> None:
    operation = operations()["GET", "/support-ticket-stats/sankey"]
    fine, poor = b'{"title": "Gone", "detail": "No."}', b'{"title": "Gone"}'

    assert problems(Answer(operation, 503, {}, PROBLEM, fine)) == []
    assert problems(Answer(operation, 503, {}, PROBLEM, poor)) != []
    assert problems(Answer(operation, 503, {}, "text/html", b"<html>")) != []
