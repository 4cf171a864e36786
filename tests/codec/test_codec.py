"""Bytes to models and back, for all that a fleet in production meets in responses."""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
import pickle
from decimal import Decimal
from typing import Any

import pytest

from ev_energy_async import UNSET, DecodeError, models
from ev_energy_async.codec import Codec, Drift, decode, decode_strict, encode, encode_without

from .documents import MOMENT, UTC, VEHICLE, document


def without(key: str) -> bytes:
    return json.dumps({name: value for name, value in VEHICLE.items() if name != key}).encode()


# --- Harmless schema mismatches


def test_an_integer_written_with_a_decimal_point_is_that_integer() -> None:
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


def test_an_integer_with_a_decimal_point_in_a_nested_array_has_its_path_in_the_drift() -> None:
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
        b'{"latitude": NaN, "longitude": 0}',
        b'{"latitude": Infinity, "longitude": 0}',
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"id": "vhcl',
        b"{} {}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        '{"id": "x"}'.encode("utf-16"),
    ],
    ids=["empty", "blank", "bom", "nan", "inf", "html", "cut", "two", "deep", "deep and closed", "utf-16"],
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


# --- Drift is reported once


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


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_number_that_would_become_null_is_found_among_nulls(place: int) -> None:
    members: list[Any] = [None, "null", [None, {"null": None}]]

    assert encode({str(index): member for index, member in enumerate(members)})

    nan: Any = float("nan")
    members[place] = nan
    with pytest.raises(DecodeError, match="not JSON"):
        encode({str(index): member for index, member in enumerate(members)})
    with pytest.raises(DecodeError, match="not JSON"):
        encode(models.VehicleStatusLog(is_charging=None, state_of_charge_percentage=nan))


def test_a_model_is_encoded_without_some_of_its_fields() -> None:
    log = models.VehicleStatusLog(url="a", is_charging=None, sampled_at=MOMENT)

    assert encode_without(log, frozenset({"url", "sampled_at"})) == b'{"is_charging":null}'
