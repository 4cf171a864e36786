"""Bytes to models and back: what a fleet in production meets in answers, and what becomes of it."""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
import pickle
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import UNSET, DecodeError, UnsetType, models
from ev_energy_async import _tolerant as tolerant
from ev_energy_async.client import EvEnergy
from ev_energy_async.codec import Codec, Drift, decode, decode_strict, encode, make_converter
from ev_energy_async.values import Model

from .openapi import differences

if TYPE_CHECKING:
    from .conftest import Network

UTC: Final = dt.UTC
MOMENT: Final = dt.datetime(2026, 3, 14, 7, 5, 0, 250_000, tzinfo=UTC)

VEHICLE: Final[dict[str, Any]] = {
    "battery_size_watt_hours": 64_000,
    "description": "Blue",
    "disabled": False,
    "effective_battery_size_watt_hours": 60_000,
    "id": "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
    "integrated": "ACTIVE",
    "maximum_charge_limit_percentage": 80,
    "smart_charging_enabled": True,
    "url": "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
    "vehicle_class": None,
}


def document(**changes: object) -> bytes:
    return json.dumps({**VEHICLE, **changes}).encode()


def without(key: str) -> bytes:
    return json.dumps({name: value for name, value in VEHICLE.items() if name != key}).encode()


# --- Answers that depart from the schema and lose nothing


def test_a_whole_number_written_with_a_point_is_that_number() -> None:
    codec = Codec()

    vehicle = codec.decode(document(battery_size_watt_hours=70.0), models.Vehicle)

    assert (vehicle.battery_size_watt_hours, type(vehicle.battery_size_watt_hours)) == (70, int)
    assert codec.drift == {Drift("Vehicle", "battery_size_watt_hours", "number")}


@pytest.mark.parametrize("value", [70.5, "5", "70", True, [], {}])
def test_what_is_no_integer_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(document(battery_size_watt_hours=value), models.Vehicle)

    assert raised.value.path == "$.battery_size_watt_hours"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("description", 5),
        ("description", True),
        ("description", ["Blue"]),
        ("disabled", 0),
        ("disabled", "false"),
        ("integrated", 1),
        ("maximum_charge_limit_percentage", "80"),
        ("trim", 7),
    ],
)
def test_a_value_of_another_type_is_never_turned_into_the_wanted_one(key: str, value: object) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(document(**{key: value}), models.Vehicle)

    assert raised.value.path == f"$.{key}"


@pytest.mark.parametrize("value", ["51.5", True, None])
def test_a_number_is_made_of_numbers_alone(value: object) -> None:
    data = json.dumps([{"latitude": 51, "longitude": -0.1}, {"latitude": value, "longitude": 0}]).encode()

    if value is None:
        assert Codec().decode(data, list[models.LatLong])[1].latitude is None
    else:
        with pytest.raises(DecodeError, match="number") as raised:
            Codec().decode(data, list[models.LatLong])
        assert raised.value.path == "$[1].latitude"


def test_a_null_that_the_schema_forbids_is_delivered_and_reported() -> None:
    codec = Codec()

    vehicle = codec.decode(document(description=None), models.Vehicle)

    assert vehicle.description is None
    assert vehicle.disabled is False
    assert codec.drift == {Drift("Vehicle", "description", "null")}


def test_a_null_that_the_schema_allows_is_no_drift() -> None:
    codec = Codec()

    vehicle = codec.decode(document(maximum_charge_limit_percentage=None, description=None), models.Vehicle)

    assert vehicle.maximum_charge_limit_percentage is None
    assert codec.drift == {Drift("Vehicle", "description", "null")}


def test_a_null_among_the_items_of_an_array_is_delivered_and_reported() -> None:
    codec = Codec()

    region = codec.decode(b'{"name": "A", "region_groups": ["a", null]}', models.Region)

    assert region.region_groups == ["a", None]
    assert codec.drift == {Drift("Region", "region_groups[]", "null")}


def test_a_whole_number_with_a_point_deep_in_an_array_has_its_path_in_the_drift() -> None:
    seen: list[Drift] = []
    codec = Codec(on_drift=seen.append)

    assert codec.decode(b"[1, 70.0]", list[int]) == [1, 70]
    assert codec.decode(b'{"a": [70.0]}', dict[str, list[int]]) == {"a": [70]}
    assert [(each.path, each.kind) for each in seen] == [("[]", "number"), ("[][]", "number")]


def test_a_required_key_that_is_missing_is_unset_and_reported() -> None:
    codec = Codec()

    vehicle = codec.decode(without("integrated"), models.Vehicle)

    assert vehicle.integrated is UNSET
    assert codec.drift == {Drift("Vehicle", "integrated", "missing")}


def test_an_unknown_key_is_ignored() -> None:
    codec = Codec()

    assert codec.decode(document(colour="blue"), models.Vehicle) == codec.decode(document(), models.Vehicle)
    assert not codec.drift


def test_an_absent_key_is_unset_and_never_a_default() -> None:
    vehicle = decode(document(), models.Vehicle)

    assert vehicle.trim is UNSET
    assert "trim" not in repr(vehicle)


def test_a_time_without_a_zone_is_taken_as_utc() -> None:
    codec = Codec()

    log = codec.decode(b'{"sampled_at": "2026-03-14T07:05:00.25", "logged_at": null}', models.VehicleStatusLog)

    assert log.sampled_at == MOMENT
    assert log.sampled_at.tzinfo is UTC


def test_a_time_with_an_offset_keeps_it() -> None:
    log = decode(b'{"sampled_at": "2026-03-14T09:05:00.25+02:00"}', models.VehicleStatusLog)

    assert log.sampled_at == MOMENT
    assert isinstance(log.sampled_at, dt.datetime)
    assert log.sampled_at.utcoffset() == dt.timedelta(hours=2)


def test_an_empty_text_in_place_of_a_time_is_unset_and_reported() -> None:
    codec = Codec()

    log = codec.decode(b'{"sampled_at": "", "url": ""}', models.VehicleStatusLog)

    assert log.sampled_at is UNSET
    assert log.url == ""
    assert codec.drift == {Drift("VehicleStatusLog", "sampled_at", "empty")}


@pytest.mark.parametrize("digits", ["1234564", "1234566", "9999996", "000000049"])
def test_both_ways_round_long_fractions_of_a_second_alike(digits: str) -> None:
    fast = decode(f'{{"sampled_at": "2026-03-14T07:05:00.{digits}Z"}}'.encode(), models.VehicleStatusLog)
    slow = decode(f'{{"sampled_at": "2026-03-14T07:05:00.{digits}"}}'.encode(), models.VehicleStatusLog)

    assert fast == slow


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "1710400000", "2026-03-14"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(json.dumps({"sampled_at": text}).encode(), models.VehicleStatusLog)

    assert raised.value.path == "$.sampled_at"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b'{"description": "\xff\xfe"}',
        b'{"latitude": NaN, "longitude": 0}',
        b'{"latitude": Infinity, "longitude": 0}',
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"id": "vhcl',
        b"{} {}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        '{"id": "x"}'.encode("utf-16"),
    ],
    ids=["empty", "blank", "bom", "utf-8", "nan", "inf", "html", "cut", "two", "deep", "deep and closed", "utf-16"],
)
@pytest.mark.parametrize("into", [models.Vehicle, list[models.Vehicle], models.RegionCreate])
@pytest.mark.parametrize("read", [decode, decode_strict])
def test_what_is_no_json_is_a_decode_error(data: bytes, into: Any, read: Any) -> None:
    with pytest.raises(DecodeError):
        read(data, into)


@pytest.mark.parametrize("data", [b"null", b"[]", b"5", b'"vhcl"', b"true"])
def test_json_of_another_shape_is_a_decode_error_at_the_root(data: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(data, models.Vehicle)

    assert raised.value.path == "$"


def test_a_decode_error_carries_the_path_through_arrays_and_models() -> None:
    page = [VEHICLE, {**VEHICLE, "latest_status_log": {"sampled_at": "soon"}}]

    with pytest.raises(DecodeError, match="sampled_at") as raised:
        Codec().decode(json.dumps(page).encode(), list[models.Vehicle])

    assert raised.value.path == "$[1].latest_status_log.sampled_at"


# --- Drift is told once


def test_drift_is_logged_once_per_type_and_path(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Drift] = []
    codec = Codec(on_drift=told.append)

    with caplog.at_level(logging.WARNING, logger="ev_energy_async"):
        for _ in range(3):
            codec.decode(
                b"[" + document(description=None) + b"," + document(description=None) + b"]", list[models.Vehicle]
            )
        codec.decode(document(url=None), models.Vehicle)

    assert [str(each) for each in told] == [
        "Vehicle.description is null, which the schema does not allow",
        "Vehicle.url is null, which the schema does not allow",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"the API departs from its schema: {each}" for each in told
    ]
    assert codec.drift == set(told)


def test_drift_of_an_expanded_resource_is_that_of_its_own_type() -> None:
    codec = Codec()

    vehicle = codec.decode(document(latest_status_log={"sampled_at": ""}), models.Vehicle)

    assert vehicle.latest_status_log == models.VehicleStatusLog()
    assert codec.drift == {Drift("VehicleStatusLog", "sampled_at", "empty")}


# --- References: URL, object or null


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("https://api.ev.energy/v2/x", "https://api.ev.energy/v2/x"),
        ({"is_charging": True}, models.VehicleStatusLog(is_charging=True)),
        (None, None),
    ],
)
@pytest.mark.parametrize("drifts", [False, True])
def test_a_reference_is_a_url_an_object_or_null(given: object, found: object, *, drifts: bool) -> None:
    changes: dict[str, object] = {"description": None} if drifts else {}

    assert decode(document(latest_status_log=given, **changes), models.Vehicle).latest_status_log == found


# --- Enums are open


def test_an_unknown_enum_value_becomes_a_member_that_carries_it() -> None:
    vehicle = decode(document(integrated="PAUSED"), models.Vehicle)

    assert vehicle.integrated == "PAUSED"
    assert vehicle.integrated.value == "PAUSED"
    assert isinstance(vehicle.integrated, models.VehicleIntegrated)
    assert not vehicle.integrated.is_known
    assert models.VehicleIntegrated.ACTIVE.is_known
    assert vehicle.integrated is decode(document(integrated="PAUSED"), models.Vehicle).integrated
    assert json.loads(encode(vehicle))["integrated"] == "PAUSED"


def test_an_unknown_enum_value_goes_both_ways_alike() -> None:
    fast = decode(document(integrated="PAUSED"), models.Vehicle)
    slow = decode(document(integrated="PAUSED", description=None), models.Vehicle)

    assert fast.integrated is slow.integrated


def test_an_unknown_member_survives_copy_and_pickle() -> None:
    member = models.VehicleIntegrated("PAUSED")

    assert copy.deepcopy(member) == member
    assert pickle.loads(pickle.dumps(member)) is member  # noqa: S301  # our own bytes
    assert str(member) == "PAUSED"


def test_the_store_of_unknown_members_does_not_grow_for_ever() -> None:
    members = [models.VehicleIntegrated(f"VALUE_{n}") for n in range(5_000)]

    kept = {id(models.VehicleIntegrated(f"VALUE_{n}")) for n in range(4_500, 5_000)}

    assert kept == {id(member) for member in members[4_500:]}
    assert members[0] == "VALUE_0"
    assert models.VehicleIntegrated("VALUE_0") is not members[0]


@pytest.mark.parametrize("value", [1, None, True, 1.5])
def test_a_string_enum_takes_strings_alone(value: object) -> None:
    make: Any = models.VehicleIntegrated

    with pytest.raises(ValueError, match="VehicleIntegrated"):
        make(value)


# --- UNSET


def test_unset_is_one_falsy_object_that_survives_copy_and_pickle() -> None:
    assert not UNSET
    assert copy.deepcopy(UNSET) is UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET  # noqa: S301  # our own bytes


def test_a_model_survives_copy_and_pickle() -> None:
    vehicle = decode(document(latest_status_log={"sampled_at": "2026-03-14T07:05:00Z"}), models.Vehicle)

    assert copy.deepcopy(vehicle) == vehicle
    assert pickle.loads(pickle.dumps(vehicle)) == vehicle  # noqa: S301  # our own bytes
    assert vehicle != decode(document(description="Red"), models.Vehicle)


# --- Hooks of the user's


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


def test_what_a_hook_raises_is_told_with_the_path() -> None:
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


# --- Encoding


def test_what_is_unset_is_left_out_and_none_is_null() -> None:
    log = models.VehicleStatusLog(is_charging=None, sampled_at=MOMENT)

    assert encode(log) == b'{"is_charging":null,"sampled_at":"2026-03-14T07:05:00.250000Z"}'
    assert encode({"a": UNSET, "b": [{"c": UNSET, "d": None}]}) == b'{"b":[{"d":null}]}'


def test_decimals_are_strings() -> None:
    assert encode({"price": Decimal("12.50")}) == b'{"price":"12.50"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1j: 2}, {"a": {1, object()}}])
def test_what_is_no_json_is_not_encoded(value: object) -> None:
    with pytest.raises(DecodeError, match="not JSON"):
        encode({"value": [value]})


# --- The round trip, for documents whose keys the schema knows

TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=12)
TIMES: Final = st.datetimes(
    timezones=st.sampled_from(
        [UTC, dt.timezone(dt.timedelta(hours=-9, minutes=-30)), dt.timezone(dt.timedelta(hours=14))]
    ),
    min_value=dt.datetime(1900, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=dt.datetime(2900, 1, 1),  # noqa: DTZ001
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SCALARS: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Any: JSON,
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    dt.date: st.dates().map(dt.date.isoformat),
    dt.datetime: TIMES.map(dt.datetime.isoformat)
    | TIMES.map(lambda t: t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    UUID: st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**9, min_value=-(10**9)).map(str),
    type(None): st.none(),
}


def documents(into: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """JSON values of a type as a schema has them."""
    origin = get_origin(into)
    if into in SCALARS:
        return SCALARS[into]
    if origin is Annotated:
        return documents(get_args(into)[0], depth)
    if origin is list:
        return st.lists(documents(get_args(into)[0], depth - 1), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXT, documents(get_args(into)[1], depth - 1), max_size=2)
    if isinstance(into, type) and issubclass(into, Enum):
        known = st.sampled_from([member.value for member in into])
        return known | TEXT if issubclass(into, str) else known
    if isinstance(into, type) and issubclass(into, Model):
        return objects(into, depth)
    members = [member for member in get_args(into) if member is not UnsetType]
    simple = [member for member in members if not is_model(member)]
    return st.one_of(*(documents(member, depth - 1) for member in (members if depth > 0 or not simple else simple)))


def is_model(into: Any) -> bool:
    return isinstance(into, type) and issubclass(into, Model)


def later(into: Any, depth: int) -> st.SearchStrategy[Any]:
    """As `documents`, made when it is drawn from: models refer to each other and to themselves."""
    return st.deferred(lambda: documents(into, depth))


def objects(into: type[Model], depth: int) -> st.SearchStrategy[Any]:
    hints = get_type_hints(into, include_extras=True)
    fields = {a.name: (later(hints[a.name], depth), a) for a in into.__attrs_attrs__}
    return st.fixed_dictionaries(
        {name: strategy for name, (strategy, a) in fields.items() if a.default is attrs.NOTHING},
        optional={name: strategy for name, (strategy, a) in fields.items() if a.default is not attrs.NOTHING},
    )


@pytest.mark.parametrize(
    "into",
    [
        models.Vehicle,
        models.VehicleStatusLog,
        models.VehicleAPIErrorLog,
        models.ChargingSubSession,
        models.Tariff,
        models.EVSEOCPPLog,
        models.RegionCreate,
        list[models.CarbonIntensities],
    ],
    ids=str,
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_encoding_what_was_decoded_gives_an_equal_document(into: Any, data: st.DataObject) -> None:
    given_document = data.draw(documents(into))
    codec = Codec()

    value = codec.decode(json.dumps(given_document).encode(), into)

    assert differences(given_document, json.loads(encode(value))) == []
    assert not codec.drift


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_tolerant_way_reads_a_good_document_as_the_fast_way_does(data: st.DataObject) -> None:
    given_document = data.draw(documents(models.ChargingSubSession))
    converter = make_converter()
    converter.register_structure_hook_func(lambda t: t is models.ChargingSubSessionMode, lambda value, t: t(value))
    encoded = json.dumps(given_document).encode()

    assert Codec(converter).decode(encoded, models.ChargingSubSession) == decode(encoded, models.ChargingSubSession)
