"""Exports: each is resumed by itself, never with one of another time; and how they fail."""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from pyarrow import parquet

from ev_energy_async import api
from ev_energy_async.cli import export
from ev_energy_async.cli.progress import Progress
from ev_energy_async.cli.session import Session
from ev_energy_async.devices import DEVICES
from ev_energy_async.sandbox.faults import FaultPlan, plan_of
from ev_energy_async.tables import ParquetSink

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.sandbox.places import Places

    from .conftest import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = dt.datetime.now(dt.UTC)
OLDER = ("--since", (NOW - dt.timedelta(days=2)).isoformat(), "--until", (NOW - dt.timedelta(hours=25)).isoformat())
NEWER = ("--since", (NOW - dt.timedelta(hours=24)).isoformat(), "--until", (NOW - dt.timedelta(hours=1)).isoformat())
LISTS = ("charging_sub_session", "vehicle", "evse", "user")


@pytest.fixture(scope="module")
def sandbox_clock() -> None:
    """None: the command line lives in the time of the machine."""


class Exports:
    """Exports into one folder.

    Args:
        places: The sandbox.
        user: Who types the commands.
        root: The folder.
    """

    def __init__(self, places: Places, user: User, root: Path) -> None:
        self._places = places
        self._user = user
        self.root = root

    async def run(self, *words: str) -> Result:
        """Run one to its end, whatever that is."""
        return await self._user.runs("export", *words, "--to", str(self.root))

    async def interrupt(self, *words: str, page: int = 1) -> None:
        """Run one that ends when it asks for a page of its list."""
        rule = {"effect": "malformed_json", "skip": page - 1}
        self._places.sandbox.faults = plan_of({"rules": [rule]})
        try:
            done = await self.run(*words)
        finally:
            self._places.sandbox.faults = FaultPlan()
        assert done.exit_code == 1, done.output

    def keys(self, table: str) -> list[str]:
        """Return the keys of the rows that are there, of resources the IDs: their keys change with them."""
        if not (self.root / table).exists():
            return []
        found: Any = cast("Any", parquet).read_table(self.root / table)
        return sorted(found["id" if table in LISTS else "_ev_key"].to_pylist())


@pytest.fixture
def exports(places: Places, user: User, tmp_path: Path) -> Exports:
    return Exports(places, user, tmp_path / "lake")


@pytest.fixture
def another(places: Places, user: User, tmp_path: Path) -> Exports:
    """Exports into another folder, to compare with."""
    return Exports(places, user, tmp_path / "another")


@pytest.mark.parametrize("table", [*LISTS, "vehicle_status_log"])
async def test_an_export_that_wrote_nothing_yet_is_resumed_although_an_earlier_one_is_complete(
    exports: Exports, another: Exports, table: str
) -> None:
    assert (await exports.run(table, *OLDER)).exit_code == 0
    before = exports.keys(table)
    await exports.interrupt(table, *NEWER)
    assert exports.keys(table) == before

    resumed = await exports.run(table, "--resume")

    assert resumed.exit_code == 0, resumed.output
    await another.run(table, *NEWER)
    assert json.loads(resumed.stdout)[0]["rows"] == len(another.keys(table)) > 0
    assert exports.keys(table) == sorted([*before, *another.keys(table)])
    assert "nothing to resume" in (await exports.run(table, "--resume")).stderr


async def test_an_export_does_not_go_on_with_the_pages_of_another_that_was_interrupted(
    exports: Exports, another: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "charging_sub_session"
    with monkeypatch.context() as patch:
        # Written at every page.
        patch.setattr(export, "ParquetSink", functools.partial(ParquetSink, rows=5))
        patch.setattr(api, "list_charging_sub_sessions", functools.partial(api.list_charging_sub_sessions, page_size=5))
        await exports.interrupt(table, *OLDER, page=2)
    before = exports.keys(table)
    assert len(before) == 5, "a page was written"
    await exports.interrupt(table, *NEWER)

    assert (await exports.run(table, "--resume")).exit_code == 0

    await another.run(table, *NEWER)
    assert exports.keys(table) == sorted([*before, *another.keys(table)])


async def test_an_export_that_ended_within_a_page_goes_on_within_it(
    exports: Exports, another: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "charging_sub_session"
    with monkeypatch.context() as patch:
        patch.setattr(export, "ParquetSink", functools.partial(ParquetSink, rows=2))
        patch.setattr(api, "list_charging_sub_sessions", functools.partial(api.list_charging_sub_sessions, page_size=5))
        await exports.interrupt(table, *OLDER, page=2)
    assert len(exports.keys(table)) == 4, "the fifth waited for another"

    assert (await exports.run(table, "--resume")).exit_code == 0

    await another.run(table, *OLDER)
    assert exports.keys(table) == another.keys(table)


async def test_resuming_exports_also_the_tables_that_the_interrupted_export_did_not_come_to(
    exports: Exports, another: Exports
) -> None:
    tables = ("vehicle_status_log", "vehicle_command_log")
    await exports.run(*tables, *OLDER)
    before = exports.keys(tables[1])
    await exports.interrupt(*tables, *NEWER)

    resumed = await exports.run(*tables, "--resume")

    assert "nothing to resume" not in resumed.stderr
    await another.run(tables[1], *NEWER)
    assert exports.keys(tables[1]) == sorted([*before, *another.keys(tables[1])])


async def test_each_log_that_devices_keep_a_collection_of_is_exported(exports: Exports) -> None:
    offered: Any = export.export.params[0].type
    tables = [name for name in offered.choices if name.endswith("_log")]
    assert len(tables) == sum(bool(log.function) for row in DEVICES.values() for log in row.logs.values())

    done = await exports.run(*tables, "--since", "1h")

    assert done.exit_code == 0, done.output
    rows = {each["table"]: each["rows"] for each in json.loads(done.stdout)}
    assert list(rows) == tables
    assert rows["evse_status_log"] == len(exports.keys("evse_status_log")) > 0


async def test_bounds_that_contradict_each_other_leave_an_interrupted_export_to_be_resumed(exports: Exports) -> None:
    await exports.interrupt("vehicle", *NEWER)
    refused = await exports.run("vehicle", "--since", "1d", "--until", "2d")
    assert (refused.exit_code, "--since" in refused.stderr) == (2, True)
    assert (await exports.run("vehicle", "--resume")).exit_code == 0
    assert exports.keys("vehicle")


async def test_a_failure_behind_a_bar_is_one_sentence_with_its_exit_code(
    places: Places, user: User, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(_: Session, doing: str, total: float | None = None) -> Progress:
        return Progress(doing, total, shown=True)

    monkeypatch.setattr(Session, "progress", shown)
    assert (await exports.run("vehicle_status_log", *NEWER)).exit_code == 0
    user.env["EV_ENERGY_TOKEN"] = places.sandbox.issue_token(scopes=["user:read"])
    refused = await exports.run("vehicle_status_log", *NEWER)
    assert refused.exit_code == 4, refused.output
    assert isinstance(refused.exception, SystemExit)
    assert refused.stderr.count("error:") == 1
    assert "403" in refused.stderr
    assert "Traceback" not in refused.stderr
