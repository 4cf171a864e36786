"""A short run of the soak with all kinds of devices: nothing is lost or doubled, whatever happens to webhooks."""

from __future__ import annotations

import datetime as dt
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.sandbox import Served

from .soak.kinds import KindsOptions, run
from .soak.kinds_cost import Life, Need, Reads, needs_of
from .soak.kinds_judge import MOST_RATIO

if TYPE_CHECKING:
    from collections.abc import Collection

BEGIN: Final = dt.datetime(2026, 3, 14, tzinfo=dt.UTC)
# An hour with ten devices: seven looks, and two turns to read their past.
HOUR: Final = Life(3_600.0, 600.0, 3_600.0, 400.0, {"vehicles": 10})


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

    def serve(self, operation: str, path: str, logs: tuple[str, ...] = (), status: int = 200) -> None:
        self.requests.append(Served(BEGIN, "GET", f"/v2{path}", status, operation, {}, logs=logs))

    async def read(self, purpose: str, *pages: tuple[str, ...]) -> None:
        async def fetch() -> None:
            for number, logs in enumerate(pages):
                path = f"/vehicles/v/status_logs?page_after={number}"
                self.reads.note(path, len(self.requests))
                self.serve("vehicles.list_status_logs", path, logs)

        reading: Any = SimpleNamespace(device_id="v", log="status", fetch=fetch)
        with self.reads.told_apart():
            await ReadJob(purpose, reading).run()

    def needs(self, delivered: Collection[str] = (), shown: Collection[str] = ()) -> dict[str, Need]:
        return needs_of(self.requests, self.reads, delivered, shown, 0, [HOUR])


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


def test_all_other_requests_count_and_faults_in_proportion() -> None:
    watched = Watched()
    for _ in range(14):
        watched.serve("vehicles.list", "/vehicles")
    for _ in range(40):
        watched.serve("charging_sub_sessions.list", "/charging_sub_sessions")
    for _ in range(6):
        watched.serve("vehicles.list", "/vehicles", status=503)
    needs = watched.needs()
    assert needs["snapshots"] == Need(14, 7, 0)
    # Ended ones are listed every quarter of an hour, every hour, and twice a day: all of them at the beginning too.
    assert needs["sub-sessions"] == Need(40, 7, 9)
    assert needs["faulted"] == Need(6, round(14 / 9), 1)
    assert sum(needs.values(), Need()).ratio > MOST_RATIO
