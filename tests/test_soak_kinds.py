"""A short run of the soak with all kinds of devices: nothing is lost or doubled, whatever happens to webhooks."""

from __future__ import annotations

import datetime as dt
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from click.testing import CliRunner

from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.sandbox import Rule, Served
from ev_energy_async.sandbox.faults import ExpiredToken, RateLimited, Unavailable

from .soak.kinds import KindsOptions, main, run
from .soak.kinds_cost import Life, Need, Reads, Told, needs_of
from .soak.kinds_judge import MOST_RATIO
from .soak.world import arrivals

if TYPE_CHECKING:
    from collections.abc import Collection

BEGIN: Final = dt.datetime(2026, 3, 14, tzinfo=dt.UTC)
# An hour with ten devices: seven looks, and two turns to read their past. One request in ten fails in its first half.
HOUR: Final = Life(
    seconds=3_600.0,
    every=600.0,
    complete_within=3_600.0,
    token_lifetime=400.0,
    devices={"vehicles": 10},
    faults=(Rule(Unavailable(), probability=0.1), Rule(Unavailable(), path="/o/token/", probability=0.5), *arrivals()),
    until=BEGIN + dt.timedelta(minutes=30),
)


@pytest.fixture(autouse=True)
def _quiet_server() -> None:
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it logs the connections that are cut on purpose


async def test_all_kinds_at_once_lose_and_double_nothing_while_webhooks_are_lost_doubled_and_late() -> None:
    found = await run(KindsOptions(vehicles=5, evses=3, minutes=90, kills=1), 5)
    assert (found.lost, found.twice, found.invented) == ((), (), ())
    assert set(found.logs) == set(DEVICES)
    assert all(found.logs.values()), "devices of each kind have written something"
    assert found.sub_sessions > 0
    assert found.hooks[1] > 0, "webhooks brought news"
    assert found.ratio <= MOST_RATIO


class Watched:
    """Requests of a watch, without a watch."""

    def __init__(self) -> None:
        self.requests: list[Served] = []
        self.reads = Reads()

    def serve(
        self, operation: str, path: str, logs: tuple[str, ...] = (), status: int = 200, *faults: str, minute: int = 0
    ) -> None:
        at = BEGIN + dt.timedelta(minutes=minute)
        self.requests.append(Served(at, "GET", f"/v2{path}", status, operation, {}, faults, logs=logs))

    async def read(self, purpose: str, *pages: tuple[str, ...]) -> None:
        async def fetch() -> None:
            for number, logs in enumerate(pages):
                path = f"/vehicles/v/status_logs?page_after={number}"
                self.reads.note(path, len(self.requests))
                self.serve("vehicles.list_status_logs", path, logs)

        reading: Any = SimpleNamespace(device_id="v", log="status", fetch=fetch)
        with self.reads.told_apart():
            await ReadJob(purpose, reading).run()

    def needs(self, logs: Collection[str] = (), shown: Collection[str] = (), removed: int = 0) -> dict[str, Need]:
        return needs_of(self.requests, self.reads, Told(logs=logs, shown=shown, removed=removed), HOUR)


def past(pages: int) -> list[tuple[str, ...]]:
    return [tuple(f"{page}-{number}" for number in range(100)) for page in range(pages)]


async def test_the_past_needs_all_its_pages_once_a_turn_and_no_more() -> None:
    watched = Watched()
    for _ in range(2):
        await watched.read("late", *past(3))
    assert watched.needs()["late rotation"] == Need(6, 0, 6)
    await watched.read("late", *past(3))
    assert watched.needs()["late rotation"] == Need(9, 0, 6)
    assert watched.needs({"v/status/2-7"})["late rotation"] == Need(9, 1, 5), "a page with a late log is the oracle's"


async def test_a_read_proves_something_if_a_snapshot_has_shown_a_log() -> None:
    watched = Watched()
    await watched.read("history", *past(2))
    assert watched.needs()["telemetry"] == Need(2, 0, 0)
    assert watched.needs({"v/status/0-1"}, {"v/status/0-1"})["telemetry"] == Need(2, 0, 1)
    assert watched.needs({"v/status/0-1"})["telemetry"] == Need(2, 1, 0)


def test_all_other_requests_count() -> None:
    watched = Watched()
    for _ in range(14):
        watched.serve("vehicles.list", "/vehicles")
        watched.serve("vehicles.get", "/vehicles/v", status=404)
    for _ in range(40):
        watched.serve("charging_sub_sessions.list", "/charging_sub_sessions")
    needs = watched.needs(removed=3)
    assert needs["snapshots"] == Need(14, 7, 0)
    assert needs["look-ups"] == Need(14, 3, 0), "one for each device that a snapshot was without"
    # Ended ones are listed every quarter of an hour, every hour, and twice a day: all of them at the beginning too.
    assert needs["sub-sessions"] == Need(40, 7, 9)
    assert sum(needs.values(), Need()).ratio > MOST_RATIO


def test_who_asks_more_often_than_the_api_fails_is_wasteful() -> None:
    watched = Watched()
    for number in range(200):
        # Half of them when the API has ceased to fail.
        watched.serve("charging_sub_sessions.list", f"/charging_sub_sessions/{number}", minute=number % 2 * 30)
    life = attrs.evolve(HOUR, every=18.0)
    for _ in range(11):
        watched.serve("charging_sub_sessions.list", "/charging_sub_sessions", (), 503, "unavailable")
    needs = needs_of(watched.requests, watched.reads, Told(), life)
    assert needs["faulted"] == Need(11, 11, 0), "of a hundred that get an answer, eleven are asked in vain"
    for _ in range(19 * 11):
        watched.serve("charging_sub_sessions.list", "/charging_sub_sessions", (), 503, "unavailable")
    needs = needs_of(watched.requests, watched.reads, Told(), life)
    assert needs["faulted"] == Need(220, 11, 0)
    assert sum(needs.values(), Need()).ratio > MOST_RATIO


def test_what_the_limit_refuses_is_wasted_and_a_storm_is_met_as_often_as_it_says() -> None:
    watched = Watched()
    for _ in range(7):
        watched.serve("vehicles.list", "/vehicles")
    for _ in range(3):
        watched.serve("vehicles.list", "/vehicles", status=429)
    needs = watched.needs()
    assert (needs["refused"], needs["faulted"]) == (Need(3), Need())
    storms = (Rule(RateLimited(retry_after_seconds=2, storm_seconds=10), probability=0.2),)
    # A quarter as many storms as answers, and each is met five times.
    assert attrs.evolve(HOUR, faults=storms).faults_per_answer("snapshots") == pytest.approx(0.25 * 5)


def test_a_token_that_the_api_ends_takes_along_each_request_once() -> None:
    life = attrs.evolve(HOUR, faults=(Rule(ExpiredToken(), probability=0.5),))
    watched = Watched()
    for _ in range(6):
        watched.serve("vehicles.list", "/vehicles")
    watched.serve("vehicles.list", "/vehicles", (), 401, "expired_token")
    for path in ("/vehicles/a", "/vehicles/b", "/vehicles/b", "/vehicles"):
        watched.serve("vehicles.get", path, status=401)
    watched.requests.append(Served(BEGIN, "POST", "/o/token/", 200, None, {}))
    watched.serve("vehicles.get", "/vehicles/c", status=401)
    needs = needs_of(watched.requests, watched.reads, Told(), life)
    assert (needs["faulted"], needs["refused"]) == (Need(3, 3, 0), Need(3))
    # As many are struck as get an answer, and two more with each.
    assert life.faults_per_answer("snapshots", 2.0) == pytest.approx(3.0)


async def test_a_limited_api_is_asked_for_little_more_than_an_oracle_needs() -> None:
    found = await run(KindsOptions(vehicles=2, evses=1, minutes=60, kills=1, limit=30, complete_within=14_400.0), 5)
    assert (found.lost, found.twice, found.invented) == ((), (), ())
    assert found.ratio == found.total.of_oracle <= MOST_RATIO


def test_a_limit_is_a_number_of_requests() -> None:
    done = CliRunner().invoke(main, ["--limit", "0"])
    assert (done.exit_code, "x>=1" in done.stderr) == (2, True)
