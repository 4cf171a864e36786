"""The fleet in a test's hand: vehicles that come, go and change, and the truth about their logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.world.world import Integrated
from tests.sandbox.conftest import START, Client
from tests.sandbox.raw import exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=[False, True], ids=["plain", "fast"])
async def sandbox(request: pytest.FixtureRequest, clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(
        vehicles=12, seed=7, clock=clock, control=True, fast=request.param, token_lifetime=1e7
    ) as running:
        yield running


async def _fleet(client: Client) -> dict[str, Any]:
    vehicles = await client.walk("/vehicles?page_size=5&expand=latest_status_log")
    return {vehicle["id"]: vehicle for vehicle in vehicles}


def _car(sandbox: Sandbox) -> str:
    return next(each.id for each in sandbox.world.vehicles if each.integrated == "ACTIVE")


async def test_a_new_vehicle_is_there_at_once_and_has_no_past(client: Client) -> None:
    sandbox = client.sandbox
    before = await _fleet(client)

    car = sandbox.fleet.add()

    now = await _fleet(client)
    assert now.keys() - before.keys() == {car}
    assert now[car]["latest_status_log"] is None
    sandbox.advance(3 * 3_600)
    assert (await _fleet(client))[car]["latest_status_log"] is not None
    logs = await client.walk(f"/vehicles/{car}/status_logs")
    assert min(log["sampled_at"] for log in logs) >= START.isoformat()[:19]


async def test_a_removed_vehicle_is_gone_and_the_truth_about_it_stays(client: Client) -> None:
    sandbox, car = client.sandbox, _car(client.sandbox)
    truth = sandbox.fleet.logs("status_logs", device=car)
    await _fleet(client)

    sandbox.fleet.remove(car)
    sandbox.advance(86_400)

    assert car not in await _fleet(client)
    assert (await client.get(f"/vehicles/{car}")).status == 404
    assert sandbox.fleet.logs("status_logs", device=car) == truth != []
    assert {log.device for log in sandbox.fleet.logs("status_logs")} >= {car}


async def test_what_the_api_deletes_is_remembered_too(client: Client) -> None:
    sandbox, car = client.sandbox, _car(client.sandbox)
    truth = sandbox.fleet.logs("status_logs", device=car)

    assert (await client.call("DELETE", f"/vehicles/{car}")).status == 204

    assert sandbox.fleet.logs("status_logs", device=car) == truth


@pytest.mark.parametrize("first", get_args(Integrated))
@pytest.mark.parametrize("second", get_args(Integrated))
async def test_a_link_changes_at_once_and_takes_nothing_back(
    client: Client, first: Integrated, second: Integrated
) -> None:
    sandbox = client.sandbox
    car = next(each.id for each in sandbox.world.vehicles if each.integrated == first)
    kinds = ("status_logs", "error_logs")
    truth = {kind: sandbox.fleet.logs(kind, device=car) for kind in kinds}
    assert (await _fleet(client))[car]["integrated"] == first

    sandbox.fleet.integrate(car, second)

    assert (await _fleet(client))[car]["integrated"] == second
    assert {kind: sandbox.fleet.logs(kind, device=car) for kind in kinds} == truth
    changed_at = sandbox.now()
    sandbox.advance(12 * 3_600)
    heard = sandbox.fleet.logs("status_logs", device=car, since=changed_at)
    failed = sandbox.fleet.logs("error_logs", device=car, since=changed_at)
    assert bool(heard) == (second == "ACTIVE")
    assert len(failed) > 5 if second == "INACTIVE" else len(failed) < 5
    assert truth["status_logs"] == sandbox.fleet.logs("status_logs", device=car)[: len(truth["status_logs"])]


async def test_touched_vehicles_report_now(client: Client) -> None:
    sandbox = client.sandbox
    await _fleet(client)
    car, now = _car(sandbox), sandbox.now().isoformat(timespec="microseconds").replace("+00:00", "Z")

    assert sandbox.fleet.touch([car]) == [car]
    assert sandbox.fleet.touch([car]) == [], "it has just told"

    shown = (await _fleet(client))[car]["latest_status_log"]
    assert shown["sampled_at"] == shown["logged_at"] == now
    listed = await client.walk(f"/vehicles/{car}/status_logs?page_size=10")
    assert listed[0] == shown
    assert [log["sampled_at"] for log in listed][::-1] == [
        log.at for log in sandbox.fleet.logs("status_logs", device=car)
    ]
    sandbox.advance(7_200)
    assert (await _fleet(client))[car]["latest_status_log"]["sampled_at"] > now
    assert [log["url"] for log in await client.walk(f"/vehicles/{car}/status_logs")].count(shown["url"]) == 1


async def test_a_share_of_the_fleet_is_touched_another_one_each_time(client: Client) -> None:
    sandbox = client.sandbox
    parts: list[list[str]] = []
    for _ in range(3):
        sandbox.advance(1)
        parts.append(sandbox.fleet.touch(share=0.5))
        shown = await _fleet(client)
        now = sandbox.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        newest = {car: shown[car]["latest_status_log"] for car in shown}
        changed = {car for car, log in newest.items() if log is not None and log["sampled_at"] == now}
        assert changed == set(parts[-1])
    assert parts[0] != parts[1] != parts[2]
    with pytest.raises(ValueError, match="share"):
        sandbox.fleet.touch(share=5)


async def _do(sandbox: Sandbox, method: str, name: str, body: object = None) -> tuple[int | None, Any]:
    sent = b"" if body is None else json.dumps(body).encode()
    answer = await exchange(sandbox, method, f"/_sandbox/{name}", token=None, body=sent)
    return answer.status, json.loads(answer.body)


async def test_another_process_does_the_same_by_the_control_endpoint(sandbox: Sandbox) -> None:
    _, made = await _do(sandbox, "POST", "add", {"integrated": "ACTIVE"})
    car = made["vehicle"]
    await _do(sandbox, "POST", "advance", {"seconds": 7_200})
    assert await _do(sandbox, "POST", "touch", {"vehicles": [car]}) == (200, {"vehicles": [car]})
    assert await _do(sandbox, "POST", "integrate", {"vehicle": car, "integrated": "INACTIVE"}) == (200, {})
    assert sandbox.world.vehicles[car].integrated == "INACTIVE"

    _, told = await _do(sandbox, "GET", f"logs?kind=status_logs&device={car}")
    truth = sandbox.fleet.logs("status_logs", device=car)
    assert [log["at"] for log in told["logs"]] == [log.at for log in truth]
    assert [log["device"] for log in told["logs"]] == [car] * len(truth)
    assert told["logs"][-1]["visible_at"] == truth[-1].visible_at.isoformat().replace("+00:00", "Z")
    _, told = await _do(sandbox, "GET", f"logs?kind=status_logs&device={car}&since={truth[1].at}&until={truth[2].at}")
    assert [log["at"] for log in told["logs"]] == [truth[1].at, truth[2].at]

    assert await _do(sandbox, "POST", "remove", {"vehicle": car}) == (200, {})
    assert car not in sandbox.world.vehicles


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "add", {"user": "user01"}, 404),
        ("POST", "add", {"integrated": "PERHAPS"}, 400),
        ("POST", "remove", {"vehicle": "vhcl01"}, 404),
        ("POST", "integrate", {"vehicle": "vhcl01", "integrated": "ACTIVE"}, 404),
        ("POST", "integrate", {"integrated": None}, 400),
        ("POST", "touch", {"share": "half"}, 400),
        ("POST", "touch", {"share": 2}, 400),
        ("POST", "touch", {"vehicles": "all"}, 400),
        ("POST", "touch", {"vehicles": ["vhcl01"]}, 404),
        ("GET", "logs", None, 400),
        ("GET", "logs?kind=captains_logs", None, 404),
        ("GET", "logs?kind=status_logs&device=vhcl01", None, 404),
        ("GET", "logs?kind=status_logs&since=yesterday", None, 400),
    ],
)
async def test_what_the_control_endpoint_can_not_do_it_says(
    sandbox: Sandbox, method: str, name: str, body: object, status: int
) -> None:
    assert (await _do(sandbox, method, name, body))[0] == status
