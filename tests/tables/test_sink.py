"""The Parquet sink: where rows go, when they are acknowledged, and that none is lost or written twice."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ev_energy_async import CheckpointError, InvalidArgument, MemoryCheckpoint, models
from ev_energy_async import testing as kit
from ev_energy_async.fleet import PollFailed
from ev_energy_async.tables import ParquetSink, SinkError, Written, schema
from ev_energy_async.testing import FakeClock, build

from . import crash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from ev_energy_async import EvEnergy
    from ev_energy_async.checkpoint import Advance
    from ev_energy_async.fleet import Watch

pytest_plugins = ["ev_energy_async.testing"]

ROOT = Path(__file__).parents[2]
# The tests' own client bears the name of the kit's.
fleet_client = kit.ev
VEHICLES = [f"vhcl01HRFF3SEVSCRAV9B3CHVDFN{number}H" for number in range(2)]
NOON = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


@attrs.define
class Event:
    """A log with an acknowledgement."""

    log: Any
    key: str
    acknowledged: list[str]
    late: bool = False
    refusals: int = 0

    async def ack(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise CheckpointError("the disk is full")
        self.acknowledged.append(self.key)


def log(vehicle: int, hours: float, stored: float | None = None) -> models.VehicleStatusLog:
    return models.VehicleStatusLog(
        vehicle=f"https://api.ev.energy/v2/vehicles/{VEHICLES[vehicle]}",
        sampled_at=NOON + dt.timedelta(hours=hours),
        logged_at=NOON + dt.timedelta(hours=hours if stored is None else stored),
    )


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def parts(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each folder below a root, in the order of the files."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(root.glob("*/date=*/part-*.parquet")):
        found.setdefault(path.parent.relative_to(root).as_posix(), []).extend(
            pq.read_table(path, partitioning=None).to_pylist()
        )
    return found


async def test_rows_go_to_the_day_the_api_stored_them_sorted_by_device_and_time(tmp_path: Path) -> None:
    logs = [log(1, 1), log(0, 2), log(0, -30, stored=3), log(0, -12.5)]
    async with ParquetSink(tmp_path) as sink:
        made = await sink.write(each(logs))

    assert (made.rows, len(made.parts)) == (4, 2)
    found = parts(tmp_path)
    assert set(found) == {"vehicle_status_log/date=2026-11-27", "vehicle_status_log/date=2026-11-28"}
    rows = found["vehicle_status_log/date=2026-11-28"]
    assert [(row["vehicle_id"], row["sampled_at"].day, row["sampled_at"].hour) for row in rows] == [
        (VEHICLES[0], 27, 6),
        (VEHICLES[0], 28, 14),
        (VEHICLES[1], 28, 13),
    ]
    assert rows[0]["_ev_key"] == f"{VEHICLES[0]}/status/2026-11-27T06:00:00Z"
    assert {row["_ev_late"] for row in rows} == {None}


async def test_a_file_has_the_schema_of_its_model_and_two_columns_more(tmp_path: Path) -> None:
    async with ParquetSink(tmp_path) as sink:
        await sink.write(each([log(0, 0)]))
        [path] = sink.total.parts
    found = pq.read_schema(tmp_path / path)
    expected = schema(models.VehicleStatusLog)
    assert found.names == [*expected.names, "_ev_key", "_ev_late"]
    assert all(found.field(name).equals(expected.field(name), check_metadata=True) for name in expected.names)
    assert (found.metadata or {})[b"document_sha256"] == (expected.metadata or {})[b"document_sha256"]


async def test_events_are_acknowledged_once_their_rows_are_safe(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    events = [Event(log(0, hour), f"{hour}", acknowledged, late=hour == 1) for hour in range(5)]
    async with ParquetSink(tmp_path, rows=2) as sink:
        for event in events:
            await sink.add(event)
        # The last one acknowledges all before it.
        assert acknowledged == ["1", "3"]
        assert len(parts(tmp_path)["vehicle_status_log/date=2026-11-28"]) == 4
    assert acknowledged == ["1", "3", "4"]
    # Nothing is left that could come again.
    assert json.loads((tmp_path / "_ev/sink/state.json").read_bytes())["unacknowledged"] == []
    rows = parts(tmp_path)["vehicle_status_log/date=2026-11-28"]
    assert {row["_ev_key"]: row["_ev_late"] for row in rows} == {f"{hour}": hour == 1 for hour in range(5)}


async def test_rows_are_written_when_they_are_old_enough_while_the_source_is_silent(tmp_path: Path) -> None:
    clock = FakeClock()
    is_written = asyncio.Event()
    silent = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        yield log(0, 0)
        await silent.wait()

    async with ParquetSink(tmp_path, age=60, clock=clock, on_flush=lambda _: is_written.set()) as sink:
        writing = asyncio.create_task(sink.write(source()))
        await is_written.wait()
        assert len(parts(tmp_path)) == 1
        silent.set()
        await writing


async def test_a_row_that_is_delivered_again_before_it_is_acknowledged_is_written_once(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    first = [Event(log(0, hour), f"{hour}", acknowledged, refusals=1) for hour in range(3)]
    with pytest.raises(CheckpointError):
        async with ParquetSink(tmp_path) as sink:
            await sink.write(each(first))

    again = [Event(log(0, hour), f"{hour}", acknowledged) for hour in range(4)]
    # In two lives: what comes again in the first of them is forgotten, the others are not.
    async with ParquetSink(tmp_path) as sink:
        made = await sink.write(each(again[:2]))
    assert (made.rows, made.repeated) == (0, 2)
    async with ParquetSink(tmp_path) as sink:
        made = await sink.write(each(again[2:]))
    assert (made.rows, made.repeated) == (1, 1)
    [rows] = parts(tmp_path).values()
    assert sorted(row["_ev_key"] for row in rows) == ["0", "1", "2", "3"]


async def test_an_acknowledgement_that_was_refused_is_made_with_the_next(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    async with ParquetSink(tmp_path) as sink:
        await sink.add(Event(log(0, 0), "0", acknowledged, refusals=1))
        with pytest.raises(CheckpointError):
            await sink.flush()
        await sink.flush()
    assert acknowledged == ["0"]
    assert len(parts(tmp_path)["vehicle_status_log/date=2026-11-28"]) == 1


async def test_a_resource_is_written_again_only_when_it_has_changed(tmp_path: Path) -> None:
    vehicle = build(models.Vehicle)
    changed = models.Vehicle.from_dict({**vehicle.to_dict(), "description": "another one"})
    async with ParquetSink(tmp_path, clock=FakeClock(NOON)) as sink:
        made = await sink.write(each([vehicle, vehicle, changed]))
    assert (made.rows, made.repeated) == (2, 1)
    assert [len(rows) for rows in parts(tmp_path).values()] == [2]


async def test_what_could_not_be_read_is_counted(tmp_path: Path) -> None:
    failed = PollFailed(key="k", vehicle_id=VEHICLES[0], log_kind="status", error=CheckpointError("no"))
    async with ParquetSink(tmp_path) as sink:
        assert await sink.write(each([failed])) == Written(failed=1)


async def test_a_file_that_cannot_be_written_ends_the_sink_and_acknowledges_nothing(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    (tmp_path / "vehicle_status_log").write_text("in the way", "utf-8")
    sink = ParquetSink(tmp_path, rows=1)
    await sink.__aenter__()
    for hour in range(2):
        with pytest.raises(SinkError):
            await sink.add(Event(log(0, hour), f"{hour}", acknowledged))
    with pytest.raises(SinkError):
        await sink.__aexit__(None, None, None)
    assert acknowledged == []


async def test_two_processes_cannot_write_as_one_sink_but_as_two(tmp_path: Path) -> None:
    async with ParquetSink(tmp_path), ParquetSink(tmp_path, name="other") as other:
        with pytest.raises(SinkError, match="`name`"):
            async with ParquetSink(tmp_path):
                pass
        assert (await other.write(each([log(0, 0)]))).rows == 1


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"rows": True}, {"age": 0}, {"name": "../up"}, {"name": ""}, {"root": 5}], ids=str
)
def test_arguments_are_checked(wrong: dict[str, Any], tmp_path: Path) -> None:
    given: dict[str, Any] = {"root": tmp_path, **wrong}
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        ParquetSink(**given)


async def test_a_watch_that_acknowledges_too_soon_is_refused(tmp_path: Path, fleet_client: EvEnergy) -> None:
    async with ParquetSink(tmp_path) as sink:
        with pytest.raises(InvalidArgument, match="explicit"):
            await sink.write(fleet_client.fleet.watch())
    with pytest.raises(InvalidArgument, match="async with"):
        await sink.add(log(0, 0))


async def test_a_watch_is_written_with_its_cycles(tmp_path: Path, fleet_client: EvEnergy) -> None:
    async with ParquetSink(tmp_path) as sink:
        made = await sink.write(fleet_client.fleet.watch(cycles=2, ack="explicit"))
    found = {folder.partition("/")[0]: len(rows) for folder, rows in parts(tmp_path).items()}
    assert found.pop("cycle_finished") == 2
    assert sum(found.values()) == made.rows - 2
    cycles = ds.dataset(tmp_path / "cycle_finished", partitioning="hive").to_table()
    spent: list[Any] = cycles.column("spent").to_pylist()
    assert [each["snapshot"] for each in spent] == [1, 1]
    assert cycles.column("_ev_key").null_count == 0


async def test_what_a_watch_delivers_again_after_a_crash_is_written_once(
    tmp_path: Path, fleet_client: EvEnergy, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = fleet_client.clock.now() - dt.timedelta(hours=12)
    checkpoint = MemoryCheckpoint()
    keep, kept = checkpoint.advance_all, list[int]()

    async def keep_twice(changes: Iterable[Advance]) -> Sequence[int]:
        kept.append(1)
        if len(kept) > 2:
            raise CheckpointError("killed before it was acknowledged")
        return await keep(changes)

    def watch() -> Watch:
        return fleet_client.fleet.watch(cycles=2, since=since, checkpoint=checkpoint, ack="explicit")

    with monkeypatch.context() as crash_soon:
        crash_soon.setattr(checkpoint, "advance_all", keep_twice)
        with pytest.raises(CheckpointError, match="killed"):
            async with ParquetSink(tmp_path, rows=100) as sink:
                await sink.write(watch())
    async with ParquetSink(tmp_path, rows=100) as sink:
        made = await sink.write(watch())

    assert made.repeated > 0, "what was written and not acknowledged came again"
    keys = [row["_ev_key"] for rows in parts(tmp_path).values() for row in rows]
    assert len(keys) == len(set(keys))
    statuses = {item.key async for item in fleet_client.fleet.logs("status", since=since)}
    assert statuses <= set(keys)


async def test_a_backfill_goes_on_where_it_was(tmp_path: Path, fleet_client: EvEnergy) -> None:
    since = fleet_client.clock.now() - dt.timedelta(days=1)
    seen = [item.key async for item in fleet_client.fleet.logs("status", since=since)]

    class Stopped(Exception):  # it is no error
        pass

    def stop(_: Written) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        async with ParquetSink(tmp_path, rows=len(seen) // 3, on_flush=stop) as sink:
            await sink.write(fleet_client.fleet.logs("status", since=since))
    async with ParquetSink(tmp_path) as sink:
        assert sink.cursor is not None
        await sink.write(fleet_client.fleet.logs("status", since=since, cursor=sink.cursor))
    assert sorted(row["_ev_key"] for rows in parts(tmp_path).values() for row in rows) == sorted(seen)


@pytest.mark.parametrize(
    ("has_cursor", "stride"), [(False, 8), (True, 9)], ids=["with acknowledgements", "with a cursor"]
)
def test_killed_at_any_step_nothing_is_lost_and_nothing_is_there_twice(
    has_cursor: bool,
    stride: int,
    tmp_path: Path,
) -> None:
    # Every step would take a minute: `make soak` has them all.
    plan = {"plan": "every_step", "folder": str(tmp_path), "count": 24, "rows": 12, "has_cursor": has_cursor}
    done = subprocess.run(
        [sys.executable, "-m", "tests.tables.crash", json.dumps({**plan, "stride": stride})],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80, "the steps of two flushes, of several parts each"
    for root in tmp_path.iterdir():
        assert crash.numbers(root) == list(range(24)), f"killed at step {root.name}"
        assert not list(root.rglob("*.tmp"))
