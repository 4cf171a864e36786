"""`ev_sandbox` and `ev`: a sandbox for each test, and a client in its time."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from ev_energy_async import (
    EvEnergy,
)
from ev_energy_async import (
    testing as kit,
)
from ev_energy_async.clock import SystemClock
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, ScaledClock
from ev_energy_async.sandbox.faults import RateLimited as BusyFault
from ev_energy_async.testing import (
    START,
)

pytest_plugins = ["ev_energy_async.testing"]


# The conftest of these tests has a client of its own under the name of the kit's.
sandbox_client = kit.ev


async def test_sleeps_of_the_client_move_the_time_of_the_sandbox(sandbox_client: EvEnergy, ev_sandbox: Sandbox) -> None:
    ev_sandbox.faults = FaultPlan((Rule(BusyFault(retry_after_seconds=40), operation="vehicles.list", count=1),))

    assert len(await sandbox_client.vehicles.list(page_size=100)) == 20
    assert [served.status for served in ev_sandbox.requests][-2:] == [429, 200]
    assert dt.timedelta(seconds=40) <= ev_sandbox.now() - START < dt.timedelta(seconds=42)


async def test_a_sleep_ends_although_the_sandbox_counts_in_microseconds(
    sandbox_client: EvEnergy, ev_sandbox: Sandbox
) -> None:
    before = ev_sandbox.now()

    await asyncio.wait_for(sandbox_client.clock.sleep(0.1234564), 5)  # a datetime rounds that down

    assert ev_sandbox.now() - before >= dt.timedelta(seconds=0.1234564)


async def test_the_budget_is_free_again_after_an_hour_of_the_sandbox(
    sandbox_client: EvEnergy, ev_sandbox: Sandbox
) -> None:
    await sandbox_client.vehicles.list(page_size=1)
    assert sandbox_client.budget.used == 1

    ev_sandbox.advance(3_601)

    assert sandbox_client.budget.used == 0


async def test_the_sandbox_is_the_same_each_time(ev_sandbox: Sandbox) -> None:
    assert ev_sandbox.now() == START
    assert len(ev_sandbox.world.vehicles) == 20

    ev_sandbox.advance(60)

    assert ev_sandbox.now() - START == dt.timedelta(seconds=60)


class TestWithOptions:
    @pytest.fixture
    def ev_sandbox_options(self) -> dict[str, Any]:
        return {"vehicles": 3, "client_id": "another"}

    async def test_the_options_configure_the_sandbox(self, ev_sandbox: Sandbox) -> None:
        assert len(ev_sandbox.world.vehicles) == 3
        assert ev_sandbox.client_id == "another"
        assert ev_sandbox.now() == START


class TestWithARunningClock:
    @pytest.fixture
    def ev_sandbox_options(self) -> dict[str, Any]:
        return {"vehicles": 1, "clock": ScaledClock(3_600)}

    async def test_the_client_uses_the_clock_of_the_machine(
        self, sandbox_client: EvEnergy, ev_sandbox: Sandbox
    ) -> None:
        assert len(await sandbox_client.vehicles.list()) == 1
        assert isinstance(sandbox_client.clock, SystemClock)
        assert ev_sandbox.now() > dt.datetime.now(dt.UTC), "the sandbox has a time of its own"


def test_the_guide_and_the_docstring_name_every_argument_of_the_sandbox() -> None:
    arguments = set(signature(Sandbox).parameters)
    guide = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    table = guide[guide.index("All arguments of `Sandbox`") :]
    assert arguments == {name for name in arguments if f"`{name}`" in table}
    assert arguments == set(re.findall(r"^ {4,}(\w+):", Sandbox.__init__.__doc__ or "", re.MULTILINE)) - {
        "Args",
        "Raises",
        "ValueError",
    }
