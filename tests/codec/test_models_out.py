"""Models go out as dictionaries and JSON, through pydantic and FastAPI, and without personal data."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, assert_type

import attrs
import msgspec
import pytest
from fastapi import Body, FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, ValidationError

from ev_energy_async import (
    UNSET,
    DecodeError,
    EvEnergy,
    InvalidArgument,
    MemoryTokenStore,
    codec,
    expanded,
    models,
    or_none,
    personal_fields,
    redacted,
    reference_id,
)
from ev_energy_async.codec import AsDict, as_json, json_value
from ev_energy_async.events import ErrorLogged, PollFailed, StatusLogged, VehicleAdded
from ev_energy_async.fleet import Coverage, Gap, Plan, Reason
from ev_energy_async.fleet.coverage import Row
from ev_energy_async.fleet.plan import Usage
from ev_energy_async.health import Check
from ev_energy_async.models import (
    LatLong,
    LocationDetail,
    Region,
    User,
    Vehicle,
    VehicleMake,
    VehicleModel,
    VehicleStatusLog,
    VehicleTrim,
)
from ev_energy_async.testing import build
from ev_energy_async.values import Model, is_list, is_object
from ev_energy_async.webhooks import Event, UnknownEvent

USER: Final = "https://api.ev.energy/v2/users/user01HN2NJ9NMRZBXT1H6FT9N7735"
EVERY: Final[list[type[Model]]] = [
    each for name in models.__all__ if isinstance(each := getattr(models, name), type) and issubclass(each, Model)
]
TIME: Final = dt.datetime(2026, 3, 14, 12, 0, 0, 250_000, tzinfo=dt.UTC)


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.__name__)
def test_every_model_comes_back_as_it_went_out(model: type[Model]) -> None:
    made = build(model)
    assert model.from_json(made.to_json()) == made
    assert model.from_json(made.to_json().encode()) == made
    assert model.from_dict(made.to_dict()) == made
    as_json = made.to_dict("json")
    assert model.from_dict(json.loads(json.dumps(as_json))) == made
    assert as_json == json.loads(codec.encode(made))


def test_absent_stays_absent_and_null_is_null() -> None:
    log = VehicleStatusLog(is_charging=None)
    assert log.to_dict() == log.to_dict("json") == {"is_charging": None}
    assert log.to_json() == '{"is_charging":null}'
    assert VehicleStatusLog.from_dict({}) == VehicleStatusLog()


def test_values_are_those_of_python_or_of_json() -> None:
    log = VehicleStatusLog(sampled_at=TIME, state=models.VehicleStatusLogState("CHARGING"), vehicle=build(Vehicle))
    python = log.to_dict()
    assert python["sampled_at"] == TIME
    assert type(python["state"]) is str
    assert type(python["vehicle"]) is dict
    assert log.to_dict("json")["sampled_at"] == "2026-03-14T12:00:00.250000Z"


def test_decimals_are_text_in_json() -> None:
    found = [
        (member, made.to_dict("json")[key])
        for made in map(build, EVERY)
        for key, member in made.to_dict().items()
        if isinstance(member, Decimal)
    ]
    assert found
    assert [text for _, text in found] == [str(member) for member, _ in found]


@pytest.mark.parametrize("data", ["{", "[]", '{"id": 5}', "\ud83d"])
def test_what_is_no_such_model_is_a_decode_error(data: str) -> None:
    with pytest.raises(DecodeError):
        Vehicle.from_json(data)


def test_another_mode_is_refused() -> None:
    mode: Any = "yaml"
    with pytest.raises(InvalidArgument, match="mode"):
        VehicleStatusLog().to_dict(mode)


GAP: Final = Gap(TIME, TIME + dt.timedelta(hours=1), Reason.BUDGET)
LOG: Final = VehicleStatusLog(sampled_at=TIME, is_charging=None)
REPORTS: Final[list[tuple[AsDict, dict[str, Any]]]] = [
    (EvEnergy(label="mine").stats(), {"label": "mine", "drift": [], "last_success": None, "budget_limit": 50}),
    (
        StatusLogged(key="k", vehicle_id="v", log=LOG),
        {"key": "k", "via": "read", "log": {"sampled_at": "2026-03-14T12:00:00.250000Z", "is_charging": None}},
    ),
    (
        PollFailed(key="k", vehicle_id="v", log_kind="status", error=DecodeError("no", "$")),
        {"key": "k", "error": "DecodeError: no at $"},
    ),
    (
        Coverage((Row("v", "status", TIME, TIME + dt.timedelta(days=1), None, (GAP,)),)),
        {"rows": [{"vehicle_id": "v", "log_kind": "status", "as_of": None}]},
    ),
    (Check(findings=("a",), clock_offset=dt.timedelta(minutes=2)), {"findings": ["a"], "clock_offset": 120.0}),
    (
        Plan(
            vehicles=1, budget=1, requests=Usage(history=0.5), fits=False, every=60.0, complete_within=math.inf,
            late_every=1.0, fitting_budget=2,
        ),
        {"requests": {"history": 0.5}, "complete_within": None, "larger": []},
    ),
    (Event("msg", TIME, UnknownEvent("x.y"), b"{}"), {"payload": {"type": "x.y"}, "body": "{}"}),
]  # fmt: skip


def _includes(found: Any, expected: Any) -> bool:
    if is_object(expected):
        return all(key in found and _includes(found[key], value) for key, value in expected.items())
    if is_list(expected):
        return len(found) == len(expected) and all(map(_includes, found, expected))
    return bool(found == expected)


@pytest.mark.parametrize(("report", "expected"), REPORTS, ids=[type(each).__name__ for each, _ in REPORTS])
def test_what_is_reported_goes_out_as_models_do(report: AsDict, expected: dict[str, Any]) -> None:
    as_json = json.loads(json.dumps(report.to_dict("json"), allow_nan=False))
    assert _includes(as_json, expected)
    assert json.loads(report.to_json()) == as_json
    assert report.to_dict().keys() == as_json.keys()
    instance: Any = report
    by_attrs = attrs.asdict(instance, value_serializer=json_value)
    by_attrs.pop("_ack", None)
    assert _includes(json.loads(json.dumps(by_attrs)), expected)


def test_values_of_python_are_kept_unless_asked_for_json() -> None:
    made = StatusLogged(key="k", vehicle_id="v", log=LOG).to_dict()
    assert made["log"] == {"sampled_at": TIME, "is_charging": None}
    assert "ack" not in str(made)
    mode: Any = "yaml"
    with pytest.raises(InvalidArgument, match="mode"):
        GAP.to_dict(mode)


def test_only_foreign_objects_go_out_as_the_name_of_their_class() -> None:
    made = UnknownEvent("x\ud83d", data={"\udc00": ["\ud83d", Fraction(1, 2), Decimal("1.50")]})
    event = Event("msg", TIME, made, b"\xff").to_dict("json")
    assert event["payload"] == {"type": "x?", "data": {"?": ["?", 0.5, "1.50"]}}
    assert made.to_dict()["data"].keys() == {"\udc00"}
    told = PollFailed(key="k", vehicle_id="v", log_kind="status", error=DecodeError("no \ud83d", "$"))
    assert told.to_dict("json")["error"].isprintable()
    foreign = [1j, asyncio.Event, MemoryTokenStore(), msgspec.Raw(b"[1]"), TIME]
    assert as_json(foreign) == ["complex", None, "MemoryTokenStore", [1], "2026-03-14T12:00:00.250000Z"]


def test_an_event_redacts_its_models() -> None:
    added = VehicleAdded(key="k", vehicle_id="v", vehicle=build(Vehicle, user=USER))
    assert redacted(added)["vehicle"]["user"] == "**REDACTED**"


def test_the_time_of_a_log_event_is_known_even_if_its_url_alone_has_it() -> None:
    url = "https://api.ev.energy/v2/vehicles/v/status_logs/2026-03-14T12:00:00.250000Z"
    for log in (LOG, VehicleStatusLog(url=url)):
        event = StatusLogged(key="k", vehicle_id="v", log=log)
        assert assert_type(event.sampled_at, dt.datetime) == TIME
    failed = models.VehicleAPIErrorLog(logged_at=TIME)
    assert assert_type(ErrorLogged(key="k", vehicle_id="v", log=failed).logged_at, dt.datetime) == TIME


# --- pydantic and FastAPI


class Garage(BaseModel):
    """A model of a service's own."""

    vehicle: Vehicle
    logs: list[VehicleStatusLog] = []
    trim: VehicleTrim | None = None


def test_a_model_is_a_field_of_pydantic() -> None:
    garage = Garage(vehicle=build(Vehicle), logs=[VehicleStatusLog(sampled_at=TIME)])
    text = garage.model_dump_json()
    assert json.loads(text)["vehicle"] == garage.vehicle.to_dict("json")
    assert Garage.model_validate_json(text) == garage
    assert garage.model_dump()["logs"] == [{"sampled_at": TIME}]
    assert isinstance(Garage.model_validate({"vehicle": garage.vehicle.to_dict()}).vehicle, Vehicle)


@pytest.mark.parametrize("given", [{"id": 5}, 7, "text", None])
def test_pydantic_says_what_is_wrong(given: Any) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Garage(vehicle=given)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_pydantic_describes_the_fields(mode: Any) -> None:
    schema = Garage.model_json_schema(mode=mode)
    text = json.dumps(schema)
    assert "smart_charging_enabled" in text
    assert "date-time" in text
    assert set(re.findall(r'"#/\$defs/(.*?)"', text)) == set(schema["$defs"])


def service() -> FastAPI:
    app = FastAPI()
    vehicle = build(Vehicle)

    def one() -> Vehicle:
        return vehicle

    def several() -> list[Vehicle]:
        return [vehicle]

    def echo(body: Annotated[Vehicle, Body()]) -> Vehicle:
        return body

    app.get("/one")(one)
    app.get("/several")(several)
    app.post("/echo")(echo)
    return app


async def test_fastapi_takes_and_returns_models() -> None:
    async with AsyncClient(transport=ASGITransport(service()), base_url="http://test") as client:
        one = (await client.get("/one")).json()
        assert Vehicle.from_dict(one).to_dict("json") == one
        assert (await client.get("/several")).json() == [one]
        assert (await client.post("/echo", json=one)).json() == one
        refused = await client.post("/echo", json={"id": 5})
        assert refused.status_code == 422
        assert "$.id" in refused.text
        document = (await client.get("/openapi.json")).json()
    assert "smart_charging_enabled" in json.dumps(document["paths"]["/one"]) + json.dumps(document["components"])


# --- References, unset values, personal data


def test_a_reference_is_its_object_or_its_id() -> None:
    trim = build(VehicleTrim, model=build(VehicleModel, make=build(VehicleMake, name="Polestar")))
    vehicle = build(Vehicle, trim=trim, user=USER)
    assert expanded(vehicle.trim) is trim
    assert expanded(vehicle.user) is None
    model = expanded(vehicle.trim, lambda trim: trim.model)
    make = expanded(model, lambda model: model.make)
    assert_type(make, VehicleMake | None)
    assert make is not None
    assert make.name == "Polestar"
    assert expanded(build(Vehicle).trim, lambda trim: trim.model) is None
    assert reference_id(vehicle.user) == USER.rpartition("/")[2]
    assert reference_id(vehicle.trim) == trim.id
    assert reference_id(None) is reference_id(UNSET) is None
    with pytest.raises(InvalidArgument):
        reference_id("https://api.ev.energy/")


def test_what_is_unset_is_none() -> None:
    assert or_none(UNSET) is None
    assert or_none(None) is None
    assert or_none(0) == 0


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (User, {"email", "full_name"}),
        (LocationDetail, {"address_1", "address_2", "city", "postal_code", "coordinates"}),
        (LatLong, {"latitude", "longitude"}),
        (Vehicle, {"user", "description"}),
        (models.PayoutMethod, {"receiver"}),
        (models.SupportTicket, {"subject", "user"}),
        (models.EVSEConnectivity, {"iccid", "ip_address"}),
        (models.GeoJsonPolygon, set[str]()),
        (Region, set[str]()),
    ],
)
def test_personal_fields_are_known(model: type[Model], fields: set[str]) -> None:
    assert personal_fields(model) >= fields
    assert fields or not personal_fields(model)


def test_a_redacted_model_tells_of_nobody() -> None:
    user = build(User, email="kim@example.com", full_name="Kim Larsen")
    vehicle = build(Vehicle, user=user, description=f"of {USER}")
    shown = redacted({"vehicles": [vehicle], "at": TIME, "location": LatLong(latitude=51.5, longitude=-0.1)})
    text = json.dumps(shown)
    for personal in ("kim@example.com", "Kim Larsen", "51.5", "user01HN2"):
        assert personal not in text
    assert shown["vehicles"][0]["id"] == vehicle.id
    assert shown["vehicles"][0]["user"] == "**REDACTED**"
    assert redacted(VehicleStatusLog(is_charging=None)) == {"is_charging": None}


def test_only_models_have_personal_fields() -> None:
    not_a_model: Any = dict
    with pytest.raises(InvalidArgument, match="the class of a model"):
        personal_fields(not_a_model)
