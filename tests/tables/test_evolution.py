"""A new version of the document: files that were written before are read beside those written after it."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from ev_energy_async import models
from ev_energy_async.tables import ParquetSink
from ev_energy_async.testing import build
from generator.document import load
from generator.emit import PACKAGE, ROOT, write
from generator.generate import VENDORED, generate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

VEHICLE = "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
NOON = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
# Runs with the package that was generated from the changed document.
AFTERWARDS = """
import asyncio, datetime as dt, json, sys
import pyarrow.dataset as ds
from ev_energy_async import models
from ev_energy_async.tables import ParquetSink, schema
from ev_energy_async.testing import build

async def main(root, vehicle):
    log = models.VehicleStatusLog(
        vehicle=vehicle, sampled_at=dt.datetime(2026, 11, 29, tzinfo=dt.UTC), odometer_meters="5 km", cabin_celsius=21.5
    )
    async def items():
        yield log
        owner = build(models.Vehicle)
        owner.latest_status_log = log
        yield owner
    async with ParquetSink(root) as sink:
        await sink.write(items())
    found = {}
    for table, model in (("vehicle_status_log", models.VehicleStatusLog), ("vehicle", models.Vehicle)):
        stored = ds.dataset(f"{root}/{table}", schema=schema(model), format="parquet")
        found[table] = stored.to_table().to_pylist()
    version = schema(models.Vehicle).metadata[b"table_version"].decode()
    print(json.dumps({"rows": found, "version": version}, default=str))

asyncio.run(main(*sys.argv[1:]))
"""


def change(document: dict[str, Any]) -> None:
    """Give a field of status logs another type, add one, take one away."""
    schema = document["components"]["schemas"]["VehicleStatusLog"]
    [fields] = [part["properties"] for part in (schema, *schema.get("allOf", ())) if "properties" in part]
    fields["odometer_meters"] = {"type": ["string", "null"]}
    fields["cabin_celsius"] = {"type": "number"}
    del fields["data_source"]


async def before() -> AsyncIterator[Any]:
    log = models.VehicleStatusLog(vehicle=VEHICLE, sampled_at=NOON, odometer_meters=4_000, data_source="ENODE")
    yield log
    vehicle = build(models.Vehicle)
    vehicle.latest_status_log = log
    yield vehicle


async def write_before(lake: Path) -> None:
    async with ParquetSink(lake) as sink:
        await sink.write(before())


def test_files_from_before_a_change_of_the_document_are_read_beside_those_from_after_it(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    asyncio.run(write_before(lake))
    document = copy.deepcopy(load(ROOT / VENDORED).data)
    change(document)
    spec = tmp_path / "new.json"
    spec.write_text(json.dumps(document), encoding="utf-8")
    files, _ = generate(spec, "new.json")
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    changed = write(files, tmp_path)
    assert "tables/tables.lock.json" in changed
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS, str(lake), VEHICLE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    # Arrow, with the new schema: what is new is null in what is old, and the other way round.
    logs = sorted(found["rows"]["vehicle_status_log"], key=lambda row: row["sampled_at"])
    assert [(row["odometer_meters_v2"], row["cabin_celsius"]) for row in logs] == [(None, None), ("5 km", 21.5)]
    nested = [row["latest_status_log"] for row in found["rows"]["vehicle"]]
    assert {each["odometer_meters_v2"] for each in nested} == {None, "5 km"}
    assert found["version"] == "2", "that of a table that holds what has changed"

    # DuckDB and polars, by name: the retired columns are there as well.
    paths = str(lake / "vehicle_status_log/**/*.parquet")
    with duckdb.connect() as db:
        rows = (
            db.read_parquet(paths, union_by_name=True)
            .order("sampled_at")
            .project("odometer_meters, odometer_meters_v2, cabin_celsius, data_source")
        )
        assert rows.fetchall() == [(4_000, None, None, "ENODE"), (None, "5 km", 21.5, None)]
    every: Any = pl.concat(
        [pl.read_parquet(path) for path in sorted(lake.glob("vehicle_status_log/*/*"))], how="diagonal"
    )
    assert every["odometer_meters"].to_list() == [4_000, None]
    assert every["odometer_meters_v2"].to_list() == [None, "5 km"]
