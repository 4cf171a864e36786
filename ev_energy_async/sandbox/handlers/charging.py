"""Charging sessions and sub-sessions: lists, reads, boosts, recalculation, and the commands sent for them."""

from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import check_expand_scopes, page
from ev_energy_async.sandbox.handlers.generic import scribe
from ev_energy_async.sandbox.handlers.session_lists import found_sessions
from ev_energy_async.sandbox.instants import Instant, parse
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, invalid, not_found
from ev_energy_async.sandbox.resources import charging, charging_plans
from ev_energy_async.sandbox.simulation import BOOST, SMART
from ev_energy_async.sandbox.world import Beginning, Plug, Session, SubSession

_SCOPES: Final = {
    "assessment": "debug:read",
    "carbon_feed": "carbon:read",
    "debug_metadata": "debug:read",
    "grid_feeds": "grid:read",
    "tariff": "tariff:read",
}
"""The scope needed to expand each reference."""


def list_sessions(call: Call) -> Reply:
    """List charging sessions, narrowed to the user's."""
    found = found_sessions(call.world.sessions, _plugs(call, None), call.now, lambda session: [session], subs=False)
    return page(call, found, lambda session, tree: charging.session(scribe(call), session, tree))


def get_session(call: Call) -> Reply:
    """Return one charging session."""
    return _session_reply(call, _session(call))


def list_sub_sessions(call: Call) -> Reply:
    """List charging sub-sessions, narrowed and filtered."""
    check_expand_scopes(call, _SCOPES)
    query = call.query
    after, before = query.instant("start__gt"), query.instant("start__lt")
    ended_after, ended_before = query.instant("end__gt"), query.instant("end__lt")
    least, most = query.figure("energy_delivered_watt_hours__gte"), query.figure("energy_delivered_watt_hours__lte")
    mode, finished = query.text("mode"), query.flag("is_finished")
    vehicle_id, evse_id = query.text("vehicle_id"), query.text("evse_id")

    def fits(sub: SubSession) -> bool:
        span, ended = sub.span, sub.span.end <= call.now
        if vehicle_id is None and evse_id is not None and not sub.session.episode.at_home:
            return False
        return (
            mode in {None, span.mode}
            and finished in {None, ended}
            and (after is None or span.start > after)
            and (before is None or span.start < before)
            and (ended_after is None or (ended and span.end > ended_after))
            and (ended_before is None or (ended and span.end < ended_before))
            and (least is None or sub.delivered(call.now) >= least)
            and (most is None or sub.delivered(call.now) <= most)
        )

    def find(session: Session) -> list[SubSession]:
        return [sub for sub in call.world.sessions.sub_sessions(session, call.now) if fits(sub)]

    def worth(beginning: Beginning) -> bool:
        return (
            (after is None or beginning.start > after)
            and (before is None or beginning.start < before)
            and (finished is not False or beginning.end > call.now)
        )

    plugs = _plugs(call, query.text("user_id"))
    found = found_sessions(call.world.sessions, plugs, call.now, find, subs=True, worth=worth)
    return page(call, found, lambda sub, tree: charging.sub_session(scribe(call), sub, tree))


def get_sub_session(call: Call) -> Reply:
    """Return one charging sub-session."""
    check_expand_scopes(call, _SCOPES)
    return Reply(HTTPStatus.OK, charging.sub_session(scribe(call), _sub_session(call), call.expand))


def get_part(name: str) -> Handler:
    """Return a handler that gives what a sub-session has below it."""

    def handle(call: Call) -> Reply:
        sub = _sub_session(call)
        body = charging.part(scribe(call), sub, name)
        return Reply(HTTPStatus.OK, body | {"charging_sub_session": _owner(call, sub)})

    return handle


def get_energy_usage(call: Call) -> Reply:
    """Return the intervals in which energy flowed in a sub-session."""
    sub = _sub_session(call)
    # The sub-session is a URL here by the document, even where it may be expanded.
    body = charging.energy_usage(scribe(call), sub, charging.url(scribe(call), sub))
    more_than = call.query.figure("energy_delivered_watt_hours__gt")
    body["intervals"] = charging.intervals(
        scribe(call), sub, merged=call.query.flag("merge_consecutive_intervals") or False, more_than=more_than
    )
    return Reply(HTTPStatus.OK, body)


def get_schedules(call: Call) -> Reply:
    """Return the charging instructions of a sub-session."""
    sub = _sub_session(call)
    body = charging_plans.schedules(scribe(call), sub, _owner(call, sub))
    since, until = call.query.text("started_at__gte"), call.query.text("started_at__lte")
    plan_id = call.query.text("schedule_plan_id")
    made_from = plan_id in {None, call.world.sessions.plan_id(sub)}
    body["schedules"] = [
        entry
        for at, entry in (charging_plans.intervals(sub, call.now) if made_from else [])
        if _between(at, since, until)
    ]
    return Reply(HTTPStatus.OK, body)


def get_schedule_plans(call: Call) -> Reply:
    """Return the inputs from which the schedules of a sub-session were made."""
    sub = _sub_session(call)
    plan = charging_plans.schedule_plan(scribe(call), sub, with_prices="price_data" in call.expand)
    since, until = call.query.text("created_at__gte"), call.query.text("created_at__lte")
    body = {
        "url": f"{charging.url(scribe(call), sub)}/schedule_plans",
        "charging_sub_session": _owner(call, sub),
        "schedule_plans": [plan] if plan is not None and _between(sub.span.start, since, until) else [],
    }
    return Reply(HTTPStatus.OK, body)


def recalculate(call: Call) -> Reply:
    """Recompute the energy of a finished sub-session, which does not change it."""
    sub = _sub_session(call)
    if sub.span.end > call.now:
        raise Problem(HTTPStatus.BAD_REQUEST, "The sub-session has not ended.")
    total = sub.delivered(call.now)
    return Reply(
        HTTPStatus.OK,
        {
            "status": "dry_run_completed" if call.body.get("dry_run", False) else "recalculation_triggered",
            "previous_energy_delivered_watt_hours": total,
            "new_energy_delivered_watt_hours": total,
        },
    )


def boost_start(call: Call) -> Reply:
    """End the smart sub-session of a plugged-in car and charge it at once."""
    return _switch(call, SMART, BOOST, "BOOST_START")


def boost_end(call: Call) -> Reply:
    """End the boost of a plugged-in car and return to smart charging."""
    return _switch(call, BOOST, SMART, "USER_SETTINGS")


def list_dispatcher_logs(call: Call) -> Reply:
    """Return the commands that were sent in a sub-session, newest first."""
    sub = call.world.sessions.sub_session(call.query.text("charging_sub_session_id") or "", call.now)
    if sub is None or not _is_seen(call, sub.session):
        raise invalid({"charging_sub_session_id": ["There is no such charging sub-session."]})
    since, until = call.query.text("logged_at__gte"), call.query.text("logged_at__lte")
    logs = charging_plans.commands(scribe(call), sub, _owner(call, sub))
    return Reply(HTTPStatus.OK, [body for at, body in logs if _between(at, since, until)])


def _switch(call: Call, needed: str, mode: str, reason: str) -> Reply:
    session = _session(call)
    vehicle = session.plug.vehicle
    if session.end <= call.now:
        raise Problem(HTTPStatus.CONFLICT, "The session has ended.")
    if vehicle is not None and not vehicle.smart_charging:
        raise Problem(HTTPStatus.CONFLICT, "Smart charging is off for the vehicle.")
    current = call.world.sessions.sub_sessions(session, call.now)[-1]
    if current.span.mode != needed:
        raise Problem(HTTPStatus.CONFLICT, f"The current sub-session is {current.span.mode}, not {needed}.")
    call.world.switch_mode(session.plug, call.now, mode, reason)
    return _session_reply(call, _session(call))


def _session_reply(call: Call, session: Session) -> Reply:
    return Reply(HTTPStatus.OK, charging.session(scribe(call), session, call.expand))


def _session(call: Call) -> Session:
    session = call.world.sessions.session(call.path["charging_session_id"], call.now)
    if session is None or not _is_seen(call, session):
        raise not_found()
    return session


def _sub_session(call: Call) -> SubSession:
    sub = call.world.sessions.sub_session(call.path["charging_sub_session_id"], call.now)
    if sub is None or not _is_seen(call, sub.session):
        raise not_found()
    return sub


def _is_seen(call: Call, session: Session) -> bool:
    return call.user is None or session.user is call.user


def _owner(call: Call, sub: SubSession) -> str | JsonObject:
    name = "charging_sub_session"
    if name in call.expand:
        return charging.sub_session(scribe(call), sub, call.expand[name])
    return charging.url(scribe(call), sub)


def _plugs(call: Call, user_id: str | None) -> list[Plug] | None:
    """Return the plugs whose sessions are asked for; None is all of them."""
    vehicle_id, evse_id = call.query.text("vehicle_id"), call.query.text("evse_id")
    users = [call.user] if call.user else []
    if user_id is not None:
        wanted = call.world.users.get(user_id)
        users = [wanted] if wanted is not None and call.user in {None, wanted} else []
    if user_id is None and call.user is None and vehicle_id is None and evse_id is None:
        return None
    if vehicle_id is not None or evse_id is not None:
        vehicle, evse = call.world.vehicles.get(vehicle_id or ""), call.world.evses.get(evse_id or "")
        named = [None if vehicle is None else vehicle.plug, None if evse is None else evse.plug]
        plugs = {plug for plug in named if plug is not None}
        if vehicle_id is not None and evse_id is not None and (vehicle is None or evse is None or len(plugs) > 1):
            return []
        return [plug for plug in plugs if not (users or user_id) or plug.user in users]
    found = {vehicle.plug for user in users for vehicle in user.vehicles}
    found |= {evse.plug for user in users for evse in user.evses}
    return sorted((plug for plug in found if plug is not None), key=lambda plug: plug.number)


def _between(at: Instant, since: str | None, until: str | None) -> bool:
    return (since is None or at >= parse(since)) and (until is None or at <= parse(until))


HANDLERS: Final[dict[str, Handler]] = {
    "charging_sessions.list": list_sessions,
    "charging_sessions.get": get_session,
    "charging_sessions.boost_start": boost_start,
    "charging_sessions.boost_end": boost_end,
    "charging_sub_sessions.list": list_sub_sessions,
    "charging_sub_sessions.get": get_sub_session,
    "charging_sub_sessions.get_energy_usage": get_energy_usage,
    "charging_sub_sessions.get_schedules": get_schedules,
    "charging_sub_sessions.get_schedule_plans": get_schedule_plans,
    "charging_sub_sessions.get_flags": get_part("flags"),
    "charging_sub_sessions.get_assessment": get_part("assessment"),
    "charging_sub_sessions.get_debug_metadata": get_part("debug_metadata"),
    "charging_sub_sessions.recalculate_energy_usages": recalculate,
    "dispatcher_logs.list": list_dispatcher_logs,
}
