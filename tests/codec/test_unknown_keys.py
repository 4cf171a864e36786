"""Keys that the schema does not know: dropped by models, reported when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.codec import Codec, Drift
from ev_energy_async.models import TariffSchedulerTariff, Vehicle, VehicleStatusLog

if TYPE_CHECKING:
    from tests.conftest import Network

LOG = b'{"state":"CHARGING","levitating":true,"sampled_at":"2026-03-14T08:05:00Z"}'


def unknown(codec: Codec) -> set[tuple[str, str]]:
    return {(drift.type, drift.path) for drift in codec.drift if drift.kind == "unknown"}


def test_an_unknown_key_is_dropped_without_a_word() -> None:
    codec = Codec()
    assert codec.decode(LOG, VehicleStatusLog).state == "CHARGING"
    assert unknown(codec) == set()


@pytest.mark.parametrize("wrap", [b"%s", b'{"latest_status_log":%s}'])
def test_an_unknown_key_is_reported_wherever_it_is(wrap: bytes) -> None:
    codec = Codec(report_unknown=True)
    codec.decode(wrap % LOG, VehicleStatusLog if wrap == b"%s" else Vehicle)
    assert unknown(codec) == {("VehicleStatusLog", "levitating")}


def test_an_unknown_key_of_an_item_is_reported_once() -> None:
    codec = Codec(report_unknown=True)
    codec.decode(b"[" + LOG + b"," + LOG + b"]", list[VehicleStatusLog])
    assert unknown(codec) == {("VehicleStatusLog", "levitating")}


def test_a_further_key_of_an_open_model_is_no_unknown_one() -> None:
    codec = Codec(report_unknown=True)
    tariff = b'{"currency":"GBP","id":"t","name":"n","supplier":"s","url":"u","more":1}'
    assert codec.decode(tariff, TariffSchedulerTariff).additional_properties == {"more": 1}
    assert unknown(codec) == set()


async def test_a_client_reports_unknown_keys_when_asked(network: Network) -> None:
    network.answer("GET", "/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", {"id": "v", "wings": 2})
    told: list[Drift] = []
    async with EvEnergy(StaticToken("t"), on_drift=told.append, report_unknown=True) as ev:
        await ev.vehicles.get("vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")
    assert "Vehicle.wings is a key that the schema does not know" in map(str, told)
