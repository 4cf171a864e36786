"""Support tickets, their conversations, and statistics that are counted from them."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from statistics import fmean, median
from typing import Any, Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.generic import Paged, found_record, is_seen, listed, scribe, written
from ev_energy_async.sandbox.instants import DAY, HOUR, Instant, moment, parse, text
from ev_energy_async.sandbox.protocol import JsonObject, Reply, invalid, load
from ev_energy_async.sandbox.world import Record

_FILED: Final = tuple(
    f"{by}_{what}" for by in ("ai_generated", "human_verified") for what in ("category", "subcategory")
)
_TEXTS: Final = ("external_ticket_id", "status", "priority", "source", *_FILED)
_TIMES: Final = ("created_at", "ticket_updated_at", "resolved_at")
_SEVERAL: Final = 2


def list_tickets(call: Call) -> Reply:
    """List tickets, narrowed and filtered."""
    tests = [*_text_tests(call), *_time_tests(call), *_user_tests(call)]
    tickets = [
        ticket
        for ticket in call.world.records["support_tickets"]
        if (call.user is None or ticket.user is call.user) and all(test(ticket) for test in tests)
    ]
    return listed(call, tickets, Paged.BY_CURSOR)


Test = Callable[[Record], bool]


def _text_tests(call: Call) -> list[Test]:
    tests: list[Test] = []
    for name in _TEXTS:
        allowed = _allowed(call, name)
        if allowed is not None:
            tests.append(_is_one_of(name, allowed))
    for name in (*_TEXTS, "resolved_at", "ticket_updated_at"):
        absent = call.query.flag(f"{name}__isnull")
        if absent is not None:
            tests.append(_is_absent(name, absent=absent))
    tag = call.query.text("tags")
    if tag is not None:
        tests.append(lambda ticket: tag in ticket.data["tags"])
    return tests


def _is_one_of(name: str, allowed: set[str]) -> Test:
    return lambda ticket: ticket.data[name] in allowed


def _is_absent(name: str, *, absent: bool) -> Test:
    return lambda ticket: (ticket.data[name] is None) == absent


def _is_between(name: str, since: Instant | None, until: Instant | None) -> Test:
    def fits(ticket: Record) -> bool:
        written = ticket.data[name]
        return written is not None and (
            (since is None or parse(written) >= since) and (until is None or parse(written) <= until)
        )

    return fits


def _allowed(call: Call, name: str) -> set[str] | None:
    """Return the values that a filter and its comma-separated `__in` form let through."""
    single, several = call.query.text(name), call.query.text(f"{name}__in")
    if single is None and several is None:
        return None
    wanted = set[str]() if several is None else set(several.split(","))
    if single is None:
        return wanted
    return {single} if several is None else wanted & {single}


def _time_tests(call: Call) -> list[Test]:
    tests: list[Test] = []
    for name in _TIMES:
        since, until = call.query.instant(f"{name}__gte"), call.query.instant(f"{name}__lte")
        written = call.query.text(f"{name}__range")
        if written is not None:
            first, last = _range(f"{name}__range", written)
            since, until = max(first, since or first), min(last, last if until is None else until)
        if since is not None or until is not None:
            tests.append(_is_between(name, since, until))
    return tests


def _range(name: str, written: str) -> tuple[Instant, Instant]:
    parts = written.split(",")
    if len(parts) != _SEVERAL:
        raise invalid({name: ["These are not two times with a comma between them."]})
    try:
        return parse(parts[0]), parse(parts[1])
    except ValueError:
        raise invalid({name: ["These are not two times with a comma between them."]}) from None


def _user_tests(call: Call) -> list[Test]:
    tests: list[Test] = []
    wanted, absent = call.query.text("user"), call.query.flag("user__isnull")
    if wanted is not None:
        user_id = wanted.rstrip("/").rpartition("/")[2]
        tests.append(lambda ticket: ticket.user is not None and ticket.user.id == user_id)
    if absent is not None:
        tests.append(lambda ticket: (ticket.user is None) == absent)
    return tests


def get_ticket(call: Call) -> Reply:
    """Return one ticket."""
    return written(call, _ticket(call))


def update_ticket(call: Call) -> Reply:
    """Change a ticket's category."""
    ticket = _ticket(call)
    changes = {name: call.body[name] for name in _FILED if name in call.body}
    if changes:
        ticket.data |= {**changes, "ticket_updated_at": text(call.now)}
    return written(call, ticket)


def list_messages(call: Call) -> Reply:
    """List the messages of a ticket, in order."""
    query, kinds = call.query, _allowed(call, "message_type")
    position, first, last = query.figure("position"), query.figure("position__gte"), query.figure("position__lte")
    messages = [
        message
        for message in call.world.records["messages"].below(_ticket(call))
        if (kinds is None or message.data["message_type"] in kinds)
        and position in {None, message.data["position"]}
        and (first is None or message.data["position"] >= first)
        and (last is None or message.data["position"] <= last)
    ]
    messages.sort(key=lambda message: message.data["position"])
    return Reply(HTTPStatus.OK, [scribe(call).record(message, {}) for message in messages])


def get_message(call: Call) -> Reply:
    """Return one message of a ticket."""
    return written(call, found_record(call, "messages", "message_id", _ticket(call)))


def get_categories(_call: Call) -> Reply:
    """Return the categories of tickets."""
    return Reply(
        HTTPStatus.OK,
        {
            name: [{"value": value, "label": _label(value)} for value in _enum(name)]
            for name in ("categories", "subcategories")
        },
    )


def get_sankey(call: Call) -> Reply:
    """Count tickets by category and subcategory, as verified by people."""
    flows = Counter(
        (ticket.data["human_verified_category"], ticket.data["human_verified_subcategory"])
        for ticket in _seen(call)
        if ticket.data["human_verified_category"] and ticket.data["human_verified_subcategory"]
    )
    categories = sorted({category for category, _ in flows})
    subcategories = sorted({subcategory for _, subcategory in flows})
    nodes = [{"id": f"category:{name}", "label": _label(name)} for name in categories]
    nodes += [{"id": f"subcategory:{name}", "label": _label(name)} for name in subcategories]
    links = [
        {"source": f"category:{category}", "target": f"subcategory:{subcategory}", "value": count}
        for (category, subcategory), count in sorted(flows.items())
    ]
    return Reply(HTTPStatus.OK, {"nodes": nodes, "links": links})


def get_volume(call: Call) -> Reply:
    """Count tickets by day, week or month."""
    group = call.query.text("group_by") or "day"
    counts = Counter(_bucket(ticket.hidden["at"], group) for ticket in _seen(call))
    series = [{"date": date, "count": count} for date, count in sorted(counts.items())]
    return Reply(HTTPStatus.OK, {"time_series": series})


def get_resolution(call: Call) -> Reply:
    """Count resolved tickets and report how fast they were resolved."""
    tickets = _seen(call)
    hours = [
        (ticket.hidden["resolved_at"] - ticket.hidden["at"]) / HOUR
        for ticket in tickets
        if ticket.hidden["resolved_at"] is not None
    ]
    return Reply(
        HTTPStatus.OK,
        {
            "total_resolved": len(hours),
            "total_unresolved": len(tickets) - len(hours),
            "resolution_rate": len(hours) / len(tickets) if tickets else 0.0,
            "avg_resolution_time_hours": fmean(hours) if hours else None,
            "median_resolution_time_hours": median(hours) if hours else None,
        },
    )


def get_breakdown(name: str) -> Handler:
    """Return a handler that counts tickets by the values of a member."""

    def handle(call: Call) -> Reply:
        tickets = _seen(call)
        counts = Counter(ticket.data[name] for ticket in tickets)
        breakdown = [{name: value, **_share(count, len(tickets))} for value, count in counts.most_common()]
        return Reply(HTTPStatus.OK, {"breakdown": breakdown})

    return handle


def get_top_categories(call: Call) -> Reply:
    """Return the commonest categories and subcategories."""
    tickets, limit = _seen(call), call.query.number("limit", 10)
    categories = Counter(_filed(ticket, "category") for ticket in tickets)
    pairs = Counter((_filed(ticket, "category"), _filed(ticket, "subcategory")) for ticket in tickets)
    return Reply(
        HTTPStatus.OK,
        {
            "categories": [
                {"category": category, **_share(count, len(tickets))}
                for category, count in categories.most_common(limit)
            ],
            "subcategories": [
                {"category": category, "subcategory": subcategory, **_share(count, len(tickets))}
                for (category, subcategory), count in pairs.most_common(limit)
            ],
        },
    )


def _ticket(call: Call) -> Record:
    return found_record(call, "support_tickets", "support_ticket_id")


def _seen(call: Call) -> list[Record]:
    return [ticket for ticket in call.world.records["support_tickets"] if is_seen(call, ticket)]


def _filed(ticket: Record, what: str) -> str:
    """Return a ticket's category: the one verified by people, else the generated one."""
    value: str = ticket.data[f"human_verified_{what}"] or ticket.data[f"ai_generated_{what}"] or "OTHER"
    return value


def _share(count: int, total: int) -> JsonObject:
    return {"count": count, "percentage": count / total}


def _bucket(at: Instant, group: str) -> str:
    date = moment(at).date()
    if group == "week":
        date = moment(at - date.weekday() * DAY).date()
    return (date.replace(day=1) if group == "month" else date).isoformat()


def _enum(name: str) -> list[str]:
    schema = {"categories": "SupportTicketCategoryEnum", "subcategories": "SupportTicketSubcategoryEnum"}[name]
    values: list[str] = load().schemas[schema]["enum"]
    return values


def _label(value: Any) -> str:
    return str(value).replace("_", " ").capitalize()


HANDLERS: Final[dict[str, Handler]] = {
    "support_tickets.list": list_tickets,
    "support_tickets.get": get_ticket,
    "support_tickets.update": update_ticket,
    "support_tickets.list_messages": list_messages,
    "support_tickets.get_message": get_message,
    "support_tickets.get_categories": get_categories,
    "support_ticket_stats.get_sankey": get_sankey,
    "support_ticket_stats.get_volume": get_volume,
    "support_ticket_stats.get_resolution": get_resolution,
    "support_ticket_stats.get_status": get_breakdown("status"),
    "support_ticket_stats.get_priority": get_breakdown("priority"),
    "support_ticket_stats.get_source": get_breakdown("source"),
    "support_ticket_stats.get_top_categories": get_top_categories,
}
