"""`ev-energy logs` and `ev-energy sessions`: the past of one device and of charging, and what comes next."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import InvalidArgument, ResourceId, api
from ev_energy_async.cli.entries import entries, entry, event_entry
from ev_energy_async.cli.kit import argument, command, option
from ev_energy_async.cli.output import Output, View
from ev_energy_async.cli.places import PLACE, opened
from ev_energy_async.cli.rows import item_type_of
from ev_energy_async.cli.times import DURATION, FIRST_TIME, LAST_TIME
from ev_energy_async.devices import DEVICES, PAGE_SIZE
from ev_energy_async.fleet import PollFailed, SubSessionEnded, SubSessionStarted
from ev_energy_async.ids import reference_id
from ev_energy_async.values import or_none

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy, Paginator
    from ev_energy_async.cli.entries import Entry
    from ev_energy_async.cli.places import Opened
    from ev_energy_async.cli.session import Session
    from ev_energy_async.devices import DeviceKind
    from ev_energy_async.models import ChargingSubSession

__all__ = ["logs", "sessions"]

_KINDS: Final = tuple(dict.fromkeys(log for row in DEVICES.values() for log in row.logs))
_LOG_COLUMNS: Final = (
    *("sampled_at", "logged_at", "state", "state_of_charge_percentage", "is_plugged_in", "is_charging"),
    *("charge_rate_watts", "error_code", "error_type", "status_code", "command", "action", "direction"),
)
# Of a time, and of the longest state.
_LOG_WIDTHS: Final = {"sampled_at": 20, "logged_at": 20, "state": 25}
# In the order of what a narrow terminal should show.
_SESSION_COLUMNS: Final = (
    *("start", "vehicle", "mode", "cost", "currency", "end", "energy_delivered_watt_hours", "id", "evse"),
)


_EVENT_COLUMNS: Final = ("event", "at", "vehicle_id", "what", "sub_session_id")
# Of the longest event, a time, an ID, and a change.
_EVENT_WIDTHS: Final = {"event": 7, "at": 20, "vehicle_id": 30, "what": 17}
_WEEK: Final = dt.timedelta(days=7)


def _device(text: str) -> tuple[DeviceKind, str]:
    """Return the collection and the ID of a device."""
    with contextlib.suppress(ValueError):
        found = ResourceId.parse(text)
        for row in DEVICES.values():
            if row.prefix == found.prefix:
                return row, str(found)
    names = ", ".join(f"{row.prefix}... ({row.noun.replace('_', ' ')})" for row in DEVICES.values() if row.prefix)
    raise InvalidArgument("DEVICE", text, f"the ID of a device: {names}")


def _query(ev: EvEnergy, row: DeviceKind, device: str, log: str, **bounds: dt.datetime | None) -> Any:
    handle: Any = getattr(ev, row.noun)(device)
    name = "logs" if hasattr(handle, "logs") else f"{log}_logs"
    return getattr(handle, name)(**bounds)


@command(
    "logs",
    examples=(
        "ev-energy logs vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --since 7d -o csv",
        "ev-energy logs vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --kind error --since yesterday",
        "ev-energy logs evse01HRFF3SEVSCRAV9B3CHVDFN0H --follow --every 30s",
    ),
)
@argument("device", about="ID or URL of a vehicle, charger, home battery, boundary meter or CT clamp.")
@option("--kind", type=click.Choice(_KINDS), help="Which log. Default: the first that the device has, mostly `status`.")
@option("--since", type=FIRST_TIME, metavar="TIME", help="No earlier than this: 7d, yesterday, 2026-11-01, ...")
@option("--until", type=LAST_TIME, metavar="TIME", help="No later than this; a day means all of it.")
@option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N. Default without --since: 100.")
@option("--oldest-first", is_flag=True, help="In the order of their time; the API has the newest first.")
@option("--follow", is_flag=True, help="Go on with the logs to come, each once, until Ctrl+C.")
@option(
    "--every", type=DURATION, metavar="DURATION", default="60s", help="How often to look with --follow. Default: 60s."
)
def logs(session: Session, device: str, **given: Any) -> Any:
    """Show the logs of a device, newest first, or follow those to come.

    Times are those of the collection: when the log was sampled, for error and command logs of vehicles when it was
    stored. 100 logs cost a request.
    """
    row, device_id = _device(device)
    log = given["kind"] or next(iter(row.logs))
    if log not in row.logs:
        raise InvalidArgument("--kind", log, f"a log that {row.kind.replace('_', ' ')} have: {', '.join(row.logs)}")
    if given["follow"] and (given["limit"] or given["oldest_first"]):
        raise click.UsageError("--follow goes neither with --limit nor with --oldest-first")
    return _logs(session, row, device_id, log, given)


async def _logs(session: Session, row: DeviceKind, device: str, log: str, given: dict[str, Any]) -> None:
    is_stream = given["follow"]
    model = item_type_of(row.kind, row.logs[log].function)
    view = View(model=model, first=_LOG_COLUMNS, least=_LOG_WIDTHS if is_stream else {}, is_stream=is_stream)
    most = given["limit"] or (PAGE_SIZE if given["since"] is None else None)
    has_more = False
    async with session.client() as ev:
        query = _query(ev, row, device, log, since=given["since"], until=given["until"])
        with Output(session, view) as output, session.progress(f"{log} logs of {device}") as bar:
            if is_stream:
                async for each in query.follow(every=given["every"]):
                    output.write([entry(each)])
                    bar.advance()
            elif given["oldest_first"]:
                await _oldest_first(output, query, most, bar)
            else:
                async for page in query.pages():
                    output.write(entries(page[: None if most is None else most - output.count]))
                    bar.at(output.count)
                    if output.count == most:
                        has_more = page.next_cursor is not None
                        break
    if has_more and given["limit"] is None:
        session.note(f"the newest {most}; there are more: --since, or --limit N")


async def _oldest_first(output: Output, query: Any, most: int | None, bar: Any) -> None:
    if most is not None:
        # The newest so many, turned round.
        found: list[Any] = []
        async for page in query.pages():
            found += page
            if len(found) >= most:
                break
        output.write(entries(found[:most][::-1]))
        return
    async for each in query.oldest_first():
        output.write([entry(each)])
        bar.advance()


@command(
    "sessions",
    examples=(
        "ev-energy sessions --since yesterday",
        "ev-energy sessions --vehicle vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --since 30d -o csv",
        "ev-energy sessions --follow --checkpoint sessions.db -o jsonl >> sessions.jsonl",
    ),
)
@option(
    "--since",
    type=FIRST_TIME,
    metavar="TIME",
    help="Those that began then or later. Default: 7d; with --follow those that go on now.",
)
@option("--until", type=LAST_TIME, metavar="TIME", help="Those that began no later than this.")
@option("--vehicle", metavar="ID", help="Those of one vehicle.")
@option("--evse", metavar="ID", help="Those of one charger.")
@option("--running", is_flag=True, help="Only those that have not ended.")
@option("--limit", type=click.IntRange(min=1), metavar="N", help="So many at most.")
@option("--follow", is_flag=True, help="Go on with what happens to them, each event once, until Ctrl+C.")
@option(
    "--every", type=DURATION, metavar="DURATION", default="5m", help="How often to look with --follow. Default: 5m."
)
@option(
    "--checkpoint",
    metavar="PLACE",
    help=f"With --follow, where it keeps its progress: {PLACE}. Without one it begins anew each time.",
)
def sessions(session: Session, **given: Any) -> Any:
    """Show charging sub-sessions: stretches of a charging session in one mode, with energy and cost.

    With --follow these are events: each start, change and end, and each revision of energy, cost or carbon after it.
    """
    if given["follow"]:
        refused = [name for name in ("until", "running", "limit") if given[name]]
        if refused:
            raise click.UsageError(f"--follow does not go with --{refused[0]}")
        return _follow(session, given)
    if given["checkpoint"] is not None:
        raise click.UsageError("--checkpoint is for --follow")
    return _sessions(session, given)


async def _sessions(session: Session, given: dict[str, Any]) -> None:
    model = item_type_of("charging_sub_sessions", "list_charging_sub_sessions")
    wanted = {"vehicle_id": given["vehicle"], "evse_id": given["evse"]}
    filters: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if given["running"]:
        filters["is_finished"] = False
    if given["until"] is not None:
        # The API's bound is exclusive.
        filters["start_lt"] = given["until"] + dt.timedelta(microseconds=1)
    most = given["limit"]
    async with session.client() as ev:
        since = given["since"] or dt.datetime.now(dt.UTC) - _WEEK
        found: Paginator[ChargingSubSession] = api.list_charging_sub_sessions(ev, start_gt=since, **filters)
        view = View(model=model, first=_SESSION_COLUMNS)
        with Output(session, view) as output, session.progress("sub-sessions") as bar:
            async for page in found.pages():
                output.write(entries(page[: None if most is None else most - output.count]))
                bar.at(output.count)
                if output.count == most:
                    break


async def _follow(session: Session, given: dict[str, Any]) -> None:
    is_brief = session.chosen_format(is_stream=True) in {"table", "csv"}
    columns = _EVENT_COLUMNS if is_brief else ()
    view = View(columns=columns, first=_EVENT_COLUMNS, least=_EVENT_WIDTHS, is_stream=True)
    wanted = {name: _device(given[name])[1] for name in ("vehicle", "evse") if given[name] is not None}
    place = given["checkpoint"]
    async with session.client() as ev, contextlib.AsyncExitStack() as stack:
        checkpoint: Opened | None = None
        if place is not None:
            checkpoint = await stack.enter_async_context(opened(session, "--checkpoint", place, exists=False))
        with Output(session, view) as output, session.progress("sub-sessions") as bar:
            async for event in ev.fleet.sub_sessions(given["since"], checkpoint=checkpoint, every=given["every"]):
                if isinstance(event, PollFailed):
                    session.warn(f"sub-sessions could not be read, and are tried again: {event.error}")
                elif all(_names(event.session, field, device) for field, device in wanted.items()):
                    output.write([_brief(event) if is_brief else event_entry(event)])
                    bar.advance()


def _names(session: ChargingSubSession, field: str, device: str) -> bool:
    """Whether a sub-session is one of a device."""
    found = or_none(getattr(session, field))
    return found is not None and reference_id(found) == device


def _brief(event: Any) -> Entry:
    """Return an event as a row of a table."""
    session: ChargingSubSession = event.session
    start, end, energy = map(or_none, (session.start, session.end, session.energy_delivered_watt_hours))
    if isinstance(event, SubSessionStarted):
        what = str(or_none(session.mode) or "?")
    elif isinstance(event, SubSessionEnded):
        what = "?" if energy is None else f"{energy:,} Wh"
    else:
        what = ", ".join(f"{name} {change.old} to {change.new}" for name, change in event.changes.items())
    row = {
        "event": type(event).__name__.removeprefix("SubSession"),
        "at": start if end is None else end,
        "vehicle_id": event.vehicle_id,
        "what": what,
        "sub_session_id": event.sub_session_id,
    }
    return entry(row)
