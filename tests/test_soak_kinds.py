"""A short run of the soak with all kinds of devices: nothing is lost or doubled, whatever happens to webhooks."""

from __future__ import annotations

import logging

import pytest

from ev_energy_async.devices import DEVICES

from .soak.kinds import KindsOptions, run


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
    assert found.ratio <= 1.25
