"""The pages of the console: overview, requests, faults."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import attrs

from ev_energy_async.sandbox.console.figures import Bucket, Shown, fleet_of
from ev_energy_async.sandbox.console.markup import Html, document, joined, tag
from ev_energy_async.sandbox.faults import EFFECTS, FaultPlan, Rule
from ev_energy_async.sandbox.faults.world_effects import ArrivalEffect
from ev_energy_async.sandbox.instants import instant
from ev_energy_async.sandbox.record import Served

__all__ = ["buckets_part", "clock_part", "faults_page", "fleet_part", "overview", "request_row", "requests_page"]

MOST_ROWS: Final = 200
_PAGES: Final = (("Overview", ""), ("Requests", "requests"), ("Faults", "faults"))
_STEPS: Final = (("1 minute", 60), ("10 minutes", 600), ("1 hour", 3_600), ("6 hours", 21_600), ("1 day", 86_400))


def _page(title: str, root: str, content: Html, *, events: str | None = None) -> bytes:
    links = [tag("a", name, href=root + path, aria_current="page" if name == title else None) for name, path in _PAGES]
    head = joined(
        tag("link", rel="icon", type="image/svg+xml", href=f"{root}static/icon.svg"),
        tag("link", rel="stylesheet", href=f"{root}static/console.css"),
        tag("script", type="module", src=f"{root}static/console.js"),
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        tag("header", tag("strong", "ev.energy sandbox"), tag("nav", *links, aria_label="Pages")),
        tag("main", tag("h1", title), content, id="content", tabindex="-1"),
        data_events=events,
    )
    return document(title=f"{title} · sandbox", head=head, body=body)


def _problem(text: str | None) -> Html | None:
    return None if text is None else tag("p", text, class_="problem", role="alert")


def overview(shown: Shown, root: str, problem: str | None = None) -> bytes:
    """Return the page that shows clock, allowances and fleet."""
    content = joined(
        _problem(problem),
        _section("Clock", tag("div", clock_part(shown), id="clock", aria_live="off"), _clock_controls(shown, root)),
        _section("Requests left, by caller", tag("div", buckets_part(shown.buckets), id="buckets")),
        _section("Fleet", tag("div", fleet_part(shown), id="fleet")),
        tag("p", "Clients use ", tag("code", shown.base_url), ".", class_="quiet"),
    )
    return _page("Overview", root, content, events=f"{root}events?page=overview")


def _section(title: str, *children: object) -> Html:
    return tag("section", tag("h2", title), *children)


def clock_part(shown: Shown) -> Html:
    """Return the time and how it passes."""
    clock = shown.clock
    told = "stands still" if clock is None else "paused" if clock.paused else f"{clock.speed:g} times real time"
    now = shown.now()
    return tag("p", tag("time", f"{now:%Y-%m-%d %H:%M:%S} UTC", datetime=now.isoformat()), " ", tag("span", told))


def _clock_controls(shown: Shown, root: str) -> Html:
    action = f"{root}clock"
    steps = [tag("option", name, value=seconds) for name, seconds in _STEPS]
    step = tag(
        "form",
        tag("label", "Move on by ", tag("select", *steps, name="step")),
        tag("button", "Step"),
        method="post",
        action=action,
    )
    clock = shown.clock
    if clock is None:
        return tag("div", step, class_="controls")
    toggle = tag(
        "form",
        tag("button", "Resume" if clock.paused else "Pause", name="pause", value="off" if clock.paused else "on"),
        method="post",
        action=action,
    )
    given = tag("input", name="speed", type="number", min="0.001", max="86400", step="any", value=f"{clock.speed:g}")
    change = tag("form", tag("label", "Speed ", given), tag("button", "Set speed"), method="post", action=action)
    return tag("div", toggle, step, change, class_="controls")


def buckets_part(buckets: Sequence[Bucket]) -> Html:
    """Return a gauge for each caller."""
    if not buckets:
        return tag("p", "Nobody has called yet.", class_="quiet")
    rows = [
        tag(
            "li",
            tag("span", bucket.name),
            tag(
                "meter",
                f"{bucket.remaining} of {bucket.limit}",
                min=0,
                max=max(bucket.limit, 1),
                low=bucket.limit // 5,
                optimum=bucket.limit,
                value=bucket.remaining,
                aria_label=f"Requests left of {bucket.name}",
            ),
            tag("span", f"{bucket.remaining:,} of {bucket.limit:,}"),
            tag("span", f"next in {bucket.retry_after:,} s", class_="bad") if bucket.retry_after else None,
        )
        for bucket in buckets
    ]
    return tag("ul", *rows, class_="gauges")


def fleet_part(shown: Shown) -> Html:
    """Return the fleet at a glance."""
    fleet = fleet_of(shown.world, instant(shown.now()))
    figures = (
        ("vehicles", fleet.size),
        ("connected", fleet.connected),
        ("plugged in", fleet.plugged_in),
        ("charging", fleet.charging),
        ("below 20 %", fleet.low),
        ("chargers", len(shown.world.evses)),
        ("users", len(shown.world.users)),
    )
    tiles = [tag("div", tag("dt", name), tag("dd", f"{value:,}")) for name, value in figures]
    rows = [
        tag(
            "tr",
            _cell("Vehicle", tag("code", car.id)),
            _cell("Description", car.description),
            _cell("Link", car.link),
            _cell("Battery", "not known" if car.level is None else f"{car.level} %"),
            _cell("State", car.state),
        )
        for car in fleet.cars
    ]
    part = fleet.counted < fleet.size
    return joined(
        tag("dl", *tiles, class_="tiles"),
        tag("p", f"Links and states are those of the first {fleet.counted:,}.", class_="quiet") if part else None,
        _table("The first vehicles", ("Vehicle", "Description", "Link", "Battery", "State"), rows),
    )


def _cell(label: str, *children: object) -> Html:
    # On a phone the label stands before the value.
    return tag("td", *children, data_label=label)


def _table(caption: str, head: Iterable[str], rows: Iterable[Html], **attributes: object) -> Html:
    top = tag("thead", tag("tr", *[tag("th", name, scope="col") for name in head]))
    return tag("table", tag("caption", caption), top, tag("tbody", *rows, **attributes))


def requests_page(shown: Shown, root: str, rows: Sequence[Served], query: str, status: str, count: int) -> bytes:
    """Return the page of requests, the newest first.

    Args:
        shown: The sandbox.
        root: Where the console is.
        rows: The requests to show.
        query: What they have in common: a part of path or operation.
        status: Their status: a number, or `4xx`.
        count: How many requests there were so far; the page asks for those that come after them.
    """
    options = ["", "2xx", "3xx", "4xx", "5xx", "none"]
    choice = [tag("option", each or "any", value=each, selected=each == status) for each in options]
    form = tag(
        "form",
        tag("label", "Path or operation ", tag("input", name="q", type="search", value=query)),
        tag("label", "Status ", tag("select", *choice, name="status")),
        tag("button", "Filter"),
        method="get",
        action=f"{root}requests",
        class_="controls",
    )
    live = tag("label", tag("input", type="checkbox", id="live", checked=True), " add new ones as they come")
    head = ("Time", "Request", "Status", "Left", "Faults", "As curl")
    table = _table(
        f"The last {MOST_ROWS} requests, the newest first",
        head,
        [request_row(shown.base_url, row) for row in rows],
        id="rows",
    )
    wanted = tag("p", "None yet.", class_="quiet", id="none") if not rows else None
    events = f"{root}events?{urlencode({'page': 'requests', 'q': query, 'status': status, 'after': count})}"
    return _page("Requests", root, joined(form, tag("p", live, class_="script"), wanted, table), events=events)


def request_row(base_url: str, served: Served) -> Html:
    """Return a request as a row of the table."""
    status = "none" if served.status is None else str(served.status)
    bad = served.status is None or served.status >= 400  # noqa: PLR2004  # errors begin there
    curl = curl_of(base_url, served)
    copied = tag("button", "Copy", type="button", class_="script copy", data_copy=curl)
    return tag(
        "tr",
        _cell("Time", f"{served.at:%H:%M:%S}"),
        _cell(
            "Request",
            tag("code", f"{served.method} {served.path}"),
            tag("span", served.operation or "", class_="quiet"),
        ),
        _cell("Status", tag("span", status, class_="bad" if bad else "good")),
        _cell("Left", "" if served.remaining is None else f"{served.remaining:,}"),
        _cell("Faults", ", ".join(served.faults)),
        _cell("As curl", tag("details", tag("summary", "curl"), tag("pre", curl), copied)),
    )


def curl_of(base_url: str, served: Served) -> str:
    """Return a command for a shell that repeats a request; the token is for the reader to set."""
    origin = base_url.removesuffix("/v2")
    parts = ["curl", "-i", "-X", served.method, shlex.quote(origin + served.path)]
    for name, value in served.headers.items():
        parts += [
            "-H",
            '"Authorization: Bearer $TOKEN"' if name == "Authorization" else shlex.quote(f"{name}: {value}"),
        ]
    return " ".join(parts)


def faults_page(plan: FaultPlan, root: str, problem: str | None = None) -> bytes:
    """Return the page on which faults are switched on and off."""
    switched = {rule.effect.kind: rule for rule in plan.rules if is_switched(rule)}
    others = [rule for rule in plan.rules if not is_switched(rule)]
    end = tag("form", tag("button", "End all faults", name="end", value="all"), method="post", action=f"{root}faults")
    told = (
        tag("section", tag("h2", "Rules of the plan"), tag("ul", *[tag("li", _told(rule)) for rule in others]))
        if others
        else None
    )
    forms = [_switch(kind, switched.get(kind), f"{root}faults") for kind in EFFECTS]
    about = "A switch changes all requests, or all logs. To be more precise, give the sandbox a plan."
    count = f"{len(plan.rules)} in force."
    top = tag("div", tag("p", count, id="in-force"), end, class_="controls")
    return _page(
        "Faults", root, joined(_problem(problem), tag("p", about), top, told, tag("div", *forms, class_="switches"))
    )


def is_switched(rule: Rule) -> bool:
    """Whether a rule is one that a switch of the console makes: about everything, all the time."""
    return rule == Rule(rule.effect, probability=rule.probability)


def _told(rule: Rule) -> str:
    values: dict[str, Any] = attrs.asdict(rule, recurse=False, filter=lambda field, value: value != field.default)
    return ", ".join(f"{name} {value}" for name, value in values.items() if name != "effect") + f": {rule.effect.kind}"


def _switch(kind: str, rule: Rule | None, action: str) -> Html:
    effect = EFFECTS[kind]
    about = (effect.__doc__ or "").split("\n\n")[0].replace("`", "")
    fields: list[Html] = []
    if not issubclass(effect, ArrivalEffect):
        value = 1.0 if rule is None else rule.probability
        given = tag("input", name="probability", type="number", min=0, max=1, step="0.01", value=f"{value:g}")
        fields.append(tag("label", "probability ", given))
    for field in attrs.fields(effect):
        value = field.default if rule is None else getattr(rule.effect, field.name)
        fields.append(tag("label", f"{field.name.replace('_', ' ')} ", _input(field.name, field.default, value)))
    on = rule is not None
    button = tag(
        "button",
        "On" if on else "Off",
        name="switch",
        value="off" if on else "on",
        role="switch",
        aria_checked=str(on).lower(),
        aria_labelledby=f"{kind}-name",
    )
    # The first button of a form is what Enter in one of its fields stands for.
    default = tag("button", "Apply", name="switch", value="on", class_="default", tabindex="-1", aria_hidden="true")
    change = tag("button", "Change", name="switch", value="on", class_="plain") if on and fields else None
    return tag(
        "form",
        default,
        tag("div", tag("h2", kind, id=f"{kind}-name"), button, class_="controls"),
        tag("p", about, class_="quiet"),
        tag("div", *fields, change, class_="controls") if fields else None,
        tag("input", type="hidden", name="kind", value=kind),
        method="post",
        action=action,
        id=kind,
        class_="on" if on else None,
    )


def _input(name: str, default: object, value: object) -> Html:
    if isinstance(default, bool):
        return tag("input", type="checkbox", name=name, value="true", checked=bool(value))
    if isinstance(default, str):
        return tag("input", name=name, value=value)
    return tag(
        "input", type="number", step="any", min=0, name=name, value=f"{value:g}" if isinstance(value, float) else value
    )
