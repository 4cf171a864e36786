"""Backfills through a real client: over sockets against the sandbox, and what goes out on the wire."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.errors import DecodeError
from ev_energy_async.fleet.backfill import Backfill, LogRead
from ev_energy_async.fleet.events import PollFailed
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import DuplicatedLogs, RateLimited, ResetAfter, TruncatedJson, Unavailable
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

from .backfill_kit import key, vehicle_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.devices import VehicleLog
    from ev_energy_async.messages.request import Handler, RawResponse, Request
    from tests.conftest import FakeClock, Network

VEHICLES: Final = 12
DAY: Final = dt.timedelta(days=1)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    clock = SteppedClock(START)
    async with Sandbox(
        vehicles=VEHICLES, evses=0, seed=11, rate_limit=100_000, clock=clock, token_lifetime=7 * DAY
    ) as running:
        running.advance(2 * DAY)
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    async with EvEnergy(
        StaticToken(sandbox.issue_token()), base_url=sandbox.base_url, clock=SandboxClock(sandbox)
    ) as client:
        yield client


@pytest.mark.parametrize("kind", ["status", "error", "command", "location"])
async def test_a_backfill_of_a_fleet_is_complete_through_faults_and_restarts(
    sandbox: Sandbox, live: EvEnergy, kind: VehicleLog
) -> None:
    until = sandbox.now()
    since = until - DAY
    collection = f"{kind}_logs"
    at_the_start = logs_of(sandbox, collection, since, until)
    sandbox.faults = FaultPlan(
        (
            Rule(Unavailable(retry_after_seconds=None), probability=0.1),
            Rule(ResetAfter(), probability=0.05),
            Rule(TruncatedJson(cut_connection=True), probability=0.05),
            Rule(DuplicatedLogs(), probability=0.1),
            Rule(RateLimited(retry_after_seconds=120, storm_seconds=300), probability=0.02),
        ),
        seed=5,
    )
    came: list[tuple[str, str]] = []
    cursor: str | None = None
    turns = 0
    is_over = False
    while not is_over:
        turns += 1
        backfill = Backfill(live, kind, since=since, until=until, concurrency=5, cursor=cursor)
        is_over = True
        async for item in backfill:
            if isinstance(item, LogRead):
                came.append((item.vehicle_id, item.key.rpartition("/")[2]))
            cursor = backfill.cursor
            if isinstance(item, PollFailed) or len(came) % 97 == 0:
                is_over = False
                break

    assert len(came) == len(set(came))
    assert at_the_start <= set(came) <= logs_of(sandbox, collection, since, until), "those that came late may be there"
    assert len(came) > 5
    assert turns > 1 or len(came) < 97


def logs_of(sandbox: Sandbox, collection: str, since: dt.datetime, until: dt.datetime) -> set[tuple[str, str]]:
    now = sandbox.now()
    return {
        (logged.device, logged.at)
        for logged in sandbox.fleet.logs(collection)
        if since <= dt.datetime.fromisoformat(logged.at) <= until and logged.visible_at <= now
    }


async def test_vehicles_that_were_silent_are_not_asked(sandbox: Sandbox, live: EvEnergy) -> None:
    before = len(sandbox.requests)
    found = [item async for item in Backfill(live, "status", since=sandbox.now() + DAY)]

    assert found == []
    assert len(sandbox.requests) - before == 1


# --- On the wire


def log_at(minute: int, **fields: object) -> dict[str, object]:
    at = f"2026-03-14T12:{minute:02}:00Z"
    url = f"https://api.ev.energy/v2/vehicles/{vehicle_id(1)}/status_logs/{at}"
    return {"url": url, "sampled_at": at, "logged_at": at, **fields}


async def test_an_undecodable_log_is_reported_and_the_rest_continues(ev: EvEnergy, network: Network) -> None:
    page = [log_at(3), log_at(2, is_charging="perhaps"), log_at(1)]
    network.answer("GET", f"/vehicles/{vehicle_id(1)}/status_logs?page_size=100", page)

    items = [item async for item in Backfill(ev, "status", [vehicle_id(1)])]

    assert list(map(key, items)) == ["1 failed", "1/2026-03-14T12:03:00Z", "1/2026-03-14T12:01:00Z"]
    assert isinstance(items[0], PollFailed)
    assert isinstance(items[0].error, DecodeError)
    assert items[0].error.path == "$[1].is_charging"


async def test_its_calls_pass_after_all_others(network: Network, clock: FakeClock) -> None:
    network.answer("GET", f"/vehicles/{vehicle_id(1)}/status_logs?page_size=100", [])
    priorities: list[int | None] = []

    async def note(request: Request[Any], following: Handler) -> RawResponse:
        priorities.append(request.options.priority)
        return await following(request)

    async with EvEnergy(StaticToken("t"), clock=clock, middleware=[note]) as ev:
        assert [item async for item in Backfill(ev, "status", [vehicle_id(1)])] == []

    assert priorities == [-3]


@pytest.mark.parametrize("item", [5, {"url": "x"}], ids=["undecodable", "without its time"])
async def test_the_error_of_an_item_has_the_body_that_it_stood_in_although_the_client_keeps_none(
    network: Network, clock: FakeClock, item: object
) -> None:
    network.answer("GET", f"/vehicles/{vehicle_id(1)}/status_logs", [item])

    async with EvEnergy(StaticToken("t"), clock=clock, keep_body=False) as ev:
        [failed] = [each async for each in Backfill(ev, "status", [vehicle_id(1)])]

    assert isinstance(failed, PollFailed)
    assert isinstance(failed.error, DecodeError)
    assert failed.error.response is not None
    assert failed.error.response.body == json.dumps([item]).encode()
