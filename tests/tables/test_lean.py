"""Rows without a model each: equal to the rows of models, whatever the document is like."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import datetime as dt
import json
import pickle
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import EvEnergy, StaticToken, codec, models
from ev_energy_async.codec import Codec, Drift, finish, make_converter
from ev_energy_async.errors import DecodeError, EvEnergyError, InvalidArgument
from ev_energy_async.fleet import Backfill, LogRead
from ev_energy_async.tables import ParquetSink, Written, batches, collect, table
from ev_energy_async.tables.lean import Lean, lean_of
from ev_energy_async.testing import build
from ev_energy_async.testing import fixtures as kit
from tests.codec.test_round_trip import documents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Network

pytest_plugins = ["ev_energy_async.testing"]

# The tests' own client bears the name of the kit's.
fleet_client = kit.ev
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
LOGS: Final[list[Any]] = [getattr(models, name) for name in models.__all__ if name.endswith("Log")]
MODELS: Final[list[Any]] = [kind for name in models.__all__ if lean_of(kind := getattr(models, name)) is not None]
# What a document has that departs from its schema, or nearly does.
ODD: Final[tuple[Any, ...]] = (
    *(None, "", "a new value", 70.0, 70.5, "70", True, [], [None], {}, 2**63, 2**70, -1e300, "\ud83d\ude00"),
    *("2026-03-01T10:00:00+05:45", "2026-03-01T10:00:00.1234567-09:30", "2026-03-01 10:00:00z", "2026-03-01T10:00:00"),
    *("2026-03-01T24:00:00Z", "2026-03-01T23:59:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999Z"),
    *("12345678901234567890123456789012.5", "0.0000000001", "https://api.ev.energy/v2/vehicles/?x", "NaN"),
)


@st.composite
def pages(draw: st.DrawFn, model: Any) -> bytes:
    """A page of documents of a model, some of which depart from its schema."""
    page: list[Any] = draw(st.lists(documents(model), max_size=3))
    names = [field.name for field in model.__attrs_attrs__]
    for document in page:
        document.update(draw(st.dictionaries(st.sampled_from(names), st.sampled_from(ODD), max_size=2)))
        document.update(draw(st.dictionaries(st.sampled_from(["unheard_of", "zz"]), st.integers(), max_size=1)))
    return json.dumps(page).encode()


def outcome(data: bytes, model: Any, lean: Any) -> tuple[Any, set[Drift]]:
    """Return the outcome of a page: its table or its error, and what was reported."""
    drift: set[Drift] = set()
    decoder = Codec(on_drift=drift.add)
    try:
        made, steps = decoder.begin(data, list[model], lean)
        return table(made if steps is None else finish(steps), model), drift
    except (DecodeError, InvalidArgument) as error:
        return (type(error), str(error)), drift


def decoded(data: bytes, model: Any, lean: Any) -> list[Any]:
    """A page as a client decodes it."""
    made, steps = Codec().begin(data, list[model], list[lean])
    return made if steps is None else finish(steps)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_page_gives_equal_rows_with_models_and_without(data: st.DataObject) -> None:
    model: Any = data.draw(st.sampled_from([*LOGS, models.Tariff, models.SolarForecastLog, models.BoundaryMeter]))
    lean: Any = lean_of(model)
    page = data.draw(pages(model))
    expected, reported = outcome(page, model, None)
    found, also = outcome(page, model, list[lean])
    assert also == reported
    assert found.equals(expected, check_metadata=True) if hasattr(expected, "equals") else found == expected


def test_every_lean_type_takes_what_its_model_takes() -> None:
    for model in MODELS:
        item: Any = build(model)
        lean: Any = lean_of(model)
        made = decoded(b"[%b]" % codec.encode(item), model, lean)
        assert isinstance(made[0], Lean)
        assert table(made, model).equals(table([item], model)), model


def test_the_logs_of_devices_need_no_models() -> None:
    assert all(lean_of(model) is not None for model in LOGS)
    assert lean_of(models.Vehicle) is None, "its expanded fields may be one of several models"
    assert lean_of(str) is None


def test_a_page_that_departs_from_its_schema_and_one_for_hooks_have_models() -> None:
    lean: Any = lean_of(models.VehicleStatusLog)
    good = b'[{"state": "NEW", "sampled_at": "2026-03-01T10:00:00Z"}]'
    assert isinstance(Codec().begin(good, list[models.VehicleStatusLog], list[lean])[0][0], Lean)

    for wrong in (b'[{"sampled_at": null}]', b'[{"vehicle": {"id": "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"}}]'):
        made, steps = Codec().begin(wrong, list[models.VehicleStatusLog], list[lean])
        [log] = made if steps is None else finish(steps)
        assert isinstance(log, models.VehicleStatusLog)

    converter = make_converter()
    converter.register_structure_hook(models.VehicleStatusLogState, lambda _value, kind: kind("HOOKED"))
    made, steps = Codec(converter).begin(good, list[models.VehicleStatusLog], list[lean])
    assert steps is not None
    [log] = finish(steps)
    assert log.state == "HOOKED"


async def test_lists_and_backfills_give_the_rows_that_their_models_give(fleet_client: EvEnergy) -> None:
    ev = fleet_client
    since = ev.clock.now() - dt.timedelta(hours=6)
    read = [item.log async for item in ev.fleet.logs("status", since=since) if isinstance(item, LogRead)]
    found = [batch async for batch in batches(ev.fleet.logs("status", since=since), size=40)]
    assert all(isinstance(event.log, Lean) for batch in found for event in batch.events)
    expected = table(read).to_pylist()
    assert [row for batch in found for row in batch.rows.to_pylist()] == expected

    logs = ev.vehicles.list_status_logs(expected[0]["vehicle_id"], page_size=10, sampled_at_gte=since)
    assert (await collect(logs)).equals(table(await logs.all(), models.VehicleStatusLog))


@pytest.mark.parametrize("fault", ["refused", "undecodable", "astray", "in a circle"])
async def test_an_error_of_a_lean_read_survives_pickle(network: Network, fault: str) -> None:
    path = f"/vehicles/{VEHICLE}/status_logs"
    page = [5] if fault == "undecodable" else [json.loads(codec.encode(build(models.VehicleStatusLog)))]
    way = [path, f"{path}?page_after=1", f"{path}?page_after=2", f"{path}?page_after=1"]
    for url, target in pairwise(way) if fault == "in a circle" else [(path, "/elsewhere")]:
        headers = {"Link": f'<https://api.ev.energy/v2{target}>; rel="next"'}
        network.answer("GET", url, page, status=403 if fault == "refused" else 200, headers=headers)

    async with EvEnergy(StaticToken("t")) as ev:
        with pytest.raises(EvEnergyError) as raised:
            await collect(ev.vehicles.list_status_logs(VEHICLE))

    error: Any = raised.value
    assert error.response.request.lean is not None
    again: Any = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (type(again), str(again)) == (type(error), str(error))
    assert again.response.data == again.response.body == error.response.body != b""


async def test_a_backfill_reads_logs_again_after_its_batches_or_a_sink(fleet_client: EvEnergy, tmp_path: Path) -> None:
    since = fleet_client.clock.now() - dt.timedelta(hours=6)

    def backfill() -> Backfill[Any]:
        return fleet_client.fleet.logs("status", since=since, concurrency=1)

    in_batches = backfill()
    of_one: Any = batches(in_batches, size=1)
    async with aclosing(of_one) as some:
        await anext(some)

    written = backfill()
    with pytest.raises(RuntimeError, match="full"):
        async with ParquetSink(tmp_path, rows=1, on_flush=full) as sink:
            await sink.write(written)

    for source in (in_batches, written):
        kinds = [type(item.log) async for item in source if isinstance(item, LogRead)]
        # Only what was held is lean.
        assert set(kinds[kinds.index(models.VehicleStatusLog) :]) == {models.VehicleStatusLog}


def full(_: Written) -> None:
    raise RuntimeError("full")
