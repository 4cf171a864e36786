"""Charging sessions and sub-sessions as JSON, with what they cost, emitted and were planned to do."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ev_energy_async.sandbox.instants import MINUTE, SECOND, Instant, text
from ev_energy_async.sandbox.resources import charging_plans as plans
from ev_energy_async.sandbox.simulation import (
    EFFICIENCY,
    INTERVAL,
    SMART,
    Usage,
    carbon_class,
    carbon_intensity,
    price,
    seconds_charging,
    usage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ev_energy_async.sandbox.protocol import JsonObject, Tree
    from ev_energy_async.sandbox.resources.charging_plans import Owner
    from ev_energy_async.sandbox.resources.scribe import Scribe
    from ev_energy_async.sandbox.world import Record, Session, SubSession, Tariff

_WATT_HOURS: Final = 1_000  # in a kWh
_POINTS_PER_KILOWATT_HOUR: Final = 10
_INTERVAL_SECONDS: Final = INTERVAL // SECOND

PARTS: Final = ("energy_usage", "flags", "schedules", "assessment", "debug_metadata")
"""The references below a sub-session, each of which can be expanded."""


def part(scribe: Scribe, sub: SubSession, name: str) -> JsonObject:
    """Return one of these, with the sub-session as its URL."""
    writers = {
        "energy_usage": energy_usage,
        "flags": flags,
        "schedules": plans.schedules,
        "assessment": plans.assessment,
        "debug_metadata": debug_metadata,
    }
    return writers[name](scribe, sub, url(scribe, sub))


def session(scribe: Scribe, it: Session, tree: Tree) -> JsonObject:
    """Return a charging session; its sub-sessions newest first."""
    subs = scribe.world.sessions.sub_sessions(it, scribe.now)[::-1]
    return {
        "id": it.id,
        "url": scribe.view.url("charging_sessions", it.id),
        "start": text(it.start),
        "end": text(it.end) if it.end <= scribe.now else None,
        "vehicle": scribe.refer(it.plug.vehicle, tree, "vehicle"),
        "evse": scribe.refer(_evse(it), tree, "evse"),
        "sub_sessions": [
            sub_session(scribe, sub, tree["sub_sessions"]) if "sub_sessions" in tree else url(scribe, sub)
            for sub in subs
        ],
    }


def url(scribe: Scribe, sub: SubSession) -> str:
    """Return the URL of a sub-session."""
    return scribe.view.url("charging_sub_sessions", sub.id)


def sub_session(scribe: Scribe, sub: SubSession, tree: Tree) -> JsonObject:
    """Return a charging sub-session."""
    now, own, it = scribe.now, url(scribe, sub), sub.session
    sums = _add_up(scribe, sub)
    tariff, carbon = _tariff(sub), _carbon_feed(scribe, sub)
    grams = sums.grams // _WATT_HOURS
    average = sums.grams // sums.watt_hours if sums.watt_hours else None
    points = sums.watt_hours * _POINTS_PER_KILOWATT_HOUR // _WATT_HOURS
    smart, battery = sub.span.mode == SMART, it.plug.life.habits.battery_watt_hours
    body: JsonObject = {
        "id": sub.id,
        "url": own,
        "start": text(sub.span.start),
        "end": text(sub.span.end) if sub.span.end <= now else None,
        "mode": sub.span.mode,
        "vehicle": scribe.refer(it.plug.vehicle, tree, "vehicle"),
        "evse": scribe.refer(_evse(it), tree, "evse"),
        "location": _location(it),
        "energy_delivered_watt_hours": sums.watt_hours,
        "grid_energy_delivered": str(Decimal(sums.watt_hours) / _WATT_HOURS),
        "grid_energy_delivered_watt_hours": sums.watt_hours,
        "solar_energy_delivered": "0",
        "solar_energy_delivered_watt_hours": 0,
        "solar_mode_type": None,
        "percentage_added": round(100 * sums.watt_hours / battery, 1),
        "duration_minutes": round(
            seconds_charging(it.episode.stages, sub.span.start, min(now, sub.span.end)) / (MINUTE // SECOND)
        ),
        "currency": _currency(sub),
        "cost": None if tariff is None else round(sums.cost / _WATT_HOURS),
        "cost_per_kilowatt_hour": None if tariff is None or not sums.watt_hours else round(sums.cost / sums.watt_hours),
        "savings_cost": max(0, round((sums.cost_at_once - sums.cost) / _WATT_HOURS)) if smart and tariff else None,
        "savings_co2_grams": max(0, (sums.grams_at_once - sums.grams) // _WATT_HOURS) if smart else None,
        "incentive_earned": None,
        "total_co2_grams": grams,
        "co2_intensity_grams_per_kilowatt_hour": average,
        "co2_intensity_classification": None if average is None else carbon_class(average),
        "total_points": points if smart else 0,
        "total_points_missed": 0 if smart else points,
        "labels": ["PRIMARY"] if it.episode.at_home else ["AWAY"],
        "tariff": scribe.refer(tariff, tree, "tariff"),
        "carbon_feed": scribe.refer(carbon, tree, "carbon_feed"),
        "grid_feeds": [scribe.refer(feed, tree, "grid_feeds") for feed in _grid_feeds(scribe, sub)],
    }
    body |= {name: f"{own}/{name}" for name in PARTS}
    for name in PARTS:
        if name in tree:
            body[name] = part(scribe, sub, name)
    return body


def energy_usage(scribe: Scribe, sub: SubSession, owner: Owner) -> JsonObject:
    """Return the energy delivered, by half hour."""
    return {
        "url": f"{url(scribe, sub)}/energy_usage",
        "charging_sub_session": owner,
        "currency": _currency(sub),
        "last_updated_at": text(min(scribe.now, sub.span.end)),
        "intervals": intervals(scribe, sub, merged=False, more_than=None),
    }


def intervals(scribe: Scribe, sub: SubSession, *, merged: bool, more_than: int | None) -> list[JsonObject]:
    """Return the half hours in which energy could flow, those with more than so many Wh in them.

    Args:
        scribe: who writes.
        sub: the sub-session.
        merged: whether neighbours are joined that both have energy in them, or both none.
        more_than: Wh that an interval needs to exceed.
    """
    tariff = _tariff(sub)
    found: list[JsonObject] = []
    for uses in _joined(_usage(sub, scribe.now)) if merged else ([use] for use in _usage(sub, scribe.now)):
        total = Usage(uses[0].start, sum(use.watt_hours for use in uses), sum(use.at_once_watt_hours for use in uses))
        if more_than is not None and total.watt_hours <= more_than:
            continue
        entry = _interval(total, len(uses) * _INTERVAL_SECONDS, tariff)
        rates = set[int]() if tariff is None else {price(tariff.rates, use.start) for use in uses}
        if len(rates) > 1:
            # Where several prices were joined, the distinct ones are added up, and the energy is of no single one.
            entry["electricity_cost_sub_unit"] = str(sum(rates))
            del entry["energy_delivered_by_price"]
        found.append(entry)
    return found


def _joined(uses: Sequence[Usage]) -> Iterator[list[Usage]]:
    for _, group in groupby(uses, lambda use: use.watt_hours > 0):
        yield list(group)


def flags(scribe: Scribe, sub: SubSession, owner: Owner) -> JsonObject:
    """Return the flags of a sub-session."""
    found: list[JsonObject] = []
    if sub.session.finish_reason == "INVALIDATE_ACCOUNT":
        found.append({"name": "LOST_CONNECTION", "root_cause": "VEHICLE_ACCOUNT"})
    elif sub.span.end <= scribe.now and sub.delivered(scribe.now) == 0:
        found.append({"name": "NO_ENERGY_DELIVERED", "root_cause": "ALREADY_FULL"})
    own = url(scribe, sub)
    return {"url": f"{own}/flags", "charging_sub_session": owner, "flags": found}


def debug_metadata(scribe: Scribe, sub: SubSession, owner: Owner) -> JsonObject:
    """Return the debugging facts of a sub-session: its origin and the source of its energy figures."""
    vehicle = sub.session.plug.vehicle
    tells_power = vehicle is not None and vehicle.reporter.connection.telematics.tells_power
    metered = _evse(sub.session) is not None
    return {
        "url": f"{url(scribe, sub)}/debug_metadata",
        "charging_sub_session": owner,
        "start_reason": sub.span.start_reason,
        "finish_reason": sub.span.finish_reason if sub.span.end <= scribe.now else None,
        "energy_usage_calculation_method": "METERED"
        if metered
        else "ESTIMATED_CHARGE_RATE"
        if tells_power
        else "ESTIMATED_CHARGE_LEVEL",
        "energy_usage_interpolation_method": "LINEAR",
        "is_energy_delivered_capped": False,
        "uncapped_energy_delivered_watt_hours": None,
        "solar_integration_type": "UNAVAILABLE" if metered else None,
    }


def _interval(use: Usage, seconds: int, tariff: Tariff | None) -> JsonObject:
    rate = None if tariff is None else str(price(tariff.rates, use.start))
    body: JsonObject = {
        "started_at": text(use.start),
        "interval_seconds": seconds,
        "total_energy_delivered_watt_hours": use.watt_hours,
        "meter_usage_watt_hours": round(use.watt_hours / EFFICIENCY),
        "alt_usage_watt_hours": use.at_once_watt_hours,
        "percentage_import": 100,
        "electricity_cost_sub_unit": rate,
    }
    if rate is not None:
        body["energy_delivered_by_price"] = {"price": rate, "energy_delivered_watt_hours": use.watt_hours}
    return body


class _Sums(NamedTuple):
    watt_hours: int
    cost: int
    """In minor units, times Wh in a kWh."""
    cost_at_once: int
    grams: int
    grams_at_once: int


def _add_up(scribe: Scribe, sub: SubSession) -> _Sums:
    tariff, feed = _tariff(sub), _carbon_feed(scribe, sub)
    cost = cost_at_once = grams = grams_at_once = total = 0
    for use in _usage(sub, scribe.now):
        total += use.watt_hours
        if not use.watt_hours and not use.at_once_watt_hours:
            continue
        if tariff is not None:
            rate = price(tariff.rates, use.start)
            cost, cost_at_once = cost + rate * use.watt_hours, cost_at_once + rate * use.at_once_watt_hours
        if feed is not None:
            intensity = carbon_intensity(feed.hidden["key"], use.start)
            grams, grams_at_once = (
                grams + intensity * use.watt_hours,
                grams_at_once + intensity * use.at_once_watt_hours,
            )
    return _Sums(total, cost, cost_at_once, grams, grams_at_once)


def _usage(sub: SubSession, now: Instant) -> Sequence[Usage]:
    return usage(sub.session.episode.stages, sub.span.start, min(now, sub.span.end))


def _evse(it: Session) -> Any:
    return it.plug.evse if it.episode.at_home else None


def _tariff(sub: SubSession) -> Tariff | None:
    return sub.session.user.tariff if sub.session.episode.at_home else None


def _currency(sub: SubSession) -> str:
    user = sub.session.user
    if user.tariff is not None:
        return user.tariff.currency
    return user.place.currency if user.place else "GBP"


def _country(sub: SubSession) -> str:
    place = sub.session.user.place
    return place.country if place else "GB"


def _carbon_feed(scribe: Scribe, sub: SubSession) -> Record | None:
    country = _country(sub)
    return next((feed for feed in scribe.world.records["carbon_feeds"] if feed.hidden["country"] == country), None)


def _grid_feeds(scribe: Scribe, sub: SubSession) -> list[Record]:
    # Never none: by the document an empty list would be two things at once.
    country = _country(sub)
    feeds = scribe.world.records["grid_feeds"]
    return [feed for feed in feeds if feed.hidden["country"] == country and feed.hidden["applies"]]


def _location(it: Session) -> JsonObject:
    place = it.user.place
    body: JsonObject = {"name": "Home" if it.episode.at_home else "Public", "address_1": None, "postal_code": None}
    body["timezone"] = place.timezone if place else None
    if place is not None and it.episode.at_home:
        body |= {
            "address_1": f"{it.user.house_number} {place.street}",
            "postal_code": place.postal_code,
            "coordinates": {"latitude": place.latitude, "longitude": place.longitude},
        }
    return body
