"""The reporting that a watch expects of its fleet."""

from __future__ import annotations

import pytest

from ev_energy_async.fleet.watch.outlook import Outlook

DAY = 86_400.0


def test_of_a_fleet_that_was_not_heard_of_half_hourly_reports_are_expected_at_first_and_silence_after_a_day() -> None:
    outlook = Outlook(0.0)

    assert [outlook.rate(100, now) for now in (0.0, DAY / 2, DAY, 2 * DAY)] == pytest.approx([2.0, 1.0, 0.0, 0.0])


def test_devices_that_report_and_were_not_read_are_expected_to_report_as_usual() -> None:
    outlook = Outlook(0.0)
    for number in range(60):
        outlook.learn(str(number), 0)
    outlook.learn("0", 4.0)
    outlook.learn("0", 0)

    assert outlook.rate(100, DAY) == pytest.approx((4.0 + 59 * 2.0) / 100)


def test_devices_that_are_gone_do_not_count() -> None:
    outlook = Outlook(0.0)
    for number, per_hour in enumerate([1.0, 3.0, 0, 0]):
        outlook.learn(str(number), per_hour)

    outlook.forget(["1", "2", "no such"])

    assert outlook.rate(2, DAY) == pytest.approx((1.0 + 2.0) / 2)
