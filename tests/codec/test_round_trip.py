"""The codec there and back: for documents whose keys the schema knows, nothing is lost on either way."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import UnsetType, models
from ev_energy_async.codec import Codec, decode, encode, make_converter
from ev_energy_async.values import Model
from tests.openapi import differences

UTC: Final = dt.UTC
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=12)
TIMES: Final = st.datetimes(
    timezones=st.sampled_from(
        [UTC, dt.timezone(dt.timedelta(hours=-9, minutes=-30)), dt.timezone(dt.timedelta(hours=14))]
    ),
    min_value=dt.datetime(1900, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=dt.datetime(2900, 1, 1),  # noqa: DTZ001  # without a zone on purpose
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


@cache  # to make a strategy takes longer than to draw from it
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
    # Which member of a union is meant may be a guess: enums take values that no schema lists.
    assert {drift.kind for drift in codec.drift} <= {"guessed"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_tolerant_way_reads_a_good_document_as_the_fast_way_does(data: st.DataObject) -> None:
    given_document = data.draw(documents(models.ChargingSubSession))
    converter = make_converter()
    converter.register_structure_hook_func(lambda t: t is models.ChargingSubSessionMode, lambda value, t: t(value))
    encoded = json.dumps(given_document).encode()

    assert Codec(converter).decode(encoded, models.ChargingSubSession) == decode(encoded, models.ChargingSubSession)
