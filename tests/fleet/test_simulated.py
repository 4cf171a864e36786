"""The promises of a watch, kept over days of a simulated fleet by its own decisions: see `tests.soak.simulator`."""

from __future__ import annotations

import pytest

from tests.soak.simulator import at, simulate

# A hundredth of 10,000 vehicles on the default budget; days of more devices take as many seconds as there are hundreds.
FLEET = 10_000
SAMPLE = 100


@pytest.mark.parametrize("mix", ["steady", "commuters", "late"])
def test_ten_thousand_vehicles_fit_the_default_budget_and_every_log_comes_once_in_time(mix: str) -> None:
    found = simulate(FLEET, mix, days=2.25, sample=SAMPLE)
    plan = found.plan
    assert plan.fits
    assert plan.every < 25 * 60
    assert found.twice == 0
    assert at(found.direct, 0.99) <= 1.05 * plan.every, "the newest log"
    assert plan.complete_within is not None
    assert at(found.read, 0.99) <= plan.complete_within, "those between"
    assert found.every_log >= 0.99
    assert found.spent["snapshot"] <= 1.05 * found.looks
    assert found.spent["history"] <= 1.05 * found.granted


@pytest.mark.parametrize("mix", ["steady", "late"])
def test_fifty_thousand_vehicles_that_do_not_fit_are_not_said_to_once_some_of_them_are_known(mix: str) -> None:
    found = simulate(50_000, mix, days=3, sample=SAMPLE)

    assert not found.plan.fits
    assert found.plan.reads_one_page
    assert found.twice == 0


def test_a_fleet_with_late_logs_loses_none() -> None:
    found = simulate(200, "late", days=7, budget=100, sample=25)
    assert found.never == 0
    assert found.twice == 0
