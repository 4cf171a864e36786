"""The warehouse on a fleet of the sandbox: what is loaded, after a restart too, and the notebook over it."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from .notebook import BEGAN, CYCLES, FOLDER, fill, kept, pictures, run

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async.sandbox import Logged

_RUNS, _VEHICLES = 2, 12


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Logged]]:
    folder = tmp_path_factory.mktemp("warehouse")
    return folder, asyncio.run(fill(folder, _VEHICLES, runs=_RUNS))


@pytest.fixture
def db(loaded: tuple[Path, list[Logged]], monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    monkeypatch.chdir(loaded[0])
    connection = duckdb.connect()
    connection.execute((FOLDER / "views.sql").read_text("utf-8"))
    return connection


def test_every_log_is_a_row_once_although_the_loader_was_restarted(
    db: duckdb.DuckDBPyConnection, loaded: tuple[Path, list[Logged]]
) -> None:
    rows = db.sql("SELECT vehicle_id, sampled_at FROM status").fetchall()
    found = {(vehicle, at.astimezone(dt.UTC)) for vehicle, at in rows}
    there = {(log.device, dt.datetime.fromisoformat(log.at)): log.visible_at for log in loaded[1]}
    assert len(rows) == len(found)
    assert found <= there.keys()
    assert {key for key, visible_at in there.items() if visible_at <= BEGAN} <= found
    assert any(there[key] > BEGAN for key in found)  # from the watch


def test_vehicles_errors_and_cycles_have_views_of_their_own(db: duckdb.DuckDBPyConnection) -> None:
    assert db.sql("SELECT count(*), count(DISTINCT id) FROM vehicle").fetchall() == [(_VEHICLES, _VEHICLES)]
    assert db.sql("SELECT count(*) > 0 AND count(DISTINCT _ev_key) = count(*) FROM error").fetchall() == [(True,)]
    assert db.sql("SELECT count(*) FROM cycle").fetchall() == [(_RUNS * CYCLES,)]


def test_a_log_in_two_files_is_one_row(db: duckdb.DuckDBPyConnection, loaded: tuple[Path, list[Logged]]) -> None:
    before = db.sql("SELECT count(*) FROM status").fetchall()
    part = next((loaded[0] / "lake" / "vehicle_status_log").glob("date=*/part-*.parquet"))
    overlap = part.with_name("part-of-another-source.parquet")
    shutil.copy(part, overlap)
    try:
        assert db.sql("SELECT count(*) FROM status").fetchall() == before
    finally:
        overlap.unlink()


def test_a_vehicle_is_as_it_was_last_read_on_its_day(
    db: duckdb.DuckDBPyConnection, loaded: tuple[Path, list[Logged]]
) -> None:
    columns = db.sql("SELECT * FROM vehicle").columns
    assert "filename" not in columns
    part = max((loaded[0] / "lake" / "vehicle").glob("date=*/part-*.parquet"))
    made: list[Path] = []
    try:
        # Written in another order than they are named: neither the file's age nor its place in the folder counts.
        for name in ("ZZZ2", "ZZZ3", "ZZZ1"):
            made.append(part.with_name(f"part-{name}.parquet"))
            rows = db.sql(
                "SELECT * REPLACE ($name AS _ev_key) FROM read_parquet($part)", params={"name": name, "part": str(part)}
            )
            rows.write_parquet(str(made[-1]))
        assert db.sql("SELECT DISTINCT _ev_key FROM vehicle").fetchall() == [("ZZZ3",)]
    finally:
        for path in made:
            path.unlink(missing_ok=True)
    assert db.sql("SELECT count(*) FROM vehicle").fetchall() == [(_VEHICLES,)]


async def test_the_notebook_runs_and_draws(loaded: tuple[Path, list[Logged]]) -> None:
    drawn = pictures(await run(loaded[0]))
    assert len(drawn) == len(pictures(kept())) == 3  # `python -m tests.examples.notebook` writes those that are kept
    for picture in drawn:
        assert picture.count("<path") > 5
