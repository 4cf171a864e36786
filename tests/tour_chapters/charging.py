"""Charging: a boosted session, the details of its sub-sessions, and the prices behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.models import ChargingSubSession
from tests.tour_kit import Tour, known, url

if TYPE_CHECKING:
    from ev_energy_async.models import ChargingSession


async def boost(tour: Tour) -> None:
    """Boost a car that waits for a cheap hour, and end the boost."""
    ev = tour.ev
    await tour.list_and_get(ev.charging_sessions.list(), ev.charging_sessions.get)
    waiting = (await ev.charging_sub_sessions.list(mode="SMART", is_finished=False))[0]
    sessions = await ev.charging_sessions.list(expand=["sub_sessions"], page_size=100).all()
    session = next(each for each in sessions if waiting.id in [sub.id for sub in _expanded(each)])
    await ev.charging_sessions.boost_start(session)
    boosting = _newest(await ev.charging_sessions.get(session, expand=["sub_sessions"]))
    tour.check("the newest sub-session is a boost", boosting.mode == "BOOST")
    tour.sandbox.advance(600)
    await ev.charging_sessions.boost_end(session)
    newest = _newest(await ev.charging_sessions.get(session, expand=["sub_sessions"]))
    tour.check("back to smart charging", newest.mode == "SMART", visit=tour.visits["charging_sessions.boost_end"])
    finished = await ev.charging_sub_sessions.get(boosting)
    tour.check("the boost has ended", finished.end is not None)


def _expanded(session: ChargingSession) -> list[ChargingSubSession]:
    return [sub for sub in known(session.sub_sessions) if isinstance(sub, ChargingSubSession)]


def _newest(session: ChargingSession) -> ChargingSubSession:
    return max(_expanded(session), key=lambda sub: sub.start)


async def energy(tour: Tour) -> None:
    """Read everything about a finished smart charge."""
    subs = tour.ev.charging_sub_sessions
    sub = (await subs.list(mode="SMART", is_finished=True, energy_delivered_watt_hours_gte=1_000))[0]
    usage = await subs.get_energy_usage(sub)
    total = sum(known(each.total_energy_delivered_watt_hours) for each in known(usage.intervals))
    tour.check("adds up to the energy of the sub-session", total == sub.energy_delivered_watt_hours)
    flags = await subs.get_flags(sub)
    tour.check("is the sub-session's", url(flags.charging_sub_session) == sub.url)
    metadata = await subs.get_debug_metadata(sub)
    tour.check("is the sub-session's", url(metadata.charging_sub_session) == sub.url)
    assessment = await subs.get_assessment(sub)
    tour.check("is the sub-session's", url(assessment.charging_sub_session) == sub.url)
    schedules = await subs.get_schedules(sub)
    tour.check("holds a schedule", schedules.schedules)
    plans = await subs.get_schedule_plans(sub)
    tour.check("holds a plan", plans.schedule_plans)
    await tour.some(tour.ev.dispatcher_logs.list(charging_sub_session_id=sub.id))
    result = await subs.recalculate_energy_usages(sub, dry_run=True)
    tour.check("results in the same energy", result.new_energy_delivered_watt_hours == sub.energy_delivered_watt_hours)


async def prices(tour: Tour) -> None:
    """Read suppliers with their tariffs, and the feeds of carbon intensity and grid load."""
    ev = tour.ev
    supplier = await tour.list_and_get(ev.suppliers.list(), ev.suppliers.get)
    await tour.list_and_get(ev.tariffs.list(), ev.tariffs.get)
    offered = await ev.tariffs.list(supplier_id=supplier.id)
    tour.check("are the supplier's", all(url(each.supplier) == supplier.url for each in offered))
    await tour.some(ev.tariffs.list_prices((await ev.tariffs.list())[0]))
    await tour.list_and_get(ev.timezones.list(), ev.timezones.get)
    carbon = await tour.list_and_get(ev.carbon_feeds.list(), ev.carbon_feeds.get)
    await tour.some(ev.carbon_feeds.list_carbon_intensities(carbon))
    grid = await tour.list_and_get(ev.grid_feeds.list(), ev.grid_feeds.get)
    levels = await tour.some(ev.grid_feeds.list_levels(grid))
    tour.check("between 1 and 100", all(1 <= level.value <= 100 for level in levels))
