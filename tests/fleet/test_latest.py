"""The latest log of a device as its state keeps it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ev_energy_async import models
from ev_energy_async.codec import decode, encode
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.watch.latest import latest_of, log_of

ROW = DEVICES["vehicles"].regular
URL = "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEV0000000000000002/status_logs/2026-03-14T07:05:00Z"
LOG: dict[str, Any] = {
    "charge_energy_added_watt_hours": None,
    "charge_level_watt_hours": 57_750,
    "current_type": "AC - Typically home chargers",
    "data_source": "a source that nobody has heard of",
    "is_charging": True,
    "sampled_at": "2026-03-14T07:05:00.123456Z",
    "state": "PLUGGED_IN_CHARGING",
    "target_charge_level_percentage": 80,
}


def test_a_log_is_kept_without_its_url_and_its_device() -> None:
    log = decode(encode({**LOG, "url": URL, "vehicle": URL}), models.VehicleStatusLog)

    kept = latest_of(log)

    assert kept is not None
    assert len(kept) < len(encode(LOG)) / 2
    assert encode(log_of(kept, ROW)) == encode(LOG)


@pytest.mark.parametrize("log", [None, "", URL])
def test_of_what_is_no_log_nothing_is_kept(log: object) -> None:
    assert latest_of(log) is None


def test_the_json_of_earlier_states_is_understood() -> None:
    assert encode(log_of(encode(LOG), ROW)) == encode(LOG)
    assert log_of(None, ROW) is None


def test_a_state_that_was_written_before_is_read() -> None:
    written = (
        "AaM4dk3NzU1BxRNqLBJI1KgxnKgAiWyFkozEEoW8/KT8FGA+SCxWyEhNLEpRyE8DBgWW+MUSvsa6hiYh"
        "BuZWBqageDM0MjYxNSMczNgCCTUgawE="
    )

    assert encode(log_of(base64.b64decode(written), ROW)) == encode(LOG), "other words need a number of their own"
