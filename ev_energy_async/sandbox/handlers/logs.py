"""The log collections below vehicles and charge points: one pair of handlers for all kinds."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found_evse, found_vehicle
from ev_energy_async.sandbox.handlers.listing import Logs
from ev_energy_async.sandbox.instants import Instant, parse, text
from ev_energy_async.sandbox.protocol import PAGE_SIZE, FieldErrors, Reply, by_cursor, invalid, link_header, not_found
from ev_energy_async.sandbox.simulation import Arrived, Log, OcppLog
from ev_energy_async.sandbox.world import Evse, Vehicle

Find = Callable[[Call], Vehicle | Evse]
Fits = Callable[[Log], bool]


def list_logs(find: Find, kind: str) -> Handler:
    """Return a handler that lists a device's logs of one kind."""

    def handle(call: Call) -> Reply:
        device = find(call)
        timeline = device.logs[kind]
        key = timeline.kind.key
        logs = Logs(
            timeline,
            call.now,
            since=call.query.instant(f"{key}__gte"),
            until=call.query.instant(f"{key}__lte"),
            fits=_ocpp_filter(call) if kind == "ocpp_logs" else None,
        )
        cut = by_cursor(
            logs,
            _at,
            after=_cursor(call, "page_after"),
            before=_cursor(call, "page_before"),
            size=call.query.number("page_size", PAGE_SIZE),
            write=text,
        )
        body = [call.view.log(device, timeline, log, call.expand) for log in cut.items]
        return Reply(HTTPStatus.OK, body, {"Link": link_header(cut, call.url, call.query.raw)})

    return handle


def get_log(find: Find, kind: str) -> Handler:
    """Return a handler that gives the log of one timestamp."""

    def handle(call: Call) -> Reply:
        device = find(call)
        timeline = device.logs[kind]
        log = timeline.at(call.now, parse(call.path[timeline.kind.key]))
        if log is None:
            raise not_found("There is no log of this time.")
        return Reply(HTTPStatus.OK, call.view.log(device, timeline, log, call.expand))

    return handle


def _cursor(call: Call, name: str) -> Instant | None:
    written = call.query.text(name)
    if written is None:
        return None
    try:
        return parse(written)
    except ValueError:
        raise invalid({name: ["This is not the timestamp of a log."]}) from None


def _ocpp_filter(call: Call) -> Fits | None:
    actions = _choices(call, "action")
    codes = _choices(call, "error_code")
    direction = call.query.text("direction")
    if actions is None and codes is None and direction is None:
        return None

    def fits(log: Log) -> bool:
        if isinstance(log, Arrived):
            log = log.log
        return (
            isinstance(log, OcppLog)
            and (actions is None or log.action in actions)
            and (codes is None or log.error_code in codes)
            and (direction is None or log.direction.upper() == direction)
        )

    return fits


def _choices(call: Call, name: str) -> set[str] | None:
    """Return the values that a filter and its comma-separated `__in` form let through."""
    single, several = call.query.text(name), call.query.text(f"{name}__in")
    if several is None:
        return None if single is None else {single}
    wanted = set(several.split(","))
    known: list[str] = call.operation.placed("query")[name].schema["enum"]
    errors: FieldErrors = {f"{name}__in": [f"{value!r} is not known." for value in sorted(wanted.difference(known))]}
    if errors[f"{name}__in"]:
        raise invalid(errors)
    return wanted if single is None else wanted & {single}


def _at(log: Log) -> Instant:
    return log.at


def _handlers() -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for owner, find, kinds in (
        ("vehicles", found_vehicle, ("status", "error", "command", "location")),
        ("evses", found_evse, ("status", "error", "command", "ocpp")),
    ):
        for kind in kinds:
            table[f"{owner}.list_{kind}_logs"] = list_logs(find, f"{kind}_logs")
            table[f"{owner}.get_{kind}_log"] = get_log(find, f"{kind}_logs")
    return table


HANDLERS: Final = _handlers()
