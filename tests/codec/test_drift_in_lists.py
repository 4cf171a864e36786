"""One item that departs from the schema neither slows down its page nor changes its drift."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ev_energy_async import DecodeError, Drift
from ev_energy_async.codec import Codec, tolerant
from ev_energy_async.models import VehicleStatusLog

GOOD = {"url": "https://api.ev.energy/v2/x", "is_charging": True}
LOGS = list[VehicleStatusLog]


def page(*items: object) -> bytes:
    return json.dumps(items).encode()


def test_the_items_come_in_their_order_and_the_drift_is_reported() -> None:
    told: list[Drift] = []

    logs = Codec(on_drift=told.append).decode(page(GOOD, {**GOOD, "logged_at": None}, GOOD), LOGS)

    assert [log.logged_at for log in logs] == [logs[0].logged_at, None, logs[0].logged_at]
    assert told == [Drift("VehicleStatusLog", "logged_at", "null")]


def test_only_the_item_that_departs_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    structure = tolerant.structure

    def watched(converter: Any, document: Any, into: Any) -> Any:
        seen.append(into)
        return structure(converter, document, into)

    monkeypatch.setattr(tolerant, "structure", watched)

    Codec().decode(page(*[GOOD] * 99, {**GOOD, "odometer_meters": 70.0}), LOGS)

    assert seen == [VehicleStatusLog]


def test_an_error_names_its_place_on_the_page() -> None:
    with pytest.raises(DecodeError) as raised:
        Codec().decode(page(GOOD, {**GOOD, "logged_at": None}, {**GOOD, "is_charging": "yes"}), LOGS)

    assert raised.value.path == "$[2].is_charging"


def test_an_item_that_is_null_is_drift_of_the_list() -> None:
    told: list[Drift] = []

    logs = Codec(on_drift=told.append).decode(page(GOOD, None), LOGS)

    assert logs[1] is None
    assert told == [Drift("list", "[]", "null")]


@pytest.mark.parametrize("rest", [b"", b",", b"]x", b",{"])
def test_what_is_no_json_further_on_is_an_error(rest: bytes) -> None:
    with pytest.raises(DecodeError):
        Codec().decode(page({**GOOD, "logged_at": None})[:-1] + rest, LOGS)
