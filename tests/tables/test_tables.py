"""Models as Arrow tables: what each kind of field becomes, and that no value is lost on the way."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async import codec, models
from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.fleet import PollFailed, SubSessionEnded
from ev_energy_async.tables import batches, collect, schema, table
from ev_energy_async.testing import build
from ev_energy_async.values import UNSET, Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

MODELS = [
    kind for name in models.__all__ if isinstance(kind := getattr(models, name), type) and issubclass(kind, Model)
]
VEHICLE = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
LOG = models.VehicleStatusLog(
    sampled_at=dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    vehicle=f"https://api.ev.energy/v2/vehicles/{VEHICLE}",
    state_of_charge_percentage=80,
    state=models.VehicleStatusLogState("HOVERING"),
)


M = TypeVar("M", bound=Model)


def with_fields(item: M, **fields: Any) -> M:
    """A copy of a model with other values in some of its fields."""
    made = copy.copy(item)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


@pytest.mark.parametrize("model", MODELS, ids=lambda kind: kind.__name__)
def test_every_model_has_a_schema_that_takes_what_it_may_hold(model: type[Model]) -> None:
    made = schema(model)
    assert len(made) == len(attrs.fields(model))
    item = build(model)
    assert table([item], model).schema.equals(made, check_metadata=True)
    assert schema(model, flatten=True) == table([item], model, flatten=True).schema


def test_a_log_becomes_one_row_with_its_keys() -> None:
    made = table([LOG])

    [row] = made.to_pylist()
    assert row["vehicle_id"] == VEHICLE
    assert row["sampled_at"] == dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
    assert row["state_of_charge_percentage"] == 80
    assert row["state"] == "HOVERING", "a value that the document does not list is kept"
    assert row["odometer_meters"] is None
    assert [field.name for field in made.schema if not field.nullable] == ["sampled_at", "vehicle_id"]
    assert made.schema.field("sampled_at").type == pa.timestamp("us", tz="UTC")
    assert pa.types.is_dictionary(made.schema.field("state").type)
    assert (made.schema.field("odometer_meters").metadata or {})[b"unit"] == b"m"


def test_unset_and_null_are_both_null() -> None:
    logs = [with_fields(LOG, odometer_meters=value) for value in (UNSET, None, 5)]
    assert table(logs).column("odometer_meters").to_pylist() == [None, None, 5]


def test_decimals_keep_nine_places_and_money_its_currency() -> None:
    made = schema(models.ChargingSubSession)
    assert made.field("grid_energy_delivered").type == pa.decimal128(38, 9)
    assert made.field("cost").type == pa.int64()
    assert made.field("currency").type == pa.string()
    item = with_fields(build(models.ChargingSubSession), grid_energy_delivered=Decimal("1.5"))
    assert table([item]).column("grid_energy_delivered").to_pylist() == [Decimal("1.500000000")]


def test_nested_models_are_structs_or_columns_of_their_own() -> None:
    evse = build(models.EVSE)
    nested = table([evse])
    assert pa.types.is_struct(nested.schema.field("location").type)
    flat = table([evse], flatten=True)
    assert "location__latitude" in flat.column_names
    assert flat.column("location__latitude").to_pylist() == [nested.column("location")[0].as_py()["latitude"]]


def test_objects_of_any_shape_are_json_text() -> None:
    log = with_fields(build(models.EVSEOCPPLog), payload={"a": [1, None]})
    [text] = table([log]).column("payload").to_pylist()
    assert text == '{"a":[1,null]}'


@pytest.mark.parametrize(("key", "value"), [("sampled_at", UNSET), ("vehicle", None), ("vehicle", 7)])
def test_a_log_without_its_key_is_refused_by_its_place(key: str, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=rf"items\[1\]\.{key}"):
        table([LOG, with_fields(LOG, **{key: value})])


def test_logs_of_devices_that_are_expanded_have_their_ids_too() -> None:
    vehicle = build(models.Vehicle)
    logs = [with_fields(LOG, vehicle=each) for each in (vehicle, LOG.vehicle, vehicle)]
    assert table(logs).column("vehicle_id").to_pylist() == [
        vehicle.id,
        *table([LOG])["vehicle_id"].to_pylist(),
        vehicle.id,
    ]


@pytest.mark.parametrize("model", [str, "Vehicle", None, dict])
def test_what_is_no_model_has_no_schema(model: Any) -> None:
    with pytest.raises(InvalidArgument, match="model"):
        schema(model)


def test_an_empty_table_needs_its_model() -> None:
    assert table([], models.Vehicle).num_rows == 0
    with pytest.raises(InvalidArgument, match="model"):
        table([])


def test_items_of_two_models_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"items\[1\]"):
        table([LOG, build(models.Vehicle)])


async def test_a_list_is_collected_completely() -> None:
    assert (await collect(each([LOG] * 3), models.VehicleStatusLog)).num_rows == 3


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0, 1]), max_size=30), st.integers(1, 7))
async def test_batches_hold_every_item_once_and_none_is_larger_than_asked(kinds: list[int], size: int) -> None:
    logs = [LOG, build(models.VehicleAPIErrorLog)]
    made = [batch async for batch in batches(each([logs[kind] for kind in kinds]), size=size)]

    assert all(0 < batch.rows.num_rows <= size for batch in made)
    counted = {kind: sum(b.rows.num_rows for b in made if b.model is type(logs[kind])) for kind in (0, 1)}
    assert counted == {kind: kinds.count(kind) for kind in (0, 1)}


async def test_a_batch_acknowledges_the_events_it_came_from() -> None:
    acknowledged: list[int] = []

    @attrs.frozen
    class Event:
        number: int
        log: Model | None = LOG

        async def ack(self) -> None:
            acknowledged.append(self.number)

    source = [Event(1), Event(2), Event(3, log=None), Event(4)]
    async for batch in batches(each(source), size=2):
        await batch.ack()
    assert sorted(acknowledged) == [1, 2, 3, 4]


async def test_a_batch_has_rows() -> None:
    with pytest.raises(InvalidArgument, match="size"):
        await anext(batches(each([]), size=0))


def test_a_table_goes_into_anything_that_speaks_arrow() -> None:
    reader = pa.RecordBatchReader.from_stream(table([LOG]))
    assert reader.read_all().num_rows == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**40), st.sampled_from(["CHARGING", "new value"]), st.none() | st.integers(0, 100))
def test_a_table_holds_what_the_document_says(odometer: int, state: str, charge: int | None) -> None:
    raw = {"odometer_meters": odometer, "state": state, "state_of_charge_percentage": charge}
    document = codec.encode({**raw, "sampled_at": "2026-03-01T10:00:00Z", "vehicle": VEHICLE})
    [row] = table([codec.decode(document, models.VehicleStatusLog)]).to_pylist()
    assert {key: row[key] for key in raw} == raw


async def test_an_event_of_a_sub_session_is_a_row() -> None:
    session = build(models.ChargingSubSession)
    [batch] = [batch async for batch in batches(each([SubSessionEnded(key="k", session=session)]))]
    assert batch.rows.to_pylist() == table([session]).to_pylist()


async def test_what_came_without_a_row_is_in_one_batch_alone() -> None:
    failed = PollFailed(key="k", vehicle_id=VEHICLE, log_kind="status", error=EvEnergyError("no"))
    made = [batch async for batch in batches(each([failed, LOG, LOG, failed, LOG]), size=1)]
    assert [len(batch.events) for batch in made] == [1, 0, 1]
