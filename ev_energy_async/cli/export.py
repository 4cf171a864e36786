"""`ev-energy export`: logs and resources into Parquet files, to be resumed where it was interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import EvEnergyError, InvalidArgument, api
from ev_energy_async.cli.entries import entry
from ev_energy_async.cli.exits import Incomplete
from ev_energy_async.cli.kit import argument, command, option
from ev_energy_async.cli.output import Output, View
from ev_energy_async.cli.rows import item_type_of
from ev_energy_async.cli.times import FIRST_TIME, LAST_TIME
from ev_energy_async.devices import DEVICES, PAGE_SIZE
from ev_energy_async.fleet.backfill import PRIORITY
from ev_energy_async.tables import ParquetSink, Written
from ev_energy_async.tables.lean import lean_of
from ev_energy_async.tables.lock import table_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ev_energy_async import EvEnergy, Paginator
    from ev_energy_async.cli.progress import Progress
    from ev_energy_async.cli.session import Session
    from ev_energy_async.fleet import Backfill

__all__ = ["export"]

_LOGS: Final = {
    table_of(item_type_of(row.kind, log.function)).table: (row, log)
    for row in DEVICES.values()
    for log in row.logs.values()
    if log.function
}
_LISTS: Final = {"vehicle": "list_vehicles", "evse": "list_evses", "user": "list_users"}
_SUB_SESSIONS: Final = "charging_sub_session"
_SHOWN_EVERY: Final = 0.2
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

    The exit code is 7 if devices could not be read; --resume tries just those again.
    """
    return _export(session, tables, given)


async def _export(session: Session, tables: tuple[str, ...], given: dict[str, Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    bounds = (given["since"] or now - dt.timedelta(days=7), given["until"] or now)
    root, tables = Path(given["root"]), tuple(dict.fromkeys(tables))
    failed = 0
    view = View(columns=("table", "rows", "repeated", "failed", "files"))
    async with session.client() as ev:
        if not given["resume"]:
            # All of them before the first is read: whoever resumes also wants those that it did not come to.
            for table in tables:
                await _begin(root, table, bounds)
        with Output(session, view) as output:
            for table in tables:
                written = await _export_table(session, ev, table, root, bounds)
                failed += written.failed
                counts = {"rows": written.rows, "repeated": written.repeated, "failed": written.failed}
                output.write([entry({"table": table, **counts, "files": len(written.parts)})])
    if failed:
        raise Incomplete(f"{failed:,} devices or logs could not be read; --resume tries them again")


async def _export_table(
    session: Session, ev: EvEnergy, table: str, root: Path, bounds: tuple[dt.datetime, dt.datetime]
) -> Written:
    note = _note(root, table)
    if not note.exists():
        if (root / table).exists():
            session.note(f"{table}: nothing to resume, it is complete")
            return Written()
        await _begin(root, table, bounds)
    run, since, until = _noted(note)
    with session.progress(table) as bar:

        def wrote(done: Written) -> None:
            # Of lists nobody knows how long they are: their rows are counted.
            if table not in _LOGS:
                bar.advance(done.rows)

        async with ParquetSink(root, name=f"export-{table}", on_flush=wrote) as sink:
            cursor = _cursor_of(run, sink.cursor)
            source = _source(ev, table, since, until, cursor)
            async with _counted(ev, table, source, bar, is_new=cursor is None):
                written = await sink.write(_Run(run, source))
    if not written.failed:
        note.unlink()
    return written


@contextlib.asynccontextmanager
async def _counted(ev: EvEnergy, table: str, source: Any, bar: Progress, *, is_new: bool) -> AsyncGenerator[None]:
    """Show meanwhile how many of the devices are done; to count them costs a request for each hundred."""
    if not bar.is_shown or table not in _LOGS:
        yield
        return
    row, _ = _LOGS[table]

    async def show() -> None:
        while True:
            bar.at(source.done)
            await asyncio.sleep(_SHOWN_EVERY)

    async def count() -> None:
        total = 0
        # What goes wrong here goes wrong with the export too, which says so.
        with contextlib.suppress(EvEnergyError):
            counting = ev.with_options(priority=PRIORITY)
            devices = getattr(api, row.list_devices)(counting, page_size=PAGE_SIZE, on_bad_item="skip")
            async for page in devices.pages():
                total += len(page)
            bar.expect(total)

    # An export that goes on does not know how many it has done before. No group of tasks: what the export raises would
    # become a group of exceptions.
    tasks = [asyncio.create_task(each()) for each in ([show, count] if is_new else [show])]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _note(root: Path, table: str) -> Path:
    """Return where it is noted that a table is not complete: beside it, with a dot, so readers of Parquet skip it."""
    return root / f".export-{table}.json"


async def _begin(root: Path, table: str, bounds: tuple[dt.datetime, dt.datetime]) -> None:
    """Note a new run, in place of one that was interrupted."""
    since, until = bounds
    if since > until:
        raise InvalidArgument("--since", since, f"a time not after --until, {until.isoformat()}")
    noted = {"run": secrets.token_hex(8), "since": since.isoformat(), "until": until.isoformat()}
    async with ParquetSink(root, name=f"export-{table}"):  # so that no other process is writing
        _note(root, table).write_text(json.dumps(noted), "utf-8")


def _noted(note: Path) -> tuple[str, dt.datetime, dt.datetime]:
    """Return which run left a note, and its bounds."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found: Any = json.loads(note.read_bytes())
        return found["run"], dt.datetime.fromisoformat(found["since"]), dt.datetime.fromisoformat(found["until"])
    raise InvalidArgument("--resume", str(note), "the note of an export; remove it to begin again")


def _cursor_of(run: str, kept: str | None) -> str | None:
    """Return the cursor that a sink has kept, unless it is that of another run, whose bounds may be others."""
    with contextlib.suppress(ValueError, AttributeError):  # not one of an export
        found: Any = {} if kept is None else json.loads(kept)
        if found.get("run") == run:
            cursor: str = found["cursor"]
            return cursor
    return None


def _source(ev: EvEnergy, table: str, since: dt.datetime, until: dt.datetime, cursor: str | None) -> Any:
    if table in _LOGS:
        fleet: Any = ev.fleet  # which log it is only shows now
        row, log = _LOGS[table]
        logs: Backfill[Any] = fleet.logs(log.log, kind=row.kind, since=since, until=until, cursor=cursor)
        logs.lean(lean_of)  # the sink does so with a bare backfill only
        return logs
    found: Paginator[Any]
    if table == _SUB_SESSIONS:
        # Both bounds of the API are exclusive.
        least = dt.timedelta(microseconds=1)
        found = api.list_charging_sub_sessions(ev, start_gt=since - least, start_lt=until + least)
    else:
        found = getattr(api, _LISTS[table])(ev)
    return _Items(found, cursor)


class _Run:
    """The source of one run, with a cursor that names the run: a sink keeps its cursor beyond the end of a run.

    Args:
        run: The ID of the run.
        source: A source with a cursor.
    """

    def __init__(self, run: str, source: Any) -> None:
        self._run = run
        self._source = source

    @property
    def cursor(self) -> str:
        """Where this run goes on after the last item."""
        return json.dumps({"run": self._run, "cursor": self._source.cursor})

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self._source)


class _Items:
    """The items of a list, with a cursor as a backfill has one.

    Args:
        found: The list.
        cursor: Where an earlier run was; None to begin.
    """

    def __init__(self, found: Paginator[Any], cursor: str | None) -> None:
        self._found = found
        # The page that is being read, and the IDs of its items that were delivered.
        self._page: str | None = None
        self._given: list[str] = []
        if cursor is not None:
            self._page, self._given = json.loads(cursor)

    @property
    def cursor(self) -> str:
        """Where to go on after the last item."""
        return json.dumps([self._page, self._given])

    async def __aiter__(self) -> AsyncIterator[Any]:
        before = set(self._given)
        async for page in self._found.pages(cursor=self._page):
            for item in page:
                if item.id not in before:
                    self._given.append(item.id)
                    yield item
            self._page, self._given, before = page.resume, [], set[str]()
