"""Arguments are taken as what they are, whichever class of whichever library they are instances of."""

from __future__ import annotations

import datetime as dt
import inspect
import re
from collections import ChainMap
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from ev_energy_async import DecodeError, EvEnergy, InvalidArgument, ResourceId, codec
from ev_energy_async.calls.endpoints import GetOptions
from ev_energy_async.models import GeoJsonPolygon, GeoJsonPolygonType, Region, RegionCreate
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from tests.conftest import Network

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


class Text(str):
    """As Django's SafeString and Home Assistant's strings, which say something else of themselves."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another text"

    def __repr__(self) -> str:
        return "another text"


class Who(str, Enum):  # noqa: UP042  # the way that has another `str()` than its value
    ME = "me"
    THIS = VEHICLE
    TRIM = "trim"
    HEADER = "en"


class Bare(Enum):
    TRIM = "trim"
    MINE = "mine"


class Time(dt.datetime):
    """As a `pandas.Timestamp` or a time of pendulum."""


class Day(dt.date):
    """As a date of pendulum."""


class NaT(dt.datetime):
    """As what pandas has for a time that is missing."""

    def utcoffset(self) -> Any:
        return self


class Float(float):
    """As a `numpy.float64`."""

    def __str__(self) -> str:
        return "np.float64"

    __repr__ = __str__


class Count:
    """As a `numpy.int64`, which is no `int`."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Single:
    """As a `numpy.float32`, which is no `float`."""

    def __init__(self, number: float) -> None:
        self.number = number

    def __float__(self) -> float:
        return self.number


Integral.register(Count)
Real.register(Single)


LOGS: Final = re.compile(rf".*/vehicles/{VEHICLE}/status_logs")


async def query_of(ev: EvEnergy, network: Network, **given: Any) -> list[tuple[str, str]]:
    network.answer("GET", LOGS, [])
    await ev.vehicles.list_status_logs(VEHICLE, **given)
    return network.sent[-1].query


@pytest.mark.parametrize(
    "given",
    [
        Time(2026, 3, 14, 12, tzinfo=dt.UTC),
        Time(2026, 3, 14, 13, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
)
async def test_a_time_of_another_library_is_an_instant_in_a_query(ev: EvEnergy, network: Network, given: Any) -> None:
    assert ("sampled_at__gte", "2026-03-14T12:00:00Z") in await query_of(ev, network, sampled_at_gte=given)


@pytest.mark.parametrize("given", [NaT(2026, 3, 14), Time(2026, 3, 14), Text("2026-03-14T12:00:00Z")])
async def test_what_is_no_instant_is_refused_before_anything_is_sent(
    ev: EvEnergy, network: Network, given: Any
) -> None:
    with pytest.raises(InvalidArgument, match="sampled_at_gte: expected a datetime with a time zone"):
        await query_of(ev, network, sampled_at_gte=given)
    assert network.sent == []


@pytest.mark.parametrize("given", [50, Count(50), Who])
async def test_a_number_is_its_digits_in_a_query(ev: EvEnergy, network: Network, given: Any) -> None:
    if given is Who:
        with pytest.raises(InvalidArgument, match="page_size"):
            await query_of(ev, network, page_size=given.ME)
    else:
        assert ("page_size", "50") in await query_of(ev, network, page_size=given)


@pytest.mark.parametrize("given", [Who.THIS, Text(VEHICLE), ResourceId.parse(Text(VEHICLE))])
async def test_an_id_is_the_text_that_it_is(ev: EvEnergy, network: Network, given: Any) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}", {"id": VEHICLE})
    assert (await ev.vehicles.get(given)).id == VEHICLE


@pytest.mark.parametrize("given", ["trim", Text("trim"), Who.TRIM, Bare.TRIM])
async def test_a_listed_value_is_the_text_that_it_is(ev: EvEnergy, network: Network, given: Any) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}?expand=trim", {"id": VEHICLE})
    assert (await ev.vehicles.get(VEHICLE, expand=[given])).id == VEHICLE


@pytest.mark.parametrize("given", [Who.HEADER, Text("en")])
async def test_a_header_is_the_text_that_it_is(ev: EvEnergy, network: Network, given: Any) -> None:
    network.answer("GET", "/users/me", {"id": "me"}, repeat=True)
    await ev.with_options(headers={"X-Mine": given}).users.get(Who.ME)
    assert network.sent[-1].headers["X-Mine"] == "en"
    assert network.sent[-1].url.endswith("/users/me")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"name": Text("a")}, {"name": "a"}),
        ({"name": Who.ME}, {"name": "me"}),
        ({"name": Bare.MINE}, {"name": "mine"}),
        (MappingProxyType({"name": Text("a"), "type": UNSET}), {"name": "a"}),
        (ChainMap({"name": "a"}), {"name": "a"}),
        ({"minimum_charge_limit_percentage": Count(20)}, {"minimum_charge_limit_percentage": 20}),
    ],
)
def test_a_body_is_what_its_values_are(given: Any, sent: Any) -> None:
    assert codec.decode(codec.encode(given), dict[str, Any]) == sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Time(2026, 3, 14, 13, tzinfo=ZoneInfo("Europe/Berlin")), b'"2026-03-14T13:00:00+01:00"'),
        (Day(2026, 3, 14), b'"2026-03-14"'),
        (Float(0.25), b"0.25"),
        (Single(0.5), b"0.5"),
        (Count(7), b"7"),
        (Decimal("1.20"), b'"1.20"'),
        ([Text("a"), {"b": (Float(1),)}], b'["a",{"b":[1.0]}]'),
    ],
)
def test_subclasses_are_encoded_as_what_they_are(value: Any, text: bytes) -> None:
    assert codec.encode(value) == text


async def test_a_model_may_hold_them_too(ev: EvEnergy, network: Network) -> None:
    network.answer("POST", "/regions", {})
    square: Any = [[[Float(0), 50], [1, 50], [1, 51], [0, 50]]]
    await ev.regions.create(
        RegionCreate(
            name=Text("Kent"), geometries=[GeoJsonPolygon(type=GeoJsonPolygonType.POLYGON, coordinates=square)]
        )
    )
    assert network.sent[-1].json["name"] == "Kent"
    assert network.sent[-1].json["geometries"][0]["coordinates"][0][0] == [0, 50]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": object()}, "$.name"),
        ({"geometries": [{"type": "Polygon", "coordinates": [[[0, {1}], [0, object()]]]}]}, "$.geometries[0]"),
        ({"name": "a", "more": {"deep": [1, object]}}, "$.more.deep[1]"),
        ({"name": Float("nan")}, "$.name"),
        ({"name": [1.0, Single(float("inf"))]}, "$.name[1]"),
        (Region(name=object()), "$.name"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # on purpose
    ],
)
def test_a_body_that_cannot_be_sent_names_the_key(given: Any, path: str) -> None:
    with pytest.raises(DecodeError) as raised:
        codec.encode(given)
    assert raised.value.path.startswith(path)


@pytest.mark.parametrize("given", [VEHICLE, VEHICLE.encode(), ResourceId.parse(VEHICLE), Region(id=VEHICLE)])
async def test_one_reference_in_place_of_several_is_refused(ev: EvEnergy, network: Network, given: Any) -> None:
    with pytest.raises(InvalidArgument, match="ids: expected several references"):
        await ev.vehicles.get_many(given)
    assert network.sent == []


def test_the_options_of_get_many_are_those_of_the_single_gets() -> None:
    groups: list[Any] = [getattr(EvEnergy, name) for name in dir(EvEnergy)]
    many: list[Any] = [vars(group)["get_many"] for group in groups if hasattr(group, "get_many")]
    functions: list[Any] = [each._function for each in many]
    parameters = [each for function in functions for each in inspect.signature(function).parameters.values()]
    assert set(GetOptions.__annotations__) == {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
