"""Request bodies: what is accepted, what is refused before anything is sent."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    UNSET,
    EvEnergy,
    models,
)

from .refusal_kit import EVSE, NAIVE, USER, VEHICLE, refusal, sending_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Network


@pytest.fixture
def ev() -> EvEnergy:
    return sending_nothing()


# --- Bodies

BODIES: Final[list[tuple[Any, str]]] = [
    ({}, "model"),
    ({"model": 5}, "$.model"),
    ({"model": None}, "$.model"),
    ({"model": "m", "battery_size_watt_hours": "64"}, "$.battery_size_watt_hours"),
    ({"model": "m", "battery_size_watt_hours": 64.5}, "$.battery_size_watt_hours"),
    ({"model": "m", "battery_size_watt_hours": float("nan")}, "nan"),
    ({"model": "m", "colour": "blue"}, "colour"),
    ({"model": "m", "id": VEHICLE}, "id"),
    ([], "VehicleWrite"),
    ("model", "VehicleWrite"),
    (None, "VehicleWrite"),
    (models.VehicleUpdate(), "VehicleWrite"),
    ({"model": Ellipsis}, "JSON"),
    ({"model": "\ud800"}, "JSON"),
]


@pytest.mark.parametrize(("body", "named"), BODIES, ids=repr)
async def test_a_body_that_its_schema_refuses_is_not_sent(ev: EvEnergy, body: Any, named: str) -> None:
    error = await refusal(lambda: ev.as_user(USER).vehicles.create(body))

    assert error.argument == "body"
    assert error.given is body
    assert named in error.expected


async def test_a_body_cannot_be_left_out(ev: EvEnergy) -> None:
    error = await refusal(ev.as_user(USER).vehicles.create)

    assert "`model`" in error.expected


async def test_keys_are_checked_at_every_depth(ev: EvEnergy) -> None:
    region: Any = {"geometries": [{"type": "Polygon", "coordinates": [[[0.0, 0.0]]], "colour": "red"}], "name": "A"}
    evse: Any = {"location": {"latitude": 1.0, "longitude": 2.0, "height": 3}}
    short: Any = {"location": {"latitude": 1.0}}

    assert "unknown: geometries.colour" in (await refusal(lambda: ev.regions.create(region))).expected
    assert "unknown: location.height" in (await refusal(lambda: ev.evses.update(EVSE, evse))).expected
    assert "`longitude` at $.location" in (await refusal(lambda: ev.evses.update(EVSE, short))).expected


@pytest.mark.parametrize("time", [NAIVE, "2026-03-14T07:05:00", "soon"])
async def test_a_time_in_a_body_is_aware(ev: EvEnergy, time: Any) -> None:
    update = ev.notifications.update
    for call in (lambda: update("notf1", {"read_at": time}), lambda: update("notf1", read_at=time)):
        error = await refusal(call)
        assert error.argument == "body"
        assert "$.read_at" in error.expected


async def test_a_body_and_keywords_exclude_each_other(ev: EvEnergy) -> None:
    create = ev.as_user(USER).vehicles.create
    given: list[Any] = [{"model": "m"}, {}, models.VehicleWrite(model="m")]
    for body in given:
        error = await refusal(partial(create, body, description="Blue"))
        assert "not both" in error.expected


@pytest.fixture
def bodies(network: Network) -> Iterator[Callable[[], list[bytes | None]]]:
    network.answer("POST", "/vehicles", {}, status=201, repeat=True)
    network.answer("PATCH", f"/vehicles/{VEHICLE}", {}, repeat=True)
    yield lambda: [sent.body for sent in network.sent]
    assert network.sent


async def test_a_model_a_mapping_and_keywords_make_the_same_bytes(bodies: Callable[[], list[bytes | None]]) -> None:
    async with EvEnergy() as ev:
        create = ev.vehicles.create
        await create(models.VehicleWrite(description="Blue", battery_size_watt_hours=1, model="m"))
        await create({"description": "Blue", "model": "m", "battery_size_watt_hours": 1})
        await create(model="m", battery_size_watt_hours=1, description="Blue")
        mapping: Any = MappingProxyType({"battery_size_watt_hours": 1, "description": "Blue", "model": "m"})
        await create(mapping)

    assert len(bodies()) == 4
    assert set(bodies()) == {b'{"battery_size_watt_hours":1,"description":"Blue","model":"m"}'}


async def test_in_a_patch_unset_is_left_out_and_none_is_null(bodies: Callable[[], list[bytes | None]]) -> None:
    fields: Any = {"vehicle_class": None, "smart_charging_enabled": UNSET}
    async with EvEnergy() as ev:
        await ev.vehicles.update(VEHICLE, models.VehicleUpdate(**fields))
        await ev.vehicles.update(VEHICLE, fields)
        await ev.vehicles.update(VEHICLE, **fields)

    assert bodies() == [b'{"vehicle_class":null}'] * 3


async def test_an_empty_patch_is_a_no_op_that_is_sent(bodies: Callable[[], list[bytes | None]]) -> None:
    async with EvEnergy() as ev:
        await ev.vehicles.update(VEHICLE)
        await ev.vehicles.update(VEHICLE, {})
        await ev.vehicles.update(VEHICLE, models.VehicleUpdate())

    assert bodies() == [b"{}"] * 3


async def test_null_is_refused_where_it_clears_nothing(ev: EvEnergy) -> None:
    fields: Any = {"smart_charging_enabled": None}
    error = await refusal(lambda: ev.vehicles.update(VEHICLE, fields))

    assert "$.smart_charging_enabled" in error.expected


async def test_no_value_of_a_body_is_shown_in_the_error(ev: EvEnergy) -> None:
    secret = "kim@example.com"

    given: list[Any] = [{"email": secret, "colour": 1}, {"email": secret, "default_location": 5}]
    for body in given:
        error = await refusal(partial(ev.users.update, USER, body))
        assert secret not in f"{error} {error!r}"
        assert "'email'" in str(error)
