"""The record of what was served, to compare with what a client saw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import ResetAfter
from ev_energy_async.sandbox.record import told_path
from tests.sandbox.raw import exchange

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_contains_size_logs_and_faults(sandbox: Sandbox) -> None:
    vehicle = next(vehicle for vehicle in sandbox.world.vehicles if vehicle.integrated == "ACTIVE")
    answer = await exchange(sandbox, "GET", f"/v2/vehicles/{vehicle.id}/status_logs?page_size=3")
    (served,) = sandbox.requests
    assert served.size == len(answer.body)
    assert served.logs == tuple(log["sampled_at"] for log in json.loads(answer.body))
    assert (served.status, served.faults, served.origin) == (200, (), "api")
    await exchange(sandbox, "GET", "/v2/vehicles")
    assert sandbox.requests[-1].logs == ()


async def test_it_keeps_as_much_as_configured(clock: SteppedClock) -> None:
    async with Sandbox(vehicles=1, clock=clock, kept_requests=2) as sandbox:
        for size in (1, 2, 3):
            await exchange(sandbox, "GET", f"/v2/vehicles?page_size={size}")
        assert [served.path[-1] for served in sandbox.requests] == ["2", "3"]
    assert Sandbox(vehicles=0, kept_requests=None).requests.maxlen is None


async def test_a_file_gets_everything(clock: SteppedClock, tmp_path: Path) -> None:
    file = tmp_path / "record.jsonl"
    plan = FaultPlan((Rule(ResetAfter(), skip=1),))
    async with Sandbox(vehicles=1, clock=clock, kept_requests=1, record=file, faults=plan) as sandbox:
        for _ in range(2):
            await exchange(sandbox, "GET", "/v2/vehicles", headers=("User-Agent: tests",))
        requests = list(sandbox.requests)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, None]
    assert lines[1]["faults"] == ["reset_after"]
    assert lines[1]["kind"] == "request"
    assert lines[1]["at"] == requests[0].at.isoformat()
    assert lines[1]["headers"] == {"Authorization": "Bearer", "User-Agent": "tests"}


async def test_a_restarted_sandbox_appends_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "record.jsonl"
    file.write_text("of another run\n")
    sandbox = Sandbox(vehicles=1, record=file)
    for _ in range(2):
        async with sandbox:
            await exchange(sandbox, "GET", "/v2/vehicles")
    assert [json.loads(line)["status"] for line in file.read_text().splitlines()] == [200, 200]


async def test_a_file_that_cant_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="record"):
        await Sandbox(vehicles=1, record=tmp_path / "nowhere" / "record.jsonl").start()


async def test_secrets_are_never_in_it(sandbox: Sandbox) -> None:
    token = sandbox.issue_token()
    await exchange(sandbox, "GET", f"/v2/vehicles?access_token={token}&page_size=1", token=token)
    await exchange(sandbox, "GET", f"/o/authorize/?client_id=x&state={token}")
    await exchange(sandbox, "POST", "/o/token/", body=f"client_secret={token}".encode())
    assert token not in repr(list(sandbox.requests))
    assert sandbox.requests[0].path == "/v2/vehicles?access_token=...&page_size=1"


def test_what_counts_as_a_secret_in_a_query() -> None:
    kept = "/v2/x?page_after=a&page_size=3&expand=token.code"
    assert told_path(kept) == kept
    assert told_path("/x?X-Amz-Signature=abc&code=d&api_key=e") == "/x?X-Amz-Signature=...&code=...&api_key=..."
