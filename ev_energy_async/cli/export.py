"""`ev-energy export`: logs and resources into Parquet files, to be resumed where it was interrupted."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import InvalidArgument, api
from ev_energy_async.cli.exits import Incomplete
from ev_energy_async.cli.kit import argument, command, option
from ev_energy_async.cli.output import Output, View, entry
from ev_energy_async.cli.times import FIRST_TIME, LAST_TIME
from ev_energy_async.tables import ParquetSink, Written

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy
    from ev_energy_async.cli.session import Session

__all__ = ["export"]

_LOGS: Final = {
    "vehicle_status_log": "status",
    "vehicle_api_error_log": "error",
    "vehicle_command_log": "command",
    "vehicle_location_log": "location",
}
_LISTS: Final = {"vehicle": "list_vehicles", "evse": "list_evses", "user": "list_users"}
_SUB_SESSIONS: Final = "charging_sub_session"
_TABLES: Final = (*_LOGS, _SUB_SESSIONS, *_LISTS)


@command(
    "export",
    examples=(
        "ev-energy export vehicle_status_log vehicle --since 7d --to lake",
        "ev-energy export vehicle_status_log --to lake --resume",
    ),
)
@argument(
    "tables",
    type=click.Choice(_TABLES),
    nargs=-1,
    required=True,
    metavar="TABLE...",
    about=f"One or more of {', '.join(_TABLES)}.",
)
@option("--since", type=FIRST_TIME, metavar="TIME", help="Logs and sub-sessions from then on. Default: 7d.")
@option("--until", type=LAST_TIME, metavar="TIME", help="Up to when. Default: now.")
@option(
    "--to", "root", type=click.Path(file_okay=False), required=True, metavar="DIR", help="The folder; made if need be."
)
@option(
    "--resume", is_flag=True, help="Go on with an export to DIR that was interrupted, within its --since and --until."
)
def export(session: Session, tables: tuple[str, ...], **given: Any) -> Any:
    """Write logs and resources into Parquet files: DIR/TABLE/date=YYYY-MM-DD/part-*.parquet.

    Each table has a folder, with one for each day. What was written before an interruption stays; --resume goes on
    after it, with no row lost and none twice. Without --resume all of the time is read and written again, so take
    another folder, or a time that was not exported yet.

    The exit code is 7 if vehicles could not be read; --resume tries just those again.
    """
    return _export(session, tables, given)


async def _export(session: Session, tables: tuple[str, ...], given: dict[str, Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    bounds = (given["since"] or now - dt.timedelta(days=7), given["until"] or now)
    failed = 0
    view = View(columns=("table", "rows", "repeated", "failed", "files"))
    async with session.client() as ev:
        with Output(session, view) as output:
            for table in dict.fromkeys(tables):
                written = await _export_table(session, ev, table, Path(given["root"]), bounds, resume=given["resume"])
                failed += written.failed
                counts = {"rows": written.rows, "repeated": written.repeated, "failed": written.failed}
                output.write([entry({"table": table, **counts, "files": len(written.parts)})])
    if failed:
        raise Incomplete(f"{failed:,} vehicles or logs could not be read; --resume tries them again")


async def _export_table(
    session: Session, ev: EvEnergy, table: str, root: Path, bounds: tuple[dt.datetime, dt.datetime], *, resume: bool
) -> Written:
    # Beside the state of the sink; readers of Parquet skip what begins with a dot.
    note = root / f".export-{table}.json"
    goes_on = resume and note.exists()
    if resume and not goes_on and (root / table).exists():
        session.note(f"{table}: nothing to resume, it is complete")
        return Written()
    since, until = _noted(note) if goes_on else bounds
    if since > until:
        raise InvalidArgument("--since", since, f"a time not after --until, {until.isoformat()}")
    with session.progress(table) as bar:

        def wrote(done: Written) -> None:
            bar.advance(done.rows)

        async with ParquetSink(root, name=f"export-{table}", on_flush=wrote) as sink:
            cursor = sink.cursor if goes_on else None
            note.write_text(json.dumps({"since": since.isoformat(), "until": until.isoformat()}), "utf-8")
            written = await sink.write(_source(ev, table, since, until, cursor))
    if not written.failed:
        note.unlink()
    return written


def _noted(note: Path) -> tuple[dt.datetime, dt.datetime]:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found: Any = json.loads(note.read_bytes())
        return dt.datetime.fromisoformat(found["since"]), dt.datetime.fromisoformat(found["until"])
    raise InvalidArgument("--resume", str(note), "the note of an export; remove it to begin again")


def _source(ev: EvEnergy, table: str, since: dt.datetime, until: dt.datetime, cursor: str | None) -> Any:
    if table in _LOGS:
        log: Any = _LOGS[table]
        return ev.fleet.logs(log, since=since, until=until, cursor=cursor)
    if table == _SUB_SESSIONS:
        # Both bounds of the API are exclusive.
        least = dt.timedelta(microseconds=1)
        return api.list_charging_sub_sessions(ev, start_gt=since - least, start_lt=until + least)
    return getattr(api, _LISTS[table])(ev)
