"""`ev-energy fleet`: snapshots, plans, watches, coverage and audits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

import click

from ev_energy_async.cli.entries import Entry, entries, entry, event_entry
from ev_energy_async.cli.exits import Incomplete
from ev_energy_async.cli.kit import Group, argument, command, option
from ev_energy_async.cli.output import Output, View, show
from ev_energy_async.cli.places import PLACE, opened, owner_of_watch
from ev_energy_async.cli.rows import item_type_of
from ev_energy_async.cli.times import DURATION, FIRST_TIME, LAST_TIME
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet import CycleFinished, ErrorLogged, IntegrationChanged, LogRead, PollFailed, StatusLogged
from ev_energy_async.values import or_none

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Callable

    from ev_energy_async import EvEnergy
    from ev_energy_async.cli.places import Opened
    from ev_energy_async.cli.session import Session
    from ev_energy_async.fleet import Progress, Watch, WatchEvent

__all__ = ["fleet"]

_LOGS: Final = DEVICES["vehicles"].watched
_SHOWN: Final = tuple(kind for kind, row in DEVICES.items() if row.is_shown)
_STATUS_COLUMNS: Final = tuple(
    f"latest_status_log.{name}" for name in ("sampled_at", "state", "state_of_charge_percentage", "is_charging")
)
_EVENT_COLUMNS: Final = ("event", "vehicle_id", "at", "what")
# Of the longest event, an ID, and a time.
_EVENT_WIDTHS: Final = {"event": 18, "vehicle_id": 30, "at": 20}
_CHECKPOINT: Final = "--checkpoint"


@contextlib.asynccontextmanager
async def _client_and_checkpoint(session: Session, place: str) -> AsyncGenerator[tuple[EvEnergy, Opened]]:
    """Yield a client and the checkpoint of a watch, both closed in the end."""
    async with session.client() as ev, opened(session, _CHECKPOINT, place, exists=True) as checkpoint:
        await owner_of_watch(_CHECKPOINT, place, checkpoint)
        yield ev, checkpoint


@command("snapshot", examples=("ev-energy fleet snapshot", "ev-energy fleet snapshot --kind evses -o csv"))
@option("--kind", type=click.Choice(_SHOWN), default="vehicles", help="Which devices. Default: vehicles.")
def snapshot(session: Session, kind: Any) -> Any:
    """Show every vehicle, or every device of another kind, with its newest status log; 100 cost a request."""
    return _snapshot(session, kind)


async def _snapshot(session: Session, kind: Any) -> None:
    first = ("id", "description", "integrated", *_STATUS_COLUMNS) if kind == "vehicles" else ("id", *_STATUS_COLUMNS)
    view = View(model=item_type_of(kind, DEVICES[kind].list_devices), expand=["latest_status_log"], first=first)
    async with session.client() as ev:
        with Output(session, view) as output, session.progress(kind) as bar:
            async for page in ev.fleet.snapshot(kind).pages():
                output.write(entries(page))
                bar.at(output.count)


@command(
    "plan",
    examples=("ev-energy fleet plan 10000", "ev-energy fleet plan 50000 --report-every 30m --budget 5000 -o json"),
)
@argument("vehicles", type=click.IntRange(min=0), about="How many vehicles there are.")
@option(
    "--every", type=DURATION, metavar="DURATION", help="From one snapshot to the next. Default: as the budget allows."
)
@option("--complete-within", type=DURATION, metavar="DURATION", help="How soon every log is to be delivered.")
@option("--report-every", type=DURATION, metavar="DURATION", help="How often a vehicle reports. Default: 30m.")
@option(
    "--budget", type=click.IntRange(min=1), metavar="N", help="Requests an hour. Default: what a watch takes of 1,000."
)
def plan(session: Session, vehicles: int, **given: Any) -> Any:
    """Show what watching a fleet takes of the hourly budget, and how fresh and complete it is then. Sends nothing."""
    return _plan(session, vehicles, {name: value for name, value in given.items() if value is not None})


async def _plan(session: Session, vehicles: int, options: Any) -> None:
    async with session.client() as ev:
        found = ev.fleet.plan(vehicles, **options)
    show(session, {"headline": found.headline, **found.to_dict("json")}, str(found))


@command(
    "watch",
    examples=(
        "ev-energy fleet watch --checkpoint fleet.db",
        "ev-energy fleet watch --checkpoint fleet.db --cycles 1 -o jsonl >> events.jsonl",
        "ev-energy fleet watch --checkpoint postgres:fleet",
    ),
)
@option(
    _CHECKPOINT, metavar="PLACE", help=f"Where it keeps its progress: {PLACE}. Without one it begins anew each time."
)
@option(
    "--every", type=DURATION, metavar="DURATION", help="From one snapshot to the next. Default: as the budget allows."
)
@option("--complete-within", type=DURATION, metavar="DURATION", help="How soon every log is to be delivered.")
@option("--log", "logs", type=click.Choice(_LOGS), multiple=True, help="Which logs; may be repeated. Default: both.")
@option(
    "--order", type=click.Choice(("newest", "time")), default="newest", help="Of each vehicle's logs. Default: newest."
)
@option(
    "--since", type=FIRST_TIME, metavar="TIME", help="Begin with the logs from then on, for vehicles not known yet."
)
@option("--cycles", type=click.IntRange(min=1), metavar="N", help="End after N cycles. Default: never.")
def watch(session: Session, checkpoint: str | None, **given: Any) -> Any:
    """Show what happens to the fleet: each log once, vehicles that come and go, connections that break.

    An event is acknowledged in the checkpoint once it is written to stdout and the next one is asked for; after a
    crash it goes on there. Without --cycles it goes on until Ctrl+C.
    """
    return _watch(session, checkpoint, given)


async def _watch(session: Session, place: str | None, given: dict[str, Any]) -> None:
    options: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, ())}
    is_brief = session.chosen_format(is_stream=True) in {"table", "csv"}
    view = View(columns=_EVENT_COLUMNS if is_brief else (), first=_EVENT_COLUMNS, least=_EVENT_WIDTHS, is_stream=True)
    failed = 0
    async with session.client() as ev, contextlib.AsyncExitStack() as stack:
        kept: Opened | None = None
        if place is not None:
            kept = await stack.enter_async_context(opened(session, _CHECKPOINT, place, exists=False))
        with Output(session, view) as output, session.progress("watching", given["cycles"]) as bar:

            def note(progress: Progress) -> None:
                seen = f"{progress.vehicles:,} vehicles, {progress.waiting:,} to read"
                doing = f"cycle {progress.cycle}, {progress.phase}: {seen}"
                bar.at(progress.cycle - 1, doing)

            # Which kinds it watches is known at run time alone.
            begin = cast("Callable[..., Watch[WatchEvent]]", ev.fleet.watch)
            async for event in begin(checkpoint=kept, on_progress=note, **options):
                output.write([_brief(event) if is_brief else event_entry(event)])
                failed += isinstance(event, PollFailed)
    if failed:
        raise Incomplete(
            f"{failed:,} times a vehicle could not be read; a later run with the same checkpoint tries again"
        )


def _brief(event: WatchEvent | LogRead) -> Entry:
    """Return an event as a row of a table."""
    at: dt.datetime | None = None
    what = ""
    match event:
        case StatusLogged(log=log):
            at = or_none(log.sampled_at)
            charge = or_none(log.state_of_charge_percentage)
            what = f"{or_none(log.state) or '?'}{'' if charge is None else f', {charge} %'}"
        case ErrorLogged(log=log):
            at, what = or_none(log.logged_at), str(or_none(log.error_code) or or_none(log.error_type) or "?")
        case IntegrationChanged():
            what = f"{event.before} to {event.after}"
        case PollFailed():
            what = f"{event.log_kind}: {event.error}"
        case CycleFinished():
            at = event.began_at
            what = f"cycle {event.cycle}: {event.vehicles:,} vehicles, {event.spent.total:,} requests"
        case _:
            pass
    row = {"event": type(event).__name__, "vehicle_id": getattr(event, "vehicle_id", None), "at": at, "what": what}
    return entry(row)


@command(
    "coverage",
    examples=(
        "ev-energy fleet coverage --checkpoint fleet.db",
        "ev-energy fleet coverage --checkpoint fleet.db --since yesterday --until yesterday",
    ),
)
@option(
    _CHECKPOINT,
    required=True,
    metavar="PLACE",
    help=f"That of a watch: {PLACE}.",
)
@option("--since", type=FIRST_TIME, metavar="TIME", help="Only tell whether all logs from then on are there.")
@option("--until", type=LAST_TIME, metavar="TIME", help="Up to when; with --since.")
def coverage(session: Session, checkpoint: str, since: Any, until: Any) -> Any:
    """Show what of the logs is known to be complete, and what is missing and why. The watch may run meanwhile.

    The exit code is 7 if logs are missing: within --since and --until if they are given.
    """
    if (since is None) != (until is None):
        raise click.UsageError("--since and --until go together")
    return _coverage(session, checkpoint, since, until)


async def _coverage(session: Session, place: str, since: Any, until: Any) -> None:
    async with _client_and_checkpoint(session, place) as (ev, checkpoint):
        found = await ev.fleet.coverage(checkpoint)
    show(session, list(found.rows), str(found))
    is_complete = found.complete(since, until) if since is not None else not any(_has_gap(row) for row in found.rows)
    if not is_complete:
        raise Incomplete("logs are missing; `ev-energy fleet audit` reads a past time again")


def _has_gap(row: Any) -> bool:
    return bool(row.gaps) or row.complete_upto is None


@command(
    "audit",
    examples=("ev-energy fleet audit --checkpoint fleet.db --since 2d --until yesterday",),
)
@option(
    _CHECKPOINT,
    required=True,
    metavar="PLACE",
    help=f"That of a watch, which must not run meanwhile: {PLACE}.",
)
@option("--since", type=FIRST_TIME, required=True, metavar="TIME", help="From when on.")
@option("--until", type=LAST_TIME, default="now", metavar="TIME", help="Up to when. Default: now.")
@option(
    "--log",
    "logs",
    type=click.Choice(_LOGS),
    multiple=True,
    help="Which logs; may be repeated. Default: those of the watch.",
)
@option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    metavar="F",
    help="Share of the budget. Default: 0.5.",
)
def audit(session: Session, checkpoint: str, **given: Any) -> Any:
    """Read all logs of a past time again, show those that the watch had not delivered, and note that they are now.

    The exit code is 7 if there were some, or if something could not be read.
    """
    return _audit(session, checkpoint, given)


async def _audit(session: Session, place: str, given: dict[str, Any]) -> None:
    is_brief = session.chosen_format() in {"table", "csv"}
    view = View(columns=_EVENT_COLUMNS if is_brief else (), first=_EVENT_COLUMNS, least=_EVENT_WIDTHS)
    given["logs"] = given["logs"] or None
    async with _client_and_checkpoint(session, place) as (ev, checkpoint):
        audited = ev.fleet.audit(checkpoint=checkpoint, **given)
        with Output(session, view) as output, session.progress("missing logs") as bar:
            async for event in audited:
                output.write([_brief(event) if is_brief else event_entry(event)])
                bar.advance()
    session.note(str(audited.report))
    if not audited.report.is_clean:
        raise Incomplete("the watch had missed logs, or some could not be read")


@command(
    "report",
    examples=(
        "ev-energy fleet report --checkpoint fleet.db --out fleet.html",
        "ev-energy fleet report --from lake --out fleet.html",
    ),
)
@option(
    "--from",
    "root",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Parquet files, as `export` and sinks write them.",
)
@option(_CHECKPOINT, metavar="PLACE", help=f"That of a watch, which knows how complete the logs are: {PLACE}.")
@option(
    "--out", type=click.Path(dir_okay=False), required=True, metavar="FILE", help="The page to write, as in fleet.html."
)
@option("--title", default="Fleet report", metavar="TEXT", help="Its heading. Default: Fleet report.")
@option(
    "--personal", is_flag=True, help="Call vehicles by their IDs, which lead to their drivers; else they are numbered."
)
def report(session: Session, root: str | None, checkpoint: str | None, **given: Any) -> Any:
    """Draw six pictures of the fleet on one page that needs no network. Sends nothing.

    How fresh, coverage, state of charge, charging by hour, errors, budget: of Parquet files or of a checkpoint.
    """
    if (root is None) == (checkpoint is None):
        raise click.UsageError("it needs one of --from and --checkpoint")
    return _report(session, root, checkpoint, **given)


async def _report(
    session: Session, root: str | None, place: str | None, *, out: str, title: str, personal: bool
) -> None:
    from ev_energy_async.report import report as draw  # noqa: PLC0415  # altair is slow to import, and an extra

    if place is not None:
        async with opened(session, _CHECKPOINT, place, exists=True) as checkpoint:
            await owner_of_watch(_CHECKPOINT, place, checkpoint)
            found = await draw(checkpoint, title=title, personal=personal)
    else:
        assert root is not None, "one of them is given"  # noqa: S101  # tells type checkers
        found = draw(root, title=title, personal=personal)
    path = found.save(out)
    show(session, {"file": str(path), **{each.title: each.finding for each in found.pictures}}, f"{found}\n{path}")


fleet: Final = Group(
    "fleet",
    help="""Work with all vehicles at once.

    `plan` tells what a watch takes of the budget, `watch` delivers each log exactly once, `coverage` tells what is
    complete, and `audit` proves it.
    """,
    commands=[snapshot, plan, watch, coverage, audit, report],
    examples=("ev-energy fleet plan 10000", "ev-energy fleet watch --checkpoint fleet.db"),
)
