"""Tolerant decoding: hooks of users, and unions of several models."""

from __future__ import annotations

import datetime as dt
import json
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pytest

from ev_energy_async import DecodeError, models
from ev_energy_async.client import EvEnergy
from ev_energy_async.codec import Codec, decode, decode_strict, encode, make_converter, tolerant

from .documents import MOMENT, UTC, VEHICLE, document

if TYPE_CHECKING:
    from tests.conftest import Network


def test_a_hook_for_a_type_changes_what_contains_it() -> None:
    converter = make_converter()
    converter.register_structure_hook(float, lambda value, _: round(value, 1))

    point = Codec(converter).decode(b'{"latitude": 51.5074, "longitude": -0.1278}', models.LatLong)

    assert point == models.LatLong(latitude=51.5, longitude=-0.1)


def test_a_hook_for_text_alone_leaves_enums_alone() -> None:
    converter = make_converter()
    converter.register_structure_hook_func(lambda t: t is str, lambda value, _: value.upper())

    vehicle = Codec(converter).decode(document(), models.Vehicle)

    assert vehicle.description == "BLUE"
    assert vehicle.integrated is models.VehicleIntegrated.ACTIVE


def test_a_predicate_that_cannot_take_every_type_picks_those_it_can() -> None:
    converter = make_converter()
    converter.register_structure_hook_func(lambda t: issubclass(t, Enum), lambda value, t: t(value.lower()))

    vehicle = Codec(converter).decode(document(), models.Vehicle)

    assert vehicle.integrated == "active"


def test_a_hook_factory_is_asked_for_the_types_it_picks() -> None:
    def plain(_: Any) -> Any:
        def hook(value: str, _: Any) -> dt.datetime:
            return dt.datetime.fromisoformat(value).replace(tzinfo=UTC, microsecond=0)

        return hook

    def with_converter(_: Any, converter: Any) -> Any:
        def hook(value: str, _: Any) -> str:
            text: str = converter.structure(value, str)
            return text.strip()

        return hook

    converter = make_converter()
    converter.register_structure_hook_factory(lambda t: t is dt.datetime)(plain)
    converter.register_structure_hook_factory(lambda t: t is UUID, with_converter)
    data = b'{"logged_at": "2026-03-14T07:05:00.25", "internal_command_id": " x ", "status_code": 1}'

    log = Codec(converter).decode(data, models.VehicleAPIErrorLog)

    assert log.logged_at == MOMENT.replace(microsecond=0)
    assert log.internal_command_id == "x"


def test_a_hook_written_as_a_decorator_is_read_off_its_annotation() -> None:
    converter = make_converter()

    @converter.register_structure_hook
    def log(value: Any, _: Any) -> models.VehicleStatusLog:
        return models.VehicleStatusLog(url=value["url"].upper())

    vehicle = Codec(converter).decode(document(latest_status_log={"url": "u"}), models.Vehicle)

    assert vehicle.latest_status_log == models.VehicleStatusLog(url="U")
    assert log.__name__ == "log"


def test_a_hook_switches_the_fast_way_off_for_what_contains_its_type_and_only_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow: list[Any] = []
    structure = tolerant.structure

    def noting(converter: Any, document: Any, into: Any) -> Any:
        slow.append(into)
        return structure(converter, document, into)

    monkeypatch.setattr(tolerant, "structure", noting)
    converter = make_converter()
    converter.register_structure_hook(models.VehicleStatusLog, lambda value, _: value)
    codec = Codec(converter)

    for into, data in [
        (models.LatLong, b'{"latitude": 1, "longitude": 2}'),
        (models.Vehicle, document()),
        (list[models.Vehicle], b"[]"),
        (models.Region, b"{}"),
        (dict[str, models.VehicleStatusLog], b"{}"),
    ]:
        codec.decode(data, into)

    assert slow == [models.Vehicle, list[models.Vehicle], dict[str, models.VehicleStatusLog]]


def test_without_hooks_a_converter_leaves_the_fast_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tolerant, "structure", None)

    assert Codec(make_converter()).decode(document(), models.Vehicle) == decode(document(), models.Vehicle)


def test_an_exception_of_a_hook_is_reported_with_the_path() -> None:
    def refuse(value: Any, _: Any) -> float:
        raise RuntimeError(f"no {value} today")

    converter = make_converter()
    converter.register_structure_hook(float, refuse)

    with pytest.raises(DecodeError, match="no 2 today") as raised:
        Codec(converter).decode(b'[{"longitude": 2}]', list[models.LatLong])

    assert raised.value.path == "$[0].longitude"


async def test_a_hook_is_given_to_the_client_with_its_converter(network: Network) -> None:
    converter = make_converter()
    converter.register_structure_hook_func(lambda t: t is str, lambda value, _: value[:4])
    network.answer("GET", "/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", VEHICLE)

    async with EvEnergy(converter=converter) as ev:
        vehicle = await ev.vehicles.get("vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")

    assert (vehicle.id, vehicle.integrated) == ("vhcl", models.VehicleIntegrated.ACTIVE)


# --- Unions of several models


POLYGON: Final = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]}
MULTI: Final = {"type": "MultiPolygon", "coordinates": [POLYGON["coordinates"]]}


def test_a_union_of_two_models_is_read_as_the_one_that_fits() -> None:
    region = decode(json.dumps({"name": "A", "geometries": [MULTI, POLYGON]}).encode(), models.RegionCreate)

    assert [type(each) for each in region.geometries] == [models.GeoJsonMultiPolygon, models.GeoJsonPolygon]
    assert json.loads(encode(region)) == {"name": "A", "geometries": [MULTI, POLYGON]}


def test_of_two_models_that_fit_the_one_with_less_drift_is_made() -> None:
    codec = Codec()

    assert codec.decode(b'{"name": "A"}', models.VehicleWrite | models.Region) == models.Region(name="A")
    assert not codec.drift


def test_a_union_that_fits_no_model_is_refused_with_its_path() -> None:
    data = json.dumps({"name": "A", "geometries": [MULTI, {"type": "Polygon", "coordinates": "all"}]}).encode()

    with pytest.raises(DecodeError) as raised:
        decode(data, models.RegionCreate)

    assert raised.value.path.startswith("$.geometries[1]")


def test_strict_decoding_of_a_union_forgives_no_drift() -> None:
    with pytest.raises(DecodeError, match="missing required field `name`"):
        decode_strict(json.dumps({"geometries": [POLYGON]}).encode(), models.RegionCreate)
