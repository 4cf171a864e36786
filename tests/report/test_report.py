"""Reports: what the pictures show, and that the page needs nothing but itself."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from ev_energy_async import CheckpointError, InvalidArgument, MemoryCheckpoint, SqliteCheckpoint
from ev_energy_async import testing as kit
from ev_energy_async.report import Report, report
from ev_energy_async.tables import ParquetSink

from .sample import GOLDEN, NOW, VEHICLES, sample, written

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async import EvEnergy

pytest_plugins = ["ev_energy_async.testing"]

# The tests' own client bears the name of the kit's.
fleet_client = kit.ev


@pytest.fixture(scope="module")
def made() -> Report:
    return report(sample(), now=NOW)


@pytest.fixture(scope="module")
def page(made: Report) -> str:
    return made.html


def picture(made: Report, name: str) -> Any:
    return next(each for each in made.pictures if each.name == name)


def values(made: Report, name: str) -> list[dict[str, Any]]:
    """The data of the first chart of a picture."""
    [found] = picture(made, name).specs[0]["datasets"].values()
    return list(found)


def test_the_pictures_are_those_that_were_looked_at(made: Report) -> None:
    kept = {path.stem: path.read_text("utf-8") for path in GOLDEN.glob("*.json")}
    assert written(made) == kept, "look at them, then run `python -m tests.report.sample`"


def test_there_are_six_pictures_each_with_a_finding_and_a_table(made: Report) -> None:
    assert [each.name for each in made.pictures] == ["freshness", "coverage", "charge", "charging", "errors", "budget"]
    assert all(each.specs and each.rows and len(each.rows[0]) == len(each.head) for each in made.pictures)
    assert str(made).count("\n") == 6


def test_freshness_counts_each_vehicle_by_its_newest_log(made: Report) -> None:
    assert picture(made, "freshness").rows == (
        ("within 1 h", 6, "75.0%"),
        ("within 6 h", 6, "75.0%"),
        ("within 24 h", 7, "87.5%"),
        ("longer ago", 1, "12.5%"),
    )
    assert picture(made, "freshness").finding.endswith("in the last 24 hours; 1 was silent.")


def test_coverage_shows_the_vehicles_with_the_most_hours_missing_first(made: Report) -> None:
    rows = picture(made, "coverage").rows
    assert [row[2] for row in rows] == sorted((row[2] for row in rows), reverse=True)
    # Of the 29 hours since the first log, without the one that is not over.
    assert [(row[1] + row[2], row[2], row[3]) for row in rows][:3] == [
        (29, 26, "silent"),
        (29, 7, "silent"),
        (29, 4, "silent"),
    ]


def test_errors_without_a_code_are_told_by_their_status(made: Report) -> None:
    assert picture(made, "errors").rows == (
        ("ENODE", "VEHICLE_ASLEEP", 5, 3),
        ("TESLA", "RATE_LIMIT", 3, 3),
        ("ENODE", "HTTP 502", 1, 1),
    )


def test_budget_sums_the_requests_of_all_cycles(made: Report) -> None:
    assert dict(row[:2] for row in picture(made, "budget").rows) == {
        "snapshot": 9,
        "history": 63,
        "errors": 18,
        "late": 4,
    }


def test_the_page_is_complete_in_itself(page: str) -> None:
    assert "default-src 'none'" in page
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"\b(?:href|src|action)\s*=|url\(|@import", outside)
    assert page.count("<script") == page.count("</script>") == 2
    assert page.count("<details>") == 6


def test_nobody_is_named_unless_asked_for(page: str) -> None:
    assert not any(vehicle in page for vehicle in VEHICLES)
    named = report(sample(), now=NOW, personal=True)
    assert VEHICLES[7] in {row[0] for row in picture(named, "coverage").rows}


def test_text_of_the_source_stays_text() -> None:
    tables = sample()
    errors = pl.DataFrame(tables["vehicle_api_error_log"]).with_columns(
        pl.lit("</script><script>alert(1)</script>").alias("error_code")
    )
    hostile = report({**tables, "vehicle_api_error_log": errors}, now=NOW, title="<b>Ours</b>").html
    assert "<script>alert" not in hostile
    assert "<b>Ours" not in hostile
    assert hostile.count("</script>") == 2


def test_tables_of_polars_and_duckdb_give_the_same_report(made: Report) -> None:
    tables = sample()
    with duckdb.connect() as db:
        db.register("given", tables["vehicle_api_error_log"])
        others = {
            "vehicle_status_log": pl.DataFrame(tables["vehicle_status_log"]),
            "vehicle_api_error_log": db.table("given"),
            "cycle_finished": pl.DataFrame(tables["cycle_finished"]),
        }
        assert written(report(others, now=NOW)) == written(made)


def test_a_notebook_shows_the_page_in_a_frame(made: Report) -> None:
    # As IPython asks for it.
    bundle_of: Any = getattr(made, "_repr_mimebundle_")  # noqa: B009  # a name that belongs to IPython, not to us
    bundle = bundle_of()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/html"].startswith("<iframe srcdoc=")
    assert set(bundle_of(include=["text/plain"])) == {"text/plain"}


async def test_what_a_sink_wrote_is_reported(tmp_path: Path, fleet_client: EvEnergy) -> None:
    async with ParquetSink(tmp_path / "lake") as sink:
        await sink.write(
            fleet_client.fleet.watch(cycles=2, ack="explicit", since=fleet_client.clock.now() - dt.timedelta(days=1))
        )
    found = report(tmp_path / "lake", now=fleet_client.clock.now())
    assert all(each.specs for each in found.pictures if each.name in {"freshness", "coverage", "charge", "budget"})


async def test_a_checkpoint_knows_freshness_and_coverage(fleet_client: EvEnergy) -> None:
    checkpoint = MemoryCheckpoint()
    since = fleet_client.clock.now() - dt.timedelta(days=1)
    async for _ in fleet_client.fleet.watch(cycles=2, since=since, checkpoint=checkpoint):
        pass
    found = await report(checkpoint, now=fleet_client.clock.now())
    assert [bool(each.specs) for each in found.pictures] == [True, True, False, False, False, False]
    [total] = {value["of"] for value in values(found, "freshness")}
    assert total == len(await fleet_client.vehicles.list().all())
    rows = [row for row in (await fleet_client.fleet.coverage(checkpoint)).rows if row.log_kind == "status"]
    for value in values(found, "coverage")[:-1]:
        hour = dt.datetime.fromisoformat(value["hour"])
        complete = sum(row.complete(hour, hour + dt.timedelta(hours=1)) for row in rows)
        assert value["share"] == pytest.approx(complete / len(rows), abs=1e-4), value["at"]


async def test_a_checkpoint_that_is_not_open_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not open"):
        await report(SqliteCheckpoint(tmp_path / "fleet.db"))


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({}, "vehicle_status_log"),
        ({"vehicle_status_log": 5}, "Arrow"),
        (5, "source"),
        ("/nowhere", "vehicle_status_log"),
    ],
)
def test_what_holds_no_status_logs_is_refused(source: Any, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        report(source)
    with pytest.raises(InvalidArgument, match="sampled_at"):
        report({"vehicle_status_log": sample()["vehicle_status_log"].drop_columns(["sampled_at"])})


def test_a_report_is_saved(made: Report, page: str, tmp_path: Path) -> None:
    assert made.save(tmp_path / "fleet.html").read_text("utf-8") == page
