"""The facts in Arrow tables, whoever made them: a sink's files, polars, DuckDB, `tables.table`."""

# The stubs of pyarrow leave much unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ev_energy_async._base import InvalidArgument
from ev_energy_async._extras import extra
from ev_energy_async.files import user_path
from ev_energy_async.report.facts import DAY, HOUR, MOST_DEVICES, WEEK, Device, Facts, Missing, hours_before

with extra("report", __name__, "pyarrow"):
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.dataset as ds

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable
    from os import PathLike
    from pathlib import Path

__all__ = ["Tables", "facts_in"]

# Its stubs know fewer types of arguments than it takes.
pc: Final[Any] = pyarrow.compute

Tables: TypeAlias = "str | PathLike[str] | Mapping[str, Any]"
"""The root of a `ParquetSink`, or tables by name: anything with `__arrow_c_stream__`."""

STATUS: Final = "vehicle_status_log"
ERRORS: Final = "vehicle_api_error_log"
CYCLES: Final = "cycle_finished"
_TIME: Final = pa.timestamp("us", tz="UTC")
_COLUMNS: Final[dict[str, dict[str, pa.DataType]]] = {
    STATUS: {
        "vehicle_id": pa.string(),
        "sampled_at": _TIME,
        "state_of_charge_percentage": pa.float64(),
        "is_charging": pa.bool_(),
    },
    ERRORS: {
        "vehicle_id": pa.string(),
        "logged_at": _TIME,
        "controller": pa.string(),
        "error_code": pa.string(),
        "status_code": pa.int64(),
    },
    CYCLES: {
        "began_at": _TIME,
        "spent": pa.struct([(name, pa.int64()) for name in ("snapshot", "history", "errors", "late", "checks")]),
    },
}
# No older days of a sink are read: a month says how a fleet is, and fits into memory.
_KEPT: Final = 31 * DAY
_SILENT: Final = "silent"


def facts_in(tables: Tables, now: dt.datetime) -> Facts:
    """Return what tables say of the month before a time.

    Raises:
        InvalidArgument: There is no table of status logs, or a column is missing.
    """
    found = _read(tables, now)
    status = found.get(STATUS)
    if status is None:
        raise InvalidArgument("source", tables, f"tables, {STATUS} among them, or a folder that has them")
    errors, cycles = found.get(ERRORS), found.get(CYCLES)
    newest = _newest(status)
    heard = _heard(status)
    first: dt.datetime | None = pc.min(status["sampled_at"]).as_py()
    hours = hours_before(now, now if first is None else first)
    week = heard.filter(pc.is_in(heard["hour"], value_set=pa.array(hours, _TIME)))
    return Facts(
        now=now,
        source="status logs",
        is_complete=False,
        ages=tuple((now - time) / HOUR for time in newest.values()),
        covered=_covered(week, len(newest), hours),
        worst=_worst(week, newest, hours),
        charges=_charges(status),
        charging=_charging(heard),
        errors=None if errors is None else _errors(errors, now),
        spent=None if cycles is None else _spent(cycles, now),
    )


def _read(tables: Tables, now: dt.datetime) -> dict[str, pa.Table]:
    if isinstance(tables, Mapping):
        given: Iterable[tuple[str, Any]] = [(name, tables[name]) for name in _COLUMNS if name in tables]
        return {name: _typed(name, _table(name, each)) for name, each in given}
    root = user_path("source", tables)
    return {name: _typed(name, _stored(root / name, name, now)) for name in _COLUMNS if (root / name).is_dir()}


def _table(name: str, given: Any) -> pa.Table:
    try:
        return given if isinstance(given, pa.Table) else pa.table(given)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"source[{name!r}]", given, "an Arrow table, or what becomes one") from error


def _stored(folder: Path, name: str, now: dt.datetime) -> pa.Table:
    stored = ds.dataset(folder, partitioning=ds.partitioning(pa.schema([("date", pa.date32())]), flavor="hive"))
    wanted = [column for column in _COLUMNS[name] if column in stored.schema.names]
    return stored.to_table(columns=wanted, filter=pc.field("date") >= pa.scalar((now - _KEPT).date()))


def _typed(name: str, table: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {}
    for column, kind in _COLUMNS[name].items():
        if column not in table.column_names:
            raise InvalidArgument(f"source[{name!r}]", table.column_names, f"a table with the column {column!r}")
        columns[column] = table.column(column).cast(kind)
    return pa.table(columns)


def _newest(status: pa.Table) -> dict[str, dt.datetime]:
    """Return when each vehicle was last heard from."""
    found = status.group_by("vehicle_id").aggregate([("sampled_at", "max")])
    ids: list[Any] = found["vehicle_id"].to_pylist()
    times: list[Any] = found["sampled_at_max"].to_pylist()
    return dict(sorted(zip(ids, times, strict=True)))


def _heard(status: pa.Table) -> pa.Table:
    """Return a row for each vehicle and hour with a log: whether it charged in it."""
    hours = pc.floor_temporal(status["sampled_at"], unit="hour")
    charges = pc.fill_null(status["is_charging"], False).cast(pa.int8())  # as Arrow takes it
    columns: dict[str, Any] = {"vehicle_id": status["vehicle_id"], "hour": hours, "charges": charges}
    return pa.table(columns).group_by(["vehicle_id", "hour"]).aggregate([("charges", "max")])


def _covered(week: pa.Table, devices: int, hours: list[dt.datetime]) -> tuple[tuple[dt.datetime, float], ...]:
    counts = week.group_by("hour").aggregate([("vehicle_id", "count")])
    keys: list[Any] = counts["hour"].to_pylist()
    values: list[Any] = counts["vehicle_id_count"].to_pylist()
    found = dict(zip(keys, values, strict=True))
    return tuple((hour, found.get(hour, 0) / devices if devices else 0.0) for hour in hours)


def _worst(week: pa.Table, newest: Mapping[str, dt.datetime], hours: list[dt.datetime]) -> tuple[Device, ...]:
    counts = week.group_by("vehicle_id").aggregate([("hour", "count")])
    ids: list[Any] = counts["vehicle_id"].to_pylist()
    numbers: list[Any] = counts["hour_count"].to_pylist()
    known = dict(zip(ids, numbers, strict=True))
    worst = sorted(newest, key=lambda each: (known.get(each, 0), newest[each], each))[:MOST_DEVICES]
    worst = [each for each in worst if known.get(each, 0) < len(hours)]
    of_worst = week.filter(pc.is_in(week["vehicle_id"], value_set=pa.array(worst, pa.string())))
    found: dict[str, set[Any]] = {each: set() for each in worst}
    rows: list[Any] = of_worst.select(["vehicle_id", "hour"]).to_pylist()
    for row in rows:
        found[row["vehicle_id"]].add(row["hour"])
    return tuple(
        Device(each, len(found[each]), _runs([hour for hour in hours if hour not in found[each]]), newest[each])
        for each in worst
    )


def _runs(hours: list[dt.datetime]) -> tuple[Missing, ...]:
    """Merge consecutive hours into intervals."""
    made: list[Missing] = []
    for hour in hours:
        if made and made[-1].end == hour:
            made[-1] = Missing(made[-1].begin, hour + HOUR, _SILENT)
        else:
            made.append(Missing(hour, hour + HOUR, _SILENT))
    return tuple(made)


def _charges(status: pa.Table) -> tuple[float, ...]:
    known = status.filter(pc.is_valid(status["state_of_charge_percentage"])).sort_by("sampled_at")
    last = known.group_by("vehicle_id", use_threads=False).aggregate([("state_of_charge_percentage", "last")])
    found: list[Any] = last["state_of_charge_percentage_last"].to_pylist()
    return tuple(sorted(found))


def _charging(heard: pa.Table) -> tuple[tuple[int, float], ...]:
    columns: dict[str, Any] = {"of_day": pc.hour(heard["hour"]), "charges": heard["charges_max"]}
    means = pa.table(columns).group_by("of_day").aggregate([("charges", "mean")])
    hours: list[Any] = means["of_day"].to_pylist()
    shares: list[Any] = means["charges_mean"].to_pylist()
    found = dict(zip(hours, shares, strict=True))
    return tuple((hour, found.get(hour, 0.0)) for hour in range(24)) if found else ()


def _errors(errors: pa.Table, now: dt.datetime) -> tuple[tuple[str, str, int, int], ...]:
    week = errors.filter(pc.greater_equal(errors["logged_at"], pa.scalar(now - WEEK, _TIME)))
    status = pc.binary_join_element_wise("HTTP", week["status_code"].cast(pa.string()), " ")
    columns: dict[str, Any] = {
        "integration": pc.fill_null(week["controller"], "unknown"),
        "code": pc.coalesce(week["error_code"], status, pa.scalar("none")),
        "vehicle_id": week["vehicle_id"],
    }
    counts = (
        pa.table(columns)
        .group_by(["integration", "code"])
        .aggregate([([], "count_all"), ("vehicle_id", "count_distinct")])
    )
    rows: list[Any] = counts.to_pylist()
    found = [(row["integration"], row["code"], row["count_all"], row["vehicle_id_count_distinct"]) for row in rows]
    return tuple(sorted(found, key=lambda row: (-row[2], row[0], row[1])))


def _spent(cycles: pa.Table, now: dt.datetime) -> tuple[tuple[dt.datetime, str, int], ...]:
    week = cycles.filter(pc.greater_equal(cycles["began_at"], pa.scalar(now - WEEK, _TIME)))
    spent: list[Any] = week["spent"].to_pylist()
    hours: list[Any] = pc.floor_temporal(week["began_at"], unit="hour").to_pylist()
    sums: dict[tuple[Any, str], int] = {}
    for hour, purposes in zip(hours, spent, strict=True):
        for purpose, requests in (purposes or {}).items():
            sums[hour, purpose] = sums.get((hour, purpose), 0) + (requests or 0)
    return tuple((hour, purpose, requests) for (hour, purpose), requests in sorted(sums.items()) if requests)
