"""The consumers of the tables: pandas, polars, DuckDB, dlt and Delta Lake, each by its own documented way in."""

# None of them has stubs that say everything.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import deltalake
import dlt
import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from ev_energy_async import models
from ev_energy_async.tables import ParquetSink, table
from ev_energy_async.testing import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pyarrow as pa

START = dt.datetime(2026, 11, 27, 23, tzinfo=dt.UTC)
STATES = ["CHARGING", "HOVERING", None, "CHARGING"]


@pytest.fixture(scope="module")
def logs() -> pa.Table:
    return table(list(map(log, range(4))))


def log(number: int) -> models.VehicleStatusLog:
    state = STATES[number]
    made = models.VehicleStatusLog(
        vehicle=f"https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN{number % 2}H",
        sampled_at=START + dt.timedelta(minutes=30 * number),
        logged_at=START + dt.timedelta(minutes=30 * number),
        state=None if state is None else models.VehicleStatusLogState(state),
        odometer_meters=1_000 * number,
    )
    made.is_charging = number == 0
    return made


async def each() -> AsyncIterator[models.VehicleStatusLog]:
    for number in range(4):
        yield log(number)


@pytest.fixture
async def lake(tmp_path: Path) -> Path:
    async with ParquetSink(tmp_path / "lake") as sink:
        await sink.write(each())
    return tmp_path / "lake"


def test_pandas(logs: pa.Table) -> None:
    frame = logs.to_pandas()
    assert list(frame["state"].astype(object).where(frame["state"].notna(), None)) == STATES
    assert frame["sampled_at"].iloc[0] == pd.Timestamp(START)
    assert frame.groupby("vehicle_id")["odometer_meters"].sum().to_list() == [2_000, 4_000]


def test_polars(logs: pa.Table) -> None:
    frame: Any = pl.DataFrame(logs)
    assert frame["state"].to_list() == STATES
    assert frame["sampled_at"].to_list()[0] == START
    assert frame.filter(pl.col("odometer_meters") > 1_500).height == 2


def test_duckdb(logs: pa.Table) -> None:
    with duckdb.connect() as db:
        db.register("logs", logs)
        rows = db.execute("SELECT vehicle_id, sum(odometer_meters) FROM logs GROUP BY 1 ORDER BY 1").fetchall()
    assert [total for _, total in rows] == [2_000, 4_000]


def test_dlt(logs: pa.Table, tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "fleet", pipelines_dir=str(tmp_path), destination=dlt.destinations.duckdb(str(tmp_path / "dlt.duckdb"))
    )
    pipeline.run(logs, table_name="logs", write_disposition="append")
    with duckdb.connect(str(tmp_path / "dlt.duckdb")) as db:
        found = db.table(f"{pipeline.dataset_name}.logs").aggregate("count(*), max(odometer_meters)")
        assert found.fetchall() == [(4, 3_000)]


def test_delta(logs: pa.Table, tmp_path: Path) -> None:
    deltalake.write_deltalake(str(tmp_path / "delta"), logs, mode="append")
    found: Any = pl.DataFrame(deltalake.DeltaTable(str(tmp_path / "delta")).to_pyarrow_table())
    assert found.sort("sampled_at")["state"].to_list() == STATES


@pytest.mark.parametrize("model", [models.Vehicle, models.EVSE, models.ChargingSubSession, models.Tariff])
def test_nested_columns_go_into_all_of_them(model: Any, tmp_path: Path) -> None:
    made = table([build(model), build(model)])
    assert pl.DataFrame(made).height == 2
    assert len(made.to_pandas()) == 2
    with duckdb.connect() as db:
        db.register("given", made)
        assert db.execute("SELECT count(*) FROM given").fetchall() == [(2,)]
    deltalake.write_deltalake(str(tmp_path), made)
    assert deltalake.DeltaTable(str(tmp_path)).to_pyarrow_table().num_rows == 2


def test_the_files_of_a_sink_are_read_by_all_of_them_with_their_days(lake: Path) -> None:
    files = f"{lake}/vehicle_status_log/**/*.parquet"
    days = [dt.date(2026, 11, 27), dt.date(2026, 11, 28)]

    with duckdb.connect() as db:
        stored = db.read_parquet(files, hive_partitioning=True).aggregate("date, count(*)").order("date")
        assert stored.fetchall() == [(day, 2) for day in days]
        everything = db.read_parquet(f"{lake}/**/*.parquet")
        assert everything.aggregate("count(*)").fetchall() == [(4,)], "nothing else below the root is read"
    frame: Any = pl.scan_parquet(files, hive_partitioning=True).collect()
    assert sorted(set(frame["date"].to_list())) == days
    assert ds.dataset(lake / "vehicle_status_log", partitioning="hive").to_table().num_rows == 4
    assert len(pd.read_parquet(lake / "vehicle_status_log")) == 4
