"""The schedules of a charging sub-session, its assessment, and the commands sent for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ev_energy_async.sandbox.instants import SECOND, Instant, text
from ev_energy_async.sandbox.protocol import example
from ev_energy_async.sandbox.simulation import (
    BOOST,
    EFFICIENCY,
    INTERVAL,
    SMART,
    STEP,
    Activity,
    CommandLog,
    delivered,
    mix,
    price,
    seconds_charging,
    source,
)

if TYPE_CHECKING:
    from ev_energy_async.sandbox.protocol import JsonObject
    from ev_energy_async.sandbox.resources.scribe import Scribe
    from ev_energy_async.sandbox.world import SubSession

Owner = str | dict[str, object]
"""The sub-session something belongs to, as its URL or in full."""

_MAINS_VOLTS: Final = 230
_AN_HOUR: Final = 3_600
_RATED: Final = ("vehicle_data_uptime", "vehicle_command_adherence", "evse_data_uptime", "schedule_quality")
_GOOD: Final = 80  # percent
_FAIR: Final = 50


def schedules(scribe: Scribe, sub: SubSession, owner: Owner) -> JsonObject:
    """Return the charging instructions, half hour by half hour; none where charging is not managed."""
    own = scribe.view.url("charging_sub_sessions", sub.id)
    return {
        "url": f"{own}/schedules",
        "charging_sub_session": owner,
        "schedules": [entry for _, entry in intervals(sub, scribe.now)],
    }


def intervals(sub: SubSession, now: Instant) -> list[tuple[Instant, JsonObject]]:
    """Return the instructions, each with when it begins to hold."""
    full = _milliamps(sub)
    made: JsonObject = {"created_at": text(sub.span.start), "dispatched_at": text(sub.span.start + SECOND)}
    first = sub.span.start // INTERVAL * INTERVAL
    if sub.span.mode == BOOST:
        boost: JsonObject = {"interval_seconds": None, "schedule_type": "BOOST", "current_milliamps": full}
        return [(first, {"started_at": text(first), **boost, **made})]
    if sub.span.mode != SMART:
        return []
    entries: list[tuple[Instant, JsonObject]] = []
    for at in range(first, sub.span.end, INTERVAL):
        charging = seconds_charging(sub.session.episode.stages, at, at + INTERVAL) > 0
        entry: JsonObject = {
            "started_at": text(at),
            "interval_seconds": INTERVAL // SECOND,
            "current_milliamps": full if charging else 0,
            "schedule_type": "SMART",
            **made,
        }
        entries.append((at, entry if at <= now else entry | {"dispatched_at": None}))
    return entries


def schedule_plan(scribe: Scribe, sub: SubSession, *, with_prices: bool) -> JsonObject | None:
    """Return the inputs of the schedules; None where charging is not managed."""
    if sub.span.mode not in {SMART, BOOST}:
        return None
    life, stages = sub.session.plug.life, sub.session.episode.stages
    dawn = life.dawn(sub.session.episode.day)
    wanted = delivered(stages, stages[-1].end) - delivered(stages, sub.span.start)
    watts = round(life.habits.home_watts * EFFICIENCY)
    stage = next(stage for stage in stages if stage.start <= sub.span.start < stage.end)
    tariff = sub.session.user.tariff
    prices = None
    if with_prices and tariff is not None:
        first, last = sub.span.start // STEP, -(-sub.span.end // STEP)
        prices = [
            {
                "started_at": text(number * STEP),
                "interval_seconds": STEP // SECOND,
                "price_minor_units": price(tariff.rates, number * STEP),
            }
            for number in range(first, last)
        ]
    return {
        "id": scribe.world.sessions.plan_id(sub),
        "created_at": text(sub.span.start),
        "ready_by_time": text(stages[-1].end),
        "estimated_charge_rate_source": "MAX_EVSE_CHARGE_RATE",
        "estimated_charge_rate_watts": watts,
        "watt_hours_to_charge": wanted,
        "seconds_to_charge": wanted * _AN_HOUR // watts,
        "vehicle_charge_level_watt_hours": stage.charge_at(sub.span.start),
        "min_charge_limit_percent": 0,
        "max_charge_limit_percent": dawn.target,
        "power_on_current_milliamps": _milliamps(sub),
        "power_off_current_milliamps": 0,
        "price_data": prices,
        "price_threshold_minor_unit": None,
    }


def assessment(scribe: Scribe, sub: SubSession, owner: Owner) -> JsonObject:
    """Return the assessment of a sub-session, which is empty until it ends."""
    ended = sub.span.end <= scribe.now
    life, stages = sub.session.plug.life, sub.session.episode.stages
    watt_hours = sub.delivered(scribe.now)
    seconds = seconds_charging(stages, sub.span.start, sub.span.end)
    watts = [stage.watts for stage in stages if stage.activity is Activity.CHARGING]
    wanted = delivered(stages, stages[-1].end) - delivered(stages, sub.span.start)
    chance = source(mix(*sub.id.encode()[-10:]))
    metrics = example("ChargingSubSessionAssessmentMetrics", chance)
    required = watt_hours * 100 // wanted if wanted else 100
    metrics |= {
        "energy_delivered_vs_required": required,
        "session_duration": (sub.span.end - sub.span.start) // (60 * SECOND),
        "charge_energy_added_meter_reset": False,
    }
    if not ended:
        metrics = dict.fromkeys(metrics)
    own = scribe.view.url("charging_sub_sessions", sub.id)
    return {
        "url": f"{own}/assessment",
        "charging_sub_session": owner,
        "updated_at": text(min(scribe.now, sub.span.end)),
        "energy_delivery_percentage": required if ended else None,
        "energy_delivered_to_capacity_percentage": watt_hours * 100 // life.habits.battery_watt_hours
        if ended
        else None,
        "average_charge_rate_watts": round(watt_hours * _AN_HOUR / seconds) if ended and seconds else None,
        "max_charge_rate_watts": max(watts, default=0) if ended else None,
        "metrics": metrics,
        "ratings": {name: _rating(metrics[name]) for name in _RATED},
    }


def commands(scribe: Scribe, sub: SubSession, owner: Owner) -> list[tuple[Instant, JsonObject]]:
    """Return the commands sent to car and charger during a sub-session, newest first, from the devices' logs."""
    plug = sub.session.plug
    found: list[tuple[Instant, JsonObject]] = []
    for device, kind in ((plug.vehicle, "VEHICLE"), (plug.evse if sub.session.episode.at_home else None, "EVSE")):
        if device is None:
            continue
        for log in device.logs["command_logs"].newest_first(scribe.now, sub.span.end):
            if log.at < sub.span.start:
                break
            refused = isinstance(log, CommandLog) and log.fails
            body: JsonObject = {
                "charging_sub_session": owner,
                "device_type": kind,
                "internal_command_id": log.fields()["internal_command_id"],
                "logged_at": text(log.at),
                "reason_not_sent": "The device did not accept it." if refused else None,
                "schedule_created_at": text(sub.span.start),
                "schedule_valid_period_start": text(log.at // INTERVAL * INTERVAL),
            }
            found.append((log.at, body))
    return sorted(found, key=lambda entry: entry[0], reverse=True)


def _milliamps(sub: SubSession) -> int:
    return sub.session.plug.life.habits.home_watts * 1_000 // _MAINS_VOLTS


def _rating(percentage: int | None) -> str:
    if percentage is None:
        return "NOT_APPLICABLE"
    return "GREEN" if percentage >= _GOOD else "AMBER" if percentage >= _FAIR else "RED"
